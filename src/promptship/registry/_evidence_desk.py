"""What a registry does about evidence: `registry.evidence`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.errors import ReferenceNotFoundError
from promptship.registry._evidence import (
    answer_request,
    attest,
    find_attestations,
    find_keys,
    find_requests,
    open_promotion,
    promote,
    request_promotion,
    revoke_key,
    trust_key,
)
from promptship.registry._history import export_events
from promptship.registry._records import load_blob
from promptship.registry._releases import find_releases, release_versions, roll_back_release
from promptship.registry._resolve import resolve_version
from promptship.registry._texts import check_label, format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from promptship.domain import Actor, Attestation, LedgerEvent, LedgerHead
    from promptship.registry._change import Change
    from promptship.registry._evidence import PromotionRequest, TrustedKey
    from promptship.registry._labels import LabelMove
    from promptship.registry._policy import ReleasePolicy
    from promptship.registry._promotion import Promotion
    from promptship.registry._releases import Release
    from promptship.signing import Envelope, PublicKey
    from promptship.store import Store

__all__ = ["EvidenceDesk"]


class EvidenceDesk:
    """Evidence, keys, requests, promotions and releases of one registry. Every change is one transaction.

    Attributes:
        policy: What labels ask before they move.
    """

    def __init__(
        self,
        store: Store,
        begin: Callable[[Actor], AbstractContextManager[Change]],
        policy: ReleasePolicy,
        clock: Callable[[], datetime],
    ) -> None:
        self.policy = policy
        self._store = store
        self._begin = begin
        self._clock = clock

    def keys(self) -> list[TrustedKey]:
        """Return the trust list, revoked keys too, in the order they came in."""
        with self._store.read() as unit:
            return find_keys(unit)

    def trust(self, key: PublicKey, *, actor: Actor) -> TrustedKey:
        """Let what a key signs count; see `trust_key`.

        Raises:
            UsageError: The key was revoked.
        """
        with self._begin(actor) as change:
            return trust_key(change, key)

    def revoke(self, keyid: str, *, actor: Actor, reason: str = "") -> TrustedKey:
        """Let nothing count any more that a key signed.

        Raises:
            ReferenceNotFoundError: No trusted key, or more than one, has an id that begins so.
        """
        with self._begin(actor) as change:
            return revoke_key(change, keyid, reason=reason)

    def attest(self, envelope: Envelope, *, actor: Actor) -> Attestation:
        """Keep evidence; once, however often it is sent.

        Raises:
            SignatureError: It is not signed by a key that is trusted here.
            UsageError: It is no evidence.
            ReferenceNotFoundError: The version that it is about was never pushed.
        """
        with self._begin(actor) as change:
            return attest(change, envelope)

    def attestations(self, prompt: str, *, digest: str | None = None) -> list[Attestation]:
        """Return the evidence about a prompt, or one version of it, that counts; the newest first.

        Raises:
            SignatureError: What is stored is not what was signed.
        """
        with self._store.read() as unit:
            return find_attestations(unit, prompt, digest=digest)

    def check(self, reference: str, label: str, *, actor: Actor) -> Promotion:
        """Say what a promotion would miss, and change nothing.

        Raises:
            ReferenceNotFoundError: There is no such version.
        """
        check_label(label)
        with self._store.read() as unit:
            version = resolve_version(unit, reference)
            return open_promotion(unit, version, label, self.policy, actor=actor, now=format_time(self._clock()))

    def promote(
        self, reference: str, label: str, *, actor: Actor, reason: str = "", break_glass: str | None = None
    ) -> LabelMove:
        """Let a label point at a version for which there is all that the policy asks.

        Args:
            reference: The version.
            label: The label.
            actor: Who does it.
            reason: Why.
            break_glass: Why it is done although something is missing; None to refuse then.

        Raises:
            PromotionRefusedError: Something is missing; it names all of it.
            ReferenceNotFoundError: There is no such version, or it was withdrawn.
        """
        with self._begin(actor) as change:
            return promote(change, reference, label, self.policy, reason=reason, break_glass=break_glass)

    def request(self, reference: str, label: str, *, actor: Actor, reason: str = "") -> PromotionRequest:
        """Ask others to agree that a label moves to a version.

        Raises:
            ReferenceNotFoundError: There is no such version.
        """
        with self._begin(actor) as change:
            return request_promotion(change, reference, label, self.policy, reason=reason)

    def requests(self, prompt: str | None = None) -> list[PromotionRequest]:
        """Return requests with their answers, in the order they were made."""
        with self._store.read() as unit:
            return find_requests(unit, prompt=prompt)

    def answer(self, request_id: int, *, actor: Actor, reject: str | None = None) -> PromotionRequest:
        """Agree to a request, or refuse it with a reason.

        Raises:
            ReferenceNotFoundError: There is no such request.
            UsageError: It was rejected or has expired, or nobody has checked who agrees.
        """
        with self._begin(actor) as change:
            return answer_request(change, request_id, reject=reject)

    def releases(self) -> list[Release]:
        """Return all releases, the newest first."""
        with self._store.read() as unit:
            return find_releases(unit)

    def release(
        self,
        name: str,
        references: Sequence[str],
        label: str,
        *,
        actor: Actor,
        reason: str = "",
        break_glass: str | None = None,
    ) -> Release:
        """Promote several versions together, all of them or none.

        Raises:
            PromotionRefusedError: Something is missing for one of them.
            UsageError: The name was used, or a prompt is named twice.
        """
        with self._begin(actor) as change:
            return release_versions(
                change, name, references, label, self.policy, reason=reason, break_glass=break_glass
            )

    def roll_back_release(self, name: str, *, actor: Actor, reason: str = "") -> tuple[LabelMove, ...]:
        """Let every label of a release point where it pointed before it, all of them or none.

        Raises:
            ReferenceNotFoundError: There is no such release.
            UsageError: A label was moved since.
        """
        with self._begin(actor) as change:
            return roll_back_release(change, name, reason=reason)

    def head(self) -> LedgerHead:
        """Return the last event of the ledger, which an anchor writes down."""
        with self._store.read() as unit:
            return unit.head

    def events(
        self, *, label: str | None = None, since: str | None = None, until: str | None = None
    ) -> list[LedgerEvent]:
        """Return whole events in their order, for an audit.

        Args:
            label: Only of prompts that ever had this label, together with what is of no prompt (keys, releases).
            since: From this date or time on, ISO 8601.
            until: Up to this date or time.

        Raises:
            UsageError: A time is none.
        """
        times = [None if time is None else parse_time(time) for time in (since, until)]
        with self._store.read() as unit:
            return export_events(unit, label=label, since=times[0], until=times[1])

    def content(self, digest: str) -> bytes:
        """Return a closure, a document or an envelope by its digest.

        Raises:
            ReferenceNotFoundError: It is not there.
            StorageError: It is not what its digest says.
        """
        with self._store.read() as unit:
            if unit.blobs.find(digest) is None:
                raise ReferenceNotFoundError(f"there is no content {digest!r}", hint="promptctl audit export names all")
            return load_blob(unit, digest)
