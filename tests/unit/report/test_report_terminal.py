from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.domain import CellError, Variant
from promptship.report import render_terminal
from promptship.report._width import display_width

if TYPE_CHECKING:
    from types import ModuleType


def _first_line(text: str) -> str:
    return text.splitlines()[0]


@pytest.mark.parametrize(("outcome", "word"), [("pass", "PASS"), ("warn", "WARN"), ("fail", "FAIL")])
def test_the_first_line_is_the_verdict(samples: ModuleType, outcome: str, word: str) -> None:
    run = samples.make_run([samples.make_cell()], gates=[samples.gate(outcome=outcome)])
    assert _first_line(render_terminal([run], color=False, width=100)).startswith(word + " ")


def test_the_worst_run_decides_the_first_line(samples: ModuleType) -> None:
    good = samples.make_run([samples.make_cell()], gates=[samples.gate()])
    bad = samples.make_run([samples.make_cell()], gates=[samples.gate(outcome="fail")], evalset="other")
    assert _first_line(render_terminal([good, bad], color=False, width=100)) == "FAIL 1 of 2 gates failed"


def test_warnings_stand_in_the_first_line(samples: ModuleType) -> None:
    run = samples.make_run([samples.make_cell()], gates=[samples.gate()], complete=False)
    assert "warning: capitals ran a part of its cases" in _first_line(render_terminal([run], color=False, width=100))


def test_a_run_without_a_verdict_says_so(samples: ModuleType) -> None:
    run = samples.make_run([samples.make_cell()], gates=None, finished=None)
    first = _first_line(render_terminal([run], color=False, width=100))
    assert first.startswith("NO VERDICT")
    assert "did not finish" in first


def test_a_rate_decided_on_the_observed_figure_says_so(samples: ModuleType) -> None:
    run = samples.make_run([samples.make_cell()], gates=[samples.gate("pass_rate >= 0.9")])
    assert "no interval" in render_terminal([run], color=False, width=120)


def test_an_explicitly_observed_gate_needs_no_remark(samples: ModuleType) -> None:
    run = samples.make_run([samples.make_cell()], gates=[samples.gate("observed(pass_rate) >= 0.9")])
    assert "observed figure" not in render_terminal([run], color=False, width=120)


def test_a_failing_case_shows_place_input_output_and_who_failed_it(samples: ModuleType) -> None:
    cell = samples.make_cell("c-7", text="Lyon", passed=False, reason="'Paris' is not in it", place="evalsets/a.csv:9")
    text = render_terminal([samples.make_run([cell])], color=False, width=100)
    for part in ("FAILED  c-7", "evalsets/a.csv:9", "Capital of France?", "Lyon", "icontains", "'Paris' is not in it"):
        assert part in text


def test_an_error_shows_its_kind_and_message(samples: ModuleType) -> None:
    cell = samples.make_cell(text=None, error=CellError(kind="RateLimitError", message="slow down"))
    text = render_terminal([samples.make_run([cell])], color=False, width=100)
    assert re.search(r"ERROR {2}c-1\n(.*\n)*.*RateLimitError {2}slow down", text)


def test_as_many_failures_as_asked_are_shown_in_the_order_of_the_file(samples: ModuleType) -> None:
    cells = [samples.make_cell(f"c-{line}", passed=False, place=f"a.jsonl:{line}") for line in (30, 4, 200, 9)]
    text = render_terminal([samples.make_run(cells)], color=False, width=100, failures=2)
    assert re.findall(r"FAILED {2}(\S+)", text) == ["c-4", "c-9"]
    assert "2 of 4 shown" in text
    assert "FAILED" not in render_terminal([samples.make_run(cells)], color=False, width=100, failures=0)


def test_slices_that_differ_are_named_and_others_are_not(samples: ModuleType) -> None:
    cells = [
        samples.make_cell(f"c-{index}", passed=bool(index % {"de": 7, "en": 8, "es": 2}[tag]), tags={"language": tag})
        for index, tag in enumerate(["en"] * 40 + ["de"] * 40 + ["es"] * 20)
    ]
    text = render_terminal([samples.make_run(cells)], color=False, width=100)
    assert re.search(r"language=es +50.0% +against 79.0% of all, n = 20", text)
    assert "language=de " not in text


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_tables_keep_to_the_width(samples: ModuleType, width: int) -> None:
    text = render_terminal([samples.reply_run(), samples.extract_run()], color=True, width=width)
    long = [line for line in text.splitlines()[1:] if display_width(line) > max(width, 40) + 40]
    assert long == []
    table = [line for line in text.splitlines() if line.startswith("  support/") or "variant  " in line]
    assert all(display_width(line) <= width for line in table)


def test_without_colour_there_is_no_escape_sequence(samples: ModuleType) -> None:
    text = render_terminal([samples.reply_run(), samples.extract_run()], color=False, width=100)
    assert "\x1b" not in text


def test_colour_adds_only_escape_sequences(samples: ModuleType) -> None:
    runs = [samples.reply_run(), samples.triage_run()]
    plain = render_terminal(runs, color=False, width=100).splitlines()[1:]
    coloured = re.sub(r"\x1b\[[0-9;]*m", "", render_terminal(runs, color=True, width=100)).splitlines()[1:]
    assert coloured == plain


def test_columns_align_beside_wide_characters(samples: ModuleType) -> None:
    variants = [Variant(label="日本語/返信"), Variant(label="plain")]
    cells = [samples.make_cell(variant=index) for index in (0, 1)]
    text = render_terminal([samples.make_run(cells, variants=variants)], color=False, width=100)
    rows = [line for line in text.splitlines() if "100%" in line]
    assert len({display_width(row[: row.index("100%")]) for row in rows}) == 1


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_output_input_or_reason_reaches_the_terminal_or_the_ci_system(
    samples: ModuleType, output: str, given_input: str, reason: str
) -> None:
    hostile = f"\x1b[2J{output}\n::error::{output}"
    cell = samples.make_cell(text=hostile, passed=False, reason=f"{reason}\x07", inputs={given_input: "##[group]"})
    text = render_terminal([samples.make_run([cell])], color=True, width=80)
    assert not re.search(r"[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202e]", text)
    assert all(
        re.fullmatch(r"\[[0-9;]*m", text[at + 1 :].split("m")[0] + "m") for at, c in enumerate(text) if c == "\x1b"
    )
    assert not re.search(r"^\s*::|##\[", text, re.MULTILINE)


def test_a_huge_output_is_shortened_without_being_read_whole(samples: ModuleType) -> None:
    cell = samples.make_cell(text="word " * 2_000_000, passed=False)
    text = render_terminal([samples.make_run([cell])], color=False, width=80)
    assert len(text) < 3000
    assert "…" in text
