"""Two registries brought together: what one has and the other lacks, as a plan first.

Content is the same by its digest wherever it is, so versions and evidence only ever come to the target. A label moves
there where the source has moved on from where the target is; where both have moved, it is a conflict, and a person
decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

import orjson

from promptship.errors import PromotionRefusedError, SignatureError, UsageError
from promptship.signing import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from promptship.domain import Actor, LabelState, StoredVersion
    from promptship.registry import Registry

__all__ = ["SyncConflict", "SyncPlan", "SyncStep", "apply_sync", "find_ahead", "plan_sync"]

_EVERYTHING = ("*",)
_LABEL_EVENTS = frozenset({"label", "promote", "rollback", "unlabel"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStep:
    """Something that the target lacks.

    Attributes:
        kind: A version to push, evidence to hand in, or a label to move.
        prompt: Whose.
        number: The version's number in the source.
        digest: The version.
        label: The label to move; "" for other kinds.
        before: Digest that the label has on the target; "" for none.
        envelope: Digest of the evidence; "" for other kinds.
        run_id: The run that the evidence is of; "" for other kinds.
    """

    kind: Literal["push", "attest", "move"]
    prompt: str
    number: int
    digest: str
    label: str = ""
    before: str = ""
    envelope: str = ""
    run_id: str = ""

    @property
    def what(self) -> str:
        """What will be done, for people."""
        version = f"{self.prompt}@{self.number} ({self.digest[7:19]})"
        if self.kind == "push":
            return f"+ version {version}"
        if self.kind == "attest":
            return f"+ evidence of {version}: run {self.run_id}"
        return f"~ {self.label} of {self.prompt}: {self.before[7:19] or 'nothing'} -> {version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncConflict:
    """What a person has to decide, and why."""

    prompt: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """What would make the target have all that the source has, and what nobody but a person can settle."""

    steps: tuple[SyncStep, ...]
    conflicts: tuple[SyncConflict, ...]


def plan_sync(
    source: Registry, target: Registry, *, prompts: Sequence[str] = _EVERYTHING, labels: Sequence[str] = _EVERYTHING
) -> SyncPlan:
    """Compare two registries; neither is changed.

    Args:
        source: Where versions, evidence and labels come from.
        target: Where they are to come to.
        prompts: Patterns of names; only these prompts are looked at.
        labels: Patterns of labels that may move.
    """
    steps: list[SyncStep] = []
    conflicts: list[SyncConflict] = []
    known = set(target.names())
    for name in source.names():
        if not any(fnmatchcase(name, pattern) for pattern in prompts):
            continue
        ours, theirs = source.versions(name), target.versions(name) if name in known else []
        steps += _missing_versions(ours, theirs)
        steps += _missing_evidence(source, target if theirs else None, name, ours)
        for found in _compare_labels(source, target, ours, theirs):
            if not any(fnmatchcase(found.label, pattern) for pattern in labels):
                continue
            (steps if isinstance(found, SyncStep) else conflicts).append(found)  # type: ignore[arg-type]  # by its type
    return SyncPlan(steps=tuple(steps), conflicts=tuple(conflicts))


def _missing_versions(ours: Sequence[StoredVersion], theirs: Sequence[StoredVersion]) -> list[SyncStep]:
    there = {one.digest for one in theirs}
    return [
        SyncStep(kind="push", prompt=one.prompt, number=one.number, digest=one.digest)
        for one in ours
        if one.digest not in there and one.tombstone is None
    ]


def _missing_evidence(
    source: Registry, target: Registry | None, name: str, ours: Sequence[StoredVersion]
) -> list[SyncStep]:
    numbers = {one.digest: one.number for one in ours if one.tombstone is None}
    there = {one.digest for one in target.evidence.attestations(name)} if target else set()
    return [
        SyncStep(
            kind="attest",
            prompt=name,
            number=numbers[one.evidence.digest],
            digest=one.evidence.digest,
            envelope=one.digest,
            run_id=one.evidence.run_id,
        )
        for one in source.evidence.attestations(name)
        if one.digest not in there and one.evidence.digest in numbers
    ]


def _compare_labels(
    source: Registry, target: Registry, ours: Sequence[StoredVersion], theirs: Sequence[StoredVersion]
) -> Iterator[SyncStep | SyncConflict]:
    name = ours[0].prompt
    there = {one.label: one for one in target.labels(name)} if theirs else {}
    withdrawn = {one.digest for one in theirs if one.tombstone is not None}
    for mine in source.labels(name):
        yours = there.get(mine.label)
        if yours and yours.digest == mine.digest:
            continue
        here = _history(source, ours, mine.label, mine)
        ahead = find_ahead(here, _history(target, theirs, mine.label, yours))
        if ahead == "there":
            continue
        if ahead == "neither":
            said = f"it moved to {name}@{mine.number} here and elsewhere there, since both last agreed"
            yield SyncConflict(prompt=name, label=mine.label, reason=said)
        elif mine.digest in withdrawn:
            said = f"{name}@{mine.number} was withdrawn there"
            yield SyncConflict(prompt=name, label=mine.label, reason=said)
        else:
            yield SyncStep(
                kind="move",
                prompt=name,
                number=mine.number,
                digest=mine.digest,
                label=mine.label,
                before=yours.digest if yours else "",
            )


def _history(registry: Registry, versions: Sequence[StoredVersion], label: str, state: LabelState | None) -> list[str]:
    """Return the digests that a label had, the oldest first; "" where it was taken away."""
    if not versions:
        return []
    digests = {one.number: one.digest for one in versions}
    events = registry.log(versions[0].prompt, label=label)
    found = [digests.get(one.number or 0, "") for one in reversed(events) if one.kind in _LABEL_EVENTS]
    now = state.digest if state else ""
    # A release moves labels of several prompts by one event, which is of none of them.
    if (found and found[-1] != now) or (not found and now):
        found.append(now)
    return found


def find_ahead(here: Sequence[str], there: Sequence[str]) -> Literal["here", "there", "neither"]:
    """Say where a label has moved on from where it is elsewhere.

    A sync leaves out steps between, so whoever has the other's whole story within its own is ahead; else whoever was
    where the other is now, with a story that the other has too, and went on.

    Args:
        here: What the label pointed at, the oldest first.
        there: The same elsewhere.
    """
    if _is_within(there, here):
        return "here"
    if _is_within(here, there):
        return "there"
    went_on = _went_on(here, there), _went_on(there, here)
    if went_on[0] == went_on[1]:
        return "neither"
    return "here" if went_on[0] else "there"


def _went_on(one: Sequence[str], other: Sequence[str]) -> bool:
    return any(one[at] == other[-1] and _is_within(one[: at + 1], other) for at in range(len(one) - 1))


def _is_within(short: Sequence[str], long: Sequence[str]) -> bool:
    rest = iter(long)
    return all(item in rest for item in short)


def apply_sync(
    source: Registry, target: Registry, plan: SyncPlan, *, actor: Actor, on_step: Callable[[SyncStep], None]
) -> list[SyncConflict]:
    """Do what a plan says, one transaction a step; done again, it goes on where it was cut off.

    Args:
        source: Where the plan's steps come from.
        target: Where they are done.
        plan: What `plan_sync` found.
        actor: Who does it.
        on_step: Told of each step that was done.

    Returns:
        What the target refused: evidence of a key that it does not trust, a label whose policy misses something.

    Raises:
        PromptshipError: A registry failed; what was done before stays.
    """
    refused = []
    for step in plan.steps:
        try:
            _do(source, target, step, actor)
        except (PromotionRefusedError, SignatureError, UsageError) as error:
            refused.append(SyncConflict(prompt=step.prompt, label=step.label, reason=str(error)))
        else:
            on_step(step)
    return refused


def _do(source: Registry, target: Registry, step: SyncStep, actor: Actor) -> None:
    reference = f"{step.prompt}@{step.digest}"
    if step.kind == "push":
        version = source.resolve(reference)
        target.push(
            source.load(reference),
            actor=actor,
            message=version.message,
            description=version.description,
            git_commit=version.git_commit,
            tags=version.tags,
        )
    elif step.kind == "attest":
        envelope = Envelope.from_json(orjson.loads(source.evidence.content(step.envelope)))
        target.evidence.attest(envelope, actor=actor)
    elif target.evidence.policy.rule_for(step.prompt, step.label) is not None:
        target.evidence.promote(reference, step.label, actor=actor, reason=f"sync from {source.place}")
    else:
        target.put_label(reference, step.label, actor=actor, reason=f"sync from {source.place}")
