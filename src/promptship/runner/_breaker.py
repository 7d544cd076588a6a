"""When to give up on a run: cell after cell ends in the same failure of the infrastructure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.errors import InfrastructureError

if TYPE_CHECKING:
    from promptship.runner._cell import CellResult

__all__ = ["Breaker"]


class Breaker:
    """Counts cells that end alike.

    Args:
        first: How many cells may fail in the same way before any has succeeded.
        later: How many may fail in a row in the same way after that; more than are in flight, so that one moment's
            trouble does not end a run.
    """

    def __init__(self, first: int, later: int) -> None:
        self._limit = first
        self._later = later
        self._kind = ""
        self._streak = 0

    def record(self, result: CellResult) -> InfrastructureError | None:
        """Take in one finished cell; return the error to end the run with, or None to go on."""
        if result.error is None or not result.infrastructure:
            self._limit, self._streak = self._later, 0
            return None
        same = result.error.kind == self._kind
        self._kind, self._streak = result.error.kind, self._streak + 1 if same else 1
        if self._streak < self._limit:
            return None
        return InfrastructureError(
            f"gave up: {self._streak} cells in a row ended in {self._kind}: {result.error.message}",
            hint="what is done is kept; the same command resumes when the cause is mended",
        )
