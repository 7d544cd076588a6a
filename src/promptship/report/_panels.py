"""The panels of a run: what each member said of each output, how far they agree, and what their votes are worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptship.report._escaping import escape_html
from promptship.report._figures import percent
from promptship.scorers import panel_votes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.domain import CellRecord, Score
    from promptship.report._run_like import RunLike

__all__ = ["render_panels"]

_MOST_ROWS = 60
_MARKS = {"pass": ("passed", "✓"), "fail": ("failed", "✕")}
_WORDS = {True: "pass", False: "fail", None: "open"}
_CLASSES = {"fail": 0, "pass": 1}
_FEWEST_MEMBERS = 2


@dataclass(slots=True)
class _Panel:
    """The votes of one panel, output by output: its place, the members' verdicts by name, the panel's own."""

    name: str
    members: dict[str, None] = field(default_factory=dict)
    rows: list[tuple[str, dict[str, str], bool | None]] = field(default_factory=list)

    def add(self, place: str, score: Score) -> None:
        votes = {vote.criterion: vote.category or "" for vote in panel_votes(score)}
        if votes:
            # In the order of the panel, which all its scores have.
            self.members.update(dict.fromkeys(votes))
            self.rows.append((place, votes, score.passed))

    def is_split(self, votes: dict[str, str]) -> bool:
        """Whether the members did not all say the same."""
        return len({votes.get(name, "") for name in self.members}) > 1 or not votes.keys() >= self.members.keys()


def render_panels(run: RunLike) -> Iterator[str]:
    """Yield a section for each panel among the run's scorers; nothing where there is none.

    Outputs on which the members differ come first, since there is where to look; at most 60 are shown.
    """
    # Cells are read once more only where a judge has scored them.
    if not run.manifest.judges:
        return
    panels: dict[str, _Panel] = {}
    for record in run.records():
        for name, score in record.scores.items():
            panels.setdefault(name, _Panel(name)).add(_place_of(run, record), score)
    for _, panel in sorted(panels.items()):
        if len(panel.members) >= _FEWEST_MEMBERS:
            yield from _section(panel)


def _place_of(run: RunLike, record: CellRecord) -> str:
    parts = [record.key.case_id]
    if len(run.manifest.variants) > 1:
        parts.append(run.manifest.variants[record.key.variant].label)
    if run.manifest.repeats > 1:
        parts.append(f"repeat {record.key.repeat + 1}")
    return " · ".join(parts)


def _section(panel: _Panel) -> Iterator[str]:
    # By name too: equal runs give equal pages, whatever the order of their journals.
    rows = sorted(panel.rows, key=lambda row: (not panel.is_split(row[1]), row[0]))[:_MOST_ROWS]
    part = f" <small>{len(rows)} of {len(panel.rows):,}, those they differ on first</small>"
    yield f'<div class="panel"><h3>Votes of the panel {escape_html(panel.name)}{part}</h3>'
    yield f"<p>{escape_html(_said(panel))}</p>"
    yield '<div class="scroll tall"><table class="votes"><thead><tr><th scope="col">Output</th>'
    yield "".join(f'<th scope="col">{escape_html(name)}</th>' for name in panel.members)
    yield '<th scope="col">Panel</th></tr></thead><tbody>'
    shares = "".join(f'<td class="number">{percent(_share(panel, name))}</td>' for name in panel.members)
    own = [passed for _, _, passed in panel.rows if passed is not None]
    yield f'<tr><th scope="row">passes</th>{shares}<td class="number">{percent(_mean(own))}</td></tr>'
    for place, votes, passed in rows:
        cells = "".join(_cell(votes.get(name, "")) for name in panel.members)
        split = ' class="split"' if panel.is_split(votes) else ""
        yield f'<tr{split}><th scope="row">{escape_html(place)}</th>{cells}{_cell(_WORDS[passed])}</tr>'
    yield "</tbody></table></div></div>"


def _said(panel: _Panel) -> str:
    from promptship.stats import effective_votes

    alike = [not panel.is_split(votes) for _, votes, _ in panel.rows]
    said = f"All {len(panel.members)} members say the same on {percent(_mean(alike))} of {len(alike):,} outputs"
    table = [[_CLASSES.get(votes.get(name, ""), -1) for name in panel.members] for _, votes, _ in panel.rows]
    worth = effective_votes(table)
    if worth is None:
        return f"{said}; what their votes are worth cannot be told, since they never both vary."
    if worth == float("inf"):
        return f"{said}; none of their votes repeats another."
    return f"{said}; {min(worth, len(panel.members)):.1f} of {len(panel.members)} votes are no repetition of others."


def _share(panel: _Panel, member: str) -> float | None:
    return _mean([votes[member] == "pass" for _, votes, _ in panel.rows if votes.get(member) in _CLASSES])


def _mean(marks: list[bool]) -> float | None:
    return sum(marks) / len(marks) if marks else None


def _cell(said: str) -> str:
    kind, mark = _MARKS.get(said, ("unscored", "?"))
    return f'<td class="vote {kind}"><span aria-hidden="true">{mark}</span> {escape_html(said or "none")}</td>'
