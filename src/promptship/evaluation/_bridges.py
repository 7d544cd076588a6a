"""Bridges in use: which judges two runs do not share, and what a bridge says of a baseline's cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptship.domain import digest_output, name_bridge, short_digest
from promptship.errors import UsageError
from promptship.evalsets import load_bridge
from promptship.stats import FEWEST_BRIDGED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy import ndarray

    from promptship.domain import JudgeBridge, RunManifest
    from promptship.project import Project
    from promptship.runner import CaseTable, Run

__all__ = ["Bridges", "bridged_table", "clashing_judges", "describe_clash", "lay_bridge", "refuse_unbridged"]

_RATE = "pass_rate"


@dataclass(frozen=True)
class Bridges:
    """The bridges of a project, read when one is asked for."""

    project: Project | None = None

    def find(self, judges: dict[str, tuple[str, str]]) -> JudgeBridge | None:
        """Return the bridge between judges; None where there is none.

        Raises:
            SourceError: It cannot be read.
        """
        if self.project is None or not judges:
            return None
        return load_bridge(self.project.evalsets_dir, name_bridge(judges), root=self.project.root)


def clashing_judges(baseline: RunManifest, candidate: RunManifest) -> dict[str, tuple[str, str]]:
    """Return the digests of each scorer of both runs that was not the same judge in both: before, and now."""
    return {
        name: (before, digest)
        for name, digest in sorted(candidate.judges.items())
        if (before := baseline.judges.get(name)) is not None and before != digest
    }


def describe_clash(baseline: RunManifest, candidate: RunManifest) -> str:
    """Say which scorer of both runs was not the same judge in both; "" where all were.

    Figures of different judges differ by what the judges are, and not by what was judged.
    """
    for name, (before, now) in clashing_judges(baseline, candidate).items():
        sides = f"{short_digest(before)} in {baseline.run_id} and by {short_digest(now)} in {candidate.run_id}"
        return f"{name!r} was judged by {sides}"
    return ""


def refuse_unbridged(baseline: RunManifest, candidate: RunManifest, bridges: Bridges) -> None:
    """Refuse two runs that different judges have scored, where no bridge was made between them.

    Raises:
        UsageError: There is a scorer of both that was not the same judge, and no bridge.
    """
    clash = describe_clash(baseline, candidate)
    if clash and bridges.find(clashing_judges(baseline, candidate)) is None:
        raise UsageError(
            f"{clash}: a difference would be the judges' as much as the prompts'",
            hint=f"have a sample of the baseline's outputs judged by both: promptctl judge bridge {baseline.run_id}; "
            f"or all of them anew: promptctl runs rescore {baseline.run_id}",
        )


def bridged_table(run: Run, table: CaseTable, label: str, candidate: RunManifest, bridges: Bridges) -> CaseTable:
    """Return a baseline's figures with what the candidate's judges say of some of its outputs.

    Args:
        run: The baseline.
        table: Its figures of a variant.
        label: The variant.
        candidate: The run that is compared with it.
        bridges: Where to look.

    Returns:
        The table as it is where both runs had the same judges.

    Raises:
        UsageError: Fewer than 20 cases of the baseline are in the bridge, or there is none.
    """
    clashing = clashing_judges(run.manifest, candidate)
    refuse_unbridged(run.manifest, candidate, bridges)
    bridge = bridges.find(clashing)
    if bridge is None:
        return table
    found = lay_bridge(run, table, label, bridge)
    for name in found.bridged:
        if (count := int((found.bridged_means(name) >= 0).sum())) < FEWEST_BRIDGED:
            raise UsageError(
                f"the bridge between the judges of {run.manifest.run_id} and {candidate.run_id} holds {count} of the "
                f"{len(table)} cases of {label!r} with a figure for {name!r}; at least {FEWEST_BRIDGED} are needed",
                hint=f"promptctl judge bridge {run.manifest.run_id}",
            )
    return found


def lay_bridge(run: Run, table: CaseTable, label: str, bridge: JudgeBridge) -> CaseTable:
    """Return figures of a variant with what the latter judges say where they were asked, however few there are."""
    bridged = _read(run, table, label, bridge)
    return replace(table, bridged={name: bridged[name] for name in _metrics(run.manifest, bridge.judges)})


def _metrics(manifest: RunManifest, clashing: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return the metrics that depend on judges that the runs do not share."""
    needed = [_RATE] if clashing.keys() & set(manifest.required) else []
    return [*needed, *clashing]


def _read(run: Run, table: CaseTable, label: str, bridge: JudgeBridge) -> dict[str, ndarray]:
    import numpy as np

    known = {(cell.case, cell.output_digest): cell for cell in bridge.cells}
    rows = {case_id: row for row, case_id in enumerate(table.case_ids)}
    shape = table.outcomes.shape
    found = {name: np.full(shape, np.nan) for name in {_RATE, *bridge.judges}}
    place = [variant.label for variant in run.manifest.variants].index(label)
    for record in run.records({cell.case for cell in bridge.cells}):
        row = rows.get(record.key.case_id)
        if record.key.variant != place or record.output is None or row is None:
            continue
        cell = known.get((record.key.case_id, digest_output(record.output)))
        for name, values in found.items():
            said = (None, None) if cell is None else cell.scores.get(name, (None, None))
            if said[0] is not None and said[1] is not None:
                values[row, record.key.repeat] = said[1]
    return found
