"""What a change does to the evidence: cases, expected values, scorers, gates, judges and limits."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import EvidenceChange, GateSpec
from promptship.evaluation._scorer_steps import diff_scorers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from promptship.domain import Case, EvalsetSpec, ScorerSpec
    from promptship.evalsets import Evalset
    from promptship.settings import Settings

    _Facts = tuple[tuple[bytes, ...], tuple[ScorerSpec, ...]]

__all__ = ["diff_evidence", "diff_limits", "is_other_evidence", "order_changes"]

_SHOWN_IDS = 5
_DIRECTIONS = (("at_least", 1), ("better_by", 1), ("at_most", -1), ("not_worse_by", -1), ("equivalent_within", -1))
"""Whether a larger figure asks for more."""
_MARGINS = frozenset(key for key, _ in _DIRECTIONS)
_STRICTNESS = {"pass": 0, "observed": 1, "warn": 1, "fail": 2}
_EFFECTS = ("weakened", "changed", "strengthened")
_EDITS = ("other inputs", "another expected value", "other tags or another cluster")
_SCORER_EDITS = {
    "weakened": "scorers loosened or dropped",
    "changed": "other scorers",
    "strengthened": "stricter scorers",
}


def is_other_evidence(before: Evalset, after: Evalset) -> bool:
    """Return whether an evalset says something else of a prompt than it did, or is of other prompts."""
    left, right = before.spec, after.spec
    return (
        before.digest != after.digest
        or left.prompts != right.prompts
        or left.quarantine != right.quarantine
        or left.holdout != right.holdout
    )


def diff_evidence(before: Evalset | None, after: Evalset | None) -> list[EvidenceChange]:
    """Compare an evalset with what it was.

    Args:
        before: As it was; None where it is new.
        after: As it is; None where it was removed.

    Returns:
        Changes, those that weaken the evidence first: gates and scorers that were loosened or dropped, and cases that
        are gone or no longer count. An expected value that changed is neither better nor worse by itself.

    Raises:
        SourceError: Cases are wrong.
    """
    if before is None and after is not None:
        return [_change(after.spec.name, "strengthened", f"the evalset is new, with {after.count()} cases")]
    if before is None or after is None:
        return [_change(before.spec.name, "weakened", "the evalset was removed")] if before else []
    name = after.spec.name
    found = [*_gates(name, before.spec.gates, after.spec.gates)]
    found += [_change(name, effect, what) for effect, what in diff_scorers(before.spec.scorers, after.spec.scorers)]
    found += _cases(name, before, after)
    found += _uncounted(name, before.spec, after.spec)
    if before.spec.target != after.spec.target:
        found.append(_change(name, "changed", "another target is evaluated"))
    if before.spec.kind != after.spec.kind:
        found.append(_change(name, "changed", f"the cases are {after.spec.kind} instead of {before.spec.kind}"))
    return order_changes(found)


def diff_limits(before: Settings, after: Settings) -> list[EvidenceChange]:
    """Compare what the project's settings demand of every run."""
    found = []
    for key, sign in (("max_error_rate", -1), ("min_scored", 1)):
        left, right = getattr(before, key), getattr(after, key)
        if left != right:
            effect = "weakened" if sign * (right - left) < 0 else "strengthened"
            found.append(_change("settings", effect, f"{key} is {right:g} instead of {left:g}"))
    return found


def order_changes(changes: Iterable[EvidenceChange]) -> list[EvidenceChange]:
    """Put what weakens the evidence first."""
    return sorted(changes, key=lambda change: _EFFECTS.index(change.effect))


def _change(evalset: str, effect: Any, what: str) -> EvidenceChange:
    return EvidenceChange(evalset=evalset, effect=effect, what=what)


def _gates(name: str, before: Sequence[GateSpec], after: Sequence[GateSpec]) -> Iterator[EvidenceChange]:
    # No gates at all mean that every case must pass, which no threshold is stricter than.
    if not before and after:
        yield _change(name, "weakened", "every case had to pass; now gates decide")
        return
    if before and not after:
        yield _change(name, "strengthened", "gates decided; now every case has to pass")
        return
    old, new = _by_subject(before), _by_subject(after)
    for subject in dict.fromkeys([*old, *new]):
        gone = [gate for gate in old.get(subject, ()) if not _is_among(gate, new.get(subject, ()))]
        came = [gate for gate in new.get(subject, ()) if not _is_among(gate, old.get(subject, ()))]
        for left, right in zip(gone, came, strict=False):
            yield from _gate(name, left, right)
        yield from (_change(name, "weakened", f"the gate {gate.text!r} was dropped") for gate in gone[len(came) :])
        yield from (_change(name, "strengthened", f"the gate {gate.text!r} is new") for gate in came[len(gone) :])


def _by_subject(gates: Sequence[GateSpec]) -> dict[tuple[Any, ...], list[GateSpec]]:
    """Put gates together that may be one gate before and after, those decided alike in the same place."""
    found: dict[tuple[Any, ...], list[GateSpec]] = {}
    for gate in sorted(gates, key=lambda gate: gate.decide):
        found.setdefault(_subject(gate), []).append(gate)
    return found


def _subject(gate: GateSpec) -> tuple[Any, ...]:
    kinds = [field.name for field in fields(gate) if field.name in _MARGINS and getattr(gate, field.name) is not None]
    return gate.metric, gate.tag, gate.each, gate.versus is None, gate.no_new_failures, tuple(kinds)


def _is_among(gate: GateSpec, gates: Sequence[GateSpec]) -> bool:
    return replace(gate, text="") in [replace(other, text="") for other in gates]


def _gate(name: str, old: GateSpec, new: GateSpec) -> Iterator[EvidenceChange]:
    said = f"the gate {old.text!r} is {new.text!r} now"
    steps = []
    for key, sign in _DIRECTIONS:
        left, right = getattr(old, key), getattr(new, key)
        if left is not None and right is not None and left != right:
            steps.append(sign * (right - left))
    if old.decide != new.decide:
        steps.append(1 if new.decide == "bound" else -1)
        said += f", decided on the {'bound' if new.decide == 'bound' else 'observed figure'}"
    if old.alpha != new.alpha:
        # For a bound a smaller alpha asks for more; a test for "worse" it makes blinder.
        steps.append((old.alpha - new.alpha) * (1 if new.versus is None or new.has_margin else -1))
        said += f", alpha {new.alpha:g} instead of {old.alpha:g}"
    for key in ("on_inconclusive", "no_baseline"):
        left, right = getattr(old, key), getattr(new, key)
        if left != right:
            default = "observed" if old.versus is None else "warn"
            steps.append(_STRICTNESS[right or default] - _STRICTNESS[left or default])
            said += f", {key}: {right or default}"
    if old.versus != new.versus:
        yield _change(name, "changed", f"{said}: another baseline")
    if any(step < 0 for step in steps):
        yield _change(name, "weakened", said)
    elif any(step > 0 for step in steps):
        yield _change(name, "strengthened", said)


def _uncounted(name: str, before: EvalsetSpec, after: EvalsetSpec) -> Iterator[EvidenceChange]:
    """Say which cases count no more, or again: those in quarantine, and those that are set aside."""
    old, new = ({one.case_id: one.until for one in spec.quarantine} for spec in (before, after))
    if came := [case for case, until in new.items() if until > old.get(case, "")]:
        yield _change(name, "weakened", f"{_count(came, 'case')} in quarantine for longer: {_listed(came)}")
    if gone := [case for case, until in old.items() if until > new.get(case, "")]:
        yield _change(name, "strengthened", f"{_count(gone, 'case')} in quarantine for shorter: {_listed(gone)}")
    left, right = before.holdout or 0.0, after.holdout or 0.0
    if left != right:
        effect = "weakened" if right > left else "changed"
        yield _change(name, effect, f"{right:.0%} of the cases are set aside instead of {left:.0%}")


def _cases(name: str, before: Evalset, after: Evalset) -> Iterator[EvidenceChange]:
    if before.cases_digest == after.cases_digest:
        return
    old, new = _facts(before), _facts(after)
    gone, came = [one for one in old if one not in new], [one for one in new if one not in old]
    kept = [one for one in new if one in old]
    if gone:
        yield _change(name, "weakened", f"{_count(gone, 'case')} removed: {_listed(gone)}")
    for place, what in enumerate(_EDITS):
        edited = [one for one in kept if old[one][0][place] != new[one][0][place]]
        if edited:
            yield _change(name, "changed", f"{_count(edited, 'case')} with {what}: {_listed(edited)}")
    by_effect: dict[str, list[str]] = {}
    for one in kept:
        if effects := [effect for effect, _ in diff_scorers(old[one][1], new[one][1])]:
            by_effect.setdefault(min(effects, key=_EFFECTS.index), []).append(one)
    for effect, ids in by_effect.items():
        yield _change(name, effect, f"{_count(ids, 'case')} with {_SCORER_EDITS[effect]}: {_listed(ids)}")
    if came:
        yield _change(name, "strengthened", f"{_count(came, 'case')} added: {_listed(came)}")


def _facts(evalset: Evalset) -> dict[str, _Facts]:
    return {case.id: (_digests(case), case.scorers) for case in evalset.cases()}


def _digests(case: Case) -> tuple[bytes, ...]:
    turns = [(turn.user, [scorer.as_json() for scorer in turn.scorers]) for turn in case.turns]
    parts = (
        (case.inputs, turns, case.contexts, dict(case.tools)),
        (case.expected, case.references, case.expected_contexts),
        (dict(case.tags), case.cluster),
    )
    # For equality within this process alone, so the canonical form, which is ten times slower, is not needed.
    return tuple(
        hashlib.blake2b(orjson.dumps(part, option=orjson.OPT_SORT_KEYS), digest_size=16).digest() for part in parts
    )


def _count(items: Sequence[str], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
    return ", ".join(ids[:_SHOWN_IDS]) + more
