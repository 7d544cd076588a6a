"""Make a bridge: have the judges of now look at a sample of what earlier judges have scored."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from promptship.domain import BridgedCell, JudgeBridge, digest_output, name_bridge
from promptship.errors import UsageError
from promptship.evalsets import load_bridge
from promptship.evaluation._bridges import clashing_judges, lay_bridge
from promptship.evaluation._rescore import prepare_rescoring
from promptship.runner import execute
from promptship.stats import FEWEST_BRIDGED, bridged_kappa, bridged_shift

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptship.domain import CellRecord, Instruments
    from promptship.evaluation._rescore import Rescoring
    from promptship.project import Project
    from promptship.runner import CaseTable, Progress, Run, StopSignal
    from promptship.stats import Interval

__all__ = ["BridgeFigure", "BridgePlan", "make_bridge", "measure_bridge", "prepare_bridge"]

_RATE = "pass_rate"


@dataclass(frozen=True, kw_only=True)
class BridgePlan:
    """A bridge that is ready to be made.

    Attributes:
        run: Whose outputs are looked at.
        judges: By scorer, the digests of its judge and of the judge of now.
        cases: Ids of the sample.
        rescoring: Asks the judges of now about the sample.
    """

    run: Run
    judges: Mapping[str, tuple[str, str]]
    cases: tuple[str, ...]
    rescoring: Rescoring


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFigure:
    """What a bridge says of one metric of one variant.

    Attributes:
        metric: A scorer, or `pass_rate`.
        variant: Label of the variant.
        cases: Cases that both judges gave a figure for; of each, all repeats.
        shift: How much higher the latter judge scores all of the variant's cases; None with fewer than 20.
        kappa: Agreement of the verdicts over all of them; None with fewer than 20, or where there are no verdicts.
    """

    metric: str
    variant: str
    cases: int
    shift: Interval | None
    kappa: Interval | None


def prepare_bridge(
    project: Project, run: Run, instruments: Instruments | None = None, *, sample: int = 60, seed: int = 0
) -> BridgePlan:
    """Draw a sample of a run's cases, and check that the judges of now can be asked about their outputs.

    Cases are drawn at random in proportion to what the earlier judges passed and failed, and come with all their cells.

    Args:
        project: Where the evalset is; its judges are those of now.
        run: A finished run that earlier judges have scored; it stays as it is.
        instruments: Opens what scorers measure with.
        sample: Cases, at least 20; all where there are fewer.
        seed: Of the draw.

    Raises:
        UsageError: The judges are those of the run, the sample is too small, or the run cannot be scored anew.
    """
    now = prepare_rescoring(project, run, instruments).prepared.plan.judges
    judges = clashing_judges(run.manifest, replace(run.manifest, judges=now))
    ids = run.table(run.manifest.variants[0].label).case_ids
    if not judges:
        raise UsageError(
            f"run {run.manifest.run_id} was scored by the judges of now: there is nothing to bridge",
            hint="a bridge is between a run's judges and those that its evalset has by now",
        )
    if min(sample, len(ids)) < FEWEST_BRIDGED:
        raise UsageError(
            f"a bridge of {min(sample, len(ids))} cases; expected at least {FEWEST_BRIDGED}",
            hint=f"have the whole run judged anew: promptctl runs rescore {run.manifest.run_id}",
        )
    cases = _draw(run, list(judges), min(sample, len(ids)), seed)
    rescoring = prepare_rescoring(project, run, instruments, only=frozenset(cases))
    return BridgePlan(run=run, judges=judges, cases=cases, rescoring=rescoring)


def _draw(run: Run, scorers: list[str], sample: int, seed: int) -> tuple[str, ...]:
    """Draw cases so that each kind of verdict has its share: every k-th of a shuffled list that is sorted by kind."""
    tables = [run.table(variant.label) for variant in run.manifest.variants]
    ids = tables[0].case_ids
    verdicts = [table.case_means(name) >= 0.5 for table in tables for name in scorers]  # noqa: PLR2004 - half of the scale
    rng = random.Random(seed)  # noqa: S311 - a sample, no secret
    places = sorted(range(len(ids)), key=lambda row: ([bool(one[row]) for one in verdicts], rng.random()))
    start = rng.random()
    return tuple(ids[places[int((start + step) * len(ids) / sample)]] for step in range(sample))


async def make_bridge(
    project: Project,
    plan: BridgePlan,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: StopSignal | None = None,
) -> JudgeBridge:
    """Ask the judges of now about the sample; what was bridged between the same judges before is kept.

    What they say lies under the project's state folder, so that the same call after an interruption goes on.

    Raises:
        InfrastructureError: A judge could not be asked.
        BudgetExceededError: The next call could cost too much.
    """
    prepared = plan.rescoring.prepared
    asked = await execute(
        prepared.plan,
        prepared.targets,
        runs_dir=project.state_dir / "bridges",
        concurrency=project.settings.concurrency,
        on_progress=on_progress,
        stop=stop,
        promptship_version=version("promptship"),
    )
    cells = _collect(plan, asked)
    known = load_bridge(project.evalsets_dir, name_bridge(plan.judges), root=project.root)
    earlier = {(cell.case, cell.output_digest): cell for cell in (known.cells if known else ())}
    return JudgeBridge(judges=dict(plan.judges), cells=tuple({**earlier, **cells}.values()))


def measure_bridge(run: Run, bridge: JudgeBridge) -> list[BridgeFigure]:
    """Say how far two judges agree on a run, and how much more lenient the latter is."""
    found = []
    for variant in run.manifest.variants:
        table = lay_bridge(run, run.table(variant.label), variant.label, bridge)
        verdicts = _verdicts(run, variant.label, bridge)
        found += [_figure(table, name, variant.label, verdicts.get(name, ([], []))) for name in table.bridged]
    return found


def _figure(table: CaseTable, metric: str, label: str, verdicts: tuple[list[float], list[float]]) -> BridgeFigure:
    import numpy as np

    before, other = table.case_means(metric), table.bridged_means(metric)
    known = ~np.isnan(before)
    count = int((~np.isnan(other[known])).sum())
    compared = sum(said == said for said in verdicts[1])  # noqa: PLR0124 - NaN alone differs from itself
    return BridgeFigure(
        metric=metric,
        variant=label,
        cases=count,
        shift=bridged_shift(before[known], other[known]) if count >= FEWEST_BRIDGED else None,
        kappa=bridged_kappa(*verdicts) if compared >= FEWEST_BRIDGED else None,
    )


def _verdicts(run: Run, label: str, bridge: JudgeBridge) -> dict[str, tuple[list[float], list[float]]]:
    """Return by scorer what the former judge ruled on each output, and what the latter did where it was asked."""
    known = {(cell.case, cell.output_digest): cell for cell in bridge.cells}
    place = [variant.label for variant in run.manifest.variants].index(label)
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in bridge.judges}
    for record in run.records():
        if record.key.variant != place or record.output is None:
            continue
        cell = known.get((record.key.case_id, digest_output(record.output)))
        for name, (before, other) in found.items():
            score = record.scores.get(name)
            if score is None or score.passed is None:
                continue
            said = cell.verdicts.get(name, (None, None))[1] if cell else None
            before.append(float(score.passed))
            other.append(float("nan") if said is None else float(said))
    return found


def _collect(plan: BridgePlan, asked: Run) -> dict[tuple[str, str], BridgedCell]:
    """Pair what either judge said of each output of the sample."""
    now = {record.key: record for record in asked.records()}
    found = {}
    for record in plan.run.records(plan.cases):
        if record.output is None or (again := now.get(record.key)) is None or again.output is None:
            continue
        cell = BridgedCell(
            case=record.key.case_id,
            output_digest=digest_output(record.output),
            scores={
                _RATE: (_mark(record), _mark(again)),
                **{name: (_value(record, name), _value(again, name)) for name in plan.judges},
            },
            verdicts={name: (_passed(record, name), _passed(again, name)) for name in plan.judges},
        )
        found[cell.case, cell.output_digest] = cell
    return found


def _mark(record: CellRecord) -> float | None:
    return {"passed": 1.0, "failed": 0.0}.get(record.outcome)


def _value(record: CellRecord, scorer: str) -> float | None:
    score = record.scores.get(scorer)
    return None if score is None else score.value


def _passed(record: CellRecord, scorer: str) -> bool | None:
    score = record.scores.get(scorer)
    return None if score is None else score.passed
