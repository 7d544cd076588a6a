"""How many independent votes a panel is worth."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from promptship.errors import UnpairedScoresError, UsageError
from promptship.stats._votes import as_votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

__all__ = ["effective_votes"]

# What is 0 by the formula is not in floating point.
_CLOSE = 1e-10


def effective_votes(
    votes: Sequence[Sequence[int]] | ndarray,
    *,
    truth: Sequence[int] | ndarray | None = None,
    classes: int = 2,
) -> float | None:
    """Return how many independent votes a panel of k raters is worth: k / (1 + (k - 1) r).

    With the truth, r is the mean correlation of two raters' errors: at 1 all are one vote, at 0 they are k, and where
    one is right when another is wrong they are more than k. Without it, r is the mean correlation of their votes, which
    also holds what they agree on for good reason: then k / (1 + (k - 1) r) says how many votes were no repetition of
    others, which is as a rule less than the panel is worth.

    Args:
        votes: 0 to `classes` - 1, and -1 for none; shape (items, raters), at least two raters.
        truth: Class of each item, -1 where it is not known; shape (items,). None where it is known of none.
        classes: How many classes there are; without the truth only 2 will do.

    Returns:
        Above 0, infinite where errors exclude each other; None where no two raters both vary (with the truth: are both
        right and wrong at times), so that no correlation is known.

    Raises:
        UsageError: Votes that are no classes, fewer than two raters, or more than two classes without the truth.
        UnpairedScoresError: There is not one truth for each item.

    Source:
        Kish (1965), Survey Sampling, section 8.2: the design effect of equally correlated units. Errors of voters as
        correlated: Ladha (1992), American Journal of Political Science 36(3).

    Example:
        >>> round(effective_votes([[1, 1], [0, 0], [1, 1]], truth=[1, 1, 0]), 6)
        1.0
    """
    import numpy as np

    given = as_votes(votes, classes=classes)
    count = given.shape[1]
    if count < 2:  # noqa: PLR2004 - a pair
        raise UsageError("one rater is no panel; expected at least two")
    if truth is None and classes > 2:  # noqa: PLR2004 - yes and no
        raise UsageError(f"votes of {classes} classes have no correlation without the truth")
    marks = np.where(given < 0, np.nan, given if truth is None else _errors(given, truth, classes))
    known = [r for pair in combinations(range(count), 2) if (r := _correlation(marks[:, pair])) is not None]
    if not known:
        return None
    spread = 1 + (count - 1) * sum(known) / len(known)
    return float("inf") if spread < _CLOSE else count / spread


def _errors(given: ndarray, truth: Sequence[int] | ndarray, classes: int) -> ndarray:
    import numpy as np

    right = as_votes(np.asarray(truth).reshape(-1, 1), classes=classes)
    if len(right) != len(given):
        raise UnpairedScoresError(f"{len(right)} truths and {len(given)} items; expected one for each")
    found: ndarray = np.where(right < 0, np.nan, given != right)
    return found


def _correlation(pair: ndarray) -> float | None:
    """Return the correlation of two columns over the rows that both have; None where one of them does not vary."""
    import numpy as np

    both = pair[~np.isnan(pair).any(axis=1)]
    if not len(both) or not np.ptp(both, axis=0).all():
        return None
    return float(np.corrcoef(both.T)[0, 1])
