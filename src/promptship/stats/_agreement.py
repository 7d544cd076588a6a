"""How far raters agree beyond what chance would give."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from promptship.errors import UnpairedScoresError, UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy import ndarray

__all__ = ["cohen_kappa", "gwet_ac1", "krippendorff_alpha"]

Weights = Literal["linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval"]


def cohen_kappa(one: Sequence[Hashable], other: Sequence[Hashable], *, weights: Weights | None = None) -> float | None:
    """Return Cohen's kappa of two raters.

    Args:
        one: Labels; shape (n,), n at least 1.
        other: Labels of the same items.
        weights: `linear` or `quadratic` for labels in an order, which is their sorted one; None for plain labels.

    Returns:
        At most 1; None where both gave one and the same label throughout, so that chance explains all.

    Raises:
        UnpairedScoresError: The sequences differ in length.
        UsageError: There is no item.

    Source:
        Cohen (1960), Educational and Psychological Measurement 20(1); Cohen (1968), Psychological Bulletin 70(4).
    """
    import numpy as np

    labels = _labels(one, other)
    size = len(labels)
    table = np.zeros((size, size))
    for left, right in zip(one, other, strict=True):
        table[labels[left], labels[right]] += 1
    table /= table.sum()
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(float)
    cost = {None: (apart > 0).astype(float), "linear": apart, "quadratic": apart**2}[weights]
    chance = float((cost * np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    return None if chance == 0 else 1 - float((cost * table).sum()) / chance


def gwet_ac1(one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    """Return Gwet's AC1 of two raters, which holds where nearly all items have one label and kappa collapses.

    Args:
        one: Labels; shape (n,), n at least 1.
        other: Labels of the same items.

    Returns:
        At most 1; None where a single label was ever given.

    Raises:
        UnpairedScoresError: The sequences differ in length.
        UsageError: There is no item.

    Source:
        Gwet (2008), British Journal of Mathematical and Statistical Psychology 61(1).
    """
    labels = _labels(one, other)
    if len(labels) < 2:  # noqa: PLR2004 - one label leaves no choice
        return None
    agreed = sum(left == right for left, right in zip(one, other, strict=True)) / len(one)
    counts = Counter(one) + Counter(other)
    shares = [counts[label] / (2 * len(one)) for label in labels]
    chance = sum(share * (1 - share) for share in shares) / (len(labels) - 1)
    return (agreed - chance) / (1 - chance)


def krippendorff_alpha(ratings: Sequence[Sequence[Any]], *, level: Level = "nominal") -> float | None:
    """Return Krippendorff's alpha of any number of raters, of which some may have left items out.

    Args:
        ratings: One row per rater, one column per item, None or NaN for what was not rated; shape (raters, items).
        level: How far two labels are apart: any two alike (`nominal`), by rank (`ordinal`), by value (`interval`).

    Returns:
        At most 1; None where all labels are one and the same, or no item has two ratings.

    Raises:
        UsageError: Rows of different lengths, or labels that are no numbers at a level that needs them.

    Source:
        Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section E.
    """
    if len({len(row) for row in ratings}) > 1:
        raise UsageError("raters have rated different numbers of items", hint="write None for what was not rated")
    units = [[value for value in column if not _is_missing(value)] for column in zip(*ratings, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in units for value in unit}, key=_sort_key)
    if len(values) < 2:  # noqa: PLR2004 - one label leaves nothing to agree on
        return None
    pairs = _coincidences(units, values)
    totals = pairs.sum(axis=0)
    cost = _distances(values, totals, level)
    observed = float((cost * pairs).sum())
    expected = float((cost * (totals[:, None] * totals[None, :])).sum()) / (float(totals.sum()) - 1)
    return 1 - observed / expected


def _coincidences(units: Sequence[Sequence[Any]], values: Sequence[Any]) -> ndarray:
    """Count, weighted so that each item counts once per rating, which labels stand beside which."""
    import numpy as np

    places = {value: place for place, value in enumerate(values)}
    pairs = np.zeros((len(values), len(values)))
    for unit in units:
        counts = np.zeros(len(values))
        for value in unit:
            counts[places[value]] += 1
        pairs += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    return pairs


def _distances(values: Sequence[Any], totals: ndarray, level: Level) -> ndarray:
    import numpy as np

    size = len(values)
    if level == "nominal":
        return 1.0 - np.eye(size)
    if level == "interval":
        try:
            numbers = np.asarray(values, dtype=float)
        except (TypeError, ValueError):
            raise UsageError(f"labels {values!r} have no distances; expected numbers at level 'interval'") from None
        squares: ndarray = np.subtract.outer(numbers, numbers) ** 2
        return squares
    ranks = np.cumsum(totals) - totals / 2
    steps: ndarray = np.subtract.outer(ranks, ranks) ** 2
    return steps


def _labels(one: Sequence[Hashable], other: Sequence[Hashable]) -> dict[Hashable, int]:
    if len(one) != len(other):
        raise UnpairedScoresError(f"{len(one)} labels and {len(other)}; expected one of each for the same items")
    if not len(one):
        raise UsageError("no label; expected at least one item")
    for place, pair in enumerate(zip(one, other, strict=True)):
        if any(map(_is_missing, pair)):
            raise UsageError(
                f"item {place} is labelled {pair[0]!r} and {pair[1]!r}; expected a label of each",
                hint="leave the item out, or use krippendorff_alpha, which takes missing labels",
            )
    return {label: place for place, label in enumerate(sorted({*one, *other}, key=_sort_key))}


def _is_missing(label: object) -> bool:
    return label is None or (isinstance(label, float) and math.isnan(label))


def _sort_key(label: Any) -> tuple[bool, Any]:
    is_number = isinstance(label, int | float)
    return not is_number, label if is_number else str(label)
