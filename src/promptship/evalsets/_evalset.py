"""Evalset files to evalsets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from promptship.errors import Problem, SourceError, UsageError
from promptship.evalsets._case_set import CaseFile, CaseSet, InlineCases
from promptship.evalsets._cases import CaseBuilder, CaseDefaults
from promptship.evalsets._files import find_file
from promptship.evalsets._header import Header, find_flaws, parse_header
from promptship.evalsets._holdout import is_held_out
from promptship.evalsets._judge_files import JUDGES_FOLDER, NUMBERED_KEYS
from promptship.evalsets._places import YamlSpot
from promptship.evalsets._problems import ProblemList
from promptship.evalsets._rows import find_reader
from promptship.prompts import decode_source, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from promptship.domain import Case, Digest, EvalsetSpec
    from promptship.evalsets._case_set import CaseSource
    from promptship.evalsets._places import Keys
    from promptship.evalsets._shapes import Flaw
    from promptship.prompts import YamlDocument

__all__ = ["Evalset", "discover_evalsets", "load_cases", "load_evalset"]

_LARGEST_BYTES = 5_000_000
_ENDINGS: Final = (".yaml", ".yml")
_GLOB_SIGNS: Final = frozenset("*?[")


class Evalset:
    """Named cases with the scorers and gates that apply to them.

    Where it sets cases aside, it is without them: `held_out()` is the evalset of those.

    Its cases are read from their files when they are first needed, to check, count and digest all of them. Those of a
    small set stay in memory from then on, those of others are read again for each iteration. All problems of all cases
    are reported together by whichever of `cases`, `count` and `digest` is asked first.

    Attributes:
        spec: All that the file says, its cases apart.
        is_held_out: Whether it is the part that is set aside.
    """

    def __init__(self, spec: EvalsetSpec, cases: CaseSet, *, is_held_out: bool = False) -> None:
        self.spec = spec
        self.is_held_out = is_held_out
        self._cases = cases
        self._count: int | None = None

    def __repr__(self) -> str:
        return f"<Evalset {self.spec.name!r} of {self.spec.path}>"

    def cases(self) -> Iterator[Case]:
        """Return an iterator over the cases, as often as it is asked for.

        Raises:
            SourceError: Cases are wrong; before the first is given.
            UsageError: A file was changed since it was checked.
        """
        cases = iter(self._cases)
        share = self.spec.holdout
        if share is None:
            return cases
        return (case for case in cases if is_held_out(case, share) is self.is_held_out)

    def held_out(self) -> Evalset:
        """Return the evalset of the cases that this one sets aside.

        Raises:
            UsageError: It sets none aside.
        """
        if self.spec.holdout is None:
            raise UsageError(
                f"{self.spec.path} sets no cases aside", hint="write `holdout: 0.2` to keep a fifth for the last look"
            )
        return Evalset(self.spec, self._cases, is_held_out=True)

    def renamed(self, name: str) -> Evalset:
        """Return the same evalset under another name, which its runs are kept by."""
        return Evalset(replace(self.spec, name=name), self._cases, is_held_out=self.is_held_out)

    def visit(self, look: Callable[[Case], None]) -> None:
        """Hand each case to `look`, in the same reading that checks the cases where nobody has read them yet.

        Args:
            look: Sees the cases in order. What it has seen is void where this raises.

        Raises:
            SourceError: Cases are wrong; `look` has seen those that are not.
            UsageError: A file was changed since it was checked.
        """
        share = self.spec.holdout
        if share is None:
            self._cases.visit(look)
            return

        def look_at_mine(case: Case) -> None:
            if is_held_out(case, share) is self.is_held_out:
                look(case)

        self._cases.visit(look_at_mine)

    def count(self) -> int:
        """Return the number of cases.

        Raises:
            SourceError: Cases are wrong.
        """
        if self.spec.holdout is None:
            return len(self._cases)
        if self._count is None:
            self._count = sum(1 for _ in self.cases())
        return self._count

    @property
    def digest(self) -> Digest:
        """Digest of kind, scorers, gates, target and of every case, in order.

        It is the same wherever and in whichever format the cases stand. Names, descriptions, notes, and the prompt
        that is evaluated have no part in it.

        Raises:
            SourceError: Cases are wrong.
        """
        return self._cases.digest

    def canonical_lines(self) -> Iterator[bytes]:
        """Return what `digest` is made of: the SHA-256 of these lines, a line feed after each.

        Raises:
            SourceError: Cases are wrong.
        """
        return self._cases.canonical_lines()

    @property
    def cases_digest(self) -> Digest:
        """Digest of every case, in order: what `digest` leaves when kind, scorers, gates and target are taken out.

        Raises:
            SourceError: Cases are wrong.
        """
        return self._cases.cases_digest


def load_evalset(path: Path, *, root: Path) -> Evalset:
    """Load an evalset file. Its cases are found but not yet read.

    Args:
        path: The YAML file.
        root: The project; nothing outside of it is read.

    Raises:
        SourceError: The file is wrong, with all that is wrong in it and, as far as they can be read, in its cases.
    """
    document = _parse(path, root)
    flaws = find_flaws(document)
    problems = ProblemList()
    problems.extend(flaw.at(YamlSpot(document)) for flaw in flaws)
    header = parse_header(document) if not flaws else _salvage(document, flaws)
    if header is None:
        problems.raise_any()
        raise AssertionError("a header is given up for its flaws alone")
    sources = _find_sources(header, Path(path).parent, root, problems)
    # Where the header is wrong the cases are read for their problems too: one round of mending instead of two.
    nothing = document.problem(("cases",), "the evalset has no case", hint="write at least one case")
    cases = CaseSet(sources, CaseBuilder(header.defaults), header.content(), nothing)
    if problems:
        if sources:
            cases.find_problems(problems)
        problems.raise_any()
    return Evalset(header.spec, cases)


def load_cases(path: Path, *, root: Path) -> CaseSet:
    """Find the cases of a single file that belongs to no evalset.

    Args:
        path: A .jsonl, .csv or .parquet file.
        root: The project; nothing outside of it is read.

    Returns:
        The cases: iterable as often as needed, with a length and a digest.

    Raises:
        SourceError: The file is not there or of another kind. What is wrong in it is raised when it is read.
    """
    file = find_file(path, root)
    try:
        reader = find_reader(path.name)
    except UsageError as error:
        raise SourceError.at(file.shown, None, None, str(error), hint=error.hint) from None
    nothing = file.problem("the file has no case", hint="write at least one case")
    return CaseSet([CaseFile(file, reader, ())], CaseBuilder(CaseDefaults()), {}, nothing)


def discover_evalsets(folder: Path) -> list[Path]:
    """Return the evalset files below `folder`, sorted: every .yaml and .yml, but for names that begin with `_` or `.`.

    What lies below `judges/` are judges.

    Returns:
        Paths below `folder`; [] where there is no such folder.
    """
    found = (path for ending in _ENDINGS for path in folder.rglob(f"*{ending}"))
    return sorted(path for path in found if not _is_hidden(path.relative_to(folder)) and not path.is_dir())


def _is_hidden(path: Path) -> bool:
    return path.parts[0] == JUDGES_FOLDER or any(part.startswith(("_", ".")) for part in path.parts)


def _parse(path: Path, root: Path) -> YamlDocument:
    file = find_file(path, root)
    if file.stamp()[0] > _LARGEST_BYTES:
        message = f"the file is larger than {_LARGEST_BYTES // 1_000_000} MB"
        raise SourceError([file.problem(message, hint="keep the cases in a .jsonl file beside it")])
    return parse_yaml(
        decode_source(file.read(_LARGEST_BYTES), path=file.shown), path=file.shown, numbered=NUMBERED_KEYS
    )


def _salvage(document: YamlDocument, flaws: Sequence[Flaw]) -> Header | None:
    """Read what is right in a file with flaws, so that its cases can be checked; None where they cannot."""
    value = document.value
    flawed = {flaw.keys[0] for flaw in flaws if flaw.keys}
    if not isinstance(value, dict) or "cases" not in value or flawed & {"cases", "defaults"}:
        return None
    return parse_header(replace(document, value={key: item for key, item in value.items() if key not in flawed}))


def _find_sources(header: Header, folder: Path, root: Path, problems: ProblemList) -> list[CaseSource]:
    sources: list[CaseSource] = []
    inline: list[tuple[Keys, Any]] = []
    seen: set[Path] = set()
    for index, item in enumerate(header.cases):
        keys = header.case_keys(index)
        if not isinstance(item, str):
            inline.append((keys, item))
            continue
        if inline:
            sources.append(InlineCases(header.document, inline))
            inline = []
        try:
            files = _find_files(item, folder, root, header.defaults)
        except UsageError as error:
            problems.extend(_at_header(header, keys, error))
            continue
        sources += [file for file in files if file.file.path not in seen]
        seen.update(file.file.path for file in files)
    return [*sources, InlineCases(header.document, inline)] if inline else sources


def _find_files(pattern: str, folder: Path, root: Path, defaults: CaseDefaults) -> list[CaseFile]:
    if Path(pattern).is_absolute():
        raise UsageError(f"{pattern!r} is an absolute path", hint="name files from the evalset's own folder")
    if not _GLOB_SIGNS & set(pattern):
        paths = [folder / pattern]
    else:
        paths = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not paths:
        raise UsageError(f"no file matches {pattern!r}", hint=f"looked in {folder.name}/")
    return [CaseFile(find_file(path, root), find_reader(path.name), defaults.taken) for path in paths]


def _at_header(header: Header, keys: Keys, error: UsageError) -> Iterator[Problem]:
    """Yield what is wrong with a file at the place that names it."""
    if not isinstance(error, SourceError):
        yield header.document.problem(keys, str(error), hint=error.hint, value=True)
        return
    for problem in error.problems:
        yield header.document.problem(keys, str(problem), hint=problem.hint, value=True)
