"""The card of a judge: everything that says how far it can be trusted, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.domain import Admission, CardFigure, CardLabels, CardMark, CardSlice, JudgeCard
from promptship.errors import UsageError
from promptship.judges._ask import ask_judge
from promptship.judges._ceiling import human_ceiling
from promptship.judges._figures import (
    Marks,
    ac1_of,
    agreement_of,
    alpha_of,
    figure_of,
    kappa_of,
    resampled,
    sensitivity_of,
    share,
    specificity_of,
)
from promptship.judges._gather import require_usable
from promptship.judges._nulls import compare_with_nulls
from promptship.judges._probes import run_probes
from promptship.judges._reliability import brier_of, calibration_error_of, reliability_of
from promptship.judges._retest import measure_retest
from promptship.stats import auroc, spearman

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy import ndarray

    from promptship.domain import CardNull, CardProbe, ReliabilityBin
    from promptship.judges._ask import OpenJudge, Ruling
    from promptship.judges._gather import LabelledItem, LabelSet

__all__ = ["CardOptions", "make_card"]

_FEWEST_IN_SLICE: Final = 10
_FEWEST_UNITS: Final = 2
_TABLE_FIGURES: Final[Mapping[str, Callable[[ndarray], float | None]]] = {
    "agreement": agreement_of,
    "kappa": kappa_of,
    "ac1": ac1_of,
    "alpha": alpha_of,
    "sensitivity": sensitivity_of,
    "specificity": specificity_of,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOptions:
    """How much a card asks of its judge.

    Attributes:
        probes: Whether counterfactual probes are run.
        most_probed: Items per probe.
        retests: How often each item is judged again without a cache; 0 for never.
        seed: Of draws.
    """

    probes: bool = True
    most_probed: int = 40
    retests: int = 0
    seed: int = 0


async def make_card(
    judge: OpenJudge,
    labels: LabelSet,
    options: CardOptions = CardOptions(),
    *,
    on_progress: Callable[[int], None] | None = None,
) -> JudgeCard:
    """Ask a judge about every labelled output, and measure it.

    Args:
        judge: The judge.
        labels: What people say.
        options: What else is asked of it.
        on_progress: See `ask_judge`.

    Raises:
        UsageError: The labels are too few or of one class, or the judge has no threshold.
        InfrastructureError: A model could not be asked.
    """
    require_usable(labels)
    rulings = await _rule(judge, labels, on_progress)
    # Labels come first: a probe costs as much as the labels do, and says nothing of a judge that is refused.
    probes: list[CardProbe] = []
    if options.probes:
        probes = await run_probes(
            judge, labels.items, rulings, most=options.most_probed, seed=options.seed, on_progress=on_progress
        )
    retest = await _retest(judge, labels, rulings, options.retests, on_progress)
    return _assemble(judge, labels, rulings, probes, retest)


async def _rule(judge: OpenJudge, labels: LabelSet, on_progress: Callable[[int], None] | None) -> list[Ruling]:
    """Return a ruling for each item; for those that the judge was trained on, of a model that had not seen them."""
    unseen = [one.item for one in labels.items if one.item.key not in judge.held_out]
    asked = iter(await ask_judge(judge, unseen, on_progress=on_progress))
    return [judge.held_out[one.item.key] if one.item.key in judge.held_out else next(asked) for one in labels.items]


async def _retest(
    judge: OpenJudge,
    labels: LabelSet,
    rulings: Sequence[Ruling],
    times: int,
    on_progress: Callable[[int], None] | None,
) -> dict[str, CardFigure]:
    """Ask again, `times` over, and say how far the answers move."""
    if not times or judge.anew is None:
        return {}
    items = [one.item for one in labels.items]
    again = [await ask_judge(judge, items, anew=True, on_progress=on_progress) for _ in range(times)]
    return measure_retest(rulings, again, [one.cluster for one in labels.items])


def _assemble(
    judge: OpenJudge,
    labels: LabelSet,
    rulings: Sequence[Ruling],
    probes: Sequence[CardProbe],
    retest: Mapping[str, CardFigure],
) -> JudgeCard:
    decided = [(one, ruling) for one, ruling in zip(labels.items, rulings, strict=True) if ruling.good is not None]
    marks = _marks_of(decided)
    figures = {name: figure_of(marks, statistic) for name, statistic in _TABLE_FIGURES.items()}
    figures |= _score_figures(labels, rulings) | {"coverage": _coverage(labels, rulings)} | dict(retest)
    position = next((one for one in probes if one.name == "position"), None)
    if position is not None:
        figures["order_consistency"] = _complement(position.flips)
    nulls = compare_with_nulls([one for one, _ in decided], marks.judge) if decided else ()
    file = judge.file
    return JudgeCard(
        name=file.name,
        judge=_cited(rulings) or judge.digest,
        type=file.type,
        model=file.model,
        policy=file.policy,
        threshold=file.threshold,
        calibration=str((file.calibration or {}).get("method", "")) if file.calibration else "",
        admission=_admit(figures["kappa"], nulls, file.admit_kappa),
        labels=_describe_labels(labels),
        counts=_count(marks, rulings),
        figures=figures,
        human=human_ceiling(labels),
        nulls=nulls,
        reliability=_reliability(labels, rulings),
        probes=tuple(probes),
        slices=tuple(_slices(decided, file.admit_kappa)),
        marks=tuple(_mark(one, ruling) for one, ruling in zip(labels.items, rulings, strict=True)),
        notes=(*labels.notes, *_notes(judge, labels)),
    )


def _cited(rulings: Sequence[Ruling]) -> str:
    """Return the digest that all scores cite; "" where they cite none.

    Raises:
        UsageError: They cite several: the model was changed while the judge was asked.
    """
    cited = {ruling.judge for ruling in rulings if ruling.judge}
    if len(cited) > 1:
        raise UsageError(
            f"the scores cite {len(cited)} judges: what judges was changed while it was asked",
            hint="make the card anew",
        )
    return next(iter(cited), "")


def _marks_of(decided: Sequence[tuple[LabelledItem, Ruling]]) -> Marks:
    import numpy as np

    return Marks(
        human=np.asarray([one.good for one, _ in decided], dtype=float),
        judge=np.asarray([ruling.good for _, ruling in decided], dtype=float),
        weights=np.asarray([one.weight for one, _ in decided], dtype=float),
        clusters=tuple(one.cluster for one, _ in decided),
    )


def _scored(labels: LabelSet, rulings: Sequence[Ruling]) -> tuple[ndarray, ndarray, ndarray, list[str]]:
    """Return what people say, scores, weights and clusters of the items that have a score."""
    import numpy as np

    kept = [
        (float(one.good), ruling.score, one.weight, one.cluster)
        for one, ruling in zip(labels.items, rulings, strict=True)
        if ruling.score is not None
    ]
    columns = np.asarray([row[:3] for row in kept], dtype=float).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2], [row[3] for row in kept]


def _score_figures(labels: LabelSet, rulings: Sequence[Ruling]) -> dict[str, CardFigure]:
    import numpy as np

    human, scores, weights, clusters = _scored(labels, rulings)
    if len(human) < _FEWEST_UNITS:
        return {}
    rows = np.column_stack([human, scores, weights])
    return {
        "auroc": _bounded(rows, clusters, _auroc_of),
        "rank_correlation": _rank_correlation(human, scores, clusters),
        "calibration_error": calibration_error_of(human, scores, weights, clusters),
        "brier": brier_of(human, scores, weights, clusters),
    }


def _bounded(rows: ndarray, clusters: Sequence[str], statistic: Callable[[ndarray], float | None]) -> CardFigure:
    estimate = statistic(rows)
    if estimate is None or len(set(clusters)) < _FEWEST_UNITS:
        return CardFigure(estimate=estimate, n=len(rows))
    found = resampled(rows, statistic, clusters=clusters)
    return CardFigure(estimate=estimate, low=found.low, high=found.high, n=found.n, method=found.method)


def _auroc_of(rows: ndarray) -> float | None:
    """Return the AUROC of rows of label, score and weight; None where they are of one class."""
    human, scores, weights = rows.T
    return auroc(scores, human, weights=weights) if 0 < human.mean() < 1 else None


def _rank_correlation(human: ndarray, scores: ndarray, clusters: Sequence[str]) -> CardFigure:
    """Return Spearman's rho; no estimate where either side is constant, or of a handful of origins."""
    try:
        found = spearman(human, scores, clusters=clusters)
    except UsageError:
        return CardFigure(estimate=None, n=len(human))
    return CardFigure(estimate=found.estimate, low=found.low, high=found.high, n=found.n, method=found.method)


def _coverage(labels: LabelSet, rulings: Sequence[Ruling]) -> CardFigure:
    import numpy as np

    decided = np.asarray([ruling.good is not None for ruling in rulings], dtype=float)
    weights = np.asarray([one.weight for one in labels.items])
    return share(decided, weights, [one.cluster for one in labels.items], within=(0.0, 1.0))


def _complement(figure: CardFigure) -> CardFigure:
    return CardFigure(
        estimate=None if figure.estimate is None else 1 - figure.estimate,
        low=None if figure.high is None else 1 - figure.high,
        high=None if figure.low is None else 1 - figure.low,
        n=figure.n,
        method=figure.method,
    )


def _admit(kappa: CardFigure, nulls: Sequence[CardNull], at_least: float) -> Admission:
    """Decide whether a judge may judge: it agrees enough, shown to be more than chance and than knowing nothing."""
    reasons = [reason for reason in (_too_low(kappa, at_least),) if reason]
    reasons += [
        f"not shown to be above the null judge {null.name!r}: {_points(null.above)}"
        for null in nulls
        if null.above.low is None or null.above.low <= 0
    ]
    return Admission(admitted=not reasons, kappa_at_least=at_least, reasons=tuple(reasons))


def _too_low(kappa: CardFigure, at_least: float) -> str:
    if kappa.estimate is None:
        return "kappa is not determined: the judge decided nothing, or only items of one class"
    if kappa.estimate < at_least:
        return f"kappa is {kappa.estimate:.2f}, below {at_least:g}"
    # The estimate meets the bar, and the interval only has to exclude chance: a bar on the low end would take some
    # two hundred labels to clear for a judge as good as people are, and nobody would label them.
    if kappa.low is None or kappa.low <= 0:
        return f"kappa is {kappa.estimate:.2f}, which {kappa.n} origins do not tell from chance"
    return ""


def _points(figure: CardFigure) -> str:
    if figure.estimate is None or figure.low is None or figure.high is None:
        return "too few items"
    return f"{100 * figure.estimate:+.0f} points of agreement, from {100 * figure.low:+.0f} to {100 * figure.high:+.0f}"


def _slices(decided: Sequence[tuple[LabelledItem, Ruling]], at_least: float) -> list[CardSlice]:
    by_slice: dict[str, list[tuple[LabelledItem, Ruling]]] = {}
    for one, ruling in decided:
        for name, value in one.item.case.tags.items():
            by_slice.setdefault(f"{name}={value}", []).append((one, ruling))
    found = []
    for name, members in sorted(by_slice.items()):
        marks = _marks_of(members)
        kappa, agreement = figure_of(marks, kappa_of), figure_of(marks, agreement_of)
        reason = _too_low(kappa, at_least)
        if kappa.n < _FEWEST_IN_SLICE:
            reason = f"{kappa.n} origins of labelled outputs; a slice is admitted from {_FEWEST_IN_SLICE} up"
        found.append(CardSlice(slice=name, kappa=kappa, agreement=agreement, admitted=not reason, reason=reason))
    return found


def _reliability(labels: LabelSet, rulings: Sequence[Ruling]) -> tuple[ReliabilityBin, ...]:
    human, scores, weights, clusters = _scored(labels, rulings)
    return reliability_of(human, scores, weights, clusters) if len(human) else ()


def _describe_labels(labels: LabelSet) -> CardLabels:
    good = sum(one.good for one in labels.items)
    return CardLabels(
        items=len(labels.offered),
        labels=labels.labels,
        labelled=len(labels.items),
        good=good,
        bad=len(labels.items) - good,
        unsure=len(labels.ratings) - len(labels.items),
        raters=labels.raters,
        sources=dict(labels.sources),
        weighted=labels.is_weighted,
        digest=labels.digest,
    )


def _count(marks: Marks, rulings: Sequence[Ruling]) -> dict[str, int]:
    human, judge = marks.human > 0, marks.judge > 0
    return {
        "true_good": int((human & judge).sum()),
        "false_good": int((~human & judge).sum()),
        "false_bad": int((human & ~judge).sum()),
        "true_bad": int((~human & ~judge).sum()),
        "abstained": sum(one.good is None and one.score is not None for one in rulings),
        "unscored": sum(one.good is None and one.score is None for one in rulings),
    }


def _mark(one: LabelledItem, ruling: Ruling) -> CardMark:
    return CardMark(
        case=one.item.case.id,
        output_digest=one.item.digest,
        human=one.good,
        judge=ruling.good,
        score=ruling.score,
        weight=one.weight,
        tags=dict(one.item.case.tags),
        cluster=one.item.case.cluster,
    )


def _notes(judge: OpenJudge, labels: LabelSet) -> list[str]:
    found = []
    if len(labels.raters) == 1:
        found.append("one rater: how far people agree with each other is not known, so no judge can be held to it")
    seen = sum(one.item.key in judge.held_out for one in labels.items)
    if seen:
        said = f"{seen} of {len(labels.items)} outputs are those it was trained on"
        found.append(f"{said}: each was judged by a model that had not seen its family")
    return found
