"""Stored outputs as the target: nothing is called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptship.errors import UsageError

if TYPE_CHECKING:
    from promptship.domain import Case, Output
    from promptship.evalsets import StoredOutputs

__all__ = ["OutputsTarget"]


class OutputsTarget:
    """Gives each case the output that a file holds for it.

    Args:
        outputs: The file's rows by case id and repeat.
    """

    def __init__(self, outputs: StoredOutputs) -> None:
        self._outputs = outputs

    async def run(self, case: Case, *, repeat: int) -> Output:
        """See `Target.run`."""
        output = self._outputs.find(case.id, repeat=repeat)
        if output is None:
            raise UsageError(f"{self._outputs.path} has no output for the case {case.id!r}, repeat {repeat}")
        return replace(output, provenance="stored", calls=0, cached_calls=0)
