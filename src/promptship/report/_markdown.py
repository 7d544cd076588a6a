"""Runs as Markdown, for a pull request's comment or a job summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.report._escaping import escape_markdown, fence_markdown
from promptship.report._figures import percent, plain, seconds, usd
from promptship.report._reading import (
    add_totals,
    as_text,
    differing_slices,
    explain,
    first_not_passed,
    headline,
    merge_outcomes,
    notes_of,
    reason_of,
    say_requests,
    variant_label,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import CellRecord, GroupSummary
    from promptship.report._run_like import RunLike

__all__ = ["render_markdown"]

_MARKS = {"pass": "✅ pass", "warn": "⚠️ warn", "fail": "❌ fail", None: "⚪ no verdict"}
_MOST_FAILURES = 10
_LONGEST_TEXT = 1500
# GitHub refuses a comment of more than 65,536 characters; what a case may take leaves room for the tables.
_BUDGET = 50_000
_HEAD = ("variant", "passed", "failed", "error", "unscored", "pass rate", "cost", "p50", "p95", "cached")


def render_markdown(runs: Sequence[RunLike]) -> str:
    """Render runs as GitHub-flavoured Markdown: verdict, tables, gates, and the first cases that did not pass.

    What models wrote stands in code blocks or is escaped: it makes no link, no mention, no markup. The whole stays
    short enough for one comment on a pull request.
    """
    totals = add_totals(run.summary.overall.totals for run in runs)
    lines = [f"## {_MARKS[merge_outcomes(runs)]}: {headline(runs)}", ""]
    lines.append(
        f"{totals.cases:,} cases, {totals.passed:,} passed, {totals.failed:,} failed, {totals.error:,} error, "
        f"{totals.unscored:,} unscored · {say_requests(totals)} · "
        f"{usd(totals.cost_usd)} · {seconds(totals.wall_s)}"
    )
    budget = _BUDGET // max(len(runs), 1)
    for run in runs:
        lines += ["", *_run(run, budget)]
    return "\n".join(lines) + "\n"


def _run(run: RunLike, budget: int) -> Iterator[str]:
    manifest = run.manifest
    yield f"### {escape_markdown(manifest.evalset)}"
    yield ""
    yield f"{escape_markdown(manifest.kind)} · run `{escape_markdown(manifest.run_id)}`"
    if not manifest.complete:
        yield "· a part of its cases"
    yield ""
    yield from _table(_HEAD, [_row(label, group) for label, group in run.summary.variants.items()], right_from=1)
    if found := differing_slices(run):
        yield from ["", "Slices that differ (by more than two standard errors):", ""]
        rows = [(item.variant, item.name, percent(item.rate), percent(item.whole), str(item.n)) for item in found]
        yield from _table(("variant", "slice", "pass rate", "of all", "n"), rows, right_from=2)
    if run.verdict and run.verdict.gates:
        yield ""
        yield from _table(("", "gate", "value", "n", "finding", "reason"), list(_gate_rows(run)), right_from=99)
    for text in notes_of(run.verdict):
        yield f"\n> {escape_markdown(text)}"
    yield from _failures(run, budget)


def _row(label: str, group: GroupSummary) -> tuple[str, ...]:
    totals = group.totals
    p50, p95 = (group.metrics.get(name) for name in ("latency_p50_s", "latency_p95_s"))
    counts = [f"{count:,}" for count in (totals.passed, totals.failed, totals.error, totals.unscored)]
    times = [seconds(metric.mean if metric else None) for metric in (p50, p95)]
    return (label, *counts, percent(totals.pass_rate), usd(totals.cost_usd), *times, f"{totals.cached:,}")


def _gate_rows(run: RunLike) -> Iterator[tuple[str, ...]]:
    for gate in run.verdict.gates if run.verdict else ():
        name = f"{gate.gate} ({gate.subject})" if gate.subject else gate.gate
        value = plain(gate.value)
        if gate.low is not None and gate.high is not None:
            value = f"{value} ({plain(gate.low)} to {plain(gate.high)})"
        yield (_MARKS[gate.outcome], name, value, f"{gate.n:,}", gate.finding, reason_of(gate))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right_from: int) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---:' if index >= right_from else '---' for index in range(len(head)))}|"
    for row in rows:
        yield f"| {' | '.join(map(escape_markdown, row))} |"


def _failures(run: RunLike, budget: int) -> Iterator[str]:
    shown, count = first_not_passed(run, _MOST_FAILURES)
    if not shown:
        return
    required = frozenset(run.manifest.required)
    blocks: list[str] = []
    for record in shown:
        block = "\n".join(_failure(run, record, required))
        budget -= len(block)
        if budget < 0:
            break
        blocks.append(block)
    yield from ["", f"<details><summary>{len(blocks)} of {count:,} cases that did not pass</summary>", ""]
    yield from blocks
    yield "</details>"


def _failure(run: RunLike, record: CellRecord, required: frozenset[str]) -> Iterator[str]:
    title = f"{record.outcome}: {record.key.case_id}"
    if len(run.manifest.variants) > 1:
        title += f", {variant_label(run, record)}"
    yield f"#### {escape_markdown(title)}"
    yield ""
    if record.case_place:
        yield f"{escape_markdown(record.case_place)}\n"
    for who, reason in explain(record, required):
        yield f"- **{escape_markdown(who)}**: {escape_markdown(_cut(reason))}"
    yield ""
    inputs = "\n".join(f"{name}: {as_text(value)}" for name, value in record.inputs.items())
    yield from _block("Inputs", inputs)
    if record.expected is not None:
        yield from _block("Expected", as_text(record.expected))
    if record.output is not None:
        yield from _block("Output", record.output.text or as_text(record.output.data))


def _block(title: str, text: str) -> list[str]:
    return [f"{title}:", "", fence_markdown(_cut(text)), ""]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " …"
