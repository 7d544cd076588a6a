"""What an evalset can decide: for each gate, what it notices with its cases, and how many cases it would take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from promptship.stats import (
    needed_cases,
    needed_pairs,
    needed_pairs_for_margin,
    power_margin,
    power_rate,
    smallest_detectable_difference,
    wilson,
)

if TYPE_CHECKING:
    from promptship.domain import Case, GateSpec
    from promptship.evalsets import Evalset

__all__ = ["GatePower", "compute_power"]

_POWER = 0.8
_STEPS = 20
_MARGIN_OF_ERROR = 0.05
_MONEY_AND_TIME = ("cost_", "latency_")

Kind = Literal["threshold", "baseline", "margin", "observed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePower:
    """What one gate can decide.

    Attributes:
        gate: As written.
        cases: Cases that it rests on.
        units: Origins of them: what statistics count, where cases share a cluster.
        kind: `observed` and `unknown` have no power to speak of.
        noticed: For a threshold the true rate that clears it in 4 of 5 runs; against a baseline the loss that is
            noticed in 4 of 5 runs; for a margin that margin; None where nothing would do.
        passes_from: For a threshold the observed rate nearest to it that passes; None otherwise.
        power: For a margin the chance, 0 to 1, that equal quality is shown with these cases; None otherwise.
        needed: Origins at which a rate 5 points from the threshold, a loss of 5 points, or equal quality within the
            margin is decided in 4 of 5 runs; None where a million would not do, or that cannot be said.
        at_most: Whether the threshold is a highest one.
    """

    gate: str
    cases: int
    units: int
    kind: Kind
    noticed: float | None = None
    passes_from: float | None = None
    power: float | None = None
    needed: int | None = None
    at_most: bool = False


def compute_power(evalset: Evalset, *, flip_rate: float = 0.1) -> list[GatePower]:
    """Say what each gate of an evalset can decide with the cases that are there.

    Args:
        evalset: Its cases are read; nothing is called.
        flip_rate: Share of cases, 0 to 1, that a change of a prompt makes pass or fail, either way.

    Raises:
        SourceError: Cases are wrong.
        UsageError: The flip rate is no share above 0.
    """
    facts = [(dict(case.tags), _origin(case)) for case in evalset.cases()]
    found = []
    for gate in evalset.spec.gates:
        parts = _parts(gate, facts)
        # Slices against a baseline are corrected for being many; Holm's first step is the strictest.
        alpha = gate.alpha / max(1, len(parts)) if gate.versus is not None else gate.alpha
        for text, kept in parts:
            known = GatePower(
                gate=text, cases=len(kept), units=len({origin for _, origin in kept}), kind=_kind_of(gate)
            )
            found.append(_power_of(known, gate, alpha, flip_rate) if known.units else replace(known, kind="unknown"))
    return found


def _origin(case: Case) -> str:
    return case.cluster or f"case {case.id}"


_Facts = list[tuple[dict[str, str], str]]


def _parts(gate: GateSpec, facts: _Facts) -> list[tuple[str, _Facts]]:
    """Return the cases that a gate rests on, or those of each slice that it judges."""
    if gate.tag is not None:
        tag, value = gate.tag
        return [(gate.text, [one for one in facts if one[0].get(tag) == value])]
    if gate.each is None:
        return [(gate.text, facts)]
    parts = []
    for value in sorted({tags[gate.each] for tags, _ in facts if gate.each in tags}):
        kept = [one for one in facts if one[0].get(gate.each) == value]
        parts.append((gate.text.replace(f"[each {gate.each}]", f"[{gate.each}={value}]"), kept))
    return parts


def _kind_of(gate: GateSpec) -> Kind:
    if gate.decide == "observed" or gate.no_new_failures or gate.metric == "cost_usd":
        return "observed"
    if gate.metric.startswith(_MONEY_AND_TIME) or gate.better_by:
        return "unknown"
    if gate.versus is not None:
        return "baseline" if gate.not_worse_by is None and gate.equivalent_within is None else "margin"
    threshold = gate.at_least if gate.at_least is not None else gate.at_most
    return "threshold" if threshold is not None and 0 < threshold < 1 else "unknown"


def _power_of(known: GatePower, gate: GateSpec, alpha: float, flip_rate: float) -> GatePower:
    if known.kind == "threshold":
        return _threshold_power(known, gate)
    if known.kind == "margin":
        return _margin_power(known, gate, flip_rate)
    if known.kind == "baseline":
        return replace(
            known,
            noticed=smallest_detectable_difference(known.units, flip_rate=flip_rate, power=_POWER, alpha=alpha),
            needed=needed_pairs(_MARGIN_OF_ERROR, flip_rate=flip_rate, power=_POWER, alpha=alpha),
        )
    return known


def _margin_power(known: GatePower, gate: GateSpec, flip_rate: float) -> GatePower:
    """Say how likely equal quality is shown; a margin of 1 and more holds whatever is found."""
    margin, both = gate.not_worse_by or gate.equivalent_within or 0.0, gate.equivalent_within is not None
    if margin >= 1:
        return replace(known, noticed=margin, power=1.0, needed=2)
    power = 0.0
    if known.units > 1:
        power = power_margin(known.units, margin, flip_rate=flip_rate, both_sides=both, alpha=gate.alpha)
    needed = needed_pairs_for_margin(margin, flip_rate=flip_rate, both_sides=both, power=_POWER, alpha=gate.alpha)
    return replace(known, noticed=margin, power=power, needed=needed)


def _threshold_power(known: GatePower, gate: GateSpec) -> GatePower:
    n, confidence = known.units, 1 - gate.alpha
    if gate.at_least is not None:
        threshold, good, better = gate.at_least, 1.0, min(1.0, gate.at_least + _MARGIN_OF_ERROR)
        passing = [k / n for k in range(n + 1) if wilson(k, n, confidence=confidence, side="lower").low >= threshold]
        nearest = passing[:1]
    else:
        threshold = gate.at_most or 0.0
        good, better = 0.0, max(0.0, threshold - _MARGIN_OF_ERROR)
        passing = [k / n for k in range(n + 1) if wilson(k, n, confidence=confidence, side="upper").high <= threshold]
        nearest = passing[-1:]
    return replace(
        known,
        noticed=_cleared(n, threshold, good, confidence) if passing else None,
        passes_from=nearest[0] if passing else None,
        needed=needed_cases(better, threshold, confidence=confidence, power=_POWER),
        at_most=gate.at_least is None,
    )


def _cleared(n: int, threshold: float, good: float, confidence: float) -> float:
    """Return the true rate whose bound clears a threshold in 4 of 5 samples of n, between it and the best rate."""
    side: Literal["lower", "upper"] = "lower" if good > threshold else "upper"
    bad = threshold
    for _ in range(_STEPS):
        middle = (bad + good) / 2
        reached = power_rate(n, middle, threshold=threshold, confidence=confidence, side=side) >= _POWER
        bad, good = (bad, middle) if reached else (middle, good)
    return good
