"""From the cells that pytest has selected to plans that the runner can execute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptship.testing._reports import CellId

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator, Sequence

    from promptship.domain import Case, Output, Target
    from promptship.evaluation import PreparedEvaluation
    from promptship.testing._window import Window

__all__ = ["GuardedTarget", "Piece", "cells_of", "split_into_pieces"]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of an evaluation that is a whole matrix again.

    Attributes:
        prepared: What the runner executes.
        first_repeat: The repeat that the runner's repeat 0 stands for.
    """

    prepared: PreparedEvaluation
    first_repeat: int = 0


def cells_of(prepared: PreparedEvaluation) -> Iterator[tuple[CellId, Case]]:
    """Yield every cell with its case, in the order in which the runner takes them."""
    plan = prepared.plan
    labels = [variant.label for variant in plan.variants]
    for case in plan.cases():
        for repeat in range(plan.repeats):
            for label in labels:
                yield CellId(case.id, label, repeat), case


def split_into_pieces(prepared: PreparedEvaluation, selected: Sequence[CellId]) -> list[Piece]:
    """Return pieces that hold the selected cells and no other.

    A run is a matrix, but `-k`, `--lf` and node ids may leave any cells of one. Cells of the same cases are kept
    together; where all cells are selected the evaluation stays as it is, so that it is the same run as
    `promptctl eval` makes.
    """
    if len(selected) == prepared.plan.cells:
        return [Piece(prepared=prepared)]
    columns: dict[tuple[str, int], set[str]] = {}
    for case_id, label, repeat in selected:
        columns.setdefault((label, repeat), set()).add(case_id)
    pieces: dict[tuple[int, frozenset[str]], list[str]] = {}
    for (label, repeat), case_ids in columns.items():
        pieces.setdefault((repeat, frozenset(case_ids)), []).append(label)
    return [
        Piece(prepared=_restrict(prepared, labels, repeat, case_ids), first_repeat=repeat)
        for (repeat, case_ids), labels in pieces.items()
    ]


def _restrict(
    prepared: PreparedEvaluation, labels: Iterable[str], repeat: int, case_ids: frozenset[str]
) -> PreparedEvaluation:
    plan, wanted = prepared.plan, set(labels)
    kept = [index for index, variant in enumerate(plan.variants) if variant.label in wanted]
    plan = replace(
        plan,
        variants=tuple(plan.variants[index] for index in kept),
        cases=lambda: (case for case in prepared.plan.cases() if case.id in case_ids),
        case_count=len(case_ids),
        repeats=1,
        selection={"only_ids": [*sorted(case_ids)], "repeat": repeat},
        complete=False,
    )
    return replace(
        prepared,
        plan=plan,
        targets=tuple(prepared.targets[index] for index in kept),
        versions=tuple(prepared.versions[index] for index in kept),
    )


class GuardedTarget:
    """Hands a case on when the session is ready for it, as the repeat that it is in the whole evaluation.

    Args:
        target: Answers.
        evalset: The evalset's name in the session.
        label: The variant's label.
        first_repeat: Added to the runner's repeat.
        window: Says how far ahead of the session cells may be; None for no limit.
        slots: Cells in flight over all pieces; None where there is one piece.
    """

    def __init__(
        self,
        target: Target,
        *,
        evalset: str,
        label: str,
        first_repeat: int,
        window: Window | None,
        slots: asyncio.Semaphore | None,
    ) -> None:
        self._target = target
        self._evalset = evalset
        self._label = label
        self._first_repeat = first_repeat
        self._window = window
        self._slots = slots

    async def run(self, case: Case, *, repeat: int) -> Output:
        """See `Target.run`."""
        repeat += self._first_repeat
        if self._window is not None:
            await self._window.enter(self._evalset, CellId(case.id, self._label, repeat))
        if self._slots is None:
            return await self._target.run(case, repeat=repeat)
        async with self._slots:
            return await self._target.run(case, repeat=repeat)
