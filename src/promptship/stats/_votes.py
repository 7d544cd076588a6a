"""Votes of several raters, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

__all__ = ["as_votes"]

_FEWEST_CLASSES = 2


def as_votes(votes: Sequence[Sequence[int]] | ndarray, *, classes: int) -> ndarray:
    """Return votes as an array of whole numbers; shape (items, raters).

    Args:
        votes: 0 to `classes` - 1, and -1 for none; shape (items, raters), at least one of each.
        classes: How many classes there are, at least 2.

    Raises:
        UsageError: They are no such votes.
    """
    import numpy as np

    if classes < _FEWEST_CLASSES:
        raise UsageError(f"{classes!r} classes; expected at least {_FEWEST_CLASSES}")
    try:
        array = np.asarray(votes)
    except ValueError:
        raise UsageError("items have different numbers of votes", hint="write -1 where a rater gave none") from None
    if array.ndim != 2 or not array.size:  # noqa: PLR2004 - items and raters
        raise UsageError(f"votes of shape {array.shape}; expected (items, raters)")
    if array.dtype == bool or not np.issubdtype(array.dtype, np.integer):
        raise UsageError(
            f"votes of type {array.dtype}; expected whole numbers", hint="number the classes from 0; -1 is no vote"
        )
    wrong = np.argwhere((array < -1) | (array >= classes))
    if len(wrong):
        item, rater = (int(place) for place in wrong[0])
        raise UsageError(
            f"the vote of rater {rater} on item {item} is {int(array[item, rater])}; expected 0 to {classes - 1}, or "
            "-1 for none"
        )
    return array.astype(np.intp)
