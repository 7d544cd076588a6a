"""Diffs of prompts as one HTML page without script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.report._comparison_page import render_page, section_of_comparison
from promptship.report._diff import field_line, title_of
from promptship.report._escaping import escape_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import BehaviourDiff, DiffLine, PromptDiff, Verdict

__all__ = ["render_diff_html"]

_MOST_LINES = 400
_SIGNS = {"-": "gone", "+": "came", " ": "kept"}


def render_diff_html(diffs: Sequence[PromptDiff]) -> bytes:
    """Render diffs as a page that needs nothing else and runs no script.

    Args:
        diffs: Any number.

    Returns:
        UTF-8 bytes; equal diffs give equal bytes.
    """
    body = "\n".join("\n".join(_section(diff)) for diff in diffs) or "<p>No prompt changed.</p>"
    return render_page(diffs[0].name if diffs else "no prompt changed", body)


def _section(diff: PromptDiff) -> Iterator[str]:
    yield f"<section><h1>{escape_html(title_of(diff))}</h1>"
    weakened = [change for change in diff.evidence if change.effect == "weakened"]
    if weakened:
        items = "".join(f"<li>{escape_html(f'{change.evalset}: {change.what}')}</li>" for change in weakened)
        yield f'<div class="warning"><b>The evidence was weakened</b><ul>{items}</ul></div>'
    yield from (f'<p class="warning">{escape_html(note)}</p>' for note in diff.notes)
    for found in diff.behaviour:
        yield from _behaviour(found)
    if diff.contract:
        items = "".join(f"<li><b>{change.level}</b> {escape_html(change.what)}</li>" for change in diff.contract)
        yield f"<h2>Contract: {diff.level}</h2><ul>{items}</ul>"
    for text in diff.texts:
        lines = [line for hunk in text.hunks for line in hunk]
        yield f"<h2>{escape_html(text.name)}</h2>{_lines(lines)}"
    if diff.fields:
        items = "".join(f"<li><code>{escape_html(field_line(change))}</code></li>" for change in diff.fields)
        yield f"<h2>Settings</h2><ul>{items}</ul>"
    yield from _messages(diff)
    others = [change for change in diff.evidence if change.effect != "weakened"]
    if others:
        items = "".join(
            f"<li><b>{change.effect}</b> {escape_html(f'{change.evalset}: {change.what}')}</li>" for change in others
        )
        yield f"<h2>Evidence</h2><ul>{items}</ul>"
    yield "</section>"


def _behaviour(found: BehaviourDiff) -> Iterator[str]:
    yield f"<h2>{escape_html(found.evalset)}</h2>{_gates(found.verdict)}"
    if found.base_verdict is not None:
        yield f"<h3>By the evalset as it was</h3>{_gates(found.base_verdict)}"
    if found.base_reason:
        yield f'<p class="warning">{escape_html(found.base_reason)}</p>'
    if found.comparison is None:
        yield f'<p class="warning">{escape_html(found.uncompared)}</p>'
    else:
        yield section_of_comparison(found.comparison, {})


def _gates(verdict: Verdict) -> str:
    rows = "".join(
        f'<tr class="outcome-{gate.outcome}"><td><span class="badge">{gate.outcome}</span></td>'
        f"<td>{escape_html(gate.gate)}</td><td>{escape_html(gate.reason)}</td></tr>"
        for gate in verdict.gates
    )
    return f'<div class="scroll"><table class="gate-table"><tbody>{rows}</tbody></table></div>'


def _messages(diff: PromptDiff) -> Iterator[str]:
    if not diff.rendered_cases:
        return
    changed = sum(len(group.case_ids) for group in diff.rendered)
    yield f"<h2>Messages: {changed} of {diff.rendered_cases} cases are sent something else</h2>"
    for group in diff.rendered:
        summary = escape_html(f"{len(group.case_ids)} cases: {', '.join(group.case_ids[:6])}")
        yield f'<details class="change"><summary>{summary}</summary>{_lines(group.lines)}</details>'


def _lines(lines: Sequence[DiffLine]) -> str:
    shown = "\n".join(_line(line) for line in lines[:_MOST_LINES])
    return f'<pre class="diff">{shown}</pre>'


def _line(line: DiffLine) -> str:
    whole = all(changed for changed, _ in line.pieces)
    pieces = "".join(
        f"<mark>{escape_html(piece)}</mark>" if changed and not whole else escape_html(piece)
        for changed, piece in line.pieces
    )
    return f'<span class="{_SIGNS[line.sign]}">{line.sign} {pieces}</span>'
