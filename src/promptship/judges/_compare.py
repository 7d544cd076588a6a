"""Two judges on the same labels, item by item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.domain import CardFigure
from promptship.errors import UnpairedScoresError
from promptship.judges._figures import kappa_of, resampled, share
from promptship.judges._gather import FEWEST_LABELS
from promptship.stats import mcnemar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.domain import CardMark, JudgeCard

__all__ = ["JudgeComparison", "compare_cards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeComparison:
    """How a second judge differs from a first, on the items that both decided.

    Attributes:
        first: Name of the first judge.
        second: Name of the second.
        shared: Labelled items of both.
        decided: Of these, items that both decided: what the figures rest on.
        agreement: Agreement with people of the second minus that of the first.
        kappa: Kappa of the second minus that of the first.
        coverage: Share of items decided by the second minus that by the first.
        only_first: Items on which the first alone is right.
        only_second: And the second alone.
        p_value: Of the exact McNemar test of these two.
        finding: Whether the second is better, worse, or that is not shown.
    """

    first: str
    second: str
    shared: int
    decided: int
    agreement: CardFigure
    kappa: CardFigure
    coverage: CardFigure
    only_first: int
    only_second: int
    p_value: float
    finding: str


def compare_cards(first: JudgeCard, second: JudgeCard) -> JudgeComparison:
    """Compare two judges by their cards, pair by pair.

    Args:
        first: The card that is compared with.
        second: The card that is compared.

    Raises:
        UnpairedScoresError: Fewer than twenty labelled items are in both, or people's labels of one have changed.
    """
    import numpy as np

    pairs = _pairs(first, second)
    both = [(one, other) for one, other in pairs if one.judge is not None and other.judge is not None]
    if len(both) < FEWEST_LABELS:
        raise UnpairedScoresError(
            f"{len(both)} items are decided by both {first.name!r} and {second.name!r}; "
            f"expected at least {FEWEST_LABELS}"
        )
    rows = np.asarray([(one.human, one.judge, other.judge) for one, other in both], dtype=float)
    weights = np.asarray([one.weight for one, _ in both])
    right = (rows[:, 1:] == rows[:, :1]).astype(float)
    test = mcnemar([bool(one) for one in right[:, 0]], [bool(one) for one in right[:, 1]])
    agreement = share(right[:, 1] - right[:, 0], weights, _clusters([one for one, _ in both]), within=(-1.0, 1.0))
    return JudgeComparison(
        first=first.name,
        second=second.name,
        shared=len(pairs),
        decided=len(both),
        agreement=agreement,
        kappa=_kappa_difference(rows, weights, _clusters([one for one, _ in both])),
        coverage=_coverage_difference(pairs),
        only_first=int((right[:, 0] > right[:, 1]).sum()),
        only_second=int((right[:, 1] > right[:, 0]).sum()),
        p_value=test.p_value,
        finding=_finding(agreement),
    )


def _pairs(first: JudgeCard, second: JudgeCard) -> list[tuple[CardMark, CardMark]]:
    known = {(one.case, one.output_digest): one for one in second.marks}
    pairs = [(one, known[key]) for one in first.marks if (key := (one.case, one.output_digest)) in known]
    changed = next((one for one, other in pairs if one.human is not other.human), None)
    if changed is not None:
        raise UnpairedScoresError(
            f"people's label of {changed.case!r} differs between the cards of {first.name!r} and {second.name!r}",
            hint="write both cards anew from the same labels: promptctl judge card NAME",
        )
    return pairs


def _clusters(marks: Sequence[CardMark]) -> list[str]:
    return [one.cluster or f"case {one.case}" for one in marks]


def _kappa_difference(rows: ndarray, weights: ndarray, clusters: Sequence[str]) -> CardFigure:
    import numpy as np

    def difference(units: ndarray) -> float:
        kappas = [_kappa(units[:, 0], units[:, judge], units[:, 3]) for judge in (1, 2)]
        return kappas[1] - kappas[0]

    units = np.column_stack([rows, weights])
    found = resampled(units, difference, clusters=clusters)
    return CardFigure(estimate=found.estimate, low=found.low, high=found.high, n=found.n, method=found.method)


def _kappa(human: ndarray, judge: ndarray, weights: ndarray) -> float:
    import numpy as np

    table = np.bincount((2 * human + judge).astype(int), weights=weights, minlength=4).reshape(2, 2)
    return kappa_of(table) or 0.0


def _coverage_difference(pairs: Sequence[tuple[CardMark, CardMark]]) -> CardFigure:
    import numpy as np

    values = np.asarray([(other.judge is not None) - (one.judge is not None) for one, other in pairs], dtype=float)
    weights = np.asarray([one.weight for one, _ in pairs])
    return share(values, weights, _clusters([one for one, _ in pairs]), within=(-1.0, 1.0))


def _finding(agreement: CardFigure) -> str:
    if agreement.low is not None and agreement.low > 0:
        return "better"
    if agreement.high is not None and agreement.high < 0:
        return "worse"
    return "no difference shown"
