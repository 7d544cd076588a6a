"""Keys and values of prompt beginnings that many requests share, such as instructions and few-shot examples."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

__all__ = ["PrefixStore", "common_prefix", "select_rows"]

_SHORTEST_WORTH_KEEPING = 16
_WORTH_REPLACING = 0.75
_KEPT = 4


def common_prefix(rows: Sequence[Sequence[int]]) -> int:
    """Return how many leading tokens all rows share, leaving at least one token of each row out.

    Example:
        >>> common_prefix([[1, 2, 3, 4], [1, 2, 5]])
        2
        >>> common_prefix([[1, 2, 3]])
        2
    """
    # Whatever the smallest and the largest row share, all rows between them share.
    first, last = min(map(tuple, rows)), max(map(tuple, rows))
    most = min(len(row) for row in rows) - 1
    for index in range(most):
        if first[index] != last[index]:
            return index
    return most


class PrefixStore:
    """The last few shared beginnings, by their tokens.

    Args:
        compute: Gives the key-value cache of a row of tokens, batch size 1.
    """

    def __init__(self, compute: Callable[[Sequence[int]], Any]) -> None:
        self._compute = compute
        self._kept: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._seen: Sequence[int] = ()

    def find(self, rows: Sequence[Sequence[int]]) -> tuple[int, Any]:
        """Return a beginning that all `rows` share and a copy of its cache, one entry for each row.

        Returns:
            Its length in tokens, and the cache; 0 and None where sharing is not worth it.
        """
        # Beginnings are shared over time as well: a row alone is compared with the one before it.
        before, self._seen = self._seen, rows[0]
        alone = len(rows) == 1
        shared = common_prefix([*rows, before] if alone and before else rows) if before or not alone else 0
        if shared < _SHORTEST_WORTH_KEEPING:
            return 0, None
        key = self._longest_kept(rows[0][:shared])
        if len(key) < _WORTH_REPLACING * shared:
            key = tuple(rows[0][:shared])
            self._kept[key] = self._compute(key)
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        cache = copy.deepcopy(self._kept[key])
        if len(rows) > 1:
            cache.batch_repeat_interleave(len(rows))
        return len(key), cache

    def _longest_kept(self, tokens: Sequence[int]) -> tuple[int, ...]:
        fitting = [key for key in self._kept if len(key) <= len(tokens) and tuple(tokens[: len(key)]) == key]
        return max(fitting, key=len, default=())


def select_rows(cache: Any, indices: Tensor) -> Any:
    """Return a new cache with the chosen rows, any of them more than once; `cache` stays as it is."""
    chosen = copy.copy(cache)
    chosen.layers = [copy.copy(layer) for layer in cache.layers]
    chosen.batch_select_indices(indices)
    return chosen
