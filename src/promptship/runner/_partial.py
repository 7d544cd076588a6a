"""A run while it is made, as those see it who may end it early."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptship.runner._codec import decode_case, encode_case
from promptship.runner._table import CaseTable, build_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptship.domain import Case
    from promptship.runner._plan import RunPlan
    from promptship.runner._writer import RunWriter

__all__ = ["PartialRun", "Watch"]

_LOOKS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialRun:
    """What is known so far.

    Attributes:
        tables: By variant label, every planned case; a cell that has not been run has outcome 0 and no figures.
        first_cases: The first cases of the random order in which they are run, as far as each is done whole. Which of
            them are done does not depend on how long they took.
    """

    tables: Mapping[str, CaseTable]
    first_cases: frozenset[str]


class Watch:
    """Shows a run to one who may end it, about a hundred times.

    Args:
        plan: What is run; its cases are kept in memory.
        writer: Where results go.
        is_decided: Looks at what is known, and says whether the rest is needed no more.
    """

    def __init__(self, plan: RunPlan, writer: RunWriter, is_decided: Callable[[PartialRun], bool]) -> None:
        self._plan = plan
        self._writer = writer
        self._is_decided = is_decided
        cases = list(enumerate(plan.cases()))
        self._facts = {number: decode_case(encode_case(case)) for number, case in cases}
        # Evidence that may be looked at at any time asks for cases in an order that says nothing of them.
        random.Random(plan.plan_digest).shuffle(cases)  # noqa: S311 - the same order each time, no secret
        self.cases: list[tuple[int, Case]] = cases
        index = writer.index
        self._done = bytearray(index.is_done(position) for position in range(index.cells))
        self._first = 0
        self._step = max(1, plan.cells // _LOOKS)
        self._next_look = 0

    def note(self, position: int) -> bool:
        """Take in that a cell is done; return whether the rest is needed no more."""
        self._done[position] = 1
        done = self._done.count(1)
        if done < self._next_look or done == len(self._done):
            return False
        self._next_look = done + self._step
        return self._is_decided(self._look())

    def _look(self) -> PartialRun:
        labels = [variant.label for variant in self._plan.variants]
        return PartialRun(tables={label: self._table(label) for label in labels}, first_cases=self._first_cases())

    def _table(self, label: str) -> CaseTable:
        import numpy as np

        plan = self._plan
        table = build_table(self._writer.manifest, self._writer.columns, self._facts, label)
        first = [variant.label for variant in plan.variants].index(label) * plan.repeats
        done = np.frombuffer(bytes(self._done), dtype=np.uint8).reshape(-1, plan.cells_per_case) > 0
        done = done[:, first : first + plan.repeats]
        # An output is on the disk before it is scored; until then nothing is known of the cell.
        return replace(
            table,
            outcomes=np.where(done, table.outcomes, 0).astype(np.uint8),
            metrics={name: np.where(done, values, np.nan) for name, values in table.metrics.items()},
        )

    def _first_cases(self) -> frozenset[str]:
        per_case = self._plan.cells_per_case
        while self._first < len(self.cases):
            start = self.cases[self._first][0] * per_case
            if 0 in self._done[start : start + per_case]:
                break
            self._first += 1
        return frozenset(case.id for _, case in self.cases[: self._first])
