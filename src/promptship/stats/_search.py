"""The smallest number of cases that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_CASES", "smallest_count"]

MOST_CASES = 1_000_000
"""Nobody has more; where they would not do, the answer is that nothing would."""


def smallest_count(holds: Callable[[int], bool], guess: int) -> int:
    """Return the smallest count from which something holds, but for the small steps of an exact test.

    Args:
        holds: Must hold from some count on.
        guess: Where the search starts.
    """
    high = max(1, guess)
    while not holds(high):
        high *= 2
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
