"""Evidence and tokens of a registry behind a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from promptship.domain import Attestation, LedgerEvent, LedgerHead, StoredToken
from promptship.errors import StorageError
from promptship.registry._evidence import PromotionRequest, TrustedKey
from promptship.registry._evidence_desk import EvidenceDesk
from promptship.registry._labels import LabelMove
from promptship.registry._policy import NO_POLICY, ReleasePolicy, parse_release_policy
from promptship.registry._promotion import Promotion
from promptship.registry._push import hash_bytes
from promptship.registry._releases import Release
from promptship.registry._tokens import NewToken, TokenDesk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptship.domain import Actor, ActorKind
    from promptship.registry._http import Connection
    from promptship.signing import Envelope, PublicKey

__all__ = ["RemoteEvidence", "RemoteTokens"]

_Kind = TypeVar("_Kind")


class RemoteEvidence(EvidenceDesk):
    """`registry.evidence` behind a server: what a label asks is the server's policy, never one from here."""

    def __init__(self, connection: Connection) -> None:
        # Not the constructor above: there is no database here.
        self._connection = connection

    def __getattr__(self, name: str) -> ReleasePolicy:
        """Fetch the policy when it is first asked for; most commands never do."""
        if name != "policy":
            raise AttributeError(name)
        data = self._connection.get_bytes("/policy")
        found = parse_release_policy(data, f"the policy of {self._connection.place}") if data.strip() else NO_POLICY
        self.policy = found
        return found

    def keys(self) -> list[TrustedKey]:
        """Return the trust list."""
        return self._get("/keys", list[TrustedKey])

    def trust(self, key: PublicKey, *, actor: Actor) -> TrustedKey:
        """Let what a key signs count."""
        del actor
        return self._send("POST", "/keys", TrustedKey, {"name": key.name, "pem": key.pem})

    def revoke(self, keyid: str, *, actor: Actor, reason: str = "") -> TrustedKey:
        """Let nothing count any more that a key signed."""
        del actor
        return self._send("DELETE", f"/keys/{keyid}", TrustedKey, reason=reason or None)

    def attest(self, envelope: Envelope, *, actor: Actor) -> Attestation:
        """Keep evidence."""
        del actor
        return self._send("POST", "/attestations", Attestation, {"envelope": envelope.as_json()})

    def attestations(self, prompt: str, *, digest: str | None = None) -> list[Attestation]:
        """Return the evidence about a prompt that counts."""
        return self._get("/attestations", list[Attestation], prompt=prompt, digest=digest)

    def check(self, reference: str, label: str, *, actor: Actor) -> Promotion:
        """Say what a promotion would miss."""
        del actor
        return self._get("/promotions/check", Promotion, ref=reference, label=label)

    def promote(
        self, reference: str, label: str, *, actor: Actor, reason: str = "", break_glass: str | None = None
    ) -> LabelMove:
        """Let a label point at a version for which there is all that the policy asks."""
        del actor
        body = {"reference": reference, "label": label, "reason": reason, "break_glass": break_glass}
        return self._send("POST", "/promotions", LabelMove, body)

    def request(self, reference: str, label: str, *, actor: Actor, reason: str = "") -> PromotionRequest:
        """Ask others to agree."""
        del actor
        body = {"reference": reference, "label": label, "reason": reason}
        return self._send("POST", "/requests", PromotionRequest, body)

    def requests(self, prompt: str | None = None) -> list[PromotionRequest]:
        """Return requests with their answers."""
        return self._connection.list_all("/requests", PromotionRequest, prompt=prompt)

    def answer(self, request_id: int, *, actor: Actor, reject: str | None = None) -> PromotionRequest:
        """Agree to a request, or refuse it."""
        del actor
        return self._send("POST", f"/requests/{request_id}/answer", PromotionRequest, {"reject": reject})

    def releases(self) -> list[Release]:
        """Return all releases, the newest first."""
        return self._get("/releases", list[Release])

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
        """Promote several versions together."""
        del actor
        body = {"name": name, "references": list(references), "label": label, "reason": reason}
        return self._send("POST", "/releases", Release, {**body, "break_glass": break_glass})

    def roll_back_release(self, name: str, *, actor: Actor, reason: str = "") -> tuple[LabelMove, ...]:
        """Let every label of a release point where it pointed before it."""
        del actor
        return self._send("POST", f"/releases/{name}/rollback", tuple[LabelMove, ...], {"reason": reason})

    def head(self) -> LedgerHead:
        """Return the last event of the ledger."""
        return self._get("/head", LedgerHead)

    def events(
        self, *, label: str | None = None, since: str | None = None, until: str | None = None
    ) -> list[LedgerEvent]:
        """Return whole events in their order."""
        return self._connection.list_all("/audit", LedgerEvent, label=label, since=since, until=until)

    def content(self, digest: str) -> bytes:
        """Return a closure, a document or an envelope, whose digest is computed here."""
        found = self._connection.get_bytes(f"/content/{digest}")
        if digest.startswith("sha256:") and hash_bytes(found) != digest:
            raise StorageError(f"{self._connection.place!r} sent what does not have the digest {digest}")
        return found

    def _get(self, path: str, kind: type[_Kind], **parameters: object) -> _Kind:
        return self._connection.get(path, kind, **parameters)

    def _send(
        self, method: str, path: str, kind: type[_Kind], body: object = None, *, reason: str | None = None
    ) -> _Kind:
        return self._connection.send(method, path, kind, body, reason=reason)


class RemoteTokens(TokenDesk):
    """`registry.tokens` behind a server."""

    def __init__(self, connection: Connection) -> None:
        # Not the constructor above: there is no database here.
        self._connection = connection

    def list_all(self) -> list[StoredToken]:
        """Return all tokens; of none there is a hash."""
        found: list[StoredToken] = self._connection.get("/tokens", list[StoredToken])
        return found

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        actor: Actor,
        kind: ActorKind = "human",
        lifetime_s: float | None = None,
    ) -> NewToken:
        """Make a token."""
        del actor
        body = {"name": name, "scopes": list(scopes), "kind": kind, "lifetime_s": lifetime_s}
        # Its answer is kept nowhere, so it has no key and is sent once.
        made: NewToken = self._connection.send("POST", "/tokens", NewToken, body, once=False)
        return made

    def revoke(self, token_id: str, *, actor: Actor, reason: str = "") -> StoredToken:
        """Let a token be good no longer."""
        del actor
        path = f"/tokens/{token_id}"
        revoked: StoredToken = self._connection.send("DELETE", path, StoredToken, reason=reason or None)
        return revoked

    def me(self) -> StoredToken:
        """Return the token that this connection presents."""
        found: StoredToken = self._connection.get("/me", StoredToken)
        return found
