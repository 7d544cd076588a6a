"""Problems of an evalset, gathered until all of it has been read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.errors import Problem, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ProblemList"]

_MOST_KEPT = 20


class ProblemList:
    """Problems in the order found: the first twenty are kept, the others are counted."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._kept)

    def add(self, problem: Problem) -> None:
        """Note one problem."""
        if len(self._kept) < _MOST_KEPT:
            self._kept.append(problem)
        else:
            self._more += 1

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note several."""
        for problem in problems:
            self.add(problem)

    def count_more(self, number: int) -> None:
        """Count problems that nobody would read."""
        self._more += number

    def raise_any(self) -> None:
        """Raise what was noted, if anything was.

        Raises:
            SourceError: With the problems kept, and one more that says how many were not.
        """
        if not self._kept:
            return
        rest = [Problem(message=f"and {self._more:,} more problems")] if self._more else []
        raise SourceError([*self._kept, *rest])
