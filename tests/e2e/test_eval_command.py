import json
import xml.etree.ElementTree as ET

import pytest


def test_a_passing_gate_exits_0_and_shows_the_failing_case(cli):
    done = cli("eval", "echo")
    assert done.stdout.lower().lstrip().startswith("pass")
    assert "wrong" in done.stdout
    assert "evalsets/echo.jsonl:3" in done.stdout


def test_a_failing_gate_exits_1(cli):
    cli.write(
        "evalsets/echo.yaml",
        "prompt: echo\nscorers: [icontains]\ngates: [observed(pass_rate) >= 0.9]\ncases: echo.jsonl\n",
    )
    assert "fail" in cli("eval", "echo", code=1).stdout.lower()


def test_without_gates_every_case_must_pass(cli):
    cli.write("evalsets/echo.yaml", "prompt: echo\nscorers: [icontains]\ncases: echo.jsonl\n")
    cli("eval", "echo", code=1)
    cli("eval", "echo", "--slice", "language=de")


def test_json_prints_one_object_with_the_documented_keys(cli):
    found = cli.json("eval", "echo")
    assert {"run_id", "digest", "verdict", "gates", "totals", "metrics"} <= found.keys()
    assert found["verdict"] == "pass"
    assert set(found["gates"][0]) >= {"gate", "verdict", "value", "low", "high", "n", "reason"}
    totals = found["totals"]
    assert {key: totals[key] for key in ("cases", "passed", "failed", "error", "unscored")} == {
        "cases": 3,
        "passed": 2,
        "failed": 1,
        "error": 0,
        "unscored": 0,
    }
    assert totals.keys() >= {"requests", "cached", "cost_usd", "wall_s"}
    assert set(found["metrics"]["icontains"]) == {"mean", "low", "high", "n"}
    assert "cases" not in found
    assert len(cli.json("eval", "echo", "--cases")["cases"]) == 3


def test_the_second_run_is_answered_by_the_cache_and_says_so(cli):
    first, second, third = cli.json("eval", "echo"), cli.json("eval", "echo"), cli.json("eval", "echo", "--no-cache")
    assert [run["totals"]["cached"] for run in (first, second, third)] == [0, 3, 0]
    assert first["gates"] == second["gates"]


def test_repeats_are_separate_samples_and_never_one_cache_entry(cli):
    cli.json("eval", "echo")
    found = cli.json("eval", "echo", "--repeats", "3")
    assert (found["totals"]["cases"], found["totals"]["cached"], found["totals"]["requests"]) == (9, 3, 6)


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["-k", "paris or berlin"], {"paris", "berlin"}),
        (["--slice", "language=en"], {"paris", "wrong"}),
        (["--limit", "1"], {"paris"}),
        (["-k", "not paris", "--slice", "language=en"], {"wrong"}),
    ],
)
def test_cases_can_be_chosen(cli, arguments, ids):
    found = cli.json("eval", "echo", "--cases", *arguments, code=1 if ids == {"wrong"} else 0)
    assert {case["id"] for case in found["cases"]} == ids


def test_a_sample_is_the_same_for_the_same_seed(cli):
    def drawn(seed):
        done = cli("eval", "echo", "--sample", "2", "--seed", seed, "--json", "--cases", "--no-resume")
        return sorted(case["id"] for case in json.loads(done.stdout)["cases"])

    assert drawn(1) == drawn(1)
    assert len(drawn(1)) == 2


def test_last_failed_takes_the_cases_that_did_not_pass(cli):
    cli("eval", "echo")
    found = cli.json("eval", "echo", "--last-failed", "--cases", code=1)
    assert [case["id"] for case in found["cases"]] == ["wrong"]


def test_dry_run_says_what_it_would_cost_and_calls_nothing(cli):
    (row,) = cli.json("eval", "echo", "--dry-run")
    assert (row["cases"], row["cells"], row["cost_usd"]) == (3, 3, 0.0)
    assert not (cli.folder / ".promptship" / "runs").exists()
    assert "tokens in" in cli("eval", "--dry-run").stdout


def test_a_recorded_run_is_replayed_with_the_network_refused(cli):
    recorded = cli.json("eval", "echo", "--record", "--no-cache")
    assert (cli.folder / "cassettes" / "echo.jsonl.zst").is_file()
    frozen = cli.json("eval", "echo", "--frozen")
    assert frozen["gates"] == recorded["gates"]
    assert frozen["totals"]["requests"] == 0


def test_a_case_that_was_never_recorded_is_named_and_exits_3(cli):
    cli("eval", "echo", "--record", "--no-cache")
    with (cli.folder / "evalsets/echo.jsonl").open("a") as file:
        file.write('{"id": "fresh", "inputs": {"text": "new"}, "expected": "new"}\n')
    assert "fresh" in cli("eval", "echo", "--frozen", code=3).stderr


def test_reports_go_to_a_folder_and_are_well_formed(cli):
    cli("eval", "--report", "html", "--report", "junit", "--report", "markdown", "--report", "json", "--output", "out")
    page = (cli.folder / "out/report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    suite = ET.parse(cli.folder / "out/report.junit.xml").getroot()
    assert len(list(suite.iter("testcase"))) >= 3
    assert "echo" in (cli.folder / "out/report.md").read_text(encoding="utf-8")
    assert json.loads((cli.folder / "out/report.json").read_text(encoding="utf-8"))["verdict"] == "pass"


def test_two_models_make_a_matrix_and_each_is_judged(cli):
    cli.write("prompts/models.yaml", "default: {model: fake/echo}\nother: {model: 'fake/constant?text=nothing'}\n")
    found = cli.json("eval", "echo", "--model", "default", "--model", "other", code=1)
    assert found["totals"]["cases"] == 6
    assert sorted(gate["verdict"] for gate in found["gates"]) == ["fail", "pass"]


def test_an_edited_prompt_and_its_committed_version_are_evaluated_side_by_side(cli):
    import subprocess

    git = ["git", "-C", cli.folder, "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    cli.write("prompts/echo.prompt", "say nothing {{ text | length }}\n")
    found = cli.json("eval", "echo", "--prompt", "echo", "--prompt", "echo@git:main", code=1)
    assert [gate["verdict"] for gate in found["gates"]] == ["fail", "pass"]


def test_a_python_callable_is_a_target(cli):
    cli.write("app.py", "async def answer(inputs):\n    return inputs['text'].upper()\n")
    cli.write(
        "evalsets/app.yaml",
        "target: python:app:answer\nscorers: [{type: contains, value: PARIS}]\ncases: [{inputs: {text: paris}}]\n",
    )
    assert cli.json("eval", "app")["totals"]["passed"] == 1


def test_a_callable_that_never_used_the_prompt_under_test_is_an_error_and_no_pass(cli):
    cli.write("app.py", "def answer(inputs):\n    return 'paris'\n")
    cli.write(
        "evalsets/app.yaml",
        "prompt: echo\ntarget: python:app:answer\nscorers: [{type: contains, value: paris}]\n"
        "cases: [{inputs: {text: x}}]\n",
    )
    found = cli.json("eval", "app", "--cases", code=3)
    assert (found["totals"]["error"], found["totals"]["passed"]) == (1, 0)


def test_a_callable_calls_the_model_of_the_prompt_under_test_through_the_cache(cli):
    cli.write(
        "app.py",
        "async def answer(inputs, context):\n"
        "    first = await context.complete(context.messages(text=inputs['text']))\n"
        "    return (await context.complete([{'role': 'user', 'content': first.text + '!'}])).text\n",
    )
    cli.write(
        "evalsets/app.yaml",
        "prompt: echo\ntarget: python:app:answer\nscorers: [{type: equals, value: 'x!'}]\n"
        "cases: [{inputs: {text: x}}]\n",
    )
    assert cli.json("eval", "app")["totals"]["requests"] == 2
    assert cli.json("eval", "app")["totals"]["cached"] == 2


def test_stored_outputs_are_scored_without_a_call(cli):
    cli.write("evalsets/stored.jsonl", '{"id": "a", "text": "Paris"}\n')
    cli.write(
        "evalsets/stored.yaml",
        "target: {outputs: stored.jsonl}\nscorers: [contains]\ncases: [{id: a, inputs: {}, expected: Paris}]\n",
    )
    found = cli.json("eval", "stored")
    assert (found["totals"]["passed"], found["totals"]["requests"]) == (1, 0)


def test_several_evalsets_make_one_verdict(cli):
    cli.write("evalsets/strict.yaml", "prompt: echo\nscorers: [icontains]\ncases: echo.jsonl\n")
    found = cli.json("eval", code=1)
    assert found["totals"]["cases"] == 6
    assert {run["verdict"] for run in found["runs"]} == {"pass", "fail"}
    assert {gate["evalset"] for gate in found["gates"]} == {"echo", "strict"}
