"""Gates against a baseline: paired over the cases that both runs have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.gates._absolute import PER_CASE
from promptship.runner import OutcomeCode
from promptship.stats import (
    mcnemar,
    non_inferiority,
    paired_difference,
    paired_permutation,
    smallest_detectable_difference,
    tost,
)

if TYPE_CHECKING:
    from numpy import ndarray

    from promptship.domain import Finding, GateSpec
    from promptship.runner import CaseTable

__all__ = [
    "Baseline",
    "PairedFigure",
    "is_enough",
    "judge_new_failures",
    "judge_versus",
    "needed_share",
    "p_value_worse",
    "pair_figures",
]

_LOWER_IS_BETTER = frozenset({"cost_usd", "latency_s", "error_rate"})
_LEAST_PAIRS = 2
_SHOWN_IDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a run is compared with.

    Attributes:
        name: As a reader knows it: a run, or a prompt at a revision.
        table: Its figures; None where there are none.
        reason: Why there are none; "" where there are.
        is_candidate: Whether it is the very version that is judged.
    """

    name: str
    table: CaseTable | None = None
    reason: str = ""
    is_candidate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedFigure:
    """One metric of both sides over the cases that both know it of; shape (n,) each, higher is better."""

    before: ndarray
    after: ndarray
    clusters: list[str] | None
    sign: int

    @property
    def difference(self) -> float:
        """Mean of candidate minus baseline, as the metric itself counts."""
        return float((self.after - self.before).mean()) * self.sign if len(self.before) else math.nan

    @property
    def is_binary(self) -> bool:
        """Whether each case passed or failed, and is its own."""
        both = ((self.before == 0) | (self.before == 1)) & ((self.after == 0) | (self.after == 1))
        return self.clusters is None and bool(both.all())


def pair_figures(gate: GateSpec, table: CaseTable, baseline: CaseTable) -> PairedFigure:
    """Take a gate's metric of both sides.

    Raises:
        UsageError: The metric cannot be compared case by case.
    """
    import numpy as np

    mine, theirs = table.pair(baseline)
    before, after = _values(gate.metric, theirs), _values(gate.metric, mine)
    known = ~(np.isnan(before) | np.isnan(after))
    clusters = [cluster for cluster, kept in zip(mine.clusters, known, strict=True) if kept]
    sign = -1 if PER_CASE.get(gate.metric, gate.metric) in _LOWER_IS_BETTER else 1
    shared = len(set(clusters)) < len(clusters)
    return PairedFigure(
        before=sign * before[known], after=sign * after[known], clusters=clusters if shared else None, sign=sign
    )


def judge_versus(gate: GateSpec, pair: PairedFigure, *, p_worse: float) -> tuple[Finding, str]:
    """Decide a gate with or without a margin.

    Args:
        gate: It has a `versus`.
        pair: At least two pairs.
        p_worse: p-value of "the candidate is worse", corrected where several slices are judged.

    Returns:
        With a margin: pass where the bound shows it, fail where the paired test says worse (or the interval lies
        outside the margin), else inconclusive. Without one: fail where the paired test says worse, else pass.
    """
    said = f"{pair.difference:+.4g}, p = {p_worse:.3g} for worse"
    is_worse = p_worse <= gate.alpha
    if gate.not_worse_by is not None:
        test = non_inferiority(
            pair.before, pair.after, margin=gate.not_worse_by, alpha=gate.alpha, clusters=pair.clusters
        )
        said += f", at worst {pair.sign * test.low:+.4g}"
        return ("pass" if test.shown else "fail" if is_worse else "inconclusive"), said
    if gate.better_by is not None:
        low = paired_difference(
            pair.before, pair.after, clusters=pair.clusters, confidence=1 - gate.alpha, side="lower"
        )
        high = paired_difference(
            pair.before, pair.after, clusters=pair.clusters, confidence=1 - gate.alpha, side="upper"
        )
        said += f", at worst {pair.sign * low.low:+.4g}, at best {pair.sign * high.high:+.4g}"
        return ("pass" if low.low > gate.better_by else "fail" if high.high < gate.better_by else "inconclusive"), said
    if gate.equivalent_within is not None:
        margin = gate.equivalent_within
        found = tost(pair.before, pair.after, margin=margin, alpha=gate.alpha, clusters=pair.clusters)
        ends = sorted((pair.sign * found.low, pair.sign * found.high))
        said += f", interval {ends[0]:+.4g} to {ends[1]:+.4g}"
        outside = found.high < -margin or found.low > margin
        return ("pass" if found.shown else "fail" if outside else "inconclusive"), said
    if is_worse:
        return "fail", said
    return "pass", f"{said}; {_sensitivity(gate, pair)}"


def needed_share(gate: GateSpec, pair: PairedFigure) -> float | None:
    """Return how many times the cases would decide a gate with a margin if the difference stays; None where none would.

    Intervals shrink with the root of the number of cases.
    """
    confidence = 1 - gate.alpha
    low = paired_difference(pair.before, pair.after, clusters=pair.clusters, confidence=confidence, side="lower").low
    high = paired_difference(pair.before, pair.after, clusters=pair.clusters, confidence=confidence, side="upper").high
    difference = pair.difference * pair.sign
    edges = _edges_to_clear(gate, difference)
    reaches = [difference - low if edge < difference else high - difference for edge in edges]
    if not edges or difference in edges:
        return None
    return max((reach / (difference - edge)) ** 2 for reach, edge in zip(reaches, edges, strict=True))


def _edges_to_clear(gate: GateSpec, difference: float) -> list[float]:
    """Return what the interval must lie beyond, on the side on which the difference lies."""
    if gate.not_worse_by is not None:
        return [-gate.not_worse_by if difference > -gate.not_worse_by else 0.0]
    if gate.better_by is not None:
        return [gate.better_by]
    if gate.equivalent_within is not None:
        margin = gate.equivalent_within
        return [-margin, margin] if abs(difference) < margin else [math.copysign(margin, difference)]
    return []


def p_value_worse(pair: PairedFigure) -> float:
    """Return the p-value of "the candidate is worse": exact McNemar for pass marks, else a paired permutation."""
    if pair.is_binary:
        return mcnemar(pair.before > 0, pair.after > 0, alternative="worse").p_value
    return paired_permutation(pair.before, pair.after, clusters=pair.clusters, alternative="worse").p_value


def judge_new_failures(table: CaseTable, baseline: CaseTable) -> tuple[Finding, str, int]:
    """Look for cases that passed in every repeat of the baseline and fail in every repeat now."""
    mine, theirs = table.pair(baseline)
    passed = (theirs.outcomes == OutcomeCode.PASSED).all(axis=1)
    failing = (mine.outcomes == OutcomeCode.FAILED).all(axis=1)
    new = [case_id for case_id, is_new in zip(mine.case_ids, passed & failing, strict=True) if is_new]
    if not new:
        return "pass", f"none of {len(mine)} cases", 0
    more = f" and {len(new) - _SHOWN_IDS} more" if len(new) > _SHOWN_IDS else ""
    return "fail", f"{', '.join(new[:_SHOWN_IDS])}{more}", len(new)


def is_enough(pair: PairedFigure) -> bool:
    """Whether there are pairs, and origins of them, to compare."""
    origins = len(set(pair.clusters)) if pair.clusters is not None else len(pair.before)
    return origins >= _LEAST_PAIRS


def _sensitivity(gate: GateSpec, pair: PairedFigure) -> str:
    count = len(pair.before)
    if not pair.is_binary:
        return f"{count} cases"
    changed = float((pair.before != pair.after).mean())
    loss = smallest_detectable_difference(count, flip_rate=max(changed, 1 / count), alpha=gate.alpha)
    noticed = "no loss at all" if loss is None else f"a loss of {100 * loss:.0f} points"
    return f"{count} cases notice {noticed} in 4 of 5 tries"


def _values(metric: str, table: CaseTable) -> ndarray:
    name = PER_CASE.get(metric, metric)
    if name == "error_rate":
        rates: ndarray = (table.outcomes == OutcomeCode.ERROR).mean(axis=1)
        return rates
    if name not in table.metrics:
        known = ", ".join(sorted({*table.metrics, "error_rate"}))
        raise UsageError(f"{metric!r} cannot be compared case by case", hint=f"metrics that can: {known}")
    return table.case_means(name)
