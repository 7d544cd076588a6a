"""What becomes of items, and that pytest says what `promptctl eval` says."""

import json
import sys
import xml.etree.ElementTree as ET

import pytest

import promptship

pytest_plugins = ["pytester"]

PRICED = {
    "model": "openai/gpt-x",
    "base_url": "http://127.0.0.1:9/v1",
    "price": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1},
    "limits": {"retries": 0},
}


def case(name, text, expected="paris"):
    return {"id": name, "inputs": {"text": text}, "expected": expected}


def test_a_gate_tolerates_a_failing_case_and_says_so(project):
    project.evalset(gates=["observed(pass_rate) >= 0.5"])
    result = project.run("evalsets", "-rx")
    result.assert_outcomes(passed=3, xfailed=1)
    result.stdout.fnmatch_lines(
        ["XFAIL evalsets/echo.yaml::wrong* - its gate decides: icontains: does not contain 'madrid'"]
    )
    assert result.ret == pytest.ExitCode.OK


def test_a_gate_that_fails_says_the_figure(project):
    project.evalset(gates=["observed(pass_rate) >= 0.9"])
    result = project.run("evalsets")
    result.assert_outcomes(passed=2, xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["observed(pass_rate) >= 0.9: fail: 0.6667*, n = 3; *"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("option", ["--promptship-strict-cases", "--runxfail"])
def test_strict_cases_fail_although_a_gate_tolerates_them(project, option):
    project.evalset(gates=["observed(pass_rate) >= 0.5"])
    project.run("evalsets", option).assert_outcomes(passed=3, failed=1)


def test_without_gates_a_failing_case_fails_and_shows_inputs_and_difference(project):
    project.evalset(cases=[case("one", "Paris is a city", "Paris is the city")])
    result = project.run("evalsets")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "icontains: does not contain 'Paris is the city'",
            "evalsets/echo.jsonl:1: failed: case 'one' of python:app:answer",
            "*text: Paris is a city",
            "*output, compared with expected:",
            "*Paris is ?-the-??+a+? city",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    result.stdout.fnmatch_lines(["FAILED evalsets/echo.yaml::one* - icontains: *"])


def test_an_error_is_told_with_its_kind_and_fails(project):
    project.evalset(cases=[case("bad", "crash"), case("good", "Paris")])
    result = project.run("evalsets")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["UsageError: app:answer raised RuntimeError: it broke"])


@pytest.mark.parametrize("errors", [0, 1, 2])
@pytest.mark.parametrize("gates", [[], ["observed(pass_rate) >= 0.9"]])
def test_as_many_errors_are_tolerated_as_the_verdict_tolerates(project, errors, gates):
    cases = [case(f"c{number}", "crash" if number < errors else "Paris") for number in range(100)]
    project.evalset(cases=cases, **({"gates": gates} if gates else {}))
    result = project.run("evalsets")
    verdict = promptship.Run.load(project.runs[-1]).verdict
    assert (result.ret == 0) == (verdict.outcome != "fail") == (errors < 2)


@pytest.mark.parametrize("texts", [["Paris"], ["x"], ["crash"], ["Paris", "x"], ["Paris", "x", "crash"], ["x", "x"]])
@pytest.mark.parametrize(
    "gates", [[], ["observed(pass_rate) >= 0.5"], ["observed(pass_rate) >= 0.5", "error_rate <= 0.5"]]
)
def test_pytest_and_promptctl_never_disagree(project, texts, gates):
    cases = [case(f"c{number}", text) for number, text in enumerate(texts)]
    project.evalset(cases=cases, **({"gates": gates} if gates else {}))
    result = project.run("evalsets")
    run = promptship.evaluate(project.path / "evalsets" / "echo.yaml", project=project.path)
    assert (result.ret == pytest.ExitCode.OK) == (run.verdict.outcome != "fail")


def test_what_cannot_be_scored_is_skipped_with_the_reason(project):
    (project.path / "judge.py").write_text(
        "from promptship.domain import Score\ndef judge(output, case): return Score(value=None, reason='no idea')\n"
    )
    project.evalset(scorers=[{"type": "python", "value": "judge:judge"}], gates=["scored_share >= 0"])
    result = project.run("evalsets", "-rs")
    assert result.parseoutcomes().get("skipped", 0) + result.parseoutcomes().get("failed", 0) >= 3
    result.stdout.fnmatch_lines(["*unscored: *no idea*"])


def test_a_gate_for_each_slice_is_one_item_that_says_which_slice_failed(project):
    gate = {"metric": "pass_rate", "each": "language", "at_least": 0.6, "decide": "observed"}
    project.evalset(gates=[gate, "observed(pass_rate) >= 0"])
    result = project.run("evalsets")
    result.assert_outcomes(passed=3, xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["pass_rate >= 0.6 ?language=en?: fail: 0.5*"])
    assert "pass_rate >= 0.6 [language=de]: " not in result.stdout.str().partition("= promptship =")[0]


def test_a_gate_versus_a_run_is_decided_against_it(project):
    many = [case(f"c{number:02}", "Paris") for number in range(40)]
    project.evalset(cases=many, gates=[{"metric": "pass_rate", "not_worse_by": 0.1, "versus": "base"}])
    before = promptship.evaluate(project.path / "evalsets" / "echo.yaml", project=project.path)
    same = project.run("evalsets", "--promptship-baseline", before.manifest.run_id)
    same.assert_outcomes(passed=41)
    project.write("app.py", "def answer(inputs, context): return 'Rome'\n")
    sys.modules.pop("app")
    worse = project.run("evalsets", "--promptship-baseline", before.manifest.run_id)
    worse.assert_outcomes(failed=1, xfailed=40)


def test_gates_are_skipped_where_cases_are_deselected(project):
    project.evalset(gates=["observed(pass_rate) >= 0.9"])
    result = project.run("evalsets", "-k", "not berlin", "-rs")
    result.assert_outcomes(passed=1, xfailed=1, skipped=1, deselected=1)
    result.stdout.fnmatch_lines(["SKIPPED *a gate is decided on all cells, and 2 of 3 are selected"])
    assert sorted(project.calls) == ["Paris it is", "something else"]


def test_only_selected_cells_of_the_matrix_are_paid(project):
    project.evalset(cases=[case(name, name) for name in ("a", "b", "c")])
    ids = ["evalsets/echo.yaml::a[python:app:answer]", "evalsets/echo.yaml::b[python:app:answer#2]"]
    ids.append("evalsets/echo.yaml::c[python:app:answer#2]")
    result = project.run("--promptship-repeats", "3", *ids)
    result.assert_outcomes(failed=3)
    assert sorted(project.calls) == ["a", "b", "c"]
    repeats = [run.manifest.selection["repeat"] for run in map(promptship.Run.load, project.runs)]
    assert sorted(repeats) == [0, 1]


def test_variants_that_are_deselected_are_not_paid(project):
    project.evalset(prompt="echo")
    result = project.run("evalsets", "--promptship-model", "default", "--promptship-model", "fast", "-k", "fast")
    result.assert_outcomes(passed=1, failed=2, deselected=3)
    (run,) = map(promptship.Run.load, project.runs)
    assert [variant.label for variant in run.manifest.variants] == ["echo+fast"]


def test_a_whole_session_is_the_run_that_promptctl_would_make(project):
    project.evalset()
    project.run("evalsets")
    run = promptship.evaluate(project.path / "evalsets" / "echo.yaml", project=project.path)
    digests = {promptship.Run.load(path).manifest.plan_digest for path in project.runs}
    assert digests == {run.manifest.plan_digest}
    assert all(promptship.Run.load(path).manifest.complete for path in project.runs)


def test_last_failed_runs_what_failed(project):
    project.evalset()
    project.run("evalsets").assert_outcomes(passed=2, failed=1)
    project.run("evalsets", "--lf").assert_outcomes(failed=1)
    assert project.calls.count("something else") == 2
    assert len(project.calls) == 4


@pytest.mark.parametrize("randomly", [False, True])
def test_exitfirst_stops_soon_and_pays_little_beyond(project, randomly):
    cases = [{"id": f"c{n:03}", "inputs": {"text": f"t{n}", "wait_s": 0.01}, "expected": "t"} for n in range(100)]
    cases[5]["expected"] = "never"
    project.evalset(cases=cases)
    result = project.run("evalsets", "-x", "--promptship-concurrency", "4", randomly=randomly)
    assert result.parseoutcomes()["failed"] == 1
    if not randomly:
        result.assert_outcomes(passed=5, failed=1)
        assert len(project.calls) <= 6 + 2 * 4 + 4
    assert len(project.calls) <= 100


def test_a_session_that_was_cut_off_is_resumed(project):
    cases = [{"id": f"c{n:03}", "inputs": {"text": f"t{n}", "wait_s": 0.01}, "expected": "t"} for n in range(60)]
    cases[5]["expected"] = "never"
    project.evalset(cases=cases)
    project.run("evalsets", "-x", "--promptship-concurrency", "2")
    project.run("evalsets").assert_outcomes(passed=59, failed=1)
    assert len(project.calls) == 60
    assert len(project.runs) == 1


def test_a_session_spends_one_dollar_at_most_unless_told_otherwise(project):
    project.write("prompts/models.yaml", json.dumps({"default": {**PRICED, "params": {"max_tokens": 2_000_000}}}))
    project.evalset(prompt="echo", gates=["pass_rate >= 0"])
    result = project.run("evalsets", "-rs")
    result.assert_outcomes(failed=2, skipped=2)
    result.stdout.fnmatch_lines(["the next call could cost 2.*0.000000 of 1.000000 USD are spent*"])
    result.stdout.fnmatch_lines(["no verdict: the next call could cost*"])
    result.stdout.fnmatch_lines(["SKIPPED ?2? *not run: the next call could cost*"])


def test_the_projects_own_limit_holds_where_it_is_lower(project):
    project.write("promptship.toml", "max_cost_usd = 0.5\n")
    project.write("prompts/models.yaml", json.dumps({"default": {**PRICED, "params": {"max_tokens": 700_000}}}))
    project.evalset(prompt="echo")
    project.run("evalsets").stdout.fnmatch_lines(["*0.000000 of 0.500000 USD are spent*"])


def test_an_unknown_price_is_refused_while_there_is_a_limit(project):
    project.write("prompts/models.yaml", json.dumps({"default": {**PRICED, "price": None}}))
    project.evalset(prompt="echo")
    result = project.run("evalsets")
    result.stdout.fnmatch_lines(["*the price of 'openai/gpt-x' is unknown*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED
    collected = project.run("evalsets", "--promptship-max-cost", "none", "--collect-only")
    collected.stdout.fnmatch_lines(["*3 tests collected*"])


def test_frozen_replays_and_names_what_was_never_recorded(project):
    project.evalset(prompt="echo")
    missing = project.run("evalsets", "--promptship-frozen")
    assert missing.ret == pytest.ExitCode.INTERRUPTED
    record(project)
    project.run("evalsets", "--promptship-frozen").assert_outcomes(passed=2, failed=1)
    project.evalset(prompt="echo", cases=[case("paris", "Paris it is"), case("rome", "Rome")])
    result = project.run("evalsets", "--promptship-frozen")
    result.stdout.fnmatch_lines(["*holds no answer of 'fake/echo' to this call*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def record(project):
    import asyncio

    from promptship.assembly import ModelOptions, Workspace, evaluate_all
    from promptship.evaluation import EvalOptions

    async def work():
        async with Workspace.open(project.path, ModelOptions(record=True)) as workspace:
            await evaluate_all(workspace, workspace.load_evalsets([]), EvalOptions())

    asyncio.run(work())


def test_junit_holds_what_is_known_of_a_cell(project):
    project.evalset(prompt="echo", gates=["observed(pass_rate) >= 0.5"])
    project.run("evalsets", "--junitxml", "out.xml")
    cases = {one.get("name"): one for one in ET.parse(project.path / "out.xml").iter("testcase")}
    found = {one.get("name"): one.get("value") for one in cases["paris[echo]"].iter("property")}
    assert found["promptship.case"] == "paris"
    assert found["promptship.model"] == "fake/echo"
    assert found["promptship.prompt_digest"].startswith("sha256:")
    assert found["promptship.outcome"] == "passed"
    assert found["promptship.score.icontains"] == "1.0"
    assert found["promptship.cost_usd"] == "0.0"
    gate = {one.get("name"): one.get("value") for one in cases["gate[observed(pass_rate) >= 0.5]"].iter("property")}
    assert gate["promptship.finding"] == "pass"
    assert float(gate["promptship.value"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("name", "begin"), [("r.json", b"{"), ("r.md", b"## "), ("r.html", b"<!"), ("r.xml", b"<?xml")]
)
def test_a_report_is_written(project, name, begin):
    project.evalset()
    project.run("evalsets", "--promptship-report", name).stdout.fnmatch_lines(["report: *"])
    assert (project.path / name).read_bytes().lstrip().startswith(begin)


def test_a_report_of_no_known_kind_is_refused_before_anything_is_paid(project):
    project.evalset()
    result = project.run("evalsets", "--promptship-report", "r.pdf")
    result.stderr.fnmatch_lines(
        ["ERROR: --promptship-report 'r.pdf': expected a file that ends in .json, .md, .html, .xml*"]
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert project.calls == []


def test_the_summary_says_counts_gates_money_and_where_to_look(project):
    project.evalset(prompt="echo", gates=["observed(pass_rate) >= 0.5"])
    result = project.run("evalsets")
    result.stdout.fnmatch_lines(
        [
            "=* promptship =*",
            "evalsets/echo.yaml: 2 passed, 1 failed; 3 calls, 0 cached, 0.0000 USD, * s",
            "  pass observed(pass_rate) >= 0.5: pass: 0.6667*, n = 3*",
            f"  promptctl runs open {project.runs[0].name}",
        ]
    )


def test_github_gets_a_summary_and_annotations_at_the_lines_of_cases(project, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "summary.md"))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path.parent))
    cases = [case("good", "Paris"), case("evil", "::error::owned\n::set-env name=A::1 100%")]
    project.evalset(cases=cases)
    result = project.run("evalsets")
    place = f"{project.path.name}/evalsets/echo.jsonl,line=2"
    result.stdout.fnmatch_lines(
        [f"::error file={place},title=promptship::case evil of python:app:answer: icontains: *"]
    )
    ours = [line for line in result.outlines if line.startswith("::")]
    assert len(ours) == 2
    assert not [line for line in result.outlines if line.lstrip().startswith("::") and line not in ours]
    summary = (project.path / "summary.md").read_text()
    assert summary.count("## ❌ fail") == 1


def test_a_gate_that_tolerates_makes_warnings_on_github(project, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    project.evalset(gates=["observed(pass_rate) >= 0.5"])
    result = project.run("evalsets")
    assert [line for line in result.outlines if line.startswith("::error")] == []
    result.stdout.fnmatch_lines(["::warning file=*echo.jsonl,line=3,*"])


def test_hostile_outputs_cannot_paint_the_terminal(project):
    project.evalset(cases=[case("evil", "\x1b[2J\x1b[31mall is well")])
    out = project.run("evalsets").stdout.str()
    assert "\x1b[2J" not in out
    assert "\\x1b[2J" in out


def test_other_tests_run_beside_evalsets(project):
    project.evalset()
    project.write(
        "test_plain.py", "import pytest\n@pytest.mark.parametrize('n', range(5))\ndef test_plain(n): assert n != 3\n"
    )
    project.run("evalsets", "test_plain.py").assert_outcomes(passed=6, failed=2)


def test_calls_overlap(project):
    cases = [{"id": f"c{n}", "inputs": {"text": "Paris", "wait_s": 0.05}, "expected": "paris"} for n in range(64)]
    project.evalset(cases=cases)
    result = project.run("evalsets")
    result.assert_outcomes(passed=64)
    assert result.duration < 64 * 0.05 / 2


def test_a_prompt_that_the_cases_do_not_reach_fails_its_coverage(project):
    project.write("prompts/echo.prompt", "{{ text }}{% if text == 'never' %}x{% endif %}\n")
    project.evalset(prompt="echo", gates=["observed(pass_rate) >= 0.5"])
    project.run("evalsets", "--promptship-cov-fail-under", "50").assert_outcomes(passed=4, xfailed=1)
    result = project.run("evalsets", "--promptship-cov-fail-under", "80")
    result.assert_outcomes(passed=3, xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["the cases reach 50% of echo, less than 80 %; never: if template:1"])
