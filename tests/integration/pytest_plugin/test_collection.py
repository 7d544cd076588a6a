"""What is collected, under which names, and that collecting pays for nothing."""

import json

import pytest

pytest_plugins = ["pytester"]


def collected(project, *arguments):
    result = project.run("--collect-only", "-q", *arguments)
    return [line for line in result.outlines if "::" in line]


@pytest.mark.parametrize("named", ["evalsets", "evalsets/echo.yaml", "./evalsets/"])
def test_an_evalset_is_collected_where_it_or_its_folder_is_named(project, named):
    project.evalset(gates=["observed(pass_rate) >= 0.5"])
    assert collected(project, named) == [
        "evalsets/echo.yaml::paris[python:app:answer]",
        "evalsets/echo.yaml::berlin[python:app:answer]",
        "evalsets/echo.yaml::wrong[python:app:answer]",
        "evalsets/echo.yaml::gate[observed(pass_rate) >= 0.5]",
    ]
    assert project.calls == []
    assert project.runs == []


@pytest.mark.parametrize(
    "ini", ["", "testpaths = evalsets", "addopts = evalsets", "testpaths = evalsets\naddopts = --ignore=evalsets/x"]
)
def test_a_bare_pytest_evaluates_nothing_whatever_the_settings_name(project, ini):
    project.evalset()
    project.write("pytest.ini", f"[pytest]\n{ini}\n")
    project.write("test_plain.py", "def test_plain(): pass\n")
    project.run()
    assert project.calls == []
    assert project.runs == []


def test_naming_another_folder_evaluates_nothing(project):
    project.evalset()
    project.write("tests/evalset.yaml", json.dumps({"prompt": "echo", "cases": [{"inputs": {"text": "a"}}]}))
    assert collected(project, ".", "tests") == []


def test_a_setting_collects_evalsets_that_nobody_names(project):
    project.evalset()
    project.write("pytest.ini", "[pytest]\npromptship_collect = true\n")
    project.run().assert_outcomes(passed=2, failed=1)


def test_hidden_files_are_left_out_unless_they_are_named(project):
    project.evalset("_draft")
    assert collected(project, "evalsets") == []
    assert len(collected(project, "evalsets/_draft.yaml")) == 3


def test_judges_beside_evalsets_are_not_collected(project):
    project.evalset()
    project.write("evalsets/judges/tone.yaml", "policy: Polite.\nitems: i.jsonl\nlabels: l.jsonl\n")
    assert {line.partition("::")[0] for line in collected(project, "evalsets")} == {"evalsets/echo.yaml"}


def test_a_file_elsewhere_is_an_evalset_where_it_is_named_and_has_cases(project):
    project.write("other/one.yaml", json.dumps({"prompt": "echo", "cases": [{"id": "a", "inputs": {"text": "b"}}]}))
    project.write("other/two.yaml", "stages: []\n")
    assert collected(project, "other/one.yaml") == ["other/one.yaml::a[echo]"]
    assert collected(project, "other/two.yaml") == []


def test_node_ids_stay_when_models_and_repeats_are_added(project):
    project.evalset(prompt="echo", gates=["pass_rate >= 0"])
    more = ["--promptship-model", "default", "--promptship-model", "fast", "--promptship-repeats", "2"]
    assert collected(project, "evalsets", "-k", "paris or gate", *more) == [
        "evalsets/echo.yaml::paris[echo+default]",
        "evalsets/echo.yaml::paris[echo+fast]",
        "evalsets/echo.yaml::paris[echo+default#2]",
        "evalsets/echo.yaml::paris[echo+fast#2]",
        "evalsets/echo.yaml::gate[pass_rate >= 0, echo+default]",
        "evalsets/echo.yaml::gate[pass_rate >= 0, echo+fast]",
    ]
    assert "evalsets/echo.yaml::paris[echo]" in collected(project, "evalsets", "--promptship-repeats", "2")


@pytest.mark.parametrize("case_id", ["a::b", "../x [y]", "ünï 中文", "a" * 200])
def test_a_case_of_any_name_can_be_named(project, case_id):
    project.evalset(cases=[{"id": case_id, "inputs": {"text": "Paris"}, "expected": "paris"}])
    found = collected(project, "evalsets")
    assert len(found) == 1
    project.run(found[0]).assert_outcomes(passed=1)


def test_tags_can_be_selected(project):
    project.evalset()
    assert collected(project, "evalsets", "-k", "language-de") == ["evalsets/echo.yaml::berlin[python:app:answer]"]


def test_a_wrong_evalset_is_told_with_its_place_and_nothing_is_paid(project):
    project.evalset("good")
    project.evalset("bad", gates=["pass_rat >= 0.9"])
    result = project.run("evalsets")
    result.stdout.fnmatch_lines(["*names 'pass_rat', a metric that the set does not have; did you mean 'pass_rate'?*"])
    result.stdout.fnmatch_lines(["hint: metrics of this evalset: *"])
    assert "Traceback" not in result.stdout.str()
    assert "_evaluate.py" not in result.stdout.str()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.calls == []


def test_a_python_file_that_cannot_be_imported_keeps_evalsets_from_being_paid(project):
    project.evalset()
    project.write("test_broken.py", "import nothing_of_that_name\n")
    assert project.run("evalsets", "test_broken.py").ret == pytest.ExitCode.INTERRUPTED
    assert project.calls == []


@pytest.mark.parametrize("option", ["--setup-only", "--setup-plan", "--collect-only"])
def test_a_session_that_runs_no_test_pays_for_nothing(project, option):
    project.evalset()
    project.run("evalsets", option)
    assert project.calls == []


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            ("--promptship-max-cost", "much"),
            "*--promptship-max-cost 'much': expected an amount in USD of at least 0, or none*",
        ),
        (("--promptship-max-cost", "-1"), "*--promptship-max-cost '-1': expected an amount*"),
        (("-o", "promptship_max_cost=nan"), "*promptship_max_cost 'nan': expected an amount*"),
        (("--promptship-repeats", "0"), "*--repeats 0: expected at least 1*"),
        (("--promptship-prompt", "ecco"), "*does not change*"),
    ],
)
def test_wrong_options_are_told(project, option, said):
    project.evalset(prompt="echo")
    if option[1] == "ecco":
        said = "*there is no prompt 'ecco'; did you mean 'echo'?*"
    result = project.run("evalsets", *option)
    result.stdout.fnmatch_lines([said])
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_the_plugin_behaves_with_random_order(project):
    project.evalset(gates=["observed(pass_rate) >= 0.5"])
    project.evalset("other")
    result = project.run("evalsets", randomly=True)
    result.assert_outcomes(passed=5, failed=1, xfailed=1)
    assert len(project.calls) == 6


def test_gates_come_last(project):
    project.evalset("a", gates=["pass_rate >= 0"])
    project.evalset("b")
    project.write("test_plain.py", "def test_plain(): pass\n")
    for randomly in (False, True):
        result = project.run("evalsets", "test_plain.py", "-v", randomly=randomly)
        last = [line for line in result.outlines if "::" in line and "%]" in line][-1]
        assert "a.yaml::gate[pass_rate >= 0]" in last
