"""Python tests that call prompts: marker, fixtures, assertions, samples, changed inputs."""

import json

import pytest

pytest_plugins = ["pytester"]

PRICED = {
    "model": "openai/gpt-x",
    "base_url": "http://127.0.0.1:9/v1",
    "price": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1},
    "limits": {"retries": 0, "timeout_s": 1},
}


def run_test(project, text, *arguments, name="test_it.py"):
    project.write(name, text)
    return project.run(*(arguments or (name,)))


def test_a_prompt_is_called_and_its_answer_compared(project):
    text = """
import pytest

@pytest.mark.promptship(prompt="echo")
def test_marker(prompt_run):
    answer = prompt_run(text="Paris it is")
    assert answer == "Paris it is"
    assert "Paris" in answer
    assert answer.output.cost_usd == 0

def test_name(prompt_run):
    assert prompt_run("echo", text="Rome") == "Rome"
    assert [one.text for one in prompt_run.many([{"text": "a"}, {"text": "b"}], prompt="echo")] == ["a", "b"]

@pytest.mark.promptship(prompt="echo", model="fast")
def test_model(prompt_run):
    assert prompt_run(text="Rome").text == "Paris"
"""
    run_test(project, text).assert_outcomes(passed=3)


def test_an_answer_of_a_json_contract_equals_its_data(project):
    project.write("prompts/data.prompt", "---\noutput: {format: json}\n---\n{{ text }}\n")
    text = """
def test_data(prompt_run):
    assert prompt_run("data", text='{"a": [1]}') == {"a": [1]}
    assert prompt_run("data", text='{"a": [1]}').data["a"] == [1]
"""
    run_test(project, text).assert_outcomes(passed=1)


def test_a_comparison_that_fails_shows_inputs_and_words(project):
    text = """
def test_words(prompt_run):
    assert prompt_run("echo", text="Paris is a city") == "Paris is the city"

def test_in(prompt_run):
    assert "London" in prompt_run("echo", text="Paris is a city")
"""
    result = run_test(project, text)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E *assert answer of 'echo' (fake/echo) == 'Paris is the city'",
            "E * inputs:",
            "E * text: Paris is a city",
            "E * answer, compared with what was expected:",
            "E * Paris is ?-the-??+a+? city",
            "E *assert 'London' in answer of 'echo' (fake/echo)",
        ]
    )


def test_a_run_is_asserted_with_its_gates_and_cases(project):
    project.evalset(prompt="echo", gates=["observed(pass_rate) >= 0.9"])
    text = """
import pytest
from promptship.testing import assert_eval

@pytest.mark.promptship("echo", limit=2)
def test_passes(prompt_run):
    assert prompt_run.run.summary.overall.totals.cases == 2
    assert_eval(prompt_run.run)

def test_fails(prompt_run):
    assert_eval(prompt_run.evaluate("echo"))
"""
    result = run_test(project, text)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *AssertionError: echo: 1 of 1 gates failed",
            "E *fail observed(pass_rate) >= 0.9: 0.6667, n = 3; *",
            "E *failed wrong (evalsets/echo.jsonl:3): icontains: does not contain 'madrid'",
        ]
    )


def test_an_output_is_asserted_by_scorers(project):
    text = """
import pytest
from promptship.errors import UsageError
from promptship.testing import assert_eval

def test_passes(prompt_run):
    answer = prompt_run("echo", text="Paris is a city")
    assert_eval(answer, ["icontains", {"type": "word-count", "value": {"max": 4}}], expected="paris")
    assert_eval("Of course.", "not-contains", value="As an AI")

def test_fails(prompt_run):
    assert_eval(prompt_run("echo", text="Paris is a city"), "levenshtein", expected="Paris is the city", threshold=1)

def test_needs_a_scorer():
    with pytest.raises(UsageError, match="not told how to score"):
        assert_eval("x")
"""
    result = run_test(project, text)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*answer of 'echo' (fake/echo) does not pass", "*levenshtein: *", "*?-the-??+a+?*"])


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("prompt='ecco'", "*there is no prompt 'ecco'; did you mean 'echo'?*"),
        ("promt='echo'", "*@pytest.mark.promptship has no argument 'promt'; did you mean 'prompt'?*"),
        ("'echo', 'other'", "*takes one positional argument, the evalset*"),
        ("", "*prompt_run is not told which prompt to call*"),
    ],
)
def test_wrong_markers_are_told(project, marker, said):
    text = f"""
import pytest

@pytest.mark.promptship({marker})
def test_it(prompt_run):
    prompt_run(text="a")
"""
    result = run_test(project, text)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([said])


COSTS = """
def test_costs(prompt_run):
    prompt_run("echo", text="a")
"""


@pytest.mark.parametrize("price", [PRICED["price"], None])
@pytest.mark.parametrize("arguments", [(), (".",), ("tests",)])
def test_a_test_that_nobody_names_pays_for_nothing(project, price, arguments):
    project.write("prompts/models.yaml", json.dumps({"default": {**PRICED, "price": price}}))
    project.write("tests/test_costs.py", COSTS)
    result = project.run("-rs", *arguments)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *this session may not spend money here: name the test's file*"])


@pytest.mark.parametrize(
    "arguments", [("tests/test_costs.py",), ("tests/test_costs.py::test_costs",), ("-o", "promptship_collect=true")]
)
def test_a_test_that_is_named_may_pay(project, arguments):
    project.write("prompts/models.yaml", json.dumps({"default": PRICED}))
    project.write("tests/test_costs.py", COSTS)
    result = project.run(*arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ConnectionFailedError*"])


def test_a_test_keeps_the_sessions_limit(project):
    project.write("prompts/models.yaml", json.dumps({"default": {**PRICED, "params": {"max_tokens": 2_000_000}}}))
    project.write("test_costs.py", COSTS)
    project.run("test_costs.py").stdout.fnmatch_lines(["*the next call could cost 2.*1.000000 USD*"])


def test_evalsets_and_tests_share_the_sessions_limit(project):
    project.write("prompts/models.yaml", json.dumps({"default": {**PRICED, "params": {"max_tokens": 2_000_000}}}))
    project.evalset(prompt="echo")
    project.write("test_costs.py", COSTS)
    result = project.run("test_costs.py", "evalsets")
    assert result.stdout.str().count("0.000000 of 0.500000 USD are spent") >= 2


def test_the_hosts_event_loop_is_left_alone(project):
    text = """
import asyncio, pytest

@pytest.mark.asyncio
async def test_async(prompt_run):
    loop = asyncio.get_running_loop()
    assert prompt_run("echo", text="a") == "a"
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is loop
"""
    run_test(project, text).assert_outcomes(passed=1)


def test_samples_within_the_budget_may_fail(project):
    project.evalset()
    text = """
import pytest
from promptship.testing import current_sample, flaky_budget

seen = []

@flaky_budget(1, 4)
def test_tolerated(prompt_run):
    answer = prompt_run("echo", text="a")
    seen.append(answer.sample)
    assert answer.sample != 0

def test_each_was_another_sample():
    assert seen == [0, 1, 2, 3]

@flaky_budget(1, 5)
def test_stops_early(prompt_run):
    assert current_sample() > 3, "too soon"

@pytest.mark.asyncio
@flaky_budget(0, 2)
async def test_async(prompt_run):
    assert prompt_run("echo", text="a") == "a"

@flaky_budget(2, 3)
def test_an_error_is_no_answer(prompt_run):
    raise RuntimeError("it broke")
"""
    result = run_test(project, text)
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(
        ["*2 of 2 samples failed; at most 1 of 5 may", "*sample 1: too soon*", "*sample 2: too soon*"]
    )
    result.stdout.fnmatch_lines(["E *RuntimeError: it broke"])


BIG = [
    {"id": f"c{n:02}", "inputs": {"text": f"Please refund order number {n:02}, it broke."}, "expected": "refund order"}
    for n in range(80)
]


def test_an_invariance_that_holds_and_one_that_does_not(project):
    project.evalset(prompt="echo", cases=BIG)
    text = """
import pytest
from promptship.testing import assert_eval

@pytest.mark.promptship_invariance("echo", input="text", change="case", margin=0.1)
def test_case(metamorphic):
    assert metamorphic.n == 80
    assert metamorphic.holds
    assert_eval(metamorphic)

@pytest.mark.promptship_invariance("echo", input="text", change=lambda text: text.replace("refund", "rfnd"))
def test_words(metamorphic):
    assert metamorphic.finding == "fail"
    assert (metamorphic.before, metamorphic.after) == (1.0, 0.0)
    assert_eval(metamorphic)

@pytest.mark.promptship_invariance("echo", input="text", change={"c00": ["Give a refund order, please."]})
def test_paraphrase(metamorphic):
    assert metamorphic.finding == "inconclusive"
    assert metamorphic.left_out == 79
    assert_eval(metamorphic)
"""
    result = run_test(project, text)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["E *fail: the change in 'text' does not lower pass_rate by 0.05 (n = 80)*", "E *a difference of -1, p = *"]
    )


def test_the_answer_itself_can_be_what_must_not_change(project):
    project.write("prompts/fixed.prompt", "---\nmodel: fast\n---\n{{ text }}\n")
    project.evalset(prompt="echo", cases=BIG, scorers=[])
    text = """
import pytest

@pytest.mark.promptship_invariance("echo", input="text", change="typos", metric="answer", prompt="fixed", margin=0.1)
def test_fixed(metamorphic):
    assert metamorphic.holds, metamorphic

@pytest.mark.promptship_invariance("echo", input="text", change="order", metric="answer", margin=0.1)
def test_echo(metamorphic):
    assert metamorphic.n + metamorphic.left_out == 80
    assert metamorphic.finding != "pass"
"""
    run_test(project, text).assert_outcomes(passed=2)


def test_a_direction(project):
    project.evalset(prompt="echo", cases=BIG)
    text = """
import pytest

def length(output):
    return len(output.text)

def longer(text):
    return text + " It is urgent!"

@pytest.mark.promptship_direction("echo", input="text", change=longer, metric=length, expect="increase")
def test_up(metamorphic):
    assert metamorphic.holds
    assert metamorphic.after == metamorphic.before + 14

@pytest.mark.promptship_direction("echo", input="text", change=longer, metric=length, expect="decrease")
def test_down(metamorphic):
    assert metamorphic.finding == "fail"
"""
    run_test(project, text).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("promptship(prompt='echo')", "*the fixture metamorphic needs one marker that says what is changed*"),
        ("promptship_invariance('echo', input='text')", "*says no 'change'*"),
        ("promptship_invariance('echo', input='text', change='typo')", "*no change 'typo'; did you mean 'typos'?*"),
        ("promptship_invariance('echo', input='tex', change='typos')", "*no input 'tex'; did you mean 'text'?*"),
        ("promptship_invariance('echo', input='text', change='typos', metric='x')", "*there is no metric 'x'*"),
        ("promptship_direction('echo', input='text', change='typos', expect='up')", "*expect='up': expected one of*"),
    ],
)
def test_wrong_metamorphic_markers_are_told(project, marker, said):
    project.evalset(prompt="echo")
    text = f"import pytest\n\n@pytest.mark.{marker}\ndef test_it(metamorphic): pass\n"
    result = run_test(project, text)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


def test_markers_are_registered(project):
    result = project.run("--markers", "--strict-markers")
    for name in ("promptship", "promptship_invariance", "promptship_direction"):
        result.stdout.fnmatch_lines([f"@pytest.mark.{name}(*"])
