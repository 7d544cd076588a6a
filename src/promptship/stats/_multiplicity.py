"""p-values that were looked at together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["benjamini_hochberg", "holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of any false finding among them stays below the level that is asked of each.

    Args:
        p_values: Each 0 to 1.

    Returns:
        Adjusted p-values in the same order; [] for none.

    Raises:
        UsageError: One is no probability.

    Source:
        Holm (1979), Scandinavian Journal of Statistics 6(2).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = _in_order(p_values)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the expected share of false ones among the findings stays below the level.

    Takes, returns and raises what `holm` does.

    Source:
        Benjamini and Hochberg (1995), JRSS B 57(1).
    """
    order = _in_order(p_values)
    adjusted = [0.0] * len(p_values)
    lowest = 1.0
    for place in range(len(order) - 1, -1, -1):
        index = order[place]
        lowest = min(lowest, p_values[index] * len(order) / (place + 1))
        adjusted[index] = lowest
    return adjusted


def _in_order(p_values: Sequence[float]) -> list[int]:
    for value in p_values:
        if not 0 <= value <= 1:
            raise UsageError(f"the p-value {value!r}; expected a probability, 0 to 1")
    return sorted(range(len(p_values)), key=lambda index: p_values[index])
