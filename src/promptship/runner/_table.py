"""One variant of a run as arrays: what statistics read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy import ndarray

    from promptship.domain import CardMark, RunManifest
    from promptship.runner._codec import CaseFacts
    from promptship.runner._columns import Columns

__all__ = ["CaseTable", "JudgedCells", "OutcomeCode", "build_table"]


class OutcomeCode(IntEnum):
    """How tables hold the outcome of a cell; 0 is a cell that has not been run."""

    PASSED = ord("p")
    FAILED = ord("f")
    ERROR = ord("e")
    UNSCORED = ord("u")


@dataclass(frozen=True, kw_only=True)
class JudgedCells:
    """What a judge that has been measured says of each cell, and what people say of some.

    Attributes:
        name: The judge's, as its card states it.
        verdicts: 1 for good, 0 for bad, NaN where it abstained; shape (n, repeats).
        labels: Likewise what people say; NaN where nobody did.
        weights: How many outputs a label stands for; 1 where there is none.
        lost: Whether another check that a case needs has failed the cell.
        marks: Labelled outputs that are none of these.
        is_required: Whether a case needs the judge to pass.
    """

    name: str
    verdicts: ndarray
    labels: ndarray
    weights: ndarray
    lost: ndarray
    marks: tuple[CardMark, ...] = ()
    is_required: bool = True

    def take(self, places: ndarray) -> JudgedCells:
        """Return the rows at these places."""
        return replace(
            self,
            verdicts=self.verdicts[places],
            labels=self.labels[places],
            weights=self.weights[places],
            lost=self.lost[places],
        )

    def where(self, tag: tuple[str, str]) -> JudgedCells:
        """Return it with the labelled outputs of one slice; its rows are left to `take`."""
        name, value = tag
        return replace(self, marks=tuple(mark for mark in self.marks if mark.tags.get(name) == value))


@dataclass(frozen=True, kw_only=True)
class CaseTable:
    """A row for each case, a column for each repeat.

    Attributes:
        case_ids: Ids, in the plan's order; length n.
        clusters: Clusters; a case without one is a cluster of its own, named by its id.
        tags: The slices of each case.
        outcomes: `ord` of the first letter of each cell's outcome (passed, failed, error, unscored); shape
            (n, repeats).
        metrics: By name, NaN for what is not known; shape (n, repeats). `pass_rate` is 1 for a cell that passed and 0
            for one that failed; `latency_s` and `cost_usd` are the target's, as if nothing had been cached; the rest
            are scorers.
        judged: What is known of the judges among the scorers, by scorer; empty until somebody looked for labels.
        bridged: Metrics that another judge has to be asked about before they compare, with what it said where it was
            asked and NaN elsewhere; shape (n, repeats). Empty where the judges are those of the other side.
    """

    case_ids: tuple[str, ...]
    clusters: tuple[str, ...]
    tags: tuple[Mapping[str, str], ...]
    outcomes: ndarray
    metrics: Mapping[str, ndarray]
    judged: Mapping[str, JudgedCells] = field(default_factory=dict)
    bridged: Mapping[str, ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.case_ids)

    @property
    def has_clusters(self) -> bool:
        """Whether any two cases share an origin."""
        return len(set(self.clusters)) < len(self.clusters)

    def case_means(self, metric: str) -> ndarray:
        """Average a metric over the repeats of each case; shape (n,), NaN where no repeat has a figure.

        Raises:
            UsageError: The run has no such metric.
        """
        import numpy as np

        if metric not in self.metrics:
            raise UsageError(f"the run has no metric {metric!r}", hint=f"its metrics: {', '.join(self.metrics)}")
        values = self.metrics[metric]
        known = ~np.isnan(values)
        counts = known.sum(axis=1)
        sums = np.where(known, values, 0.0).sum(axis=1)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def bridged_means(self, metric: str) -> ndarray:
        """Average what the other judge says over the repeats of each case; shape (n,), NaN where one was not asked."""
        import numpy as np

        asked = ~np.isnan(self.bridged[metric])
        # A repeat without a score on this side needs none on the other.
        whole = (asked | np.isnan(self.metrics[metric])).all(axis=1) & asked.any(axis=1)
        means = np.where(asked, self.bridged[metric], 0.0).sum(axis=1) / np.maximum(asked.sum(axis=1), 1)
        return np.where(whole, means, np.nan)

    def take(self, rows: Sequence[int]) -> CaseTable:
        """Return the rows at these places, in this order."""
        import numpy as np

        places = np.asarray(rows, dtype=np.intp)
        return replace(
            self,
            case_ids=tuple(self.case_ids[row] for row in rows),
            clusters=tuple(self.clusters[row] for row in rows),
            tags=tuple(self.tags[row] for row in rows),
            outcomes=self.outcomes[places],
            metrics={name: values[places] for name, values in self.metrics.items()},
            judged={name: cells.take(places) for name, cells in self.judged.items()},
            bridged={name: values[places] for name, values in self.bridged.items()},
        )

    def keep(self, case_ids: Collection[str]) -> CaseTable:
        """Return the rows of these cases."""
        return self.take([row for row, case_id in enumerate(self.case_ids) if case_id in case_ids])

    def drop(self, case_ids: Collection[str]) -> CaseTable:
        """Return the rows of all other cases."""
        return self.take([row for row, case_id in enumerate(self.case_ids) if case_id not in case_ids])

    def where(self, tag: tuple[str, str] | None) -> CaseTable:
        """Return the rows of one slice; the table itself where no tag is asked for."""
        if tag is None:
            return self
        name, value = tag
        table = self.take([row for row, tags in enumerate(self.tags) if tags.get(name) == value])
        return replace(table, judged={scorer: cells.where(tag) for scorer, cells in table.judged.items()})

    def pair(self, other: CaseTable) -> tuple[CaseTable, CaseTable]:
        """Return the rows that both tables have, of both, in this table's order."""
        places = {case_id: row for row, case_id in enumerate(other.case_ids)}
        shared = [(row, places[case_id]) for row, case_id in enumerate(self.case_ids) if case_id in places]
        return self.take([mine for mine, _ in shared]), other.take([theirs for _, theirs in shared])


def build_table(
    manifest: RunManifest, columns: Columns, facts: Mapping[int, CaseFacts], variant_label: str
) -> CaseTable:
    """Cut one variant out of a run's columns.

    Args:
        manifest: The run's.
        columns: Its figures.
        facts: What is known of each case, by its place in the plan; cases that are missing were not run.
        variant_label: Which variant.

    Raises:
        UsageError: There is no such variant.
    """
    import numpy as np

    labels = [variant.label for variant in manifest.variants]
    if variant_label not in labels:
        raise UsageError(
            f"run {manifest.run_id} has no variant {variant_label!r}", hint=f"its variants: {', '.join(labels)}"
        )
    first = labels.index(variant_label) * manifest.repeats
    repeats = slice(first, first + manifest.repeats)
    rows = sorted(facts)

    def cut(values: object) -> ndarray:
        whole = np.asarray(values).reshape(-1, columns.per_case)
        return whole[rows, repeats]

    outcomes = cut(np.frombuffer(bytes(columns.outcomes), dtype=np.uint8))
    known = (outcomes == OutcomeCode.PASSED) | (outcomes == OutcomeCode.FAILED)
    metrics = {"pass_rate": np.where(known, (outcomes == OutcomeCode.PASSED).astype(float), np.nan)}
    metrics |= {name: cut(values) for name, values in columns.scores.items()}
    has_output = cut(np.frombuffer(bytes(columns.has_output), dtype=np.uint8)) > 0
    metrics["latency_s"] = cut(columns.latency)
    metrics["cost_usd"] = np.where(has_output, cut(columns.cost), np.nan)
    return CaseTable(
        case_ids=tuple(facts[row].id for row in rows),
        clusters=tuple(facts[row].cluster or facts[row].id for row in rows),
        tags=tuple(facts[row].tags for row in rows),
        outcomes=outcomes,
        metrics=metrics,
    )
