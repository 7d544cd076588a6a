"""Diffs of prompts as text: for a terminal, for a pull request's comment, for a program."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from promptship.report._comparison import describe_verdict, markdown_of_comparison, terminal_of_comparison
from promptship.report._escaping import escape_ci_log, escape_markdown, escape_terminal, fence_markdown
from promptship.report._figures import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import BehaviourDiff, DiffLine, FieldChange, GateVerdict, PromptDiff, Verdict

__all__ = [
    "DIFF_MARKER",
    "field_line",
    "render_diff_json",
    "render_diff_markdown",
    "render_diff_terminal",
    "title_of",
]

DIFF_MARKER = "<!-- promptship-diff -->"
"""First line of every Markdown diff: by it a CI job finds its comment again and updates it in place."""

_MARKS = {"pass": "✅ pass", "warn": "⚠️ warn", "fail": "❌ fail"}
_EFFECTS = {"weakened": "🔻 weakened", "changed": "changed", "strengthened": "🔺 strengthened"}
_RED, _GREEN, _BOLD, _DIM = "31", "32", "1", "2"
_MOST_LINES = 120
_MOST_IDS = 6
# GitHub refuses a comment of more than 65,536 characters.
_LONGEST_COMMENT = 60_000


def render_diff_json(diffs: Sequence[PromptDiff]) -> list[dict[str, Any]]:
    """Return diffs as JSON values, with every field of theirs."""
    return [asdict(diff) for diff in diffs]


def render_diff_terminal(diffs: Sequence[PromptDiff], *, color: bool, width: int) -> str:
    """Render diffs for a terminal or a CI log.

    Args:
        diffs: Any number.
        color: Whether to use ANSI colours; without them words that changed stand in [-brackets-] and {+braces+}.
        width: Columns of the terminal.
    """
    page = _Terminal(color=color, width=width)
    lines: list[str] = []
    for diff in diffs:
        lines += [*page.render(diff), ""]
    return escape_ci_log("\n".join(lines or ["no prompt changed", ""]))


def render_diff_markdown(diffs: Sequence[PromptDiff]) -> str:
    """Render diffs as one comment on a pull request; what models wrote makes no markup, link or mention.

    Where that would be too long for a comment, texts and messages are left out, and then whole prompts, which is said.
    """
    if not diffs:
        return f"{DIFF_MARKER}\nNo prompt changed.\n"
    sections = ["\n".join(_markdown(diff)) for diff in diffs]
    notes = []
    if sum(map(len, sections)) > _LONGEST_COMMENT:
        sections = ["\n".join(_markdown(diff, whole=False)) for diff in diffs]
        notes.append("Texts and messages are left out here: the comment would be too long.")
    kept = _those_that_fit(sections)
    if len(kept) < len(sections):
        left_out = ", ".join(escape_markdown(diff.name) for diff in diffs[len(kept) :][:_MOST_IDS])
        notes.append(f"{len(sections) - len(kept)} prompts are left out, {left_out} among them.")
    notes = [f"> **{note}** `promptctl diff` shows everything." for note in notes]
    return "\n\n".join([DIFF_MARKER, *notes, *kept]) + "\n"


def _those_that_fit(sections: Sequence[str]) -> list[str]:
    whole = itertools.accumulate(map(len, sections))
    return [section for section, length in zip(sections, whole, strict=True) if length <= _LONGEST_COMMENT]


class _Terminal:
    """Lines for a terminal."""

    def __init__(self, *, color: bool, width: int) -> None:
        self._color = color
        self._width = width

    def render(self, diff: PromptDiff) -> Iterator[str]:
        """Yield one diff, what matters most first."""
        yield self._paint(escape_terminal(title_of(diff)), _BOLD)
        for change in diff.evidence:
            if change.effect == "weakened":
                yield self._paint(escape_terminal(f"EVIDENCE WEAKENED  {change.evalset}: {change.what}"), _RED)
        for found in diff.behaviour:
            yield from ("", *self._behaviour(found))
        yield from (escape_terminal(f"! {note}") for note in diff.notes)
        if diff.contract:
            yield f"\ncontract: {diff.level}"
            yield from (escape_terminal(f"  {change.level}: {change.what}") for change in diff.contract)
        yield from _token_lines(diff)
        yield from self._texts(diff)
        yield from self._messages(diff)
        others = [change for change in diff.evidence if change.effect != "weakened"]
        if others:
            yield "\nevidence"
            yield from (escape_terminal(f"  {change.effect}  {change.evalset}: {change.what}") for change in others)

    def _behaviour(self, found: BehaviourDiff) -> Iterator[str]:
        yield escape_terminal(f"{found.evalset}: {found.verdict.outcome.upper()}, {found.verdict.reason}")
        yield from (f"  {line}" for line in _gate_lines(found.verdict))
        if found.base_verdict is not None:
            outcome = found.base_verdict.outcome.upper()
            yield escape_terminal(f"  by the evalset as it was: {outcome}, {found.base_verdict.reason}")
            yield from (f"    {line}" for line in _gate_lines(found.base_verdict))
        if found.base_reason:
            yield escape_terminal(f"  {found.base_reason}")
        if found.comparison is None:
            yield escape_terminal(f"  {found.uncompared}")
            return
        yield from (f"  {line}".rstrip() for line in terminal_of_comparison(found.comparison, self._width - 2))

    def _texts(self, diff: PromptDiff) -> Iterator[str]:
        for text in diff.texts:
            yield self._paint(escape_terminal(f"\n{text.name}"), _BOLD)
            for number, hunk in enumerate(text.hunks):
                if number:
                    yield self._paint("  …", _DIM)
                yield from map(self._line, hunk[:_MOST_LINES])
        if diff.fields:
            yield self._paint("\nsettings", _BOLD)
            yield from (escape_terminal(f"  {field_line(change)}") for change in diff.fields)

    def _messages(self, diff: PromptDiff) -> Iterator[str]:
        if diff.rendered_cases:
            changed = sum(len(group.case_ids) for group in diff.rendered)
            yield f"\nmessages: {changed} of {diff.rendered_cases} cases are sent something else"
        for group in diff.rendered:
            yield escape_terminal(f"  {len(group.case_ids)} cases: {_ids(group.case_ids)}")
            yield from (f"  {self._line(line)}" for line in group.lines[:_MOST_LINES])
        for case_id, reason in diff.unrenderable[:_MOST_IDS]:
            yield escape_terminal(f"  only one side renders {case_id}: {reason}")

    def _line(self, line: DiffLine) -> str:
        code = {"-": _RED, "+": _GREEN, " ": _DIM}[line.sign]
        if line.sign == " " or all(changed for changed, _ in line.pieces):
            return self._paint(f"{line.sign} {escape_terminal(line.text)}", code)
        opening, closing = {"-": ("[-", "-]"), "+": ("{+", "+}")}[line.sign]
        shown = []
        for changed, piece in line.pieces:
            text = escape_terminal(piece)
            marked = f"\x1b[7m{text}\x1b[27m" if self._color else f"{opening}{text}{closing}"
            shown.append(marked if changed else text)
        return self._paint(f"{line.sign} {''.join(shown)}", code)

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and text else text


def _gate_lines(verdict: Verdict) -> list[str]:
    lines = (f"{gate.outcome:<4}  {gate.gate}  {_value(gate)}  {gate.reason}".rstrip() for gate in verdict.gates)
    return [escape_terminal(line) for line in lines]


def _value(gate: GateVerdict) -> str:
    return "" if gate.value is None else plain(gate.value)


def _token_lines(diff: PromptDiff) -> Iterator[str]:
    changed = [one for one in diff.tokens if one.before != one.after]
    if changed:
        yield "\ntokens by message, for the first case"
        yield from (f"  {one.message}: {_or_none(one.before)} -> {_or_none(one.after)}" for one in changed)
    if diff.prefix_tokens is not None and diff.prefix_tokens[0] != diff.prefix_tokens[1]:
        yield f"  tokens that all cases begin with alike: {diff.prefix_tokens[0]} -> {diff.prefix_tokens[1]}"


def _or_none(count: int | None) -> str:
    return "none" if count is None else str(count)


def _ids(case_ids: Sequence[str]) -> str:
    more = f" and {len(case_ids) - _MOST_IDS} more" if len(case_ids) > _MOST_IDS else ""
    return ", ".join(case_ids[:_MOST_IDS]) + more


def field_line(change: FieldChange) -> str:
    """Return a setting's change on one line."""
    return f"{change.name}: {change.before or '(none)'} -> {change.after or '(none)'}"


def title_of(diff: PromptDiff) -> str:
    """Return which versions a diff is of."""
    if diff.is_same:
        return f"{diff.name}: {diff.baseline} and {diff.candidate} are the same version"
    return f"{diff.name}: {diff.baseline or '(new)'} -> {diff.candidate or '(removed)'}"


def _markdown(diff: PromptDiff, *, whole: bool = True) -> Iterator[str]:
    yield f"## {escape_markdown(title_of(diff))}"
    weakened = [change for change in diff.evidence if change.effect == "weakened"]
    if weakened:
        yield "\n> [!WARNING]\n> **The evidence was weakened.**"
        yield from (f"> - {escape_markdown(change.evalset)}: {escape_markdown(change.what)}" for change in weakened)
    for found in diff.behaviour:
        yield from ("", *_behaviour_markdown(found))
    for note in diff.notes:
        yield f"\n> {escape_markdown(note)}"
    if diff.contract:
        yield f"\n**Contract: {diff.level}.** " + "; ".join(escape_markdown(change.what) for change in diff.contract)
    if tokens := list(_token_lines(diff)):
        yield "\n" + fence_markdown("\n".join(line.strip() for line in tokens))
    if whole:
        yield from _texts_markdown(diff)
        yield from _rendered_markdown(diff)
    others = [change for change in diff.evidence if change.effect != "weakened"]
    if others:
        yield "\n<details><summary>Evidence</summary>\n"
        for change in others:
            yield f"- {_EFFECTS[change.effect]}, {escape_markdown(change.evalset)}: {escape_markdown(change.what)}"
        yield "\n</details>"


def _behaviour_markdown(found: BehaviourDiff) -> Iterator[str]:
    yield f"### {escape_markdown(found.evalset)}: {_MARKS[found.verdict.outcome]}"
    yield ""
    yield from _gate_table(found.verdict)
    if found.base_verdict is not None:
        yield f"\nBy the evalset as it was: **{_MARKS[found.base_verdict.outcome]}**\n"
        yield from _gate_table(found.base_verdict)
    if found.base_reason:
        yield f"\n> {escape_markdown(found.base_reason)}"
    if found.comparison is None:
        yield f"\n> {escape_markdown(found.uncompared)}"
        return
    yield f"\n**{escape_markdown(describe_verdict(found.comparison))}**\n"
    yield from markdown_of_comparison(found.comparison)


def _gate_table(verdict: Verdict) -> Iterator[str]:
    yield "| | gate | value | reason |"
    yield "|---|---|---|---|"
    for gate in verdict.gates:
        cells = (gate.gate, _value(gate), gate.reason)
        yield f"| {_MARKS[gate.outcome]} | {' | '.join(map(escape_markdown, cells))} |"


def _texts_markdown(diff: PromptDiff) -> Iterator[str]:
    if not diff.texts and not diff.fields:
        return
    yield "\n<details open><summary>Text and config</summary>\n"
    for text in diff.texts:
        yield f"{escape_markdown(text.name)}\n"
        yield _fence_diff([line for hunk in text.hunks for line in hunk])
    yield from (f"- {escape_markdown(field_line(change))}" for change in diff.fields)
    yield "\n</details>"


def _rendered_markdown(diff: PromptDiff) -> Iterator[str]:
    if not diff.rendered_cases:
        return
    changed = sum(len(group.case_ids) for group in diff.rendered)
    yield f"\n<details><summary>{changed} of {diff.rendered_cases} cases are sent other messages</summary>\n"
    for group in diff.rendered:
        yield f"{len(group.case_ids)} cases: {escape_markdown(_ids(group.case_ids))}\n"
        yield _fence_diff(group.lines)
    for case_id, reason in diff.unrenderable[:_MOST_IDS]:
        yield f"- only one side renders {escape_markdown(case_id)}: {escape_markdown(reason)}"
    yield "\n</details>"


def _fence_diff(lines: Sequence[DiffLine]) -> str:
    text = "\n".join(f"{line.sign} {line.text}" for line in lines[:_MOST_LINES])
    return fence_markdown(text).replace("text\n", "diff\n", 1)
