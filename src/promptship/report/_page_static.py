"""The part of the page that needs no script: verdict, figures, gates, matrix, first failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.domain import short_digest
from promptship.report._escaping import escape_html
from promptship.report._figures import percent, plain, seconds, usd
from promptship.report._panels import render_panels
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
    threshold_of,
    variant_label,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import CellRecord, GateVerdict, GroupSummary, Totals, Variant
    from promptship.report._run_like import RunLike

__all__ = ["render_masthead", "render_run", "render_run_cards"]

_WORDS = {"pass": "Pass", "warn": "Pass with warnings", "fail": "Fail", None: "No verdict"}
_MARKS = {"passed": "✓", "failed": "✕", "error": "!", "unscored": "?"}
_GATE_MARKS = {"pass": "✓", "warn": "!", "fail": "✕"}
_FIRST_FAILURES = 5
_LONGEST_TEXT = 4000
_STEPS = 10


def render_masthead(runs: Sequence[RunLike]) -> str:
    """Return the verdict over all runs with the figures that everybody asks for first."""
    totals = add_totals(run.summary.overall.totals for run in runs)
    outcome = merge_outcomes(runs)
    created = min((run.manifest.created for run in runs), default="")
    commit = next((run.manifest.git_commit for run in runs if run.manifest.git_commit), "")
    facts = [f'<time datetime="{escape_html(created)}">{escape_html(_minute(created))}</time>' if created else ""]
    facts += [f"commit <code>{escape_html(_short_commit(commit))}</code>" if commit else ""]
    facts += [escape_html(warning) for run in runs for warning in _warnings(run)]
    return "\n".join(
        [
            f'<header class="masthead outcome-{outcome or "none"}">',
            '<p class="brand">promptship <span>evaluation report</span></p>',
            f'<h1><span class="badge">{_WORDS[outcome]}</span> <span>{escape_html(headline(runs))}</span></h1>',
            f'<p class="facts">{" <i>·</i> ".join(filter(None, facts))}</p>',
            f'<dl class="figures">{"".join(_figures(totals))}</dl>',
            "</header>",
        ]
    )


def render_run_cards(runs: Sequence[RunLike]) -> str:
    """Return one card per run to choose among; nothing where there is one run only."""
    if len(runs) < 2:  # noqa: PLR2004 - several
        return ""
    cards = []
    for index, run in enumerate(runs):
        totals = run.summary.overall.totals
        outcome = run.verdict.outcome if run.verdict else None
        cards.append(
            f'<a class="card outcome-{outcome or "none"}" href="#run-{index}" data-run="{index}">'
            f'<span class="card-name">{escape_html(run.manifest.evalset)}</span>'
            f'<span class="card-rate">{percent(totals.pass_rate)}</span>'
            f'<span class="card-note"><b>{_WORDS[outcome]}</b> · {totals.cases:,} results</span>{_stack(totals)}</a>'
        )
    return f'<nav class="cards" aria-label="Evalsets">{"".join(cards)}</nav>'


def render_run(run: RunLike, index: int) -> str:
    """Return one run's section: gates, variants, slices, room for plots, and its first failures."""
    manifest = run.manifest
    notes = [manifest.kind, _times(manifest.repeats), f"run {manifest.run_id}"]
    return "\n".join(
        [
            f'<section class="run" id="run-{index}" data-run="{index}" aria-labelledby="run-{index}-title">',
            f'<div class="run-title"><h2 id="run-{index}-title">{escape_html(manifest.evalset)}</h2>',
            f"<p>{escape_html(' · '.join(filter(None, notes)))}</p></div>",
            *_gates(run),
            *_variants(run),
            '<div class="spread">',
            *_matrix(run),
            '<div class="plots" data-plots></div></div>',
            *render_panels(run),
            *_failures(run),
            "</section>",
        ]
    )


def _figures(totals: Totals) -> Iterator[str]:
    yield _figure(
        "Pass rate", percent(totals.pass_rate), f"{totals.passed:,} of {totals.passed + totals.failed:,} scored"
    )
    yield _figure("Results", f"{totals.cases:,}", f"{totals.failed:,} failed")
    sick = totals.error + totals.unscored
    yield _figure("Not scored", f"{sick:,}", f"{totals.error:,} errors, {totals.unscored:,} abstained")
    yield _figure("Requests", f"{totals.requests:,}", f"{totals.cached:,} from cache")
    if totals.judge_requests or totals.judge_cached:
        yield _figure("Judge requests", f"{totals.judge_requests:,}", f"{totals.judge_cached:,} from cache")
    yield _figure("Cost", usd(totals.cost_usd), "paid now" if totals.cost_usd is not None else "a price is unknown")
    yield _figure("Time", seconds(totals.wall_s), "wall clock")


def _figure(name: str, value: str, note: str) -> str:
    return f"<div><dt>{name}</dt><dd>{value}<small>{escape_html(note)}</small></dd></div>"


def _warnings(run: RunLike) -> Iterator[str]:
    if not run.manifest.complete:
        yield f"{run.manifest.evalset}: a part of its cases only"
    if run.manifest.finished is None:
        yield f"{run.manifest.evalset}: did not finish"
    yield from (f"{run.manifest.evalset}: {text}" for text in notes_of(run.verdict))


def _gates(run: RunLike) -> Iterator[str]:
    if not run.verdict or not run.verdict.gates:
        return
    yield '<h3>Gates</h3><ul class="gates">'
    for gate in run.verdict.gates:
        word = "inconclusive" if gate.finding == "inconclusive" else gate.outcome
        subject = f'<span class="subject">{escape_html(gate.subject)}</span>' if gate.subject else ""
        interval = ""
        if gate.low is not None and gate.high is not None:
            interval = f"<small>{plain(gate.low)} to {plain(gate.high)}</small>"
        yield (
            f'<li class="gate outcome-{gate.outcome}"><span class="mark" aria-hidden="true">'
            f'{_GATE_MARKS[gate.outcome]}</span><span class="gate-name"><code>{escape_html(gate.gate)}</code>{subject}'
            f'</span><span class="gate-word">{word}</span><span class="gate-value">{plain(gate.value)}{interval}</span>'
            f'{_gauge(gate)}<span class="gate-n">n = {gate.n:,}</span>'
            f'<span class="gate-reason">{escape_html(reason_of(gate))}</span></li>'
        )
    yield "</ul>"


def _gauge(gate: GateVerdict) -> str:
    threshold = threshold_of(gate)
    if threshold is None or gate.value is None or threshold[1] < 0 or gate.value < 0:
        return '<span class="gauge"></span>'
    top = 1.0 if max(threshold[1], gate.value) <= 1 else max(threshold[1], gate.value) * 1.25
    if top == 1.0 and max(threshold[1], gate.value) < 0.25:  # noqa: PLR2004 - a share this small needs a closer look
        top = max(threshold[1], gate.value) * 1.25 or 1.0
    value, mark = gate.value / top * 100, threshold[1] / top * 100
    said = f"value {plain(gate.value)}, threshold {threshold[0]} {plain(threshold[1])}"
    return (
        f'<svg class="gauge" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape_html(said)}">'
        f'<rect class="track" x="0" y="3" width="100" height="4"/>'
        f'<rect class="level" x="0" y="3" width="{value:.2f}" height="4"/>'
        f'<rect class="limit" x="{min(mark, 99):.2f}" y="0" width="1" height="10"/></svg>'
    )


def _variants(run: RunLike) -> Iterator[str]:
    head = ("Variant", "Results", "Pass rate", "Cost per case", "Latency p50", "p95", "Cached")
    yield '<h3>Variants</h3><div class="scroll"><table class="variants"><thead><tr>'
    yield "".join(f'<th scope="col">{name}</th>' for name in head) + "</tr></thead><tbody>"
    for index, (label, group) in enumerate(run.summary.variants.items()):
        variant = run.manifest.variants[index] if index < len(run.manifest.variants) else None
        yield f"<tr>{_variant_head(index, label, variant)}{''.join(_variant_cells(group))}</tr>"
    yield "</tbody></table></div>"


def _variant_head(index: int, label: str, variant: Variant | None) -> str:
    notes = []
    if variant and variant.model_id:
        notes.append(escape_html(variant.model_id))
    if variant and variant.digest:
        notes.append(f"<code>{escape_html(short_digest(variant.digest))}</code>")
    letter = f'<span class="letter v{index % 8}">{_letter(index)}</span>'
    return (
        f'<th scope="row">{letter}<span class="name">{escape_html(label)}<small>{" ".join(notes)}</small></span></th>'
    )


def _variant_cells(group: GroupSummary) -> Iterator[str]:
    totals, metrics = group.totals, group.metrics
    said = f"{totals.passed:,} passed, {totals.failed:,} failed"
    said += f", {totals.error:,} error" if totals.error else ""
    said += f", {totals.unscored:,} unscored" if totals.unscored else ""
    yield f'<td class="wide">{_stack(totals)}<small>{said}</small></td>'
    yield f'<td class="number strong">{percent(totals.pass_rate)}</td>'
    cost, p50, p95 = (metrics.get(name) for name in ("cost_usd_per_case", "latency_p50_s", "latency_p95_s"))
    yield f'<td class="number">{usd(cost.mean if cost else None)}</td>'
    for metric in (p50, p95):
        yield f'<td class="number">{seconds(metric.mean if metric else None)}</td>'
    yield f'<td class="number">{totals.cached:,}</td>'


def _matrix(run: RunLike) -> Iterator[str]:
    names = list(dict.fromkeys(name for slices in run.summary.slices.values() for name in slices))
    if not names:
        return
    labels = list(run.summary.variants)
    apart = {(item.variant, item.name) for item in differing_slices(run)}
    yield '<div class="slices"><h3>Pass rate by slice</h3>'
    yield '<div class="scroll tall"><table class="matrix"><thead><tr><th scope="col">Slice</th>'
    for index, label in enumerate(labels):
        letter = f'<span class="letter v{index % 8}">{_letter(index)}</span> '
        yield f'<th scope="col">{letter}{escape_html(label)}</th>'
    yield "</tr></thead><tbody>"
    whole = [("", run.summary.variants.get(label)) for label in labels]
    yield _matrix_row("all cases", "", [(group, False) for _, group in whole])
    for name in sorted(names):
        groups = [run.summary.slices.get(label, {}).get(name) for label in labels]
        marks = [(label, name) in apart for label in labels]
        yield _matrix_row(name, name, list(zip(groups, marks, strict=True)))
    yield "</tbody></table></div></div>"


def _matrix_row(title: str, name: str, groups: list[tuple[GroupSummary | None, bool]]) -> str:
    cells = "".join(_matrix_cell(name, index, group, apart=apart) for index, (group, apart) in enumerate(groups))
    tag, _, value = title.partition("=")
    shown = f'<span class="tag">{escape_html(tag)}</span> {escape_html(value)}' if value else escape_html(title)
    return f'<tr><th scope="row">{shown}</th>{cells}</tr>'


def _matrix_cell(name: str, variant: int, group: GroupSummary | None, *, apart: bool) -> str:
    rate = group.totals.pass_rate if group else None
    if group is None or rate is None:
        return '<td class="rate none">-</td>'
    scored = group.totals.passed + group.totals.failed
    flag = '<abbr title="more than two standard errors from the whole">*</abbr>' if apart else ""
    return (
        f'<td class="rate r{int(rate * _STEPS)}" data-slice="{escape_html(name)}" data-variant="{variant}">'
        f'<span class="share">{percent(rate)}{flag}</span>{_bar(rate)}'
        f'<span class="n">{group.totals.passed:,}/{scored:,}</span></td>'
    )


def _bar(share: float) -> str:
    # An SVG, because the page's policy forbids inline styles and with them a div of some width.
    return (
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="4"/><rect class="level" width="{share * 100:.2f}" height="4"/></svg>'
    )


def _stack(totals: Totals) -> str:
    """Draw how the outcomes share the cells, in the order of the words beside it."""
    parts, start = [], 0.0
    for name in ("passed", "failed", "error", "unscored"):
        share = getattr(totals, name) / totals.cases * 100 if totals.cases else 0.0
        if share:
            parts.append(f'<rect class="{name}" x="{start:.3f}" width="{share:.3f}" height="6"/>')
        start += share
    return (
        '<svg class="stack" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="6"/>{"".join(parts)}</svg>'
    )


def _failures(run: RunLike) -> Iterator[str]:
    shown, count = first_not_passed(run, _FIRST_FAILURES)
    if not shown:
        return
    part = f" <small>{len(shown)} of {count:,}</small>" if len(shown) < count else ""
    yield f'<div class="static-failures"><h3>Cases that did not pass{part}</h3>'
    required = frozenset(run.manifest.required)
    for record in shown:
        yield _failure(run, record, required)
    yield "</div>"


def _failure(run: RunLike, record: CellRecord, required: frozenset[str]) -> str:
    reasons = "".join(
        f"<li><b>{escape_html(who)}</b> {escape_html(_cut(reason))}</li>" for who, reason in explain(record, required)
    )
    variant = f" · {escape_html(variant_label(run, record))}" if len(run.manifest.variants) > 1 else ""
    rows = [(name, as_text(value)) for name, value in record.inputs.items()]
    if record.expected is not None:
        rows.append(("expected", as_text(record.expected)))
    if record.output is not None:
        rows.append(("output", record.output.text or as_text(record.output.data)))
    fields = "".join(
        f'<dt>{escape_html(name)}</dt><dd dir="auto">{escape_html(_cut(text))}</dd>' for name, text in rows
    )
    return (
        f'<article class="failure {record.outcome}"><h4><span class="mark">{_MARKS[record.outcome]}</span> '
        f"{escape_html(record.key.case_id)}{variant} <small>{escape_html(record.case_place)}</small></h4>"
        f"<ul>{reasons}</ul><dl>{fields}</dl></article>"
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " …"


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)  # noqa: PLR2004 - letters of the alphabet


def _times(repeats: int) -> str:
    return f"{repeats} repeats" if repeats > 1 else ""


def _minute(created: str) -> str:
    return created[:16].replace("T", " ") + (" UTC" if created else "")


def _short_commit(commit: str) -> str:
    revision, plus, state = commit.partition("+")
    return revision[:10] + plus + state
