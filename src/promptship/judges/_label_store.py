"""Where a project keeps what people said: JSONL files of labels, and of the outputs that the labels are of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import orjson

from promptship.domain import digest_of
from promptship.errors import Problem, SourceError, StorageError
from promptship.evalsets import JUDGES_FOLDER, load_items, load_labels
from promptship.judges._run_outputs import item_row
from promptship.report import write_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from promptship.domain import JsonObject, JudgedItem, JudgeFile, Label
    from promptship.judges._run_outputs import RunOutput
    from promptship.project import Project

__all__ = ["LabelChanges", "LabelFiles", "LabelStore", "at_most_twenty", "label_files", "label_row"]

_LABELS_ENDING: Final = ".labels.jsonl"
_ITEMS_ENDING: Final = ".items.jsonl"
_MOST_NAMED: Final = 20

LabelKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFiles:
    """The files that labels are kept in; new lines go to the last of each.

    Attributes:
        labels: Files of labels.
        items: Files of outputs.
        policy: What raters are told; "" where nobody wrote it down.
    """

    labels: tuple[Path, ...]
    items: tuple[Path, ...]
    policy: str = ""

    @property
    def guideline(self) -> str:
        """Digest of the policy, as labels cite it; "" without a policy."""
        return digest_of(self.policy) if self.policy else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChanges:
    """What labels would change in a store.

    Attributes:
        added: Labels that are not there yet.
        updated: Labels that are there, as they will be: another source or propensity, or another rating on request.
        unchanged: How many are there already.
        items: Lines of outputs that are not there yet.
    """

    added: tuple[Label, ...] = ()
    updated: tuple[Label, ...] = ()
    unchanged: int = 0
    items: tuple[JsonObject, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be written."""
        return not (self.added or self.updated or self.items)


def label_files(project: Project, *, evalset: str, judge: JudgeFile | None = None) -> LabelFiles:
    """Return where labels go: into a judge's own files, else into `judges/EVALSET.labels.jsonl` and `.items.jsonl`.

    Args:
        project: The project.
        evalset: Name of the evalset whose outputs are labelled.
        judge: The judge that the labels are for; None for none yet.
    """
    if judge is not None:
        return LabelFiles(
            labels=tuple(project.root / file for file in judge.labels),
            items=tuple(project.root / file for file in judge.items),
            policy=judge.policy,
        )
    folder = project.evalsets_dir / JUDGES_FOLDER
    # Names of evalsets may hold a slash; the files lie side by side.
    name = evalset.replace("/", "-")
    return LabelFiles(labels=(folder / f"{name}{_LABELS_ENDING}",), items=(folder / f"{name}{_ITEMS_ENDING}",))


class LabelStore:
    """The labels and outputs in `files`, read once; `apply` writes them.

    Args:
        files: Where they are; files that do not exist yet are empty.
        root: The project; nothing outside of it is read.

    Raises:
        SourceError: A file is wrong.
    """

    def __init__(self, files: LabelFiles, *, root: Path) -> None:
        self.files = files
        labels = [label for path in files.labels if path.exists() for label in load_labels(path, root=root)]
        self.labels: dict[LabelKey, Label] = {_key(label): label for label in labels}
        self.items = {item.key for path in files.items if path.exists() for item in load_items(path, root=root)}
        self._root = root

    def compare(
        self, labels: Iterable[Label], outputs: Mapping[tuple[str, str], RunOutput], *, replacing: bool = False
    ) -> LabelChanges:
        """Say what labels would change; nothing is written.

        Args:
            labels: One for each output and rater.
            outputs: What they are of, by case and digest.
            replacing: Whether a rating, note, correction or guideline that differs takes the place of what is there.

        Raises:
            SourceError: A label says something else than what is there, with all such labels; not where `replacing`.
        """
        added, updated, conflicts, unchanged = [], [], [], 0
        for label in labels:
            known = self.labels.get(_key(label))
            if known is None:
                added.append(label)
            elif label_row(known) == label_row(replace(label, run=known.run)):
                unchanged += 1
            elif replacing or _said(known) == _said(label):
                updated.append(replace(label, path=known.path, line=known.line))
            else:
                conflicts.append((known, label))
        if conflicts:
            raise SourceError(at_most_twenty([_conflict(*pair) for pair in conflicts]))
        return LabelChanges(
            added=tuple(added),
            updated=tuple(updated),
            unchanged=unchanged,
            items=tuple(self._new_items([*added, *updated], outputs)),
        )

    def _new_items(self, labels: Sequence[Label], outputs: Mapping[tuple[str, str], RunOutput]) -> Iterable[JsonObject]:
        for key in dict.fromkeys((label.case_id, label.output_digest) for label in labels):
            if key not in self.items and key in outputs:
                yield item_row(outputs[key])

    def load_items(self) -> list[JudgedItem]:
        """Load the outputs in its files.

        Raises:
            SourceError: A file is wrong, or is not there.
        """
        return [item for path in self.files.items for item in load_items(path, root=self._root)]

    def put(self, label: Label, output: RunOutput | None = None) -> None:
        """Write one label at once, in the place of what the rater said of the output before.

        Args:
            label: The label.
            output: What it is of; None where the output is in the files already.

        Raises:
            SourceError: The files were changed meanwhile, and are wrong.
            StorageError: A file cannot be read or written.
        """
        # Read anew: a second person may label into the same files.
        now = LabelStore(self.files, root=self._root)
        now.apply(now.compare([label], {output.key: output} if output else {}, replacing=True))

    def apply(self, changes: LabelChanges) -> None:
        """Write changes: each file whole or not at all, outputs before the labels that name them.

        Raises:
            StorageError: A file cannot be read or written.
        """
        if changes.items:
            _append(self.files.items[-1], changes.items)
        for path in self.files.labels:
            mine = [label for label in changes.updated if self._is_in(label, path)]
            _replace_lines(path, {label.line: label_row(label) for label in mine})
        if changes.added:
            _append(self.files.labels[-1], map(label_row, changes.added))

    def _is_in(self, label: Label, path: Path) -> bool:
        return (self._root / label.path).resolve() == path.resolve()


def label_row(label: Label) -> JsonObject:
    """Return a label as a line of a file; what is not known is left out."""
    row: JsonObject = {
        "case": label.case_id,
        "output_digest": label.output_digest,
        "rating": label.rating,
        "note": label.note,
        "correction": label.correction,
        "rater": label.rater,
        "guideline_digest": label.guideline,
        "source": label.source,
        "propensity": label.propensity,
        "run": label.run,
    }
    return {key: value for key, value in row.items() if value not in {"", None}}


def at_most_twenty(problems: Sequence[Problem]) -> list[Problem]:
    """Return what of many problems a person reads: twenty, and how many more there are."""
    more = len(problems) - _MOST_NAMED
    return [*problems[:_MOST_NAMED], *([Problem(message=f"and {more:,} more labels")] if more > 0 else [])]


def _conflict(known: Label, label: Label) -> Problem:
    who = f"{label.rater!r}" if label.rater else "the rater without a name"
    differing = "rating" if known.rating != label.rating else "note, correction or guideline"
    message = f"{who} labelled this output of {label.case_id!r} before ({known.path}:{known.line}), with another "
    values = f" ({known.rating}, now {label.rating})" if differing == "rating" else ""
    hint = "--replace takes what is new; name another --rater where another person rated"
    return Problem(path=label.path, line=label.line, message=message + differing + values, hint=hint)


def _key(label: Label) -> LabelKey:
    return label.case_id, label.output_digest, label.rater


def _said(label: Label) -> tuple[str, ...]:
    return label.rating, label.note, label.correction, label.guideline


def _append(path: Path, rows: Iterable[JsonObject]) -> None:
    before = _read(path)
    if before and not before.endswith(b"\n"):
        before += b"\n"
    write_report(path, before + b"".join(map(_line, rows)))


def _replace_lines(path: Path, rows: Mapping[int, JsonObject]) -> None:
    if not rows:
        return
    lines = _read(path).split(b"\n")
    for number, row in rows.items():
        lines[number - 1] = _line(row).rstrip(b"\n")
    write_report(path, b"\n".join(lines))


def _line(row: JsonObject) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise StorageError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
