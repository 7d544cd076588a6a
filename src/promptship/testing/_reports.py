"""What items show: plain data that passes between the workers of a session as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from promptship.domain import CaseOutcome, Finding, GateVerdict, Outcome
    from promptship.runner import Run

__all__ = ["CellId", "CellReport", "Ending", "GateReport", "RunFigures"]

Decision = Literal["passed", "failed", "tolerated", "skipped"]
"""What becomes of an item: `tolerated` is an expected failure, since something else decides."""


class CellId(NamedTuple):
    """One cell of an evalset by names that mean the same in every process of a session."""

    case_id: str
    variant: str
    repeat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReport:
    """What one cell came to.

    Attributes:
        outcome: What counts in the run.
        decision: What becomes of its item.
        headline: Why, in one line; "" for a passed cell.
        detail: Inputs, output and differences in several lines; "" for a passed cell.
        properties: For JUnit: names and plain values.
    """

    outcome: CaseOutcome
    decision: Decision
    headline: str = ""
    detail: str = ""
    properties: list[tuple[str, str | int | float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """What one gate says; the fields of `GateVerdict` that an item shows."""

    gate: str
    subject: str
    finding: Finding
    outcome: Outcome
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""

    @classmethod
    def of(cls, verdict: GateVerdict) -> GateReport:
        """Take over what an item shows of a verdict."""
        return cls(
            gate=verdict.gate,
            subject=verdict.subject,
            finding=verdict.finding,
            outcome=verdict.outcome,
            value=verdict.value,
            low=verdict.low,
            high=verdict.high,
            n=verdict.n,
            reason=verdict.reason,
        )

    def describe(self) -> str:
        """Say in one line what was found."""
        value = "unknown" if self.value is None else f"{self.value:.4g}"
        interval = "" if self.low is None or self.high is None else f" [{self.low:.4g}, {self.high:.4g}]"
        reason = f"; {self.reason}" if self.reason else ""
        return f"{self.finding}: {value}{interval}, n = {self.n}{reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """What the session's summary says of a finished run, so that a controller need not read it again.

    Attributes:
        directory: The run's folder; its name is the run's id.
        outcomes: Cells by outcome, without those that are none.
        requests: Calls that were made.
        cached: Calls that were answered without one.
        cost_usd: What was paid; None where a price is unknown.
    """

    directory: str
    outcomes: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    cached: int = 0
    cost_usd: float | None = 0.0

    @classmethod
    def of(cls, run: Run) -> RunFigures:
        """Take over what a summary says of a run."""
        totals = run.summary.overall.totals
        outcomes = {name: getattr(totals, name) for name in ("passed", "failed", "error", "unscored")}
        return cls(
            directory=str(run.directory),
            outcomes={name: count for name, count in outcomes.items() if count},
            requests=totals.requests,
            cached=totals.cached,
            cost_usd=totals.cost_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the evaluation of one evalset ended.

    Attributes:
        runs: The finished runs; several where cases were deselected unevenly, none where none finished.
        complete: Whether all of its cells were selected.
        gates: What the gates of a complete run say.
        root: The project's folder, to which the places of cases are relative.
        error: Why it could not go on; "" where it did.
        wall_s: Seconds it took.
        stopped: Whether the session ended before the evaluation did, for a reason that is told elsewhere.
        fails_in_silence: Whether the verdict fails although the evalset has no gate whose item could.
    """

    runs: list[RunFigures] = field(default_factory=list)
    complete: bool = True
    gates: list[GateReport] = field(default_factory=list)
    root: str = ""
    error: str = ""
    wall_s: float = 0.0
    stopped: bool = False
    fails_in_silence: bool = False

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Ending:
        """Undo `dataclasses.asdict`."""
        runs = [RunFigures(**run) for run in row["runs"]]
        return cls(**{**row, "runs": runs, "gates": [GateReport(**gate) for gate in row["gates"]]})
