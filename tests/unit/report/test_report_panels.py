"""The panels of a run on its page: who said what, how far they agree, and nothing that a judge's name could inject."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

from promptship.domain import Score, Vote
from promptship.report import render_html

if TYPE_CHECKING:
    from types import ModuleType

SAID = (("pass", "pass"), ("pass", "fail"), ("fail", "fail"), ("pass", "refusal"))


def panel_run(samples: ModuleType, names: tuple[str, str] = ("strict", "mild")) -> object:
    run = samples.triage_run(cases=80)
    cells = []
    for place, cell in enumerate(run.cells):
        said = SAID[place % 4]
        votes = tuple(Vote(criterion=name, category=word) for name, word in zip(names, said, strict=True))
        score = Score(value=0.5, passed=said[0] == "pass", definition="panel[mean-2]", judge="sha256:1", votes=votes)
        cells.append(replace(cell, scores={"kind": score, **cell.scores}))
    return replace(run, cells=tuple(cells), manifest=replace(run.manifest, judges={"kind": "sha256:1"}))


def test_members_their_votes_and_their_agreement_are_shown(samples: ModuleType) -> None:
    page = render_html([panel_run(samples)]).decode()
    section = page[page.index('<div class="panel">') :].partition("</table>")[0]
    assert "All 2 members say the same on 50.0% of 80 outputs" in section
    assert "60 of 80, those they differ on first" in section
    assert re.findall(r'<th scope="col">(\w+)</th>', section) == ["Output", "strict", "mild", "Panel"]
    # Half of the outputs are split, and stand before the rest; what was no verdict is shown as what it was.
    assert section.count('<tr class="split">') == 40
    assert section.rindex('<tr class="split">') < section.index("<tr><th scope", section.index("split"))
    assert section.count('<td class="vote unscored"><span aria-hidden="true">?</span> refusal</td>') == 20
    # strict passes three of four; of mild's sixty verdicts one in three.
    assert re.findall(r'class="number">([\d.]+%)', section)[:2] == ["75.0%", "33.3%"]


def test_a_run_without_a_panel_has_no_such_section(samples: ModuleType) -> None:
    assert '<div class="panel">' not in render_html([samples.triage_run()]).decode()


def test_names_of_members_stay_text_and_equal_runs_give_equal_bytes(samples: ModuleType) -> None:
    run = panel_run(samples, ("<img src=x onerror=alert(1)>", "mild"))
    page = render_html([run])
    assert b"<img src=x" not in page[page.index(b'<div class="panel">') :].partition(b"</table>")[0]
    assert "<img src=x onerror=alert(1)>" in unescape(page.decode())
    mixed = list(run.cells)
    random.Random(1).shuffle(mixed)  # noqa: S311 - any other order
    assert render_html([replace(run, cells=tuple(mixed))]) == page
