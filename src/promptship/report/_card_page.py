"""A judge's card as one HTML page without script: intervals as pictures, and the reliability curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.report._card import describe_card, facts_of_card, tables_of_card
from promptship.report._comparison_page import render_page
from promptship.report._escaping import escape_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import CardFigure, JudgeCard, ReliabilityBin
    from promptship.report._card import CardRow, CardTable

__all__ = ["render_card_html"]

_WIDTH, _HEIGHT, _MARGIN = 260, 22, 8
_PLOT, _EDGE = 320, 40


def render_card_html(cards: Sequence[JudgeCard]) -> bytes:
    """Render cards as a page that needs nothing else and runs no script.

    Args:
        cards: At least one.

    Returns:
        UTF-8 bytes; equal cards give equal bytes.
    """
    body = "\n".join("\n".join(_section(card)) for card in cards)
    return render_page(f"judge {cards[0].name}", body)


def _section(card: JudgeCard) -> Iterator[str]:
    outcome, word = ("pass", "admitted") if card.admission.admitted else ("fail", "not admitted")
    yield f'<section class="card outcome-{outcome}">'
    yield f'<h1><span class="badge">{word}</span> {escape_html(card.name)}</h1>'
    yield f"<p>{escape_html(describe_card(card))}</p>"
    if card.admission.reasons:
        items = "".join(f"<li>{escape_html(reason)}</li>" for reason in card.admission.reasons)
        yield f'<div class="warning"><ul>{items}</ul></div>'
    yield from (f'<p class="warning">{escape_html(note)}</p>' for note in card.notes)
    facts = "".join(f"<dt>{escape_html(name)}</dt><dd>{escape_html(said)}</dd>" for name, said in facts_of_card(card))
    yield f'<dl class="facts">{facts}</dl>'
    for table in tables_of_card(card):
        yield f"<h2>{escape_html(table.title)}</h2>{_table(table)}"
        if table.title == "Its score":
            yield from _reliability(card.reliability)
    yield f'<h2>Raters were told</h2><blockquote class="policy">{escape_html(card.policy)}</blockquote></section>'


def _table(table: CardTable) -> str:
    scale = f"{table.low:g} to {table.high:g}"
    head = "".join(f"<th>{escape_html(cell)}</th>" for cell in ("", "figure", "95 % interval", "origins", scale, ""))
    body = "".join(_row(row, table) for row in table.rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: CardRow, table: CardTable) -> str:
    name, *figures, said = row.cells()
    outcome = {True: "outcome-pass", False: "outcome-fail", None: "outcome-none"}[row.is_good]
    cells = "".join(f"<td>{escape_html(cell)}</td>" for cell in figures)
    picture = _interval(name, row.figure, table)
    return (
        f'<tr class="{outcome}"><th scope="row">{escape_html(name)}</th>{cells}<td>{picture}</td>'
        f'<td class="said">{escape_html(said)}</td></tr>'
    )


def _interval(name: str, figure: CardFigure, table: CardTable) -> str:
    """Draw a figure and its interval on the table's scale; ends beyond it are cut."""
    if figure.estimate is None or figure.low is None or figure.high is None:
        return ""
    span = table.high - table.low

    def place(value: float) -> str:
        share = (min(max(value, table.low), table.high) - table.low) / span
        return f"{_MARGIN + share * (_WIDTH - 2 * _MARGIN):.1f}"

    middle = _HEIGHT / 2
    label = f"{name}: {figure.estimate:.2f}, from {figure.low:.2f} to {figure.high:.2f}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape_html(label)}">'
        f'<line class="zero" x1="{place(0)}" x2="{place(0)}" y1="0" y2="{_HEIGHT}"/>'
        f'<line class="range" x1="{place(figure.low)}" x2="{place(figure.high)}" y1="{middle}" y2="{middle}"/>'
        f'<circle class="point" cx="{place(figure.estimate)}" cy="{middle}" r="4.5"/></svg>'
    )


def _reliability(bins: Sequence[ReliabilityBin]) -> Iterator[str]:
    """Draw how often people say good where the judge says so much; a calibrated judge is on the diagonal."""
    points = [(one.score, one.good) for one in bins if one.good.estimate is not None]
    if not points:
        return
    size = _PLOT + 2 * _EDGE
    label = "; ".join(f"score {score:.2f}: {100 * (good.estimate or 0):.0f}% good" for score, good in points)
    parts = [f'<svg class="curve" viewBox="0 0 {size} {size}" role="img" aria-label="{escape_html(label)}">']
    parts += _axes(size)
    line = " ".join(f"{_x(score)},{_y(good.estimate or 0.0)}" for score, good in points)
    parts.append(f'<polyline class="line" points="{line}"/>')
    for score, good in points:
        if good.low is not None and good.high is not None:
            parts.append(
                f'<line class="range" x1="{_x(score)}" x2="{_x(score)}" y1="{_y(good.low)}" y2="{_y(good.high)}"/>'
            )
        parts.append(f'<circle class="point" cx="{_x(score)}" cy="{_y(good.estimate or 0.0)}" r="4.5"/>')
    yield f"<h2>Reliability</h2><figure>{''.join(parts)}</svg>"
    said = "Each point is a group of outputs of like score, with its 95 % interval."
    yield f'<figcaption class="quiet">{said}</figcaption></figure>'


def _axes(size: int) -> Iterator[str]:
    for step in (0, 0.25, 0.5, 0.75, 1):
        x, y = _x(step), _y(step)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_y(0)}" y2="{_y(1)}"/>'
        yield f'<line class="grid" x1="{_x(0)}" x2="{_x(1)}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{x}" y="{_PLOT + _EDGE + 16}" text-anchor="middle">{step:g}</text>'
        yield f'<text x="{_EDGE - 8}" y="{y}" text-anchor="end" dominant-baseline="middle">{100 * step:.0f}%</text>'
    yield f'<line class="zero" x1="{_x(0)}" x2="{_x(1)}" y1="{_y(0)}" y2="{_y(1)}"/>'
    yield f'<text x="{size / 2}" y="{size - 6}" text-anchor="middle">score of the judge</text>'
    yield f'<text x="{_EDGE}" y="{_EDGE - 14}">called good by people</text>'


def _x(share: float) -> str:
    return f"{_EDGE + share * _PLOT:.1f}"


def _y(share: float) -> str:
    return f"{_EDGE + (1 - share) * _PLOT:.1f}"
