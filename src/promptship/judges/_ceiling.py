"""The human ceiling: how far a person agrees with the majority of the others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from promptship.judges._figures import Marks, agreement_of, figure_of, kappa_of
from promptship.stats import krippendorff_alpha

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import CardFigure, Rating
    from promptship.judges._gather import LabelSet

__all__ = ["human_ceiling"]


def human_ceiling(labels: LabelSet) -> dict[str, CardFigure]:
    """Measure every rater against the majority of the others, over all items that two or more rated.

    A judge that agrees with the majority of several people as often as one person with the rest is as good as labels
    can show.

    Returns:
        `agreement`, `kappa` and `alpha`; empty where no item has a second rating.
    """
    import numpy as np

    from promptship.domain import CardFigure

    human, other, items = [], [], []
    for number, rated in enumerate(labels.ratings):
        for rater, rating in rated.items():
            rest = _majority({name: one for name, one in rated.items() if name != rater})
            # A rater is never held against a majority that includes the rater: with three it would be two thirds won.
            if rest is not None and rating != "unsure":
                human.append(rest)
                other.append(rating == "good")
                items.append(f"item {number}")
    if not human:
        return {}
    marks = Marks(
        human=np.asarray(human, dtype=float),
        judge=np.asarray(other, dtype=float),
        weights=np.ones(len(human)),
        clusters=tuple(items),
    )
    rows = [[rated.get(rater) for rated in labels.ratings] for rater in labels.raters]
    alpha = krippendorff_alpha([[None if one == "unsure" else one for one in row] for row in rows])
    return {
        "agreement": figure_of(marks, agreement_of),
        "kappa": figure_of(marks, kappa_of),
        "alpha": CardFigure(estimate=alpha, n=len(set(items)), method="Krippendorff"),
    }


def _majority(rated: Mapping[str, Rating]) -> bool | None:
    votes = Counter(rated.values())
    return None if votes["good"] == votes["bad"] else votes["good"] > votes["bad"]
