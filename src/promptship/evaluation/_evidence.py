"""What a change does to the evidence: cases, expected values, scorers, gates and judges of an evalset."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from promptship.domain import EvidenceChange, GateSpec, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import Case, ScorerSpec
    from promptship.evalsets import Evalset

__all__ = ["diff_evidence"]

_SHOWN_IDS = 5
_DIRECTIONS = (("at_least", 1), ("better_by", 1), ("at_most", -1), ("not_worse_by", -1), ("equivalent_within", -1))
"""Whether a larger figure asks for more."""
_MARGINS = frozenset({"at_least", "at_most", "not_worse_by", "better_by", "equivalent_within"})
_STRICTNESS = {"pass": 0, "observed": 1, "warn": 1, "fail": 2}


def diff_evidence(before: Evalset | None, after: Evalset | None) -> list[EvidenceChange]:
    """Compare an evalset with what it was.

    Args:
        before: As it was; None where it is new.
        after: As it is; None where it was removed.

    Returns:
        Changes, those that weaken the evidence first: gates and scorers that were loosened or dropped, and cases that
        are gone. An expected value or a scorer's parameters that changed is neither better nor worse by itself.

    Raises:
        SourceError: Cases are wrong.
    """
    if before is None and after is not None:
        return [_change(after.spec.name, "strengthened", f"the evalset is new, with {after.count()} cases")]
    if before is None or after is None:
        return [_change(before.spec.name, "weakened", "the evalset was removed")] if before else []
    name = after.spec.name
    found = [*_gates(name, before.spec.gates, after.spec.gates)]
    found += _scorers(name, before.spec.scorers, after.spec.scorers)
    found += _cases(name, before, after)
    if before.spec.target != after.spec.target:
        found.append(_change(name, "changed", "another target is evaluated"))
    order = ("weakened", "changed", "strengthened")
    return sorted(found, key=lambda change: order.index(change.effect))


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
    old = {_subject(gate): gate for gate in before}
    new = {_subject(gate): gate for gate in after}
    for subject, gate in old.items():
        if subject not in new:
            yield _change(name, "weakened", f"the gate {gate.text!r} was dropped")
        elif gate != new[subject]:
            yield from _gate(name, gate, new[subject])
    for subject, gate in new.items():
        if subject not in old:
            yield _change(name, "strengthened", f"the gate {gate.text!r} is new")


def _subject(gate: GateSpec) -> tuple[Any, ...]:
    """Return what a gate is about: two gates of one subject are one gate before and after."""
    kinds = [field.name for field in fields(gate) if field.name in _MARGINS and getattr(gate, field.name) is not None]
    return gate.metric, gate.tag, gate.each, gate.versus is None, gate.no_new_failures, tuple(kinds)


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
        steps.append((old.alpha - new.alpha) * (-1 if _is_plain_versus(new) else 1))
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


def _is_plain_versus(gate: GateSpec) -> bool:
    return gate.versus is not None and gate.not_worse_by is gate.better_by is gate.equivalent_within is None


def _scorers(name: str, before: Sequence[ScorerSpec], after: Sequence[ScorerSpec]) -> Iterator[EvidenceChange]:
    old, new = {scorer.name: scorer for scorer in before}, {scorer.name: scorer for scorer in after}
    for key, scorer in old.items():
        if key not in new:
            yield _change(name, "weakened", f"the scorer {key!r} was dropped")
            continue
        if scorer.required and not new[key].required:
            yield _change(name, "weakened", f"the scorer {key!r} is no longer required")
        elif new[key].required and not scorer.required:
            yield _change(name, "strengthened", f"the scorer {key!r} is required now")
        left, right = scorer.as_json(), new[key].as_json()
        keys = (left.keys() | right.keys()) - {"required"}
        changed = sorted(one for one in keys if left.get(one) != right.get(one))
        if changed:
            yield _change(name, "changed", f"the scorer {key!r} has another {', '.join(changed)}")
    for key in new:
        if key not in old:
            yield _change(name, "strengthened", f"the scorer {key!r} is new")


def _cases(name: str, before: Evalset, after: Evalset) -> Iterator[EvidenceChange]:
    if before.cases_digest == after.cases_digest:
        return
    old, new = _facts(before), _facts(after)
    gone, came = [one for one in old if one not in new], [one for one in new if one not in old]
    kept = [one for one in new if one in old]
    kinds = ("inputs", "expected value", "scorers", "slices or cluster")
    if gone:
        yield _change(name, "weakened", f"{_count(gone, 'case')} removed: {_listed(gone)}")
    for place, kind in enumerate(kinds):
        edited = [one for one in kept if old[one][place] != new[one][place]]
        if edited:
            yield _change(name, "changed", f"{_count(edited, 'case')} with another {kind}: {_listed(edited)}")
    if came:
        yield _change(name, "strengthened", f"{_count(came, 'case')} added: {_listed(came)}")


def _facts(evalset: Evalset) -> dict[str, tuple[str, str, str, str]]:
    return {case.id: _digests(case) for case in evalset.cases()}


def _digests(case: Case) -> tuple[str, str, str, str]:
    scorers: list[Any] = [scorer.as_json() for scorer in case.scorers]
    return (
        digest_of(case.inputs),
        digest_of([case.expected, list(case.references)]),
        digest_of(scorers),
        digest_of([dict(case.tags), case.cluster]),
    )


def _count(items: Sequence[str], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
    return ", ".join(ids[:_SHOWN_IDS]) + more
