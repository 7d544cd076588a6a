"""Labels without a registry: they move in `promptship.lock`, and a pull request is the approval."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from promptship.domain import Attestation, Digest, StoredVersion, canonical_json, digest_of
from promptship.errors import PromotionRefusedError, PromptshipError, ReferenceNotFoundError, UsageError
from promptship.project import LOCK_FILE, LockedLabel, load_lock, load_object, save_object
from promptship.registry import LabelRule, decide_promotion, read_evidence
from promptship.signing import Envelope, verify_envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.domain import Actor, PromptVersion
    from promptship.project import Project
    from promptship.registry import Promotion, ReleasePolicy

__all__ = ["LockDesk", "LockMove"]

_MOST_HISTORY = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LockMove:
    """Where a label served and serves: digests, None where it was or is not there; `moved` is False for no change."""

    prompt: str
    label: str
    before: str | None
    after: str | None
    moved: bool


def _now() -> datetime:
    return datetime.now(UTC)


class LockDesk:
    """Moves labels of a project's lock. Nothing is written where something is missing.

    Args:
        project: The project.
        policy: What labels ask, and whose signatures count.
        clock: Tells the time, with a zone.
    """

    def __init__(self, project: Project, policy: ReleasePolicy, *, clock: Callable[[], datetime] = _now) -> None:
        self._project = project
        self._policy = policy
        self._clock = clock

    def put_label(self, version: PromptVersion, label: str) -> LockMove:
        """Let a label serve a version, where the policy leaves it free.

        Raises:
            UsageError: The policy asks for evidence.
            StorageError: The lock cannot be read or written.
        """
        if self._policy.rule_for(version.name, label) is not None:
            said = f"the policy asks for evidence before {label!r} of {version.name!r} moves"
            raise UsageError(said, hint=f"promptctl promote {version.name} {label}")
        return self._move(version, label, evidence=())

    def promote(
        self,
        version: PromptVersion,
        label: str,
        envelopes: Sequence[Envelope],
        *,
        actor: Actor,
        break_glass: str | None = None,
    ) -> LockMove:
        """Let a label serve a version for which there is all the evidence that the policy asks.

        Args:
            version: The version.
            label: The label.
            envelopes: Evidence about it, besides what the lock has.
            actor: Who does it.
            break_glass: Why it is done although something is missing; None to refuse then.

        Raises:
            PromotionRefusedError: Something is missing; it names all of it.
            StorageError: The lock cannot be read or written.
        """
        decision = self.check(version, label, envelopes, actor=actor)
        if decision.missing and break_glass is None:
            hint = f"promptctl eval --prompt {version.name}, then promote again; in an emergency --break-glass REASON"
            raise PromotionRefusedError(
                f"{version.name} {version.digest[7:19]} may not become {label!r} yet; missing:",
                decision.missing,
                hint=hint,
            )
        for one in envelopes:
            if digest_of(one.as_json()) in decision.attestations:
                save_object(self._project.root, canonical_json(one.as_json()))
        return self._move(version, label, evidence=decision.attestations)

    def check(self, version: PromptVersion, label: str, envelopes: Sequence[Envelope], *, actor: Actor) -> Promotion:
        """Decide whether a label may serve a version, and change nothing.

        Approvals are not asked for: whoever merges the pull request that changes the lock has given them.

        Raises:
            SignatureError: Evidence was changed after it was signed.
        """
        rule = self._policy.rule_for(version.name, label)
        known = self._known_envelopes(version)
        return decide_promotion(
            replace(rule or LabelRule(), approvals=0),
            _as_stored(version),
            [found for one in (*known, *envelopes) if (found := self._attestation(one))],
            [],
            actor=actor,
            now=_format(self._clock()),
        )

    def roll_back(self, prompt: str, label: str) -> LockMove:
        """Let a label serve what it served before; again, and it goes one further back.

        Raises:
            ReferenceNotFoundError: There is no such label, or it never served anything else.
            StorageError: What it served is not in the lock's folder any more.
        """
        root = self._project.root
        lock = load_lock(root)
        state = lock.labels.get((prompt, label))
        if state is None:
            raise ReferenceNotFoundError(f"{LOCK_FILE} has no label {label!r} of {prompt!r}", hint="promptctl status")
        if not state.history:
            said = f"there is nothing to roll {label!r} of {prompt!r} back to"
            raise ReferenceNotFoundError(said, hint=f"git log {LOCK_FILE}")
        before, *rest = state.history
        load_object(root, before)
        back = replace(
            state,
            digest=Digest(before),
            history=tuple(rest),
            evidence=(),
            sequence=state.sequence + 1,
            at=_format(self._clock()),
            commit=self._project.git_commit(),
        )
        lock.with_label(back).save(root)
        return LockMove(prompt=prompt, label=label, before=state.digest, after=before, moved=True)

    def drop_label(self, prompt: str, label: str) -> LockMove:
        """Take a label away.

        Raises:
            ReferenceNotFoundError: It is not there.
            UsageError: The policy asks for evidence.
        """
        if self._policy.rule_for(prompt, label) is not None:
            said = f"the policy asks for evidence before {label!r} of {prompt!r} moves"
            raise UsageError(said, hint=f"promptctl rollback {prompt} {label}")
        lock = load_lock(self._project.root)
        state = lock.labels.get((prompt, label))
        if state is None:
            raise ReferenceNotFoundError(f"{LOCK_FILE} has no label {label!r} of {prompt!r}", hint="promptctl status")
        lock.without(prompt, label).save(self._project.root)
        return LockMove(prompt=prompt, label=label, before=state.digest, after=None, moved=True)

    def verify(self) -> list[str]:
        """Check every digest and signature that the lock names; return what is wrong, [] for nothing."""
        flaws = []
        for state in load_lock(self._project.root).labels.values():
            place = f"{state.prompt}@{state.label}"
            for digest in (state.digest, *state.history, *state.evidence):
                try:
                    data = load_object(self._project.root, digest)
                    if digest in state.evidence:
                        verify_envelope(Envelope.from_json(orjson.loads(data)), self._policy.keys)
                except (PromptshipError, orjson.JSONDecodeError) as error:
                    flaws.append(f"{place}: {error}")
        return flaws

    def _move(self, version: PromptVersion, label: str, *, evidence: tuple[str, ...]) -> LockMove:
        root = self._project.root
        lock = load_lock(root)
        before = lock.labels.get((version.name, label))
        if before is not None and before.digest == version.digest:
            return LockMove(prompt=version.name, label=label, before=before.digest, after=before.digest, moved=False)
        # Objects before the lock: a crash between the two leaves a lock that is whole.
        save_object(root, canonical_json(version.closure.as_json()))
        history = (before.digest, *before.history) if before else ()
        state = LockedLabel(
            prompt=version.name,
            label=label,
            digest=version.digest,
            model_name=version.closure.model.name,
            sequence=before.sequence + 1 if before else 1,
            at=_format(self._clock()),
            commit=self._project.git_commit(),
            evidence=evidence,
            history=history[:_MOST_HISTORY],
        )
        lock.with_label(state).save(root)
        return LockMove(
            prompt=version.name,
            label=label,
            before=before.digest if before else None,
            after=version.digest,
            moved=True,
        )

    def _known_envelopes(self, version: PromptVersion) -> list[Envelope]:
        """Return the evidence that another label of the prompt was moved on, staging's for production."""
        labels = load_lock(self._project.root).labels
        digests = {digest for state in labels.values() if state.prompt == version.name for digest in state.evidence}
        return [Envelope.from_json(orjson.loads(load_object(self._project.root, one))) for one in sorted(digests)]

    def _attestation(self, envelope: Envelope) -> Attestation | None:
        trusted = {key.keyid for key in self._policy.keys}
        if not any(one.keyid in trusted for one in envelope.signatures):
            return None
        key = verify_envelope(envelope, self._policy.keys)[0]
        digest = digest_of(envelope.as_json())
        return Attestation(evidence=read_evidence(envelope), digest=digest, keyid=key.keyid, key_name=key.name)


def _as_stored(version: PromptVersion) -> StoredVersion:
    """Say what a decision wants to know of a version; numbers exist in a registry alone."""
    return StoredVersion(
        prompt=version.name,
        number=0,
        digest=version.digest,
        semver=(0, 0, 0),
        model_name=version.closure.model.name,
        description="",
        message="",
        author="",
        author_kind="human",
        git_commit=None,
        forked_from=None,
        created_at="",
        event_seq=0,
    )


def _format(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
