"""Gates against a baseline that another judge has scored: compared by a bridge set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from promptship.stats import FEWEST_BRIDGED, bridged_difference

if TYPE_CHECKING:
    from numpy import ndarray

    from promptship.domain import GateSpec
    from promptship.runner import CaseTable
    from promptship.stats import BridgedDifference, Interval, Side

__all__ = ["BridgedPair", "pair_bridged"]


@dataclass(frozen=True)
class BridgedPair:
    """One metric of both sides, each by its own judge, and of some cases of the baseline by the candidate's.

    Attributes:
        before: Of the baseline by its judge; shape (n,).
        after: Of the candidate by its own.
        other: Of the baseline by the candidate's judge; NaN where it was not asked.
        clusters: Origin of each case.
    """

    before: ndarray
    after: ndarray
    other: ndarray
    clusters: list[str]

    @cached_property
    def found(self) -> BridgedDifference:
        """The difference as the candidate's judge would see it."""
        return bridged_difference(self.before, self.after, self.other, clusters=self.clusters)

    @cached_property
    def whole(self) -> Interval:
        """The difference, candidate minus baseline, with its 95 % interval."""
        return self.found.interval()

    @property
    def p_worse(self) -> float:
        """p-value of "the candidate is worse"."""
        return self.found.p_value("worse")

    def bounded(self, side: Side, confidence: float) -> Interval:
        """Return the difference with one or two bounds."""
        return self.found.interval(confidence, side)

    def describe(self) -> str:
        """Say what it rests on."""
        found = self.found
        return f"bridged from another judge by {found.bridged} of {found.n} cases, a shift of {found.shift:+.4g}"


def pair_bridged(gate: GateSpec, table: CaseTable, baseline: CaseTable) -> BridgedPair | None:
    """Take a gate's metric of both sides, and of the bridge.

    Returns:
        None where the bridge has fewer than 20 of the cases.
    """
    import numpy as np

    mine, theirs = table.pair(baseline)
    before, after = theirs.case_means(gate.metric), mine.case_means(gate.metric)
    other = theirs.bridged_means(gate.metric)
    known = ~(np.isnan(before) | np.isnan(after))
    if (~np.isnan(other[known])).sum() < FEWEST_BRIDGED:
        return None
    clusters = [name for name, kept in zip(mine.clusters, known, strict=True) if kept]
    return BridgedPair(before[known], after[known], other[known], clusters)
