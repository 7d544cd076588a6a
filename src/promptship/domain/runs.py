"""Runs: what was planned, what came out, and figures that are always derived from the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain.json_types import JsonObject, JsonValue
    from promptship.domain.outputs import Output
    from promptship.domain.scores import JudgeCalls, Score

__all__ = [
    "CaseOutcome",
    "CellError",
    "CellKey",
    "CellRecord",
    "GroupSummary",
    "MetricSummary",
    "RunManifest",
    "RunSummary",
    "Totals",
    "Variant",
    "decide_outcome",
]

CaseOutcome = Literal["passed", "failed", "error", "unscored"]


class CellKey(NamedTuple):
    """One cell of the matrix: a variant (index into the manifest's list), a case, a repeat."""

    variant: int
    case_id: str
    repeat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One column of the matrix: a prompt version with its model, or a target without one.

    Attributes:
        label: Unique in the run: `support/reply`, `support/reply+fast`, `python:app:answer`.
        prompt: Name of the prompt; "" for a target without one.
        digest: Digest of the closure; "" for a target without one.
        model: Name of the model config as written; "" where the target calls none of ours.
        model_id: `provider/model`.
        origin: Where calls went: URL origin, `local`, `fake`, `replay`; "" for none.
    """

    label: str
    prompt: str = ""
    digest: str = ""
    model: str = ""
    model_id: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellError:
    """Why a cell has no output, or a scorer no score: the error's class name, its message, and which scorer if one."""

    kind: str
    message: str
    scorer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord:
    """One finished cell with everything known about it, as read back from the journal.

    Attributes:
        key: Which cell.
        outcome: What counts.
        inputs: The case's inputs.
        expected: The case's expected output.
        tags: The case's slices.
        cluster: The case's cluster; None for none.
        output: None where the target failed.
        scores: By scorer name, in the order of the evalset.
        error: Why the outcome is `error`; None otherwise.
        case_place: `file:line` of the case.
        judge_calls: Answers that its judges were given, called and cached.
        material: Digest of what scorers may read of the case beside inputs and expected output; "" for nothing.
    """

    key: CellKey
    outcome: CaseOutcome
    inputs: JsonObject
    expected: JsonValue
    tags: Mapping[str, str]
    cluster: str | None
    output: Output | None
    scores: Mapping[str, Score]
    error: CellError | None = None
    case_place: str = ""
    judge_calls: JudgeCalls | None = None
    material: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts over the cells of a run.

    `requests` and `cached` are the answers of targets, `judge_requests` and `judge_cached` those that judges were given
    to score them. `cost_usd` is what was paid now for both; None where a price is unknown.
    """

    cases: int = 0
    passed: int = 0
    failed: int = 0
    error: int = 0
    unscored: int = 0
    requests: int = 0
    cached: int = 0
    cost_usd: float | None = 0.0
    wall_s: float = 0.0
    judge_requests: int = 0
    judge_cached: int = 0

    @property
    def pass_rate(self) -> float | None:
        """`passed / (passed + failed)`; None where nothing was scored."""
        scored = self.passed + self.failed
        return self.passed / scored if scored else None

    @property
    def scored_share(self) -> float | None:
        """Share of cells that passed or failed; None where there are none."""
        return (self.passed + self.failed) / self.cases if self.cases else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSummary:
    """Mean of a metric over `n` cases; `low` and `high` bound its 95 % interval where one was computed."""

    mean: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0


@dataclass(frozen=True, kw_only=True)
class RunManifest:
    """What a run is of. Written before the first call and never changed, but for `finished` and what follows it.

    Attributes:
        run_id: `YYYYMMDD-HHMMSS-` and six hex digits; sorts by time.
        plan_digest: Digest of everything that decides the cells; an unfinished run with the same one is resumed.
        evalset: Name of the evalset.
        evalset_path: Its file.
        evalset_digest: Digest of its cases, scorers and gates.
        scoring_digest: Digest of its scorers.
        kind: Kind of the evalset.
        variants: Columns of the matrix.
        scorers: Names in order.
        required: Names of the scorers that a case needs.
        repeats: Samples per case and variant.
        cells: Planned cells.
        complete: False where cases were left out by a selection.
        selection: How cases were chosen, as `{"seed", "sample", "slice", "limit", "pattern", "last_failed"}`.
        gates: Gates as written.
        created: ISO 8601 UTC.
        finished: ISO 8601 UTC; None while it runs or after a kill.
        git_commit: Commit of the working tree; None outside git. Ends with `+dirty` where files differ.
        promptship_version: Version that made the run.
        experiment: Name of the experiment that it belongs to; "" for none.
        note: For people.
        skipped: Cells that were not run because the verdict was certain without them.
        judges: Digests of the judges among the scorers, by scorer name.
        asked: Digests of what they ask, for those whose scores keep the votes they were made of.
        format: Version of the files of a run.
    """

    run_id: str
    plan_digest: str
    evalset: str
    evalset_path: str
    evalset_digest: str
    scoring_digest: str
    kind: str = "golden"
    variants: tuple[Variant, ...] = ()
    scorers: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    repeats: int = 1
    cells: int = 0
    complete: bool = True
    selection: JsonObject = field(default_factory=dict)
    gates: tuple[str, ...] = ()
    created: str = ""
    finished: str | None = None
    git_commit: str | None = None
    promptship_version: str = ""
    experiment: str = ""
    note: str = ""
    skipped: int = 0
    judges: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)
    format: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSummary:
    """Figures of one group of cells.

    Attributes:
        totals: Counts; money is what was paid now.
        metrics: `pass_rate`, `error_rate`, `scored_share`, `cost_usd`, `cost_usd_per_case`, `latency_p50_s`,
            `latency_p95_s`, and the mean of each scorer by its name. Money here is as if nothing had been cached, so
            that a verdict does not depend on the cache.
    """

    totals: Totals
    metrics: Mapping[str, MetricSummary]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run's figures, derived from its rows.

    Attributes:
        overall: All cells.
        variants: By variant label, in the manifest's order.
        slices: By variant label, then by `tag=value`.
    """

    overall: GroupSummary
    variants: Mapping[str, GroupSummary]
    slices: Mapping[str, Mapping[str, GroupSummary]]


def decide_outcome(error: CellError | None, scores: Mapping[str, Score], required: frozenset[str]) -> CaseOutcome:
    """Decide what a cell counts as.

    Args:
        error: Why there is no output or no score, if so.
        scores: By scorer name.
        required: Names of scorers that a case needs; names absent from `scores` are ignored.

    Returns:
        `error` with an error; `unscored` where a required scorer abstained and none failed; `failed` where a
        required scorer failed; else `passed`.
    """
    if error is not None:
        return "error"
    verdicts = [score.passed for name, score in scores.items() if name in required]
    if not all(passed is not False for passed in verdicts):
        return "failed"
    return "unscored" if None in verdicts else "passed"
