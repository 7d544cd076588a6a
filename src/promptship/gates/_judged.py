"""Figures that carry the error of a judge: estimated from its verdicts on all cells and people's labels of some."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from promptship.gates._absolute import Figure
from promptship.runner import OutcomeCode
from promptship.stats import JudgeLabels, judged_difference, judged_rate, judged_worse, prediction_powered_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy import ndarray

    from promptship.domain import Finding, GateSpec
    from promptship.gates._bridged import BridgedPair
    from promptship.runner import CaseTable, JudgedCells
    from promptship.stats import Interval, Side

__all__ = ["JudgedFigure", "JudgedPair", "bound_judged", "judge_pair", "pair_judged", "say_uncorrected"]

_FEWEST_LABELS: Final = 20
_FEWEST_SCORES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFigure:
    """A share of cells that people would call good.

    Attributes:
        figure: With its bounds.
        raw: The share that the judge lets pass.
        labels: How many labels it rests on.
        own: How many of them are of these very answers.
        judge: The judge's name.
    """

    figure: Figure
    raw: float
    labels: int
    own: int
    judge: str

    def describe(self) -> str:
        """Say what it rests on."""
        of = f"{self.own} of these answers" if self.own else "none of these answers, which are taken to be like them"
        return f"{self.raw:.4g} by {self.judge!r} alone, mended by {self.labels} labels, {of}"

    def needed_labels(self, gate: GateSpec) -> int | None:
        """Return how many labels would about decide a gate if the figure stays; None where none would.

        The width is taken to be that of the labels, which it nearly is where they are few beside the cells.
        """
        threshold = gate.at_least if gate.at_least is not None else gate.at_most
        value = self.figure.value
        bound = self.figure.low if threshold is None or value > threshold else self.figure.high
        if threshold is None or bound is None or value == threshold:
            return None
        return int(self.labels * ((value - bound) / (value - threshold)) ** 2) + 1


def bound_judged(table: CaseTable, metric: str, alpha: float) -> JudgedFigure | None:
    """Bound the share of cells that people would call good.

    Args:
        table: The cases that count.
        metric: A scorer that is a judge, or `pass_rate` where exactly one judge is needed by a case.
        alpha: Level of each bound, 0 to 0.5.

    Returns:
        None where the metric rests on no judge with labels, or on fewer than 20 of them.
    """
    import numpy as np

    cells = _cells_of(table, metric)
    if cells is None:
        return None
    if metric != "pass_rate" and bool(np.isnan(cells.verdicts).all()):
        return _bound_scores(table, metric, cells, alpha)
    kept = _decided(table, cells, metric)
    verdicts, labels = cells.verdicts[kept], cells.labels[kept]
    if metric == "pass_rate":
        verdicts = np.where(cells.lost[kept], np.nan, verdicts)
    own = int((~np.isnan(labels) & ~np.isnan(verdicts)).sum())
    marks = _Marks.of(cells) if own < _FEWEST_LABELS else _Marks([], [], [], [], [])
    if own + len(marks.labels) < _FEWEST_LABELS or not len(labels):
        return None
    bound = partial(
        judged_rate,
        verdicts,
        labels,
        weights=cells.weights[kept],
        clusters=_clusters(table, kept),
        elsewhere=marks.as_labels(),
        confidence=1 - alpha,
    )
    return _figure_of(bound, float(np.nan_to_num(verdicts).mean()), own, len(marks.labels), cells)


def _bound_scores(table: CaseTable, metric: str, cells: JudgedCells, alpha: float) -> JudgedFigure | None:
    """Bound it by the scores of a judge that gives no verdicts."""
    import numpy as np

    scores = table.metrics[metric]
    known = ~np.isnan(scores)
    own = known & ~np.isnan(cells.labels)
    count = int(own.sum())
    marks = _Marks.of(cells).with_scores() if count < _FEWEST_LABELS else _Marks([], [], [], [], [])
    rest = scores[known & ~own]
    if count + len(marks.labels) < _FEWEST_LABELS or len(rest) < _FEWEST_SCORES:
        return None
    bound = partial(
        prediction_powered_mean,
        rest,
        [*scores[own], *marks.scores],
        [*cells.labels[own], *marks.labels],
        clusters=[*(_clusters(table, own) or range(count)), *marks.clusters],
        confidence=1 - alpha,
    )
    return _figure_of(bound, float(scores[known].mean()), count, len(marks.labels), cells)


def _figure_of(bound: Callable[..., Interval], raw: float, own: int, others: int, cells: JudgedCells) -> JudgedFigure:
    low, high = bound(side="lower"), bound(side="upper")
    figure = Figure(value=low.estimate, low=low.low, high=high.high, n=low.n, method=low.method)
    return JudgedFigure(figure=figure, raw=raw, labels=own + others, own=own, judge=cells.name)


@dataclass(frozen=True, slots=True)
class _Marks:
    """Labelled outputs that are none of the run's, column by column."""

    verdicts: list[float]
    labels: list[float]
    weights: list[float]
    clusters: list[str]
    scores: list[float]

    @classmethod
    def of(cls, cells: JudgedCells) -> _Marks:
        marks = [mark for mark in cells.marks if mark.judge is not None]
        return cls(
            verdicts=[float(bool(mark.judge)) for mark in marks],
            labels=[float(mark.human) for mark in marks],
            weights=[mark.weight for mark in marks],
            clusters=[mark.cluster or mark.case for mark in marks],
            scores=[math.nan if mark.score is None else mark.score for mark in marks],
        )

    def with_scores(self) -> _Marks:
        """Return those of which the judge's score is known."""
        rows = zip(self.verdicts, self.labels, self.weights, self.clusters, self.scores, strict=True)
        kept = [row for row in rows if not math.isnan(row[-1])]
        return _Marks(*(list(column) for column in zip(*kept, strict=True))) if kept else _Marks([], [], [], [], [])

    def as_labels(self) -> JudgeLabels | None:
        """Return them as the estimate takes them; None where there are none."""
        if not self.labels:
            return None
        return JudgeLabels(verdicts=self.verdicts, labels=self.labels, weights=self.weights, clusters=self.clusters)


@dataclass(frozen=True)
class JudgedPair:
    """What a judge and people say of the same cells of a baseline and a candidate; higher is better."""

    before: tuple[ndarray, ndarray]
    after: tuple[ndarray, ndarray]
    clusters: list[str] | None
    judge: str

    @cached_property
    def whole(self) -> Interval:
        """The difference, candidate minus baseline, with its 95 % interval."""
        return self.bounded("two", 0.95)

    @property
    def p_worse(self) -> float:
        """p-value of "the candidate is worse"."""
        return judged_worse(self.before, self.after, clusters=self.clusters)

    def bounded(self, side: Side, confidence: float) -> Interval:
        """Return the difference with one or two bounds."""
        return judged_difference(
            self.before,
            self.after,
            clusters=self.clusters,
            confidence=confidence,
            side=side,
        )

    def describe(self) -> str:
        """Say what it rests on."""
        import numpy as np

        before, after = (int((~np.isnan(labels)).sum()) for _, labels in (self.before, self.after))
        return f"{self.judge!r} mended by {before} labels before and {after} after"


def pair_judged(gate: GateSpec, table: CaseTable, baseline: CaseTable) -> JudgedPair | None:
    """Take a judge's verdicts and people's labels of the cells that two runs share.

    Returns:
        None where the gate rests on no judge, or people labelled fewer than 20 answers of either side: labels of other
        answers cannot tell that a judge is lenient to one side.
    """
    import numpy as np

    mine, theirs = table.pair(baseline)
    after, before = _cells_of(mine, gate.metric), _cells_of(theirs, gate.metric)
    if after is None or before is None or after.verdicts.shape != before.verdicts.shape:
        return None
    kept = _decided(mine, after, gate.metric) & _decided(theirs, before, gate.metric)
    sides = []
    for cells in (before, after):
        lost = cells.lost[kept] & (gate.metric == "pass_rate")
        sides.append((np.where(lost, np.nan, cells.verdicts[kept]), cells.labels[kept]))
    if any((~np.isnan(labels)).sum() < _FEWEST_LABELS for _, labels in sides):
        return None
    return JudgedPair(sides[0], sides[1], _clusters(mine, kept), after.name)


def judge_pair(gate: GateSpec, pair: JudgedPair | BridgedPair, *, p_worse: float) -> tuple[Finding, str]:
    """Decide a gate with or without a margin, as `judge_versus` does for figures without a judge's error."""
    low, high = pair.bounded("lower", 1 - gate.alpha), pair.bounded("upper", 1 - gate.alpha)
    said = f"{pair.whole.estimate:+.4g}, p = {p_worse:.3g} for worse, at worst {low.low:+.4g}; {pair.describe()}"
    is_worse = p_worse <= gate.alpha
    if gate.not_worse_by is not None:
        return ("pass" if low.low > -gate.not_worse_by else "fail" if is_worse else "inconclusive"), said
    if gate.better_by is not None:
        return ("pass" if low.low > gate.better_by else "fail" if high.high < gate.better_by else "inconclusive"), said
    if gate.equivalent_within is not None:
        margin = gate.equivalent_within
        inside, outside = low.low > -margin and high.high < margin, high.high < -margin or low.low > margin
        return ("pass" if inside else "fail" if outside else "inconclusive"), said
    return ("fail" if is_worse else "pass"), said


def say_uncorrected(gate: GateSpec, table: CaseTable) -> str:
    """Say that a comparison takes a measured judge at its word; "" where there is none."""
    cells = _cells_of(table, gate.metric)
    if cells is None:
        return ""
    return (
        f"; {cells.name!r} is taken at its word: {_FEWEST_LABELS} labelled answers of either side would carry its error"
    )


def _cells_of(table: CaseTable, metric: str) -> JudgedCells | None:
    """Return the judge that a metric rests on; None where it rests on none, on several, or on one without labels."""
    if metric == "pass_rate":
        needed = [cells for cells in table.judged.values() if cells.is_required]
        return needed[0] if len(needed) == 1 else None
    return table.judged.get(metric)


def _decided(table: CaseTable, cells: JudgedCells, metric: str) -> ndarray:
    """Return which cells count: those that passed or failed, or on which the judge ruled."""
    import numpy as np

    ruled: ndarray = ~np.isnan(cells.verdicts)
    if metric != "pass_rate":
        return ruled
    passed, failed = table.outcomes == OutcomeCode.PASSED, table.outcomes == OutcomeCode.FAILED
    decided: ndarray = (passed | failed) & (ruled | cells.lost)
    return decided


def _clusters(table: CaseTable, kept: ndarray) -> list[str] | None:
    """Return the origin of each cell that is kept; repeats of a case are of one origin."""
    if kept.shape[1] == 1 and not table.has_clusters:
        return None
    return [cluster for cluster, row in zip(table.clusters, kept, strict=True) for one in row if one]
