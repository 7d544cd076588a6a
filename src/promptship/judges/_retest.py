"""Asked again: how far a judge's answers move when nothing but chance can move them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.judges._figures import share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.domain import CardFigure
    from promptship.judges._ask import Ruling

__all__ = ["measure_retest"]

_FEWEST = 2


def measure_retest(
    rulings: Sequence[Ruling], again: Sequence[Sequence[Ruling]], clusters: Sequence[str]
) -> dict[str, CardFigure]:
    """Say how far answers move.

    Args:
        rulings: What the judge said of each output.
        again: What it said when it was asked again, each time of the same outputs.
        clusters: Origin of each output.

    Returns:
        `retest_flips`, the share of verdicts that changed; `retest_variance`, that of one output's scores, unbiased, as
        of a single answer; and `retest_spread`, their deviation in the score's own unit. Outputs with fewer than two
        scores tell neither of the last two. Empty where nobody was asked again.
    """
    import numpy as np

    if not again:
        return {}
    flips, spreads, variances = [], [], []
    for place, first in enumerate(rulings):
        rest = [answers[place] for answers in again]
        flips.append(sum(one.good is not first.good for one in rest) / len(rest))
        scores = [one.score for one in [first, *rest] if one.score is not None]
        several = len(scores) >= _FEWEST
        spreads.append(float(np.std(scores)) if several else np.nan)
        variances.append(float(np.var(scores, ddof=1)) if several else np.nan)
    # Scores of 0 to 1 vary by a half at most: one 0 and one 1.
    columns = {"retest_flips": (flips, 1.0), "retest_spread": (spreads, 1.0), "retest_variance": (variances, 0.5)}
    return {name: _share_of_known(np.asarray(values), clusters, most) for name, (values, most) in columns.items()}


def _share_of_known(values: ndarray, clusters: Sequence[str], most: float) -> CardFigure:
    import numpy as np

    known = ~np.isnan(values)
    origins = [cluster for cluster, one in zip(clusters, known, strict=True) if one]
    return share(values[known], np.ones(int(known.sum())), origins, within=(0.0, most))
