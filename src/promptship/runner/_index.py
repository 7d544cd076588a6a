"""Where each row of a run stands in its files: a few bytes a cell, to read rows in order without holding them."""

from __future__ import annotations

import zlib
from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from promptship.domain import short_digest
from promptship.errors import StorageError
from promptship.runner._codec import decode_error, parse_row
from promptship.runner._files import storage_errors
from promptship.runner._table import OutcomeCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptship.domain import RunManifest
    from promptship.runner._columns import Columns

__all__ = ["CellIndex", "RowReader", "journal_path", "load_index", "next_attempt", "scores_path"]

_WALL = "w"
_WRONG_SHAPE = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading a row raises that is JSON but not of ours."""


def journal_path(directory: Path, attempt: int) -> Path:
    """Return the file of the outputs that one process has made."""
    return directory / f"journal-{attempt}.jsonl"


def scores_path(directory: Path, scoring_digest: str, attempt: int) -> Path:
    """Return the file of the scores that one process has given with one set of scorers."""
    return directory / f"scores-{short_digest(scoring_digest)}-{attempt}.jsonl"


def next_attempt(directory: Path) -> int:
    """Return a number that no file of the run has yet."""
    return 1 + max((_attempt_of(path) for path in directory.glob("*-*.jsonl")), default=0)


class _Places:
    """File, offset and length of rows by position; length 0 for none."""

    def __init__(self, size: int) -> None:
        self._files = array("H", bytes(2 * size))
        self._offsets = array("Q", bytes(8 * size))
        self._lengths = array("I", bytes(4 * size))

    def put(self, position: int, file: int, offset: int, length: int) -> None:
        self._files[position], self._offsets[position], self._lengths[position] = file, offset, length

    def get(self, position: int) -> tuple[int, int, int]:
        return self._files[position], self._offsets[position], self._lengths[position]

    def __contains__(self, position: int) -> bool:
        return self._lengths[position] > 0


class CellIndex:
    """Which cells of a run have an output, an error, scores; and where those rows are.

    Args:
        manifest: What the run is of.
        columns: Where the figures of the rows go; None where nobody asks for them.

    Attributes:
        wall_s: Seconds that all attempts together have taken.
        bad_rows: `file:line` of rows that could not be read, the torn last line of a killed process apart.
    """

    def __init__(self, manifest: RunManifest, columns: Columns | None = None) -> None:
        self.columns = columns
        self.per_case = len(manifest.variants) * manifest.repeats
        self.cells = manifest.cells
        self.repeats = manifest.repeats
        self.paths: list[Path] = []
        self.names: list[tuple[str, ...]] = []
        self.wall_s = 0.0
        self.bad_rows: list[str] = []
        self._attempts: list[int] = []
        self._rows = _Places(self.cells)
        self._scores = _Places(self.cells)
        self._cases = _Places(self.cells // self.per_case)
        self._case_ids = array("I", bytes(4 * (self.cells // self.per_case)))
        # Plain flags: the arrays above cannot tell an output from an error without reading the row.
        self._has_output = bytearray(self.cells)
        self._outcomes = bytearray(self.cells)

    def position(self, case: int, variant: int, repeat: int) -> int:
        """Return the place of a cell in the plan: by case, then variant, then repeat."""
        return case * self.per_case + variant * self.repeats + repeat

    def has_output(self, position: int) -> bool:
        """Whether the cell has been paid for."""
        return bool(self._has_output[position])

    def has_row(self, position: int) -> bool:
        """Whether the cell has an output or an error."""
        return position in self._rows

    def is_done(self, position: int) -> bool:
        """Whether nothing is left to do for the cell: it has an output and scores without an error."""
        return bool(self._has_output[position]) and self._outcomes[position] not in {0, OutcomeCode.ERROR}

    def outcome_letter(self, position: int) -> str:
        """Return the first letter of the stored outcome; "" where the cell has no scores."""
        letter = self._outcomes[position]
        return chr(letter) if letter else ""

    def knows_case(self, case: int) -> bool:
        """Whether the inputs of the case are stored."""
        return case in self._cases

    def is_case(self, case: int, case_id: str) -> bool:
        """Whether the case stored at this place is the one called `case_id`, as far as its checksum says."""
        return self._case_ids[case] == zlib.crc32(case_id.encode("utf-8", "surrogatepass"))

    def missing(self) -> int:
        """Count the cells that have neither an output with scores nor an error."""
        return sum(
            1
            for position in range(self.cells)
            if position not in self._rows or (self._has_output[position] and not self._outcomes[position])
        )

    @contextmanager
    def open(self) -> Iterator[RowReader]:
        """Open the run's files for reading rows by their place."""
        reader = RowReader(self, self._rows, self._scores, self._cases)
        try:
            yield reader
        finally:
            reader.close()

    def add_journal(self, path: Path) -> None:
        """Take in the rows of one journal."""
        file = self._add_file(path)
        wall_ms = 0
        for line_number, offset, length, row in _rows_of(path):
            if row is None:
                self.bad_rows.append(f"{path}:{line_number}")
                continue
            try:
                wall_ms = max(wall_ms, row[_WALL])
                if "k" in row:
                    self._put_output(row, file, offset, length)
            except _WRONG_SHAPE:
                self.bad_rows.append(f"{path}:{line_number}")
        self.wall_s += wall_ms / 1000

    def add_scores(self, path: Path) -> None:
        """Take in the rows of one file of scores; its first line names the scorers."""
        file = self._add_file(path)
        for line_number, offset, length, row in _rows_of(path):
            try:
                if row is not None and "names" in row:
                    self.names[file] = tuple(row["names"])
                else:
                    self._put_scores(row or {}, file, offset, length)
            except _WRONG_SHAPE:
                self.bad_rows.append(f"{path}:{line_number}")

    def _add_file(self, path: Path) -> int:
        self.paths.append(path)
        self.names.append(())
        self._attempts.append(_attempt_of(path))
        return len(self.paths) - 1

    def _put_output(self, row: dict[str, Any], file: int, offset: int, length: int) -> None:
        position = self._position_of(row)
        case = position // self.per_case
        if "o" not in row:
            # A row that is neither output nor error must not mark its cell as tried.
            decode_error(row["e"])
        if "c" in row:
            self._cases.put(case, file, offset, length)
            self._case_ids[case] = zlib.crc32(row["c"]["id"].encode("utf-8", "surrogatepass"))
            if self.columns is not None:
                self.columns.put_tags(position, row["c"].get("g", {}))
        # An output beats every error, whichever was written first: it has been paid for.
        if "o" in row or not self._has_output[position]:
            if self.columns is not None:
                self.columns.put_row(position, row)
            self._rows.put(position, file, offset, length)
            self._has_output[position] = "o" in row

    def _put_scores(self, row: dict[str, Any], file: int, offset: int, length: int) -> None:
        position = self._position_of(row)
        if not self._has_output[position] or self._attempts[file] < self._attempts[self._rows.get(position)[0]]:
            # After a power failure scores may have outlived their output, which has been asked for anew since.
            return
        if self.columns is not None:
            self.columns.put_scores(position, row, self.names[file])
        self._outcomes[position] = ord(row["r"])
        self._scores.put(position, file, offset, length)

    def _position_of(self, row: dict[str, Any]) -> int:
        """Return the position that the row's key names.

        Raises:
            IndexError: The run has no such cell.
        """
        case, variant, repeat = row["k"]
        position = self.position(case, variant, repeat)
        if case < 0 or not 0 <= repeat < self.repeats or not 0 <= variant * self.repeats < self.per_case:
            raise IndexError(position)
        if position >= self.cells:
            raise IndexError(position)
        return position


class RowReader:
    """Reads rows of a run by position."""

    def __init__(self, index: CellIndex, rows: _Places, scores: _Places, cases: _Places) -> None:
        self._index = index
        self._rows, self._scores, self._cases = rows, scores, cases
        self._files: dict[int, BinaryIO] = {}

    def output_row(self, position: int) -> dict[str, Any] | None:
        """Return the cell's row with its output or error; None where it has none."""
        return self._read(self._rows, position)

    def case_row(self, case: int) -> dict[str, Any]:
        """Return what is kept of a case.

        Raises:
            StorageError: Nothing is, although the case has rows.
        """
        row = self._read(self._cases, case)
        if row is None:
            raise StorageError(f"{str(self._index.paths[0].parent)!r} is damaged: the inputs of a case are missing")
        kept: dict[str, Any] = row["c"]
        return kept

    def score_row(self, position: int) -> tuple[dict[str, Any], tuple[str, ...]] | None:
        """Return the cell's row of scores with the names they stand in order of; None where it has none."""
        row = self._read(self._scores, position)
        return None if row is None else (row, self._index.names[self._scores.get(position)[0]])

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _read(self, places: _Places, position: int) -> dict[str, Any] | None:
        file, offset, length = places.get(position)
        if not length:
            return None
        path = self._index.paths[file]
        stream = self._files.get(file)
        if stream is None:
            with storage_errors("read", path):
                stream = self._files[file] = path.open("rb")
        stream.seek(offset)
        row = parse_row(stream.read(length))
        if row is None:
            raise StorageError(f"{str(path)!r} is damaged at byte {offset}", hint="was it edited while it was read?")
        return row


def load_index(directory: Path, manifest: RunManifest, columns: Columns | None = None) -> CellIndex:
    """Read where the rows of a run are, those of its current scoring.

    Args:
        directory: The run's folder.
        manifest: What the run is of.
        columns: Where the figures of the rows go; None where nobody asks for them.

    Raises:
        StorageError: A file cannot be read.
    """
    index = CellIndex(manifest, columns)
    for path in sorted(directory.glob("journal-*.jsonl"), key=_attempt_of):
        index.add_journal(path)
    for path in sorted(directory.glob(f"scores-{short_digest(manifest.scoring_digest)}-*.jsonl"), key=_attempt_of):
        index.add_scores(path)
    return index


def _attempt_of(path: Path) -> int:
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _rows_of(path: Path) -> Iterator[tuple[int, int, int, dict[str, Any] | None]]:
    """Yield line number, offset, length and row; None as the row of a line that is not whole, unless it is the last."""
    offset = 0
    with storage_errors("read", path), path.open("rb") as file:
        for line_number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            yield line_number, offset, len(line), parse_row(line)
            offset += len(line)
