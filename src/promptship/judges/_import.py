"""Ratings that people sent back, checked against the runs they are of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import Problem, ReferenceNotFoundError, SourceError, UsageError, did_you_mean
from promptship.judges._label_store import LabelChanges, LabelFiles, LabelStore, at_most_twenty, label_files
from promptship.judges._run_outputs import RunOutput, outputs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from promptship.domain import JudgeFile, Label
    from promptship.evalsets import Ratings
    from promptship.project import Project
    from promptship.runner import Run

__all__ = ["ImportOptions", "ImportedLabels", "MatchedLabels", "import_ratings", "match_labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedLabels:
    """Labels of one run.

    Attributes:
        run: The run.
        labels: Its labels.
        outputs: What they are of, by case and digest.
    """

    run: Run
    labels: tuple[Label, ...]
    outputs: Mapping[tuple[str, str], RunOutput]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How ratings are taken.

    Attributes:
        replacing: A label that differs takes the place of what is stored.
        dry_run: Everything is checked and nothing is written.
    """

    replacing: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLabels:
    """What became of the ratings of one evalset, or of one judge.

    Attributes:
        files: Where they went.
        groups: The ratings by the run they are of.
        changes: What was written, or would be.
    """

    files: LabelFiles
    groups: tuple[MatchedLabels, ...]
    changes: LabelChanges


def match_labels(
    labels: Iterable[Label], open_run: Callable[[str], Run], *, named: str | None = None
) -> list[MatchedLabels]:
    """Find the outputs that labels are of.

    Args:
        labels: The labels.
        open_run: Opens a run by its id, the beginning of one, or `last`.
        named: The run they are of; None for the run that each label states.

    Raises:
        SourceError: Labels of a case or output that their run does not have, or of a run that is not here; with all.
        ReferenceNotFoundError: There is no run `named`.
        StorageError: A run is damaged.
    """
    groups: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        groups[named or label.run].append(label)
    found, problems = [], []
    for name, group in groups.items():
        try:
            run = _open(name, group, open_run)
        except ReferenceNotFoundError as error:
            if named:
                raise
            problems.append(_at(group[0], str(error), "import where the run is, or name a run of like outputs: --run"))
            continue
        outputs, cases = _find_outputs(run, {label.case_id for label in group})
        problems += _unknown(run, group, outputs, cases)
        found.append(MatchedLabels(run=run, labels=tuple(group), outputs=outputs))
    if problems:
        raise SourceError(at_most_twenty(problems))
    return found


def import_ratings(
    project: Project,
    ratings: Sequence[Ratings],
    open_run: Callable[[str], Run],
    *,
    named: str | None = None,
    judge: JudgeFile | None = None,
    options: ImportOptions | None = None,
) -> list[ImportedLabels]:
    """Add ratings to the project's labels. Nothing is written unless every one of them is of an output of its run.

    Args:
        project: The project.
        ratings: What each file holds.
        open_run: Opens a run by its id, the beginning of one, or `last`.
        named: The run that was rated; None for the run that each label states.
        judge: The judge whose labels they become; None for those of the evalset.
        options: What else the command says.

    Returns:
        What was written, or would be, by the files it went to.

    Raises:
        SourceError: Ratings that cannot be taken, with all of them.
        UsageError: A file does not say which run was rated.
        StorageError: A file cannot be read or written, or a run is damaged.
    """
    chosen = options or ImportOptions()
    matched = match_labels(_merge(ratings), open_run, named=named)
    groups: dict[str, list[MatchedLabels]] = defaultdict(list)
    for one in matched:
        groups["" if judge else one.run.manifest.evalset].append(one)
    planned = []
    for evalset, group in groups.items():
        store = LabelStore(label_files(project, evalset=evalset, judge=judge), root=project.root)
        changes = _compare(group, store, replacing=chosen.replacing)
        planned.append((store, ImportedLabels(files=store.files, groups=tuple(group), changes=changes)))
    if not chosen.dry_run:
        for store, imported in planned:
            store.apply(imported.changes)
    return [imported for _, imported in planned]


def _compare(matched: Sequence[MatchedLabels], store: LabelStore, *, replacing: bool = False) -> LabelChanges:
    """Say what matched labels would change in a store.

    Raises:
        SourceError: A label was given under another policy than the store's, or says something else than one there.
    """
    labels = [label for group in matched for label in group.labels]
    outputs = {key: output for group in matched for key, output in group.outputs.items()}
    guideline = store.files.guideline
    if guideline and (other := [one for one in labels if one.guideline not in {"", guideline}]):
        message = "the label was given under another policy than the judge's"
        hint = "label again by the judge's policy, or restore the policy it was labelled by"
        raise SourceError(at_most_twenty([_at(label, message, hint) for label in other]))
    return store.compare(labels, outputs, replacing=replacing)


def _merge(ratings: Iterable[Ratings]) -> list[Label]:
    """Return the labels of all files, each output and rater once."""
    found: dict[tuple[str, str, str], Label] = {}
    problems = []
    for label in (label for one in ratings for label in one.labels):
        before = found.setdefault((label.case_id, label.output_digest, label.rater), label)
        if before.rating != label.rating:
            message = f"{label.case_id!r} is {label.rating!r} here and {before.rating!r} in {before.path}:{before.line}"
            problems.append(_at(label, message, "import the file that is meant, or give each rater a name: --rater"))
    if problems:
        raise SourceError(at_most_twenty(problems))
    return list(found.values())


def _open(name: str, group: Sequence[Label], open_run: Callable[[str], Run]) -> Run:
    if not name:
        first = group[0]
        message = f"{first.path}:{first.line}: the file does not say which run was rated"
        raise UsageError(message, hint="name it: --run RUN; promptctl runs list")
    return open_run(name)


def _find_outputs(run: Run, cases: set[str]) -> tuple[dict[tuple[str, str], RunOutput], set[str]]:
    outputs = {output.key: output for output in outputs_of(run, cases)}
    return outputs, {case_id for case_id, _ in outputs}


def _unknown(
    run: Run, labels: Iterable[Label], outputs: Mapping[tuple[str, str], RunOutput], cases: set[str]
) -> Iterator[Problem]:
    run_id = run.manifest.run_id
    known: set[str] = set()
    for label in labels:
        if (label.case_id, label.output_digest) in outputs:
            continue
        if label.case_id in cases:
            message = f"run {run_id} has another output of {label.case_id!r} than {label.output_digest[:19]!r}"
            yield _at(label, message, "name the run that was rated: --run RUN")
            continue
        known = known or {record.key.case_id for record in run.records()}
        near = did_you_mean(label.case_id, known)
        message = f"run {run_id} has no output of a case {label.case_id!r}{near}"
        yield _at(label, message, "a spreadsheet turns ids such as 007 into numbers: export and rate as .xlsx")


def _at(label: Label, message: str, hint: str) -> Problem:
    return Problem(path=label.path, line=label.line, message=message, hint=hint)
