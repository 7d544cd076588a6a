"""Comparisons as one HTML page: differences with their intervals as a picture, and changed cases side by side."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from promptship.report._comparison import describe_side, describe_verdict, show_change
from promptship.report._escaping import escape_html
from promptship.report._matrix import matrix_of
from promptship.report._reading import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from promptship.domain import CaseChange, CellRecord, Comparison, MetricChange

__all__ = ["render_comparison_html", "render_page", "section_of_comparison"]


_STYLES = ("base.css", "overview.css", "comparison.css", "card.css")
_HEAD = ("", "baseline", "candidate", "difference", "95 % interval", "p (Holm)", "n", "")
_PLOT_WIDTH, _PLOT_HEIGHT, _MARGIN = 260, 22, 8
_LEAST_SPAN = 0.02
_LONGEST_TEXT = 4_000
_OUTCOMES = {"better": "outcome-pass", "worse": "outcome-fail", "unclear": "outcome-warn", "same": "outcome-none"}


def render_comparison_html(
    comparisons: Sequence[Comparison], examples: Sequence[Mapping[str, tuple[CellRecord | None, CellRecord | None]]]
) -> bytes:
    """Render comparisons as a page that needs nothing else and runs no script.

    Args:
        comparisons: At least one.
        examples: For each comparison, cells of the cases that changed, for their outputs; those missing are listed by
            id alone.

    Returns:
        UTF-8 bytes; equal comparisons give equal bytes.
    """
    sections = [section_of_comparison(one, shown) for one, shown in zip(comparisons, examples, strict=True)]
    body = "\n".join([*_matrix(comparisons), *sections])
    return render_page(describe_verdict(comparisons[0]), body)


def _matrix(comparisons: Sequence[Comparison]) -> Iterator[str]:
    matrix = matrix_of(comparisons)
    if matrix is None:
        return
    title, (head, *rows) = matrix
    cells = "".join(f"<th>{escape_html(text)}</th>" for text in head)
    body = "".join("<tr>" + "".join(f"<td>{escape_html(text)}</td>" for text in row) + "</tr>" for row in rows)
    yield f"<section><h1>{escape_html(title)}</h1>"
    yield f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div></section>'


def render_page(title: str, body: str) -> bytes:
    """Put a body of safe HTML into a page with our style and a policy that allows nothing else."""
    style = "\n".join((files("promptship.report") / "page" / name).read_text(encoding="utf-8") for name in _STYLES)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = (files("promptship.report") / "page" / "comparison.html").read_text(encoding="utf-8")
    page = Template(template).substitute(
        policy=escape_html(f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"),
        title=escape_html(title),
        style=style,
        body=body,
    )
    return page.encode(errors="replace")


def section_of_comparison(
    comparison: Comparison, examples: Mapping[str, tuple[CellRecord | None, CellRecord | None]]
) -> str:
    """Return the HTML of one comparison."""
    finding = comparison.metrics[0].finding
    parts = [
        f'<section class="{_OUTCOMES[finding]}">',
        f'<h1><span class="badge">{escape_html(_word(finding))}</span> {escape_html(comparison.candidate.label)}</h1>',
        f"<p>{escape_html(describe_verdict(comparison))}</p>",
        f'<p class="quiet">{escape_html(describe_side(comparison))} · {escape_html(comparison.candidate.evalset)}</p>',
    ]
    parts += [f'<p class="warning">{escape_html(text)}</p>' for text in comparison.notes]
    parts += ["<h2>Metrics</h2>", _table("metric", [(one.metric, one) for one in comparison.metrics])]
    if comparison.slices:
        rows = [(one.name, one.change) for one in comparison.slices]
        parts += ["<h2>Pass rate by slice</h2>", _table("slice", rows)]
    if comparison.changes:
        parts.append(f"<h2>{len(comparison.changes)} cases changed</h2>")
        parts += [_case(change, examples.get(change.case_id)) for change in comparison.changes]
    return "\n".join([*parts, "</section>"])


def _word(finding: str) -> str:
    return {"better": "better", "worse": "worse", "unclear": "no difference shown", "same": "same"}[finding]


def _table(first: str, rows: Sequence[tuple[str, MetricChange]]) -> str:
    # Money and time have scales of their own; the picture is of shares.
    span: float = max([_LEAST_SPAN, *(_reach(change) for _, change in rows if not change.lower_is_better)])
    head = "".join(f"<th>{escape_html(cell)}</th>" for cell in (first, *_HEAD[1:-1], f"±{100 * span:.0f} points", ""))
    body = "".join(_row(name, change, span) for name, change in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _reach(change: MetricChange) -> float:
    return max(abs(change.low or 0.0), abs(change.high or 0.0))


def _row(name: str, change: MetricChange, span: float) -> str:
    _, *figures, finding = show_change(change)
    cells = "".join(f"<td>{escape_html(cell)}</td>" for cell in figures)
    picture = "" if change.lower_is_better else _interval(change, span)
    return (
        f'<tr class="{_OUTCOMES[change.finding]}"><th scope="row">{escape_html(name)}</th>{cells}'
        f'<td>{picture}</td><td class="finding">{escape_html(finding)}</td></tr>'
    )


def _interval(change: MetricChange, span: float) -> str:
    """Draw a difference and its interval around zero."""
    if change.difference is None or change.low is None or change.high is None:
        return ""
    half = _PLOT_WIDTH / 2 - _MARGIN

    def place(value: float) -> str:
        return f"{_PLOT_WIDTH / 2 + half * value / span:.1f}"

    middle = _PLOT_HEIGHT / 2
    label = (
        f"difference {100 * change.difference:+.1f}, from {100 * change.low:+.1f} to {100 * change.high:+.1f} points"
    )
    return (
        f'<svg viewBox="0 0 {_PLOT_WIDTH} {_PLOT_HEIGHT}" role="img" aria-label="{escape_html(label)}">'
        f'<line class="zero" x1="{place(0)}" x2="{place(0)}" y1="0" y2="{_PLOT_HEIGHT}"/>'
        f'<line class="range" x1="{place(change.low)}" x2="{place(change.high)}" y1="{middle}" y2="{middle}"/>'
        f'<circle class="point" cx="{place(change.difference)}" cy="{middle}" r="4.5"/></svg>'
    )


def _case(change: CaseChange, cells: tuple[CellRecord | None, CellRecord | None] | None) -> str:
    badge = {"fixed": "passed", "broken": "failed", "error": "error"}.get(change.kind, "unscored")
    title = f'<span class="badge {badge}">{change.kind}</span> <code>{escape_html(change.case_id)}</code>'
    is_open = " open" if change.kind == "broken" else ""
    return f'<details class="change"{is_open}><summary>{title}</summary>{"".join(_sides(cells))}</details>'


def _sides(cells: tuple[CellRecord | None, CellRecord | None] | None) -> Iterator[str]:
    if cells is None:
        return
    known = next((cell for cell in cells if cell is not None), None)
    if known is not None:
        inputs = "\n".join(f"{name}: {as_text(value)}" for name, value in known.inputs.items())
        yield f"<pre>{escape_html(_cut(inputs))}</pre>"
    yield '<div class="sides">'
    for title, cell in zip(("baseline", "candidate"), cells, strict=True):
        yield f"<figure><figcaption>{title}</figcaption>{_answer(cell)}</figure>"
    yield "</div>"


def _answer(cell: CellRecord | None) -> str:
    if cell is None or cell.output is None:
        message = cell.error.message if cell and cell.error else "no output"
        return f'<pre class="quiet">{escape_html(_cut(message))}</pre>'
    reasons = "".join(
        f"<li><b>{escape_html(name)}</b> {escape_html(_cut(score.reason))}</li>"
        for name, score in cell.scores.items()
        if score.passed is False
    )
    text = escape_html(_cut(cell.output.text or as_text(cell.output.data)))
    return f"<pre>{text}</pre><ul>{reasons}</ul>"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " …"
