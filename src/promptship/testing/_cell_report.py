"""From a cell's record to what its item shows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from promptship.testing._reports import CellReport
from promptship.testing._words import mark_differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.domain import CellRecord, Variant
    from promptship.evaluation import PreparedEvaluation
    from promptship.settings import Settings
    from promptship.testing._reports import CellId, Decision

__all__ = ["CellReporter", "safe"]

_LONGEST_TEXT = 12_000
_LONGEST_BLOCK = 2_000
_ROUNDING = 1e-9
_GATE_DECIDES = "its gate decides"


def safe(text: str) -> str:
    """Make what models wrote safe to print, in a log that obeys commands too, and bound its length."""
    from promptship.report import escape_ci_log, escape_terminal

    shown = escape_terminal(text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} …")
    return escape_ci_log(shown) if os.environ.get("CI") or os.environ.get("GITHUB_ACTIONS") else shown


class CellReporter:
    """Reports the cells of one evaluation, and counts how many errors its settings still tolerate.

    Args:
        prepared: The evaluation.
        settings: The project's; they say which share of cells may be errors or unscored.
        strict: Whether each failing case fails.
    """

    def __init__(self, prepared: PreparedEvaluation, settings: Settings, *, strict: bool) -> None:
        plan = prepared.plan
        self._variants = {variant.label: variant for variant in plan.variants}
        self._required = frozenset(scorer.name for scorer in plan.scorers if scorer.required)
        self._has_gates = bool(prepared.evalset.spec.gates)
        self._strict = strict
        cells = plan.case_count * plan.repeats
        shares = {"error": settings.max_error_rate, "unscored": 1 - settings.min_scored}
        self._allowed = {outcome: int(share * cells + _ROUNDING) for outcome, share in shares.items()}
        self._seen: dict[tuple[str, str], int] = {}

    def report(self, cell: CellId, record: CellRecord) -> CellReport:
        """Return what the cell's item shows."""
        properties = list(self._properties(cell, record))
        if record.outcome == "passed":
            return CellReport(outcome="passed", decision="passed", properties=properties)
        from promptship.report import explain

        reasons = [f"{who}: {why}" for who, why in explain(record, self._required)] or [record.outcome]
        decision = self._decide(cell, record)
        headline = safe("; ".join(reasons)).replace("\n", " ")
        if decision == "tolerated":
            headline = f"{_GATE_DECIDES}: {headline}" if self._has_gates else f"within max_error_rate: {headline}"
        return CellReport(
            outcome=record.outcome,
            decision=decision,
            headline=headline,
            detail=self._detail(cell, record, reasons, compare=decision == "failed"),
            properties=properties,
        )

    def _decide(self, cell: CellId, record: CellRecord) -> Decision:
        if self._strict:
            return "skipped" if record.outcome == "unscored" else "failed"
        if self._has_gates:
            return "skipped" if record.outcome == "unscored" else "tolerated"
        if record.outcome == "failed":
            return "failed"
        # Without gates, too, the verdict tolerates so many errors as the settings say, and no item may contradict it.
        key = (cell.variant, record.outcome)
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] > self._allowed[record.outcome]:
            return "failed"
        return "skipped" if record.outcome == "unscored" else "tolerated"

    def _properties(self, cell: CellId, record: CellRecord) -> Iterator[tuple[str, str | int | float]]:
        variant = self._variants[cell.variant]
        yield "case", cell.case_id
        yield "variant", cell.variant
        for name, value in (("prompt_digest", variant.digest), ("model", variant.model_id)):
            if value:
                yield name, value
        if cell.repeat:
            yield "repeat", cell.repeat + 1
        yield "outcome", record.outcome
        for name, score in record.scores.items():
            if score.value is not None:
                yield f"score.{name}", score.value
        output = record.output
        if output is not None:
            yield "latency_s", round(output.latency_s, 6)
            if output.cost_usd is not None:
                yield "cost_usd", output.cost_usd

    def _detail(self, cell: CellId, record: CellRecord, reasons: list[str], *, compare: bool) -> str:
        variant = self._variants[cell.variant]
        lines = [f"{record.outcome}: case {cell.case_id!r} of {_describe(variant)}"]
        if record.case_place:
            lines[0] = f"{record.case_place}: {lines[0]}"
        lines += [f"  {reason}" for reason in reasons]
        lines += _blocks(record, compare=compare)
        return safe("\n".join(lines))


def _describe(variant: Variant) -> str:
    return f"{variant.label} ({variant.model_id})" if variant.model_id else variant.label


def _blocks(record: CellRecord, *, compare: bool) -> Iterator[str]:
    from promptship.report import as_text

    yield from _block("inputs", "\n".join(f"{name}: {as_text(value)}" for name, value in record.inputs.items()))
    output = "" if record.output is None else record.output.text or as_text(record.output.data)
    if record.expected is not None:
        expected = as_text(record.expected)
        yield from _block("expected", expected)
        if compare and (marked := mark_differences(expected, output)):
            yield from _block("output, compared with expected", marked)
            return
    if record.output is not None:
        yield from _block("output", output)


def _block(title: str, text: str) -> list[str]:
    shown = text if len(text) <= _LONGEST_BLOCK else f"{text[:_LONGEST_BLOCK]} …"
    return [f"  {title}:", *(f"    {line}" for line in shown.split("\n"))]
