from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from promptship.domain import CellError, Score, Variant
from promptship.errors import StorageError, UsageError
from promptship.report import export_run, render_junit, render_markdown, to_frame, write_csv, write_report

if TYPE_CHECKING:
    from types import ModuleType

HOSTILE = "</details><script>alert(1)</script>\n```\n@octocat | \x1b[31m =1+1"


def _tests(text: str) -> dict[str, str]:
    """Names of the test cases in a JUnit file, with what each says."""
    root = ET.fromstring(text)
    return {
        case.get("name", ""): next((child.tag for child in case if child.tag != "system-out"), "passed")
        for case in root.iter("testcase")
    }


def test_junit_has_a_suite_per_evalset_and_variant_with_right_counts(samples: ModuleType) -> None:
    root = ET.fromstring(render_junit([samples.reply_run(), samples.triage_run()]))
    suites = list(root)
    assert [suite.get("name") for suite in suites] == [
        "support-golden / support/reply",
        "support-golden / support/reply+fast",
        "triage / support/triage",
    ]
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "0")) == len(cases)
        for kind, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(name, "0")) == sum(case.find(kind) is not None for case in cases)


@pytest.mark.parametrize("outcome", ["pass", "warn", "fail"])
def test_junit_fails_exactly_where_the_verdict_fails(samples: ModuleType, outcome: str) -> None:
    cells = [samples.make_cell(), samples.make_cell("c-2", passed=False, reason="no")]
    found = _tests(render_junit([samples.make_run(cells, gates=[samples.gate(outcome=outcome)])]))
    assert ("failure" in found.values()) == (outcome == "fail")
    assert found["c-2"] == ("failure" if outcome == "fail" else "skipped")


def test_junit_of_a_run_without_a_verdict_reports_its_failures(samples: ModuleType) -> None:
    error = CellError(kind="ServerError", message="502")
    cells = [samples.make_cell(passed=False), samples.make_cell("c-2", text=None, error=error)]
    assert _tests(render_junit([samples.make_run(cells, gates=None)])) == {"c-1": "failure", "c-2": "error"}


def test_junit_puts_a_gate_of_one_variant_into_its_suite_only(samples: ModuleType) -> None:
    text = render_junit([samples.reply_run()])
    suites = list(ET.fromstring(text))
    names = [[case.get("name") for case in suite if (case.get("name") or "").startswith("gate")] for suite in suites]
    assert len(names[0]) + len(names[1]) == 5
    assert names[1] == ["gate: pass_rate >= 0.9 (support/reply+fast)"]


def test_junit_is_well_formed_whatever_was_answered(samples: ModuleType) -> None:
    cell = samples.make_cell(f"c\x00{HOSTILE}", text=HOSTILE + "\x00\ufffe]]>", passed=False, reason=HOSTILE)
    assert list(_tests(render_junit([samples.make_run([cell], gates=None)])).values()) == ["failure"]


def test_markdown_shows_verdict_gates_and_failures(samples: ModuleType) -> None:
    text = render_markdown([samples.reply_run(), samples.triage_run()])
    assert text.startswith("## ❌ fail: 1 of 6 gates failed")
    assert "language\\=es" in text
    assert "no word of thanks or regret" in text


def test_markdown_of_hostile_outputs_holds_only_our_own_html(samples: ModuleType) -> None:
    cell = samples.make_cell(HOSTILE, text=HOSTILE, passed=False, reason=HOSTILE, inputs={HOSTILE: HOSTILE})
    tokens = (
        MarkdownIt("commonmark").enable("table").parse(render_markdown([samples.make_run([cell], evalset=HOSTILE)]))
    )
    raw = [token.content for token in tokens if token.type == "html_block"]
    raw += [child.content for token in tokens for child in token.children or [] if child.type == "html_inline"]
    assert [part.strip() for part in raw] == [
        "<details><summary>1 of 1 cases that did not pass</summary>",
        "</details>",
    ]


def test_markdown_fits_into_one_comment(samples: ModuleType) -> None:
    cells = [samples.make_cell(f"c-{index}", text="word " * 5000, passed=False) for index in range(40)]
    assert len(render_markdown([samples.make_run(cells)] * 5)) < 65_536


def test_the_frame_has_one_row_per_cell_and_documented_types(samples: ModuleType) -> None:
    frame = to_frame(samples.reply_run())
    assert len(frame) == 240
    expected = {
        "case_id": "string", "variant": "string", "repeat": "Int64", "outcome": "string", "passed": "boolean",
        "cost_usd": "Float64", "latency_s": "Float64", "prompt_tokens": "Int64", "input.customer_message": "string",
        "tag.language": "string", "score.similar": "Float64", "passed.similar": "boolean", "reason.polite": "string",
        "measure.similar": "Float64", "category.similar": "string",
    }  # fmt: skip
    assert {name: str(frame[name].dtype) for name in expected} == expected
    assert (frame["outcome"] == "passed").sum() == frame["passed"].sum()


def test_the_frame_keeps_the_order_of_the_file(samples: ModuleType) -> None:
    cells = [samples.make_cell(f"c-{line}", place=f"a.jsonl:{line}") for line in (10, 9, 100)]
    assert list(to_frame(samples.make_run(cells))["case_id"]) == ["c-9", "c-10", "c-100"]


@pytest.mark.parametrize(
    ("values", "dtype", "first"),
    [
        ([1, 2], "Int64", 1),
        ([1, 2.5], "Float64", 1.0),
        ([True, False], "boolean", True),
        (["a", 1], "string", "a"),
        ([{"b": 1}, None], "string", '{"b": 1}'),
        ([2**70, 1], "string", str(2**70)),
    ],
)
def test_an_input_column_takes_the_type_of_its_values(
    samples: ModuleType, values: list[object], dtype: str, first: object
) -> None:
    cells = [samples.make_cell(f"c-{index}", inputs={"x": value}) for index, value in enumerate(values)]
    column = to_frame(samples.make_run(cells))["input.x"]
    assert str(column.dtype) == dtype
    assert column[0] == first


def test_names_of_scorers_never_collide_with_our_columns(samples: ModuleType) -> None:
    cell = samples.make_cell()
    cell.scores["passed"] = Score(value=0.5)
    cell.scores["icontains.passed"] = Score(value=0.25)
    frame = to_frame(samples.make_run([cell]))
    assert frame.columns.is_unique
    assert list(frame[["score.passed", "score.icontains.passed"]].iloc[0]) == [0.5, 0.25]


def test_csv_holds_the_frame_with_formulas_disarmed(samples: ModuleType) -> None:
    cells = [samples.make_cell("=cmd()", text='=HYPERLINK("x")', inputs={"@q": "-1", "n": -1})]
    buffer = io.StringIO(newline="")
    write_csv(samples.make_run(cells), buffer)
    buffer.seek(0)
    (row,) = csv.DictReader(buffer)
    assert row["case_id"] == "'=cmd()"
    assert row["output"] == '\'=HYPERLINK("x")'
    assert row["input.@q"] == "'-1"
    assert row["input.n"] == "-1"
    assert list(row) == list(to_frame(samples.make_run(cells)).columns)


def test_jsonl_has_a_line_per_cell(samples: ModuleType, tmp_path: Path) -> None:
    export_run(samples.triage_run(), "jsonl", tmp_path / "cells.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "cells.jsonl").read_text().splitlines()]
    assert len(lines) == 80
    assert lines[0]["scores"]["equals"]["value"] in {0, 1}


def test_parquet_reads_back_as_the_frame(samples: ModuleType, tmp_path: Path) -> None:
    run = samples.extract_run()
    export_run(run, "parquet", tmp_path / "deep" / "cells.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "deep" / "cells.parquet"), to_frame(run), check_dtype=False
    )


@pytest.mark.parametrize("name", ["csv", "junit", "markdown", "html"])
def test_every_format_writes_a_file_and_leaves_nothing_else(samples: ModuleType, tmp_path: Path, name: str) -> None:
    export_run(samples.extract_run(), name, tmp_path / f"run.{name}")
    assert [path.name for path in tmp_path.iterdir()] == [f"run.{name}"]
    assert (tmp_path / f"run.{name}").stat().st_size > 500


def test_an_unknown_format_names_the_known_ones(samples: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'parquet'") as caught:
        export_run(samples.extract_run(), "parket", tmp_path / "x")
    assert "jsonl" in str(caught.value.hint)


def test_a_folder_in_the_way_is_a_storage_error(samples: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="taken"):
        export_run(samples.extract_run(), "csv", tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_replaced_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    write_report(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640


def test_a_device_is_written_to_as_it_is(tmp_path: Path) -> None:
    write_report(Path("/dev/null"), b"gone")
    assert Path("/dev/null").is_char_device()


FULL_DISK = """
import importlib.util, resource, signal, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("samples", sys.argv[1])
samples = importlib.util.module_from_spec(spec); sys.modules["samples"] = samples; spec.loader.exec_module(samples)
from promptship.errors import StorageError
from promptship.report import export_run
run = samples.triage_run()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    export_run(run, sys.argv[3], Path(sys.argv[2]))
except StorageError as error:
    print("storage:", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("name", ["csv", "jsonl", "html"])
def test_a_full_disk_is_a_storage_error_and_the_old_file_stays(samples: ModuleType, tmp_path: Path, name: str) -> None:
    target = tmp_path / "report"
    target.write_text("old")
    command = [sys.executable, "-c", FULL_DISK, samples.__file__, str(target), name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("storage: cannot write")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_target_without_a_prompt_has_a_suite_and_rows(samples: ModuleType) -> None:
    run = samples.make_run(
        [samples.make_cell()], variants=[Variant(label="outputs:file.jsonl")], gates=[samples.gate()]
    )
    assert "outputs:file.jsonl" in render_junit([run])
    assert to_frame(run)["prompt"].isna().all()
