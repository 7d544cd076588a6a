"""Comparisons as text: for a terminal, for a pull request, for a program."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from promptship.report._escaping import escape_ci_log, escape_markdown, escape_terminal
from promptship.report._figures import MISSING, percent, seconds, usd
from promptship.report._matrix import matrix_of
from promptship.report._width import shorten, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from promptship.domain import CaseChange, ChangeKind, Comparison, MetricChange

__all__ = [
    "describe_side",
    "describe_verdict",
    "markdown_of_comparison",
    "render_comparison_json",
    "render_comparison_markdown",
    "render_comparison_terminal",
    "show_change",
    "terminal_of_comparison",
]

_MOST_CASES = 20
_HEAD = ("metric", "baseline", "candidate", "difference", "95 % interval", "p (Holm)", "n", "")
_WORDS = {"better": "better", "worse": "WORSE", "unclear": "not shown", "same": "same"}
_COUNTED: tuple[tuple[ChangeKind, str], ...] = (
    ("broken", "broken"),
    ("fixed", "fixed"),
    ("flaky", "flaky"),
    ("error", "with an error"),
)


def describe_side(comparison: Comparison) -> str:
    """Name the two sides: `support/reply of run A against support/reply of run B`."""
    one, other = comparison.candidate, comparison.baseline
    return f"{one.label} of run {one.run_id} against {other.label} of run {other.run_id}"


def describe_verdict(comparison: Comparison) -> str:
    """Say in one sentence what happened to the pass rate."""
    change = comparison.metrics[0]
    counted = [f"{comparison.counts[kind]} {word}" for kind, word in _COUNTED if comparison.counts.get(kind)]
    cases = f"{comparison.shared} shared cases: {', '.join(counted) or 'none changed'}"
    if change.difference is None:
        return f"{cases}; no case was scored on both sides"
    points = f"{100 * change.difference:+.1f} points"
    if change.finding in {"better", "worse"}:
        return f"the pass rate is {change.finding} by {points}; {cases}"
    if change.finding == "same":
        return f"the pass rate is the same; {cases}"
    return f"the pass rate changed by {points}, which chance may explain; {cases}"


def show_change(change: MetricChange) -> tuple[str, ...]:
    """Return one row of a table: metric, both means, difference, interval, p, n, finding."""
    show, show_difference = _shows(change.metric)
    interval = MISSING
    if change.low is not None and change.high is not None:
        interval = f"{show_difference(change.low)} to {show_difference(change.high)}"
    return (
        change.metric,
        show(change.baseline),
        show(change.candidate),
        MISSING if change.difference is None else show_difference(change.difference),
        interval,
        MISSING if change.p_adjusted is None else _p_value(change.p_adjusted),
        f"{change.n:,}",
        _WORDS[change.finding],
    )


def render_comparison_terminal(comparisons: Sequence[Comparison], *, width: int) -> str:
    """Render comparisons for a terminal or a CI log.

    Args:
        comparisons: At least one.
        width: Columns of the terminal.
    """
    lines: list[str] = []
    if matrix := matrix_of(comparisons):
        lines += [shorten(escape_terminal(matrix[0]), width), *_columns(matrix[1], width), ""]
    for comparison in comparisons:
        lines += [*terminal_of_comparison(comparison, width), ""]
    return escape_ci_log("\n".join(lines))


def render_comparison_markdown(comparisons: Sequence[Comparison]) -> str:
    """Render comparisons as GitHub-flavoured Markdown."""
    lines: list[str] = []
    if matrix := matrix_of(comparisons):
        lines += [escape_markdown(matrix[0]), "", *_markdown_table(matrix[1][0], iter(matrix[1][1:])), ""]
    for comparison in comparisons:
        lines += [f"**{escape_markdown(describe_verdict(comparison))}**", ""]
        lines += [*markdown_of_comparison(comparison), ""]
    return "\n".join(lines)


def render_comparison_json(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return comparisons as JSON values, with every field of theirs."""
    return [asdict(comparison) for comparison in comparisons]


def terminal_of_comparison(comparison: Comparison, width: int) -> Iterator[str]:
    """Yield the lines of a comparison, its headline first."""

    def clean(text: str) -> str:
        return shorten(escape_terminal(text), width)

    yield clean(describe_verdict(comparison))
    yield clean(describe_side(comparison))
    for text in comparison.notes:
        yield from (f"! {line}" for line in wrap(escape_terminal(text), max(width - 2, 40), lines=4))
    yield ""
    yield from _columns([_HEAD, *map(show_change, comparison.metrics)], width)
    if comparison.slices:
        yield ""
        head = ("pass rate by slice", *_HEAD[1:])
        rows = [(one.name, *show_change(one.change)[1:]) for one in comparison.slices]
        yield from _columns([head, *rows], width)
    if comparison.changes:
        yield ""
        rows = [_case_row(change) for change in comparison.changes[:_MOST_CASES]]
        yield from _columns(rows, width)
        if (more := len(comparison.changes) - _MOST_CASES) > 0:
            yield f"  and {more} more"


def _columns(rows: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    cleaned = [tuple(escape_terminal(cell).replace("\n", " ") for cell in row) for row in rows]
    widths = [max(len(row[index]) for row in cleaned) for index in range(len(cleaned[0]))]
    for row in cleaned:
        line = "  ".join(cell.ljust(widths[index]) for index, cell in enumerate(row)).rstrip()
        yield shorten(f"  {line}", width)


def markdown_of_comparison(comparison: Comparison) -> Iterator[str]:
    """Yield the lines of a comparison below its headline."""
    yield escape_markdown(describe_side(comparison))
    for text in comparison.notes:
        yield f"\n> ⚠️ {escape_markdown(text)}"
    yield ""
    yield from _markdown_table(_HEAD, map(show_change, comparison.metrics))
    if comparison.slices:
        yield ""
        head = ("pass rate by slice", *_HEAD[1:])
        yield from _markdown_table(head, ((one.name, *show_change(one.change)[1:]) for one in comparison.slices))
    if comparison.changes:
        yield f"\n<details><summary>{len(comparison.changes)} cases changed</summary>\n"
        shown = comparison.changes[:_MOST_CASES]
        yield from _markdown_table(("change", "case", "baseline", "candidate"), map(_case_row, shown))
        if (more := len(comparison.changes) - _MOST_CASES) > 0:
            yield f"\nand {more} more"
        yield "\n</details>"


def _markdown_table(head: Sequence[str], rows: Iterator[tuple[str, ...]] | map[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(map(escape_markdown, head))} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(escape_markdown, row))} |"


def _case_row(change: CaseChange) -> tuple[str, ...]:
    return (
        change.kind,
        change.case_id,
        _state(change.baseline, change.baseline_share),
        _state(change.candidate, change.candidate_share),
    )


def _state(stability: str, share: float | None) -> str:
    words = {"stable_pass": "passes", "stable_fail": "fails"}
    if stability == "flaky" and share is not None:
        return f"flaky, passes {share:.0%}"
    return words.get(stability, stability)


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004 - three decimals are shown


def _shows(metric: str) -> tuple[Callable[[float | None], str], Callable[[float], str]]:
    """Return how a metric and how a difference of it are written."""
    if metric == "cost_usd":
        return usd, lambda value: ("-" if value < 0 else "+") + usd(abs(value))
    if metric == "latency_s":
        return seconds, lambda value: ("-" if value < 0 else "+") + seconds(abs(value))
    return percent, lambda value: f"{100 * value:+.1f}"
