"""What an evalset can decide: for each gate, what it notices with its cases, and how many cases it would take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptship.stats import (
    needed_cases,
    needed_pairs,
    needed_pairs_of_scores,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePower:
    """What one gate can decide.

    Attributes:
        gate: As written.
        cases: Cases that it rests on.
        units: Origins of them: what statistics count, where cases share a cluster.
        kind: `observed` and `unknown` have no power to speak of.
        noticed: For a threshold the true rate that clears it in 4 of 5 runs; against a baseline the loss that is
            noticed in 4 of 5 runs; None where nothing would do.
        passes_from: For a threshold the lowest observed rate that passes; None otherwise.
        needed: Origins at which a rate 5 points from the threshold, a loss of 5 points, or equal quality within the
            margin is decided in 4 of 5 runs; None where that cannot be said.
    """

    gate: str
    cases: int
    units: int
    kind: Literal["threshold", "baseline", "margin", "observed", "unknown"]
    noticed: float | None = None
    passes_from: float | None = None
    needed: int | None = None


def compute_power(evalset: Evalset, *, flip_rate: float = 0.1) -> list[GatePower]:
    """Say what each gate of an evalset can decide with the cases that are there.

    Args:
        evalset: Its cases are read; nothing is called.
        flip_rate: Share of cases, 0 to 1, that a change of a prompt makes pass or fail, either way.

    Raises:
        SourceError: Cases are wrong.
        UsageError: The flip rate is no share.
    """
    facts = [(dict(case.tags), _origin(case)) for case in evalset.cases()]
    found = []
    for gate in evalset.spec.gates:
        for spec, kept in _parts(gate, facts):
            found.append(_power_of(spec, gate, len(kept), len({origin for _, origin in kept}), flip_rate))
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


def _power_of(text: str, gate: GateSpec, cases: int, units: int, flip_rate: float) -> GatePower:
    known = GatePower(gate=text, cases=cases, units=units, kind="unknown")
    if units == 0:
        return known
    if gate.versus is None:
        return _threshold_power(known, gate)
    margin = gate.not_worse_by or gate.equivalent_within
    if margin is not None:
        # At equal quality a difference of marks varies by the share that flips.
        needed = needed_pairs_of_scores(margin, flip_rate**0.5, power=_POWER, alpha=gate.alpha)
        return GatePower(gate=text, cases=cases, units=units, kind="margin", noticed=margin, needed=needed)
    return GatePower(
        gate=text,
        cases=cases,
        units=units,
        kind="baseline",
        noticed=smallest_detectable_difference(units, flip_rate=flip_rate, power=_POWER, alpha=gate.alpha),
        needed=needed_pairs(_MARGIN_OF_ERROR, flip_rate=flip_rate, power=_POWER, alpha=gate.alpha),
    )


def _threshold_power(known: GatePower, gate: GateSpec) -> GatePower:
    threshold = gate.at_least
    if gate.decide == "observed":
        return GatePower(gate=known.gate, cases=known.cases, units=known.units, kind="observed")
    if threshold is None or gate.metric.startswith(("cost_", "latency_")) or not 0 < threshold < 1:
        return known
    n, confidence = known.units, 1 - gate.alpha
    passing = [
        passed for passed in range(n + 1) if wilson(passed, n, confidence=confidence, side="lower").low >= threshold
    ]
    better = min(1.0, threshold + _MARGIN_OF_ERROR)
    return GatePower(
        gate=known.gate,
        cases=known.cases,
        units=n,
        kind="threshold",
        noticed=_cleared(n, threshold, confidence) if passing else None,
        passes_from=passing[0] / n if passing else None,
        needed=needed_cases(better, threshold, confidence=confidence),
    )


def _cleared(n: int, threshold: float, confidence: float) -> float:
    """Return the true rate whose bound clears a threshold in 4 of 5 samples of n."""
    low, high = threshold, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        reached = power_rate(n, middle, threshold=threshold, confidence=confidence) >= _POWER
        low, high = (low, middle) if reached else (middle, high)
    return high
