"""The summary that a developer reads after `promptctl eval`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptship.report._escaping import escape_ci_log, escape_terminal
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
from promptship.report._width import display_width, fill, shorten, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import CellRecord, GateVerdict, GroupSummary, Outcome, Totals, Verdict
    from promptship.report._run_like import RunLike

__all__ = ["render_terminal", "render_verdict"]

_Colour = Literal["red", "green", "yellow", "dim", "bold", "badge-pass", "badge-warn", "badge-fail"]
_CODES: dict[_Colour, str] = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "dim": "2",
    "bold": "1",
    "badge-pass": "1;30;42",
    "badge-warn": "1;30;43",
    "badge-fail": "1;37;41",
}
_GATE_COLOURS: dict[Outcome, _Colour] = {"pass": "green", "warn": "yellow", "fail": "red"}
_NARROWEST = 40
_LABEL = 10
_SHORTEST_GATE = 8
_INPUT_LINES = 2
_NOTE_LINES = 4
_TEXT_LINES = 6
_MOST_SLICES = 8
_HEAD = ("variant", "pass rate", "passed", "failed", "error", "unscored", "cost", "p50", "p95", "cached")


@dataclass(frozen=True, slots=True)
class _Page:
    """Where lines go: how wide they may be, and whether they may be coloured."""

    width: int
    color: bool

    def paint(self, text: str, colour: _Colour) -> str:
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.color and text else text

    def clean(self, text: str, width: int) -> str:
        return shorten(" ".join(escape_terminal(text).split()), width)


def render_terminal(runs: Sequence[RunLike], *, color: bool, width: int, failures: int = 10) -> str:
    """Render the summary of one or several runs for a terminal or a CI log.

    The first line is the verdict. Nothing that a model wrote can move the cursor, set a colour or give a CI system a
    command. All is said in words too, so that it reads without colour.

    Args:
        runs: The runs of one command, one per evalset.
        color: Whether to use ANSI colours.
        width: Columns of the terminal; below 40 is taken as 40.
        failures: Most cases that did not pass to show per run; 0 shows none.

    Returns:
        Lines, each ended by a line feed.
    """
    page = _Page(width=max(width, _NARROWEST), color=color)
    lines = [*_verdict(page, runs)]
    for run in runs:
        lines += ["", *_heading(page, run), *_variants(page, run), *_slices(page, run), *_gates(page, run.verdict)]
        lines += _failures(page, run, failures)
    # Last, over whole lines: wrapping may put a command at the start of a line where none was before.
    return escape_ci_log("\n".join(lines)) + "\n"


def render_verdict(run: RunLike, verdict: Verdict, *, color: bool, width: int) -> str:
    """Render what gates say of a stored run.

    Args:
        run: What was judged.
        verdict: What was decided; not the one that the run was stored with.
        color: Whether to use ANSI colours.
        width: Columns of the terminal; below 40 is taken as 40.
    """
    page = _Page(width=max(width, _NARROWEST), color=color)
    badges: dict[Outcome, _Colour] = {"pass": "badge-pass", "warn": "badge-warn", "fail": "badge-fail"}
    word = verdict.outcome.upper()
    first = page.paint(f" {word} ", badges[verdict.outcome]) if color else word
    lines = [f"{first} {page.clean(verdict.reason, page.width)}"]
    lines.append(page.clean(f"{run.manifest.evalset}, run {run.manifest.run_id}", page.width))
    return escape_ci_log("\n".join([*lines, *_gates(page, verdict)])) + "\n"


def _verdict(page: _Page, runs: Sequence[RunLike]) -> Iterator[str]:
    outcome = merge_outcomes(runs)
    totals = add_totals(run.summary.overall.totals for run in runs)
    word = outcome.upper() if outcome else "NO VERDICT"
    # The word says it all where there is no colour; the badge only repeats it.
    badge: _Colour = "badge-warn" if outcome in {None, "warn"} else "badge-pass" if outcome == "pass" else "badge-fail"
    first = page.paint(f" {word} ", badge) if page.color else word
    yield f"{first} {headline(runs)}{_warnings(runs)}"
    yield shorten(f"{_counts(totals)} · {_spent(totals)}", page.width)
    for run in runs:
        if run.verdict and run.verdict.outcome != "pass" and not run.verdict.gates:
            yield page.clean(f"{run.manifest.evalset}: {run.verdict.reason}", page.width)


def _warnings(runs: Sequence[RunLike]) -> str:
    said = [f"{run.manifest.evalset} ran a part of its cases" for run in runs if not run.manifest.complete]
    said += [f"{run.manifest.evalset} did not finish" for run in runs if run.manifest.finished is None]
    warned = sum(gate.outcome == "warn" for run in runs if run.verdict for gate in run.verdict.gates)
    said += [f"{warned} gate{'s' if warned > 1 else ''} only warned"] if warned else []
    return escape_terminal(f" (warning: {'; '.join(said)})") if said else ""


def _counts(totals: Totals) -> str:
    parts = [f"{totals.cases:,} cases", f"{totals.passed:,} passed", f"{totals.failed:,} failed"]
    parts += [f"{totals.error:,} error"] if totals.error else []
    parts += [f"{totals.unscored:,} unscored"] if totals.unscored else []
    return ", ".join(parts)


def _spent(totals: Totals) -> str:
    paid = "cost unknown" if totals.cost_usd is None else f"{usd(totals.cost_usd)} paid"
    return f"{say_requests(totals)} · {paid} · {seconds(totals.wall_s)}"


def _heading(page: _Page, run: RunLike) -> Iterator[str]:
    manifest = run.manifest
    name = page.clean(manifest.evalset, page.width // 2)
    repeats = f" · {manifest.repeats} repeats" if manifest.repeats > 1 else ""
    rest = page.clean(f"  {manifest.kind}{repeats} · run {manifest.run_id}", page.width - display_width(name) - 2)
    yield page.paint(name, "bold") + "  " + page.paint(rest, "dim")


def _variants(page: _Page, run: RunLike) -> list[str]:
    rows = [_HEAD] + [_row(label, group) for label, group in run.summary.variants.items()]
    widths = [max(display_width(row[column]) for row in rows) for column in range(1, len(_HEAD))]
    longest = max(display_width(escape_terminal(row[0])) for row in rows)
    # On a narrow terminal whole columns go, from the right: a wrapped table is unreadable.
    while len(widths) > 1:
        if sum(widths) + 2 * len(widths) + min(longest, 24) + 2 <= page.width:
            break
        widths.pop()
    label = max(min(longest, page.width - 2 - sum(widths) - 2 * len(widths)), 7)
    return [_line(page, row, label, widths, head=index == 0) for index, row in enumerate(rows)]


def _row(label: str, group: GroupSummary) -> tuple[str, ...]:
    totals = group.totals
    p50, p95 = (group.metrics.get(name) for name in ("latency_p50_s", "latency_p95_s"))
    counts = [f"{count:,}" for count in (totals.passed, totals.failed, totals.error, totals.unscored)]
    times = [seconds(metric.mean if metric else None) for metric in (p50, p95)]
    return (label, percent(totals.pass_rate), *counts, usd(totals.cost_usd), *times, f"{totals.cached:,}")


def _line(page: _Page, row: tuple[str, ...], label: int, widths: list[int], *, head: bool) -> str:
    cells = [fill(page.clean(row[0], label), label)]
    for name, text, width in zip(_HEAD[1:], row[1:], widths, strict=False):
        cell = fill(text, width, right=True)
        bad = not head and name in {"failed", "error", "unscored"} and text != "0"
        cells.append(page.paint(cell, "yellow" if name == "unscored" else "red") if bad else cell)
    line = "  " + "  ".join(cells)
    return page.paint(line, "dim") if head else line


def _slices(page: _Page, run: RunLike) -> Iterator[str]:
    found = differing_slices(run)
    if not found:
        return
    yield "  slices that differ (by more than two standard errors)"
    width = min(max(display_width(escape_terminal(item.name)) for item in found[:_MOST_SLICES]), page.width // 3)
    for item in found[:_MOST_SLICES]:
        name = fill(page.clean(item.name, width), width)
        rate = page.paint(f"{percent(item.rate):>6}", "red" if item.rate < item.whole else "green")
        line = f"    {name}  {rate}  against {percent(item.whole)} of all, n = {item.n}"
        yield f"{line}  {page.clean(item.variant, page.width // 4)}" if len(run.manifest.variants) > 1 else line
    if len(found) > _MOST_SLICES:
        yield f"    … and {len(found) - _MOST_SLICES} more"


def _gates(page: _Page, verdict: Verdict | None) -> Iterator[str]:
    if not verdict or not verdict.gates:
        return
    yield "  gates"
    gates = verdict.gates
    values = [_value(gate) for gate in gates]
    value_width = max(map(display_width, values))
    word_width = max(len(_word(gate)) for gate in gates)
    taken = len("      " + "  " + "  n = ") + word_width + value_width + max(len(str(gate.n)) for gate in gates)
    most = max(min(page.width // 2, page.width - taken), _SHORTEST_GATE)
    names = [page.clean(f"{gate.gate} {_of(gate)}".rstrip(), most) for gate in gates]
    width = max(map(display_width, names))
    for gate, name, value in zip(gates, names, values, strict=True):
        word = page.paint(f"{_word(gate):<{word_width}}", _GATE_COLOURS[gate.outcome])
        line = f"    {word}  {fill(name, width)}  {fill(value, value_width)}  n = {gate.n}"
        reason = escape_terminal(reason_of(gate))
        if not reason or display_width(line) + 3 + display_width(reason) <= page.width:
            yield f"{line}   {page.paint(reason, 'dim')}".rstrip()
            continue
        yield line
        indent = " " * (word_width + 6)
        for part in wrap(reason, page.width - len(indent), lines=_INPUT_LINES):
            yield indent + page.paint(part, "dim")
    yield from _notes(page, verdict)


def _notes(page: _Page, verdict: Verdict) -> Iterator[str]:
    for text in notes_of(verdict):
        for number, part in enumerate(wrap(escape_terminal(text), page.width - 10, lines=_NOTE_LINES)):
            gutter = page.paint("note", "yellow") if number == 0 else "    "
            yield f"    {gutter}  {part}"


def _word(gate: GateVerdict) -> str:
    if gate.finding == "inconclusive":
        return "INCONCLUSIVE"
    return "pass" if gate.outcome == "pass" else gate.outcome.upper()


def _of(gate: GateVerdict) -> str:
    return f"({gate.subject})" if gate.subject else ""


def _value(gate: GateVerdict) -> str:
    if gate.low is None or gate.high is None:
        return plain(gate.value)
    return f"{plain(gate.value)} [{plain(gate.low)}, {plain(gate.high)}]"


def _failures(page: _Page, run: RunLike, most: int) -> Iterator[str]:
    if most <= 0 or run.summary.overall.totals.passed == run.summary.overall.totals.cases:
        return
    shown, count = first_not_passed(run, most)
    part = f" ({len(shown)} of {count:,} shown)" if len(shown) < count else ""
    yield f"  cases that did not pass{part}"
    required = frozenset(run.manifest.required)
    for record in shown:
        yield from _failure(page, run, record, required)


def _failure(page: _Page, run: RunLike, record: CellRecord, required: frozenset[str]) -> Iterator[str]:
    repeat = f" · repeat {record.key.repeat + 1}" if run.manifest.repeats > 1 else ""
    variant = f" · {variant_label(run, record)}" if len(run.manifest.variants) > 1 else ""
    word = page.paint(record.outcome.upper(), "yellow" if record.outcome == "unscored" else "red")
    title = page.clean(f"{record.key.case_id}{variant}{repeat}", page.width - 14)
    yield f"    {word}  {page.paint(title, 'bold')}"
    if record.case_place:
        yield "      " + page.paint(page.clean(record.case_place, page.width - 6), "dim")
    for fields, colour in _fields(record, required):
        longest = max(display_width(page.clean(name, page.width)) for name, _ in fields)
        column = max(min(longest, page.width // 4), _LABEL)
        for name, text in fields:
            yield from _field(page, page.clean(name, column), text, column, colour)


def _fields(record: CellRecord, required: frozenset[str]) -> Iterator[tuple[list[tuple[str, str]], _Colour | None]]:
    """Yield what is known of the case, then why it did not pass: named texts, each group with its colour."""
    facts = [(name, as_text(value)) for name, value in record.inputs.items()]
    facts += [("expected", as_text(record.expected))] if record.expected is not None else []
    output = record.output
    facts += [("output", output.text or as_text(output.data))] if output is not None else []
    if facts:
        yield facts, None
    if reasons := explain(record, required):
        yield reasons, "red"


def _field(page: _Page, label: str, text: str, column: int, colour: _Colour | None) -> Iterator[str]:
    lines = _TEXT_LINES if label == "output" or colour else _INPUT_LINES
    width = max(page.width - 8 - column, 10)
    # Only so much as can be shown is escaped: an answer may have megabytes.
    head = escape_terminal(text[: width * lines * 2])
    for index, part in enumerate(wrap(head, width, lines=lines)):
        shown = page.paint(part, colour) if colour else part
        gutter = page.paint(fill(label, column), "dim") if index == 0 else " " * column
        yield f"      {gutter}  {shown}".rstrip()
