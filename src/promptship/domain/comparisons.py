"""What changed between two runs over the same cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CaseChange", "ChangeKind", "ComparedSide", "Comparison", "MetricChange", "SliceChange", "Stability"]

Stability = Literal["stable_pass", "flaky", "stable_fail", "error", "unscored"]
"""What all repeats of a case say together."""
ChangeKind = Literal["fixed", "broken", "flaky", "error", "unscored", "same"]
MetricFinding = Literal["better", "worse", "unclear", "same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """How one metric changed over the cases that both sides have a figure for.

    Attributes:
        metric: Its name.
        baseline: Mean of the baseline; None where there is no shared figure.
        candidate: Mean of the candidate.
        difference: Candidate minus baseline.
        low: Lower end of the 95 % interval of the difference; None with fewer than two cases.
        high: Upper end.
        p_value: Of the two-sided paired test; None where none was made (money, time, fewer than two cases).
        p_adjusted: The same after Holm's correction over the metrics, or the slices, that were tested together.
        n: Cases that the figures rest on.
        method: Test and interval by name.
        lower_is_better: For money and time.
        finding: `better` and `worse` where the adjusted test (without one, the interval) says so.
    """

    metric: str
    baseline: float | None
    candidate: float | None
    difference: float | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    n: int = 0
    method: str = ""
    lower_is_better: bool = False
    finding: MetricFinding = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceChange:
    """The pass rate of one slice, `tag=value`."""

    name: str
    change: MetricChange


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """A case whose repeats say something else than before; shares are of the repeats that were scored."""

    case_id: str
    kind: ChangeKind
    baseline: Stability
    candidate: Stability
    baseline_share: float | None
    candidate_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSide:
    """One column of a run."""

    run_id: str
    label: str
    digest: str
    evalset: str
    evalset_digest: str
    cases: int
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A candidate against a baseline.

    Attributes:
        baseline: What was.
        candidate: What is proposed.
        shared: Cases that were compared.
        only_baseline: Cases that the candidate lacks.
        only_candidate: Cases that the baseline lacks.
        edited: Cases of one id whose inputs or expected output differ; left out.
        metrics: `pass_rate` first, then each scorer, then money and time.
        slices: By name.
        counts: How many shared cases are of each kind of change.
        changes: The cases that changed, broken ones first.
        notes: What a reader must know before believing the figures, loudest first.
        p_of_many: Of the pass rate's test after Holm's correction over the variants that were compared with one
            baseline; None where it was compared alone, or not tested.
    """

    baseline: ComparedSide
    candidate: ComparedSide
    shared: int
    only_baseline: int
    only_candidate: int
    edited: int
    metrics: tuple[MetricChange, ...]
    slices: tuple[SliceChange, ...]
    counts: Mapping[ChangeKind, int]
    changes: tuple[CaseChange, ...]
    notes: tuple[str, ...] = ()
    p_of_many: float | None = None

    def metric(self, name: str) -> MetricChange | None:
        """Return the change of one metric; None where it was not measured on both sides."""
        return next((change for change in self.metrics if change.metric == name), None)
