"""Cases that stream from files and inline rows, as often as they are asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from promptship.domain import Digest, canonical_json
from promptship.errors import CanonicalError, Problem, SourceError
from promptship.evalsets._cases import case_content
from promptship.evalsets._index import PackedIndex, hash_key
from promptship.evalsets._places import YamlSpot
from promptship.evalsets._problems import ProblemList

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from promptship.domain import Case, JsonObject
    from promptship.evalsets._cases import CaseBuilder
    from promptship.evalsets._files import SourceFile, Stamp
    from promptship.evalsets._places import Keys, Spot
    from promptship.evalsets._rows import RowReader
    from promptship.prompts import YamlDocument

__all__ = ["CaseFile", "CaseSet", "CaseSource", "InlineCases"]

_REPEATED_SHOWN: Final = 20
_MOST_KEPT_BYTES: Final = 8_000_000
"""Canonical size of cases that stay in memory; as objects they take five times as much."""


class CaseSource(Protocol):
    """Rows of cases."""

    def rows(self, problems: ProblemList, *, strict: bool) -> Iterator[tuple[Any, Spot]]:
        """Yield the rows; what cannot be read goes to `problems`."""
        ...

    def stamp(self) -> Stamp:
        """Return what changes when the rows may have."""
        ...

    def require_stamp(self, expected: Stamp) -> None:
        """Raise UsageError where the rows may have changed."""
        ...


@dataclass(frozen=True)
class CaseFile:
    """A file of cases.

    Attributes:
        file: The file.
        reader: For its format.
        taken: Names of scorers that every case has.
    """

    file: SourceFile
    reader: RowReader
    taken: Collection[str]

    def rows(self, problems: ProblemList, *, strict: bool) -> Iterator[tuple[Any, Spot]]:
        """See `CaseSource.rows`."""
        return self.reader(self.file, problems, self.taken, strict)

    def stamp(self) -> Stamp:
        """See `CaseSource.stamp`."""
        return self.file.stamp()

    def require_stamp(self, expected: Stamp) -> None:
        """See `CaseSource.require_stamp`."""
        self.file.require_stamp(expected)


@dataclass(frozen=True)
class InlineCases:
    """A case written in the evalset itself."""

    document: YamlDocument
    items: Sequence[tuple[Keys, Any]]

    def rows(self, problems: ProblemList, *, strict: bool) -> Iterator[tuple[Any, Spot]]:  # noqa: ARG002 - already read
        """See `CaseSource.rows`."""
        for keys, value in self.items:
            yield value, YamlSpot(self.document, keys)

    def stamp(self) -> Stamp:
        """See `CaseSource.stamp`; what is in memory does not change."""
        return 0, 0, 0

    def require_stamp(self, expected: Stamp) -> None:
        """See `CaseSource.require_stamp`."""


class _Scan(NamedTuple):
    digest: Digest
    cases_digest: Digest
    cases: int
    stamps: tuple[Stamp, ...]
    kept: Sequence[Case] | None


class CaseSet:
    """The cases of an evalset, or of one file.

    The first use of any kind reads everything once: it finds all problems, counts, and digests. Small sets stay
    in memory from then on; of others each iteration reads the files again, so that no more than one case is in memory.

    Args:
        sources: Where cases stand, in order.
        builder: Makes cases of rows.
        content: What is digested before the cases.
        nothing: The problem to report where there is no case at all.
    """

    def __init__(
        self, sources: Sequence[CaseSource], builder: CaseBuilder, content: JsonObject, nothing: Problem
    ) -> None:
        self._sources = tuple(sources)
        self._builder = builder
        self._content = content
        self._nothing = nothing

    def __iter__(self) -> Iterator[Case]:
        # Not a generator: problems are raised here, before a consumer has begun.
        return self._read(self._scanned)

    def __len__(self) -> int:
        return self._scanned.cases

    def visit(self, look: Callable[[Case], None]) -> None:
        """Hand each case to `look`, in the same reading that checks the cases where nobody has read them yet.

        Args:
            look: Sees the cases in order. What it has seen is void where this raises.

        Raises:
            SourceError: Cases are wrong; `look` has seen those that are not.
        """
        if "_scanned" in self.__dict__:
            for case in self:
                look(case)
            return
        self._scanned = self._scan_whole(look)

    @property
    def digest(self) -> Digest:
        """Digest of the content and of every case, in order."""
        return self._scanned.digest

    @property
    def cases_digest(self) -> Digest:
        """Digest of every case, in order, without the content that stands before them."""
        return self._scanned.cases_digest

    def canonical_lines(self) -> Iterator[bytes]:
        """Yield what `digest` is made of, line by line: the content, then every case; without the line feeds."""
        yield canonical_json(self._content)
        yield from map(case_content, self)

    def find_problems(self, problems: ProblemList) -> None:
        """Read everything for its problems alone."""
        self._scan(problems)

    @cached_property
    def _scanned(self) -> _Scan:
        return self._scan_whole()

    def _scan_whole(self, look: Callable[[Case], None] | None = None) -> _Scan:
        problems = ProblemList()
        found = self._scan(problems, look)
        problems.raise_any()
        return found

    def _read(self, scanned: _Scan) -> Iterator[Case]:
        if scanned.kept is not None:
            self._require_stamps(scanned.stamps)
            yield from scanned.kept
            self._require_stamps(scanned.stamps)
            return
        build = self._builder.build
        problems = ProblemList()
        for source, stamp in zip(self._sources, scanned.stamps, strict=True):
            source.require_stamp(stamp)
            for row, spot in source.rows(problems, strict=False):
                yield build(row, spot)
            source.require_stamp(stamp)
        problems.raise_any()

    def _require_stamps(self, stamps: tuple[Stamp, ...]) -> None:
        for source, stamp in zip(self._sources, stamps, strict=True):
            source.require_stamp(stamp)

    def _scan(self, problems: ProblemList, look: Callable[[Case], None] | None = None) -> _Scan:
        stamps: list[Stamp] = []
        ids = PackedIndex()
        digest = hashlib.sha256(canonical_json(self._content) + b"\n")
        alone = hashlib.sha256()
        kept: list[Case] | None = []
        size = 0
        for row, case in self._checked(problems, stamps):
            try:
                content = case_content(case) + b"\n"
                digest.update(content)
                alone.update(content)
                size += len(content)
            except CanonicalError as error:
                problems.add(Problem(path=case.path, line=case.line, message=f"case {case.id!r}: {error}"))
            # The lowest bit says that the id was made from the inputs.
            ids.add(hash_key(case.id), len(ids) << 1 | (not row.get("id")))
            kept = None if kept is None or size > _MOST_KEPT_BYTES else kept
            if kept is not None:
                kept.append(case)
            if look is not None:
                look(case)
        self._note_repeated(ids, problems)
        if not ids and not problems:
            problems.add(self._nothing)
        whole, cases = (Digest("sha256:" + one.hexdigest()) for one in (digest, alone))
        return _Scan(whole, cases, len(ids), tuple(stamps), kept)

    def _checked(self, problems: ProblemList, stamps: list[Stamp]) -> Iterator[tuple[Any, Case]]:
        """Yield every case that can be built, with its row; the problems of the others are noted."""
        check = self._builder.check
        for source in self._sources:
            try:
                stamps.append(source.stamp())
                for row, spot in source.rows(problems, strict=True):
                    try:
                        case = check(row, spot)
                    except SourceError as error:
                        problems.extend(error.problems)
                        continue
                    yield row, case
            except SourceError as error:
                problems.extend(error.problems)

    def _note_repeated(self, ids: PackedIndex, problems: ProblemList) -> None:
        repeated = sorted((later, first) for first, later in ids.repeated())
        if not repeated:
            return
        # The index holds hashes alone, so the few cases that are shown are looked up by reading once more.
        shown = repeated[:_REPEATED_SHOWN]
        wanted = {number >> 1 for pair in shown for number in pair}
        again = enumerate(case for _, case in self._checked(ProblemList(), []))
        cases = {number: case for number, case in again if number in wanted}
        for later, first in shown:
            problems.add(_explain_repeated(cases[later >> 1], cases[first >> 1], from_inputs=bool(later & first & 1)))
        problems.count_more(len(repeated) - len(shown))


def _explain_repeated(case: Case, first: Case, *, from_inputs: bool) -> Problem:
    where = f"{first.path}:{first.line}"
    if from_inputs:
        message = f"the inputs are those of the case at {where}, and neither has an id"
        return Problem(path=case.path, line=case.line, message=message, hint="give each of them an `id`, or remove one")
    message = f"the id {case.id!r} is taken by the case at {where}"
    return Problem(path=case.path, line=case.line, message=message, hint="ids are unique in an evalset")
