"""Cards of the judges that scored a run, and what people said of the run's own answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptship.domain import digest_output
from promptship.evalsets import load_cards
from promptship.runner import JudgedCells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import CardMark, CellRecord, JudgeCard, RunManifest
    from promptship.project import Project
    from promptship.runner import CaseTable, Run

    Cards = Mapping[str, JudgeCard]
    """Cards by the digest of the judge that they are of."""

__all__ = ["cards_of", "judged_table", "project_cards"]


def project_cards(project: Project) -> dict[str, JudgeCard]:
    """Load the cards of all judges of a project, by the judge's digest.

    A judge that has changed since has another digest, so its card is not found: it says nothing of the judge as it is.

    Raises:
        SourceError: A card cannot be read.
    """
    return load_cards(project.evalsets_dir, root=project.root)


def cards_of(manifest: RunManifest, cards: Cards) -> dict[str, JudgeCard]:
    """Return the cards of the judges that scored a run, by scorer; judges without one are left out."""
    return {scorer: cards[digest] for scorer, digest in manifest.judges.items() if digest in cards}


def judged_table(run: Run, label: str, cards: Cards) -> CaseTable:
    """Return the figures of a variant, with what people say of its answers where a card knows.

    Answers are read only where a judge of the run has a card.
    """
    table = run.table(label)
    known = cards_of(run.manifest, cards)
    if not known or not len(table):
        return table
    reader = _Reader(run.manifest, table, known)
    place = next(place for place, variant in enumerate(run.manifest.variants) if variant.label == label)
    for record in run.records():
        if record.key.variant == place:
            reader.add(record)
    return replace(table, judged=reader.judged())


class _Reader:
    """Fills the cells of a variant record by record."""

    def __init__(self, manifest: RunManifest, table: CaseTable, cards: Cards) -> None:
        import numpy as np

        self._manifest = manifest
        self._cards = cards
        self._rows = {case_id: row for row, case_id in enumerate(table.case_ids)}
        self._marks = {
            scorer: {(mark.case, mark.output_digest): mark for mark in card.marks} for scorer, card in cards.items()
        }
        shape = table.outcomes.shape
        self._verdicts = {scorer: np.full(shape, np.nan) for scorer in cards}
        self._labels = {scorer: np.full(shape, np.nan) for scorer in cards}
        self._weights = {scorer: np.ones(shape) for scorer in cards}
        self._lost = {scorer: np.zeros(shape, dtype=bool) for scorer in cards}
        self._met: dict[str, set[tuple[str, str]]] = {scorer: set() for scorer in cards}

    def add(self, record: CellRecord) -> None:
        """Take one cell."""
        row = self._rows.get(record.key.case_id)
        if row is None or record.output is None:
            return
        key = (record.key.case_id, digest_output(record.output))
        place = row, record.key.repeat
        for scorer in self._cards:
            score = record.scores.get(scorer)
            if score is None:
                continue
            if score.passed is not None:
                self._verdicts[scorer][place] = float(score.passed)
            self._lost[scorer][place] = self._fails_elsewhere(record, scorer)
            if mark := self._marks[scorer].get(key):
                self._labels[scorer][place] = float(mark.human)
                self._weights[scorer][place] = mark.weight
                self._met[scorer].add(key)

    def judged(self) -> dict[str, JudgedCells]:
        """Return what was read, by scorer."""
        return {
            scorer: JudgedCells(
                name=card.name,
                verdicts=self._verdicts[scorer],
                labels=self._labels[scorer],
                weights=self._weights[scorer],
                lost=self._lost[scorer],
                marks=tuple(self._other_marks(scorer)),
                is_required=scorer in self._manifest.required,
            )
            for scorer, card in self._cards.items()
        }

    def _other_marks(self, scorer: str) -> list[CardMark]:
        met = self._met[scorer]
        return [mark for key, mark in self._marks[scorer].items() if key not in met and mark.judge is not None]

    def _fails_elsewhere(self, record: CellRecord, scorer: str) -> bool:
        # A scorer of the case alone is not in the manifest; required is what it is unless it says otherwise.
        own = record.scores.keys() - set(self._manifest.scorers)
        needed = {*self._manifest.required, *own} - {scorer}
        return any(record.scores[name].passed is False for name in needed if name in record.scores)
