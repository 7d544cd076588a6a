"""A run on the disk: its manifest, its rows, its figures, its verdict."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

from promptship.domain import CellKey, CellRecord, JudgeCalls
from promptship.errors import StorageError, UsageError
from promptship.runner._codec import (
    OUTCOME_OF_LETTER,
    CaseFacts,
    decode_case,
    decode_error,
    decode_output,
    decode_scores,
)
from promptship.runner._columns import Columns
from promptship.runner._index import CellIndex, load_index
from promptship.runner._manifest import load_manifest, load_verdict, save_verdict
from promptship.runner._summary import summarize_columns
from promptship.runner._table import CaseTable, build_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from promptship.domain import CellError, RunManifest, RunSummary, Verdict
    from promptship.runner._index import RowReader

__all__ = ["Run"]


class Run:
    """A run, read from its directory. Rows are read anew each time; only the summary is kept.

    Args:
        directory: The run's folder.
        manifest: What the run is of.
        summary: Its figures, where they have been derived while its rows were written; None to read them.

    Example:
        run = Run.load(Path(".promptship/runs/20261123-094510-3fa2c1"))
        print(run.summary.overall.totals.pass_rate)
    """

    def __init__(self, directory: Path, manifest: RunManifest, *, summary: RunSummary | None = None) -> None:
        self.directory = directory
        self.manifest = manifest
        self._derived = summary

    def __repr__(self) -> str:
        return f"Run({self.manifest.run_id!r}, evalset={self.manifest.evalset!r})"

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Open the run in `directory`.

        Raises:
            StorageError: It is missing or damaged.
        """
        return cls(directory, load_manifest(directory))

    @cached_property
    def summary(self) -> RunSummary:
        """The run's figures, derived from its rows; of an unfinished run from those that are there.

        Raises:
            StorageError: The run is finished and rows of it are missing or damaged.
        """
        if self._derived is not None:
            return self._derived
        columns = Columns.of_run(self.manifest)
        return summarize_columns(self.manifest, columns, wall_s=self._load_index(columns).wall_s)

    @property
    def verdict(self) -> Verdict | None:
        """What its gates say; None where they were not asked.

        Raises:
            StorageError: The verdict's file is damaged.
        """
        return load_verdict(self.directory)

    def save_verdict(self, verdict: Verdict) -> None:
        """Store what the run's gates say.

        Raises:
            StorageError: It could not be written.
        """
        save_verdict(self.directory, verdict)

    def records(self, case_ids: Collection[str] | None = None) -> Iterator[CellRecord]:
        """Yield the cells in the plan's order: by case, then variant, then repeat; each call reads anew.

        Cells that have not been run are left out. An output that has not been scored yet is `unscored`.

        Args:
            case_ids: Of these cases only; None for all.

        Raises:
            StorageError: The run is finished and rows of it are missing or damaged.
        """
        return _records(self._load_index(), self.manifest, case_ids)

    def table(self, variant_label: str | None = None) -> CaseTable:
        """Return the figures of one variant, a row for each case that has been run.

        Args:
            variant_label: Which; None where there is only one.

        Raises:
            UsageError: There is no such variant, or it has to be named.
            StorageError: The run is finished and rows of it are missing or damaged.
        """
        labels = [variant.label for variant in self.manifest.variants]
        if variant_label is None and len(labels) != 1:
            raise UsageError(f"run {self.manifest.run_id} has several variants", hint=f"name one: {', '.join(labels)}")
        columns = Columns.of_run(self.manifest)
        index = self._load_index(columns)
        with index.open() as reader:
            facts = {place // index.per_case: found for place, found in _case_facts(index, reader)}
        table = build_table(self.manifest, columns, facts, labels[0] if variant_label is None else variant_label)
        if not self.manifest.skipped:
            return table
        # A run that was ended early may have a case in one variant only.
        return table.take([row for row in range(len(table)) if any(table.outcomes[row])])

    def summary_without(self, case_ids: Collection[str]) -> RunSummary:
        """Derive the run's figures as if these cases had not been in it; what was paid for them is left out too.

        Raises:
            StorageError: The run is finished and rows of it are missing or damaged.
        """
        columns = Columns.of_run(self.manifest)
        index = self._load_index(columns)
        with index.open() as reader:
            for place, facts in _case_facts(index, reader):
                if facts.id in case_ids:
                    # A cell without an outcome is one that has no row.
                    columns.outcomes[place : place + index.per_case] = bytes(index.per_case)
        return summarize_columns(self.manifest, columns, wall_s=index.wall_s)

    def _load_index(self, columns: Columns | None = None) -> CellIndex:
        index = load_index(self.directory, self.manifest, columns)
        if self.manifest.finished is None:
            return index
        if (missing := index.missing() - self.manifest.skipped) > 0:
            what = f"the row at {index.bad_rows[0]} cannot be read" if index.bad_rows else f"{missing} rows are missing"
            raise StorageError(
                f"run {self.manifest.run_id} is damaged: {what}",
                hint=f"promptctl runs rm {self.manifest.run_id}, and evaluate again: answers come from the cache",
            )
        return index


def _records(index: CellIndex, manifest: RunManifest, case_ids: Collection[str] | None) -> Iterator[CellRecord]:
    with index.open() as reader:
        for first, facts in _case_facts(index, reader):
            if case_ids is None or facts.id in case_ids:
                places = range(first, first + index.per_case)
                yield from (_record(reader, facts, manifest, place) for place in places if index.has_row(place))


def _case_facts(index: CellIndex, reader: RowReader) -> Iterator[tuple[int, CaseFacts]]:
    """Yield the place of the first cell of each case that has been run, and what is known of the case."""
    for case in range(index.cells // index.per_case):
        first = case * index.per_case
        if any(index.has_row(place) for place in range(first, first + index.per_case)):
            yield first, decode_case(reader.case_row(case))


def _record(reader: RowReader, facts: CaseFacts, manifest: RunManifest, position: int) -> CellRecord:
    row = reader.output_row(position) or {}
    _, variant, repeat = row["k"]
    error: CellError | None = decode_error(row["e"]) if "e" in row else None
    scored = reader.score_row(position) if error is None else None
    score_row, names = scored or ({}, manifest.scorers)
    if "e" in score_row:
        error = decode_error(score_row["e"])
    return CellRecord(
        key=CellKey(variant, facts.id, repeat),
        outcome="error" if error else OUTCOME_OF_LETTER[score_row.get("r", "u")],
        inputs=facts.inputs,
        expected=facts.expected,
        tags=facts.tags,
        cluster=facts.cluster,
        output=decode_output(row["o"]) if "o" in row else None,
        scores=decode_scores(score_row, names),
        error=error,
        case_place=facts.place,
        judge_calls=JudgeCalls(*score_row["n"]) if "n" in score_row else None,
        material=facts.material,
    )
