"""Calibration: a map from a judge's scores to probabilities, and a threshold, with honest figures of both."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from promptship.errors import UsageError
from promptship.judges._ask import ask_judge
from promptship.judges._figures import Marks, agreement_of, figure_of, kappa_of
from promptship.judges._folds import folds_of
from promptship.judges._gather import FEWEST_LABELS, require_usable
from promptship.judges._reliability import calibration_error_of
from promptship.judges._retest import measure_retest
from promptship.stats import fit_isotonic, fit_platt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy import ndarray

    from promptship.domain import CardFigure, JsonObject
    from promptship.judges._ask import OpenJudge, Ruling
    from promptship.judges._gather import LabelSet
    from promptship.stats import Calibration

__all__ = ["JudgeCalibration", "MapName", "calibrate_judge", "find_threshold", "fit_map"]

_FOLDS = 5
MapName = Literal["platt", "isotonic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCalibration:
    """What calibration found.

    Attributes:
        name: The judge.
        map: From raw scores to probabilities of good, fitted on all labels.
        threshold: Probability from which an output is good, fitted on all labels.
        labels: How many labelled outputs it was fitted on.
        labels_digest: Digest of the labels.
        unscored: Outputs without a score, which had no part.
        kappa: Agreement on outputs that map and threshold had not seen, five folds of whole clusters.
        agreement: Likewise.
        error_before: Calibration error of raw scores.
        error_after: Of calibrated scores of outputs that the map had not seen.
        retest: `retest_flips`, `retest_variance` and `retest_spread` of calibrated scores and their verdicts, where the
            judge was asked again; else empty. No part of the file: it would make another judge of the same one.
    """

    name: str
    map: Calibration
    threshold: float
    labels: int
    labels_digest: str
    unscored: int
    kappa: CardFigure
    agreement: CardFigure
    error_before: CardFigure
    error_after: CardFigure
    retest: Mapping[str, CardFigure] = field(default_factory=dict)

    def as_json(self) -> JsonObject:
        """Return what the calibration file holds."""
        return {
            "calibration": 1,
            "judge": self.name,
            "map": self.map.as_json(),
            "threshold": self.threshold,
            "labels": self.labels,
            "labels_digest": self.labels_digest,
            "held_out": {
                "kappa": self.kappa.model_dump(),
                "agreement": self.agreement.model_dump(),
                "calibration_error": self.error_after.model_dump(),
            },
        }


async def calibrate_judge(
    judge: OpenJudge,
    labels: LabelSet,
    *,
    method: MapName = "platt",
    retests: int = 0,
    on_progress: Callable[[int], None] | None = None,
) -> JudgeCalibration:
    """Fit map and threshold on a judge's labels; what is reported of them was measured on outputs they had not seen.

    Args:
        judge: Gives raw scores; its calibration has no part.
        labels: Gathered for `calibrate`.
        method: `platt` bends little and needs few labels; `isotonic` follows any rising curve from some hundred up.
        retests: How often each output is judged again without a cache; 0 for never.
        on_progress: See `ask_judge`.

    Raises:
        UsageError: The labels are too few or of one class, or the judge gives too few scores.
        InfrastructureError: A model could not be asked.
    """
    import numpy as np

    require_usable(labels)
    items = [one.item for one in labels.items]
    rulings = await ask_judge(judge, items, on_progress=on_progress)
    again = [await ask_judge(judge, items, anew=True, on_progress=on_progress) for _ in range(retests)]
    scored = [(one, ruling.raw) for one, ruling in zip(labels.items, rulings, strict=True) if ruling.raw is not None]
    if len(scored) < FEWEST_LABELS or len({one.good for one, _ in scored}) == 1:
        raise UsageError(
            f"the judge scored {len(scored)} of {len(rulings)} labelled outputs; expected {FEWEST_LABELS} and both "
            "good and bad ones",
            hint="look at its raw answers: `promptctl score` shows one",
        )
    human = np.asarray([one.good for one, _ in scored], dtype=float)
    raw = np.asarray([value for _, value in scored], dtype=float)
    weights = np.asarray([one.weight for one, _ in scored])
    clusters = tuple(one.cluster for one, _ in scored)
    fitted = fit_map(method, raw, human, weights)
    threshold = find_threshold(fitted.apply(raw), human, weights)
    mapped = [[_calibrated(one, fitted, threshold) for one in answers] for answers in (rulings, *again)]
    unseen, verdicts = _held_out(method, raw, human, weights, clusters)
    marks = Marks(human=human, judge=verdicts, weights=weights, clusters=clusters)
    return JudgeCalibration(
        name=judge.file.name,
        map=fitted,
        threshold=threshold,
        labels=len(scored),
        labels_digest=labels.digest,
        unscored=len(rulings) - len(scored),
        kappa=figure_of(marks, kappa_of),
        agreement=figure_of(marks, agreement_of),
        error_before=calibration_error_of(human, raw, weights, clusters),
        error_after=calibration_error_of(human, unseen, weights, clusters),
        retest=measure_retest(mapped[0], mapped[1:], [one.cluster for one in labels.items]),
    )


def _calibrated(ruling: Ruling, fitted: Calibration, threshold: float) -> Ruling:
    if ruling.raw is None:
        return replace(ruling, good=None)
    score = float(fitted.apply([ruling.raw])[0])
    return replace(ruling, score=score, good=score >= threshold)


def fit_map(method: MapName, scores: ndarray, human: ndarray, weights: ndarray) -> Calibration:
    """Fit the map that `method` names."""
    fit = fit_platt if method == "platt" else fit_isotonic
    return fit(scores, human, weights=weights.tolist())


def find_threshold(chances: ndarray, human: ndarray, weights: ndarray) -> float:
    """Return the probability from which calling an output good is right most often on both sides (Youden's J).

    It is halfway between two scores, so that a score on the edge does not hang on rounding.

    Source:
        Youden (1950), Cancer 3(1).
    """
    import numpy as np

    # Errors of both kinds weigh alike, however many labelled outputs are good: raters are often given bad ones first.
    levels = np.unique(chances)
    cuts = np.concatenate([[levels[0]], (levels[1:] + levels[:-1]) / 2])
    good, bad = float(weights[human > 0].sum()), float(weights[human <= 0].sum())

    def gain(cut: float) -> float:
        called = chances >= cut
        return float(weights[called & (human > 0)].sum()) / good - float(weights[called & (human <= 0)].sum()) / bad

    gains = np.asarray([gain(cut) for cut in cuts])
    # Of cuts that are equally good the middle one: the ends sit on single items.
    best = np.flatnonzero(gains >= gains.max() - 1e-12)
    return float(cuts[best[(len(best) - 1) // 2]])


def _held_out(
    method: MapName, raw: ndarray, human: ndarray, weights: ndarray, clusters: tuple[str, ...]
) -> tuple[ndarray, ndarray]:
    """Return probabilities and verdicts of outputs by maps and thresholds that had not seen them."""
    import numpy as np

    chances, verdicts = np.full(len(raw), human.mean()), np.ones(len(raw))
    for held in folds_of(clusters, _FOLDS):
        rest = ~held
        # A fold may hold all items of one class; without them nothing is fitted, and the majority is said.
        if len(np.unique(human[rest])) == 1:
            verdicts[held] = human[rest][0]
            continue
        fitted = fit_map(method, raw[rest], human[rest], weights[rest])
        cut = find_threshold(fitted.apply(raw[rest]), human[rest], weights[rest])
        chances[held] = fitted.apply(raw[held])
        verdicts[held] = (chances[held] >= cut).astype(float)
    return chances, verdicts
