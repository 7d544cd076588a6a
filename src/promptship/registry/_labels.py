"""Labels move, and go back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import ReferenceNotFoundError
from promptship.registry._change import read_payload
from promptship.registry._resolve import MOVES, require_prompt, resolve_version
from promptship.registry._texts import check_label, check_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptship.domain import EventKind, JsonObject, LabelState, LedgerEvent, StoredVersion
    from promptship.registry._change import Change
    from promptship.store import UnitOfWork

__all__ = [
    "LabelMove",
    "drop_label",
    "label_targets",
    "label_versions",
    "move_label",
    "put_label",
    "roll_back",
    "unmoved",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMove:
    """Where a label pointed and points.

    Attributes:
        prompt: The prompt.
        label: The label.
        before: Number it pointed at; None where it was not there.
        after: Number it points at; None where it is gone.
        moved: False where nothing had to be done.
        event_seq: The event that moved it; that of the last move where nothing had to be done.
    """

    prompt: str
    label: str
    before: int | None
    after: int | None
    moved: bool
    event_seq: int


def put_label(change: Change, reference: str, label: str, *, reason: str, evidence: str | None) -> LabelMove:
    """Let a label point at a version.

    Raises:
        UsageError: The label or the reason is wrong.
        ReferenceNotFoundError: There is no such version, or it was withdrawn.
    """
    check_label(label)
    version = resolve_version(change.unit, reference)
    before = change.unit.states.find_label(version.prompt, label)
    if before is not None and before.number == version.number:
        return unmoved(before)
    return move_label(change, "label", version, label, reason=reason, evidence=evidence)


def drop_label(change: Change, prompt: str, label: str, *, reason: str) -> LabelMove:
    """Take a label away.

    Raises:
        ReferenceNotFoundError: It is not there.
    """
    before = change.unit.states.find_label(prompt, label)
    if before is None:
        raise _no_label(change.unit, prompt, label)
    facts = _facts(before, reason)
    event = change.record("unlabel", prompt=prompt, label=label, facts=facts)
    change.unit.states.drop_label(prompt, label)
    return LabelMove(prompt=prompt, label=label, before=before.number, after=None, moved=True, event_seq=event.seq)


def roll_back(change: Change, prompt: str, label: str, *, reason: str) -> LabelMove:
    """Let a label point where it pointed before its present target, passing over withdrawn versions.

    A second rollback goes one further back. No evidence is needed.

    Raises:
        ReferenceNotFoundError: There is no such label, or it never pointed anywhere else.
    """
    unit = change.unit
    before = unit.states.find_label(prompt, label)
    targets = label_targets(unit.ledger.find(prompt=prompt, label=label, kinds=MOVES))
    if before is None and not targets:
        raise _no_label(unit, prompt, label)
    # The present target is the last, or none where the label was taken away.
    for number in reversed(targets[:-1]):
        version = unit.versions.find(prompt, number) if number is not None else None
        if version is not None and version.tombstone is None:
            return move_label(change, "rollback", version, label, reason=reason)
    raise ReferenceNotFoundError(
        f"there is nothing to roll {label!r} of {prompt!r} back to: it has no earlier target that was not withdrawn",
        hint=f"promptctl log {prompt}",
    )


def label_targets(moves: Iterable[LedgerEvent]) -> list[int | None]:
    """Return the numbers that a label can be rolled back through, the present one last; None where it was away.

    Args:
        moves: Events of one label, the newest first.
    """
    targets: list[int | None] = []
    for event in reversed(list(moves)):
        number = read_payload(event).get("number") if event.kind != "unlabel" else None
        if event.kind == "rollback" and number in targets:
            while targets[-1] != number:
                targets.pop()
        elif not targets or targets[-1] != number:
            targets.append(number)
    return targets


def label_versions(unit: UnitOfWork, name: str) -> dict[int, list[str]]:
    """Return the labels that point at each number of a prompt."""
    found: dict[int, list[str]] = {}
    for state in unit.states.labels(name):
        found.setdefault(state.number, []).append(state.label)
    return found


def move_label(
    change: Change,
    kind: EventKind,
    version: StoredVersion,
    label: str,
    *,
    reason: str,
    evidence: str | None = None,
    facts: JsonObject | None = None,
) -> LabelMove:
    """Let a label point at a version, and say so in an event of this kind.

    Args:
        change: Who does it, where and when.
        kind: `label`, `promote` or `rollback`.
        version: Where it points from now on.
        label: The label.
        reason: Why.
        evidence: Digest of what it was decided on.
        facts: What else the event says.
    """
    before = change.unit.states.find_label(version.prompt, label)
    said: JsonObject = {"number": version.number, "digest": version.digest, **_facts(before, reason), **(facts or {})}
    event = change.record(kind, prompt=version.prompt, label=label, evidence=evidence, facts=said)
    change.unit.states.put_label(version.prompt, label, version.number, at=change.at, seq=event.seq)
    return LabelMove(
        prompt=version.prompt,
        label=label,
        before=before.number if before else None,
        after=version.number,
        moved=True,
        event_seq=event.seq,
    )


def _facts(before: LabelState | None, reason: str) -> JsonObject:
    facts: JsonObject = {}
    if before is not None:
        facts["from"] = {"number": before.number, "digest": before.digest}
    if kept := check_text("reason", reason):
        facts["reason"] = kept
    return facts


def unmoved(state: LabelState) -> LabelMove:
    """Say that a label points already where it should."""
    return LabelMove(
        prompt=state.prompt,
        label=state.label,
        before=state.number,
        after=state.number,
        moved=False,
        event_seq=state.event_seq,
    )


def _no_label(unit: UnitOfWork, prompt: str, label: str) -> ReferenceNotFoundError:
    require_prompt(unit, prompt)
    known = [state.label for state in unit.states.labels(prompt)]
    hint = f"its labels: {', '.join(known)}" if known else f"promptctl label {prompt}@latest {label}"
    return ReferenceNotFoundError(f"prompt {prompt!r} has no label {label!r}", hint=hint)
