"""A judge's card as tables: the same rows for terminal, Markdown and HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.report._escaping import escape_ci_log, escape_markdown, escape_terminal
from promptship.report._figures import MISSING
from promptship.report._width import shorten, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import CardFigure, JudgeCard

__all__ = [
    "CardRow",
    "CardTable",
    "describe_card",
    "facts_of_card",
    "render_card_markdown",
    "render_card_terminal",
    "tables_of_card",
]

_PLAIN: Final = "plain"
_NAMES: Final = {
    "kappa": "kappa",
    "ac1": "AC1",
    "alpha": "alpha",
    "agreement": "agreement",
    "sensitivity": "sensitivity: good outputs called good",
    "specificity": "specificity: bad outputs called bad",
    "auroc": "AUROC",
    "rank_correlation": "rank correlation of its score",
    "calibration_error": "calibration error of its score",
    "brier": "Brier score",
    "coverage": "coverage: outputs decided",
    "retest_flips": "verdicts that change when asked again",
    "retest_spread": "spread of the score when asked again",
    "retest_variance": "variance of the score when asked again",
    "order_consistency": "same answer in both orders",
}
_SHARES: Final = frozenset(
    {"agreement", "sensitivity", "specificity", "coverage", "retest_flips", "order_consistency", "share"}
)
_LONGEST_CELL = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRow:
    """One figure of a card.

    Attributes:
        name: What it is.
        figure: The figure.
        kind: `share` for what is shown in percent, `plain` for the rest.
        said: What stands beside it.
        is_good: True for what speaks for the judge, False for what speaks against it, None for neither.
    """

    name: str
    figure: CardFigure
    kind: str = _PLAIN
    said: str = ""
    is_good: bool | None = None

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return name, figure, interval, n and what stands beside it."""
        figure = self.figure
        interval = MISSING
        if figure.low is not None and figure.high is not None:
            interval = f"{self._show(figure.low)} to {self._show(figure.high)}"
        return self.name, self._show(figure.estimate), interval, f"{figure.n:,}", self.said

    def _show(self, value: float | None) -> str:
        if value is None:
            return MISSING
        return f"{100 * value:.0f}%" if self.kind == "share" else f"{value:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTable:
    """Figures under one title, on one scale.

    Attributes:
        title: The title.
        rows: The figures.
        low: Where the scale begins.
        high: Where it ends.
    """

    title: str
    rows: tuple[CardRow, ...]
    low: float = 0.0
    high: float = 1.0


def describe_card(card: JudgeCard) -> str:
    """Say in one sentence how far the judge can be trusted."""
    kappa, labels = card.figures["kappa"], card.labels
    if kappa.estimate is None:
        return f"kappa with people is not determined by {labels.labelled} labelled outputs"
    said = f"kappa with people is {_span(kappa)} on {labels.labelled} labelled outputs"
    ceiling = card.human.get("kappa")
    if ceiling is not None and ceiling.estimate is not None:
        said += f"; people among each other reach {_span(ceiling)}"
    return said


def tables_of_card(card: JudgeCard) -> list[CardTable]:
    """Return the tables of a card, those without rows left out."""
    found = [
        CardTable(title="Agreement with people", rows=tuple(_agreement(card)), low=-0.2),
        CardTable(title="Beside judges that know nothing", rows=tuple(_nulls(card)), low=-0.6, high=0.6),
        CardTable(title="Its score", rows=tuple(_figures(card, _SCORE_ROWS))),
        CardTable(title="Asked again", rows=tuple(_figures(card, _STEADY_ROWS))),
        CardTable(title="Changes that should not matter: verdicts that turn", rows=tuple(_probes(card))),
        CardTable(title="Slices: kappa", rows=tuple(_slices(card)), low=-0.2),
    ]
    return [table for table in found if table.rows]


_AGREEMENT_ROWS: Final = ("kappa", "ac1", "alpha", "agreement", "sensitivity", "specificity", "coverage")
_SCORE_ROWS: Final = ("auroc", "rank_correlation", "calibration_error", "brier")
_STEADY_ROWS: Final = ("retest_flips", "retest_spread", "retest_variance", "order_consistency")


def _figures(card: JudgeCard, names: Sequence[str]) -> Iterator[CardRow]:
    for name in names:
        if name in card.figures:
            kind = "share" if name in _SHARES else _PLAIN
            yield CardRow(name=_NAMES[name], figure=card.figures[name], kind=kind)


def _agreement(card: JudgeCard) -> Iterator[CardRow]:
    for row in _figures(card, _AGREEMENT_ROWS):
        is_kappa = row.name == "kappa"
        said = f"at least {card.admission.kappa_at_least:g} to be admitted" if is_kappa else ""
        yield CardRow(
            name=row.name,
            figure=row.figure,
            kind=row.kind,
            said=said,
            is_good=card.admission.admitted if is_kappa else None,
        )
    for name, figure in card.human.items():
        kind = "share" if name in _SHARES else _PLAIN
        yield CardRow(name=f"people among each other: {name}", figure=figure, kind=kind, said="the ceiling")


def _nulls(card: JudgeCard) -> Iterator[CardRow]:
    for null in card.nulls:
        above = null.above.low is not None and null.above.low > 0
        agreement = MISSING if null.agreement.estimate is None else f"{100 * null.agreement.estimate:.0f}%"
        yield CardRow(
            name=f"agreement above {null.name!r}",
            figure=null.above,
            kind="share",
            said=f"{null.name} alone agrees in {agreement}",
            is_good=above,
        )


def _probes(card: JudgeCard) -> Iterator[CardRow]:
    for probe in card.probes:
        raised = probe.towards_good.estimate
        said = probe.what if not raised else f"{probe.what}; {100 * raised:.0f}% turn from bad to good"
        yield CardRow(name=probe.name, figure=probe.flips, kind="share", said=said)


def _slices(card: JudgeCard) -> Iterator[CardRow]:
    for one in card.slices:
        said = "admitted" if one.admitted else f"not admitted: {one.reason}"
        yield CardRow(name=one.slice, figure=one.kappa, said=said, is_good=one.admitted)


def _span(figure: CardFigure) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.estimate:.2f}"
    return f"{figure.estimate:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def facts_of_card(card: JudgeCard) -> Iterator[tuple[str, str]]:
    """Yield what is no figure: what judges, by which threshold, on which labels, and how it counted."""
    labels, counts = card.labels, card.counts
    yield "judge", f"{card.type}{f' asking {card.model}' if card.model else ''}, {card.judge[:19]}"
    threshold = "its own" if card.threshold is None else f"{card.threshold:.3g}"
    yield "threshold", f"{threshold}{f', after a {card.calibration} map' if card.calibration else ''}"
    sources = ", ".join(f"{count} {source}" for source, count in labels.sources.items())
    raters = ", ".join(name or "nobody named" for name in labels.raters)
    weighted = ", weighted by propensity" if labels.weighted else ""
    yield "labels", f"{labels.labels} ({sources}) by {raters}{weighted}"
    yield "outputs", f"{labels.good} good, {labels.bad} bad, {labels.unsure} undecided, of {labels.items}"
    yield (
        "verdicts",
        (
            f"{counts['true_good']} rightly and {counts['false_good']} wrongly good; {counts['true_bad']} rightly and "
            f"{counts['false_bad']} wrongly bad; {counts['abstained']} abstained, {counts['unscored']} unscored"
        ),
    )


def render_card_terminal(card: JudgeCard, *, width: int) -> str:
    """Render a card for a terminal or a CI log.

    Args:
        card: The card.
        width: Columns of the terminal.
    """
    lines = [f"{_word(card)}: {card.name}: {describe_card(card)}"]
    lines += [f"! {reason}" for reason in card.admission.reasons]
    lines += [""] + [f"{name:<10}{said}" for name, said in facts_of_card(card)]
    for table in tables_of_card(card):
        lines += ["", table.title, *_columns([row.cells() for row in table.rows])]
    lines += [""] + [f"note: {note}" for note in card.notes] if card.notes else []
    wrapped = (part for line in lines for part in _fit(escape_terminal(line), width))
    return escape_ci_log("\n".join(wrapped) + "\n")


def _fit(line: str, width: int) -> list[str]:
    return (
        list(wrap(line, width, lines=3))
        if line.startswith(("!", "note", "admitted", "not admitted"))
        else [shorten(line, width)]
    )


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    table = [("", "figure", "95 % interval", "origins", ""), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    for row in table:
        yield "  " + "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()


def _word(card: JudgeCard) -> str:
    return "admitted" if card.admission.admitted else "not admitted"


def render_card_markdown(card: JudgeCard) -> str:
    """Render a card as GitHub-flavoured Markdown."""
    lines = [f"## {escape_markdown(card.name)}: {_word(card)}", "", f"**{escape_markdown(describe_card(card))}**", ""]
    lines += [f"- not admitted: {escape_markdown(reason)}" for reason in card.admission.reasons]
    lines += [f"- {name}: {escape_markdown(said)}" for name, said in facts_of_card(card)]
    for table in tables_of_card(card):
        lines += ["", f"### {escape_markdown(table.title)}", ""]
        lines += ["| | figure | 95 % interval | origins | |", "|---|---:|---:|---:|---|"]
        lines += ["| " + " | ".join(map(escape_markdown, row.cells())) + " |" for row in table.rows]
    if card.reliability:
        lines += ["", "### Reliability: what it says, and what people say", ""]
        lines += ["| mean score | called good by people | 95 % interval | origins |", "|---:|---:|---:|---:|"]
        for one in card.reliability:
            cells = CardRow(name=f"{one.score:.2f}", figure=one.good, kind="share").cells()[:4]
            lines.append("| " + " | ".join(map(escape_markdown, cells)) + " |")
    lines += ["", *(f"> {escape_markdown(note)}" for note in card.notes)]
    lines += ["", "Raters were told:", "", *(f"> {escape_markdown(line)}" for line in card.policy.splitlines()), ""]
    return "\n".join(lines)
