"""Functions as scorers: what they are given, what they may return, and what happens when they fail."""

from __future__ import annotations

import inspect
import math
import sys

import pytest

from promptship.domain import Score
from promptship.errors import ScorerError, ScorerSetupError
from promptship.scorers import ScorerContext, score

SOURCE = """
from promptship.domain import Score

async def waits(output, expected):
    return output == expected

def takes_all(output, data, expected, inputs, case, context, config, item, extra=1):
    return (output, expected, inputs, case.id, context["vars"], context["tags"], config, item.output.text, extra) == (
        "x", "y", {"question": "?"}, "c-1", {"question": "?"}, {"language": "de"}, {"k": 1}, "x", 1)

def keywords(*, output, **rest):
    return output == "x" and not rest

def broken(output):
    raise KeyError("no such thing")

def wrong_name(outptu):
    return True

def positional(output, /):
    return True

class Scorers:
    @staticmethod
    def nested(output):
        return 0.25

class Callable:
    async def __call__(self, output):
        return {"pass": True, "score": 0.75, "label": "good"}

ready = Callable()
number = 3
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "my_scorers.py").write_text(SOURCE)
    (tmp_path / "my_broken.py").write_text("1 / 0")
    (tmp_path / "my_exit.py").write_text("raise SystemExit(3)")
    yield ScorerContext(project_root=tmp_path)
    for name in ("my_scorers", "my_broken", "my_exit"):
        sys.modules.pop(name, None)


@pytest.fixture
def run(build, item, project):
    async def call(function, text="x", expected="y", kind="python", **written):
        scorer = build(kind, value=f"my_scorers:{function}", context=project, **written)
        found = scorer.score(item(text, expected))
        return await found if inspect.isawaitable(found) else found

    return call


async def test_parameters_are_filled_by_name(run):
    assert (await run("takes_all", config={"k": 1})).passed
    assert (await run("keywords")).passed


async def test_async_functions_methods_and_objects_are_called(run):
    assert (await run("waits", "y")).passed
    assert (await run("Scorers.nested")).value == 0.25
    found = await run("ready")
    assert (found.value, found.passed, found.category) == (0.75, True, "good")


async def test_not_inverts_what_the_function_says(run):
    found = await run("Scorers.nested", kind="not-python", threshold=0.5)
    assert (found.value, found.passed) == (0.75, True)


async def test_an_exception_makes_the_cell_an_error_that_names_function_and_cause(run):
    for kind in ("python", "not-python"):
        with pytest.raises(ScorerError, match=r"my_scorers:broken raised KeyError: 'no such thing'"):
            await run("broken", kind=kind)


def returns(monkeypatch, value):
    monkeypatch.setattr("keyword.iskeyword", lambda output: value)
    return lambda **written: score("python", "x", value="keyword:iskeyword", **written)


@pytest.mark.parametrize(
    ("returned", "threshold", "value", "passed"),
    [
        (True, None, 1, True),
        (False, None, 0, False),
        (0.3, None, 0.3, True),
        (0, None, 0, False),
        (1, None, 1, True),
        (0.3, 0.5, 0.3, False),
        (0.5, 0.5, 0.5, True),
        ({"pass": True}, None, 1, True),
        ({"pass_": False, "score": 0.9}, None, 0.9, False),
        ({"pass": True, "score": 0.2}, 0.5, 0.2, False),
        ({"value": None, "passed": None, "reason": "cannot say"}, None, None, None),
        (Score(value=0.4), 0.3, 0.4, True),
    ],
)
def test_what_a_function_returns_becomes_a_score(monkeypatch, returned, threshold, value, passed):
    found = returns(monkeypatch, returned)(threshold=threshold)
    assert (found.value, found.passed) == (value, passed)


def test_further_fields_of_a_dict_are_kept(monkeypatch):
    found = returns(monkeypatch, {"passed": False, "reason": "too\nlong" * 100, "measure": 3, "unit": "words"})()
    assert (found.measure, found.unit, len(found.reason)) == (3, "words", 200)
    assert "\n" not in found.reason


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (1.5, "returned the value 1.5"),
        (-0.1, "returned the value -0.1"),
        (math.nan, "returned the value nan"),
        (math.inf, "returned the value inf"),
        ("yes", "returned 'yes'"),
        (None, "returned None"),
        ({"scores": 1}, "the key 'scores'; did you mean 'score'?"),
        ({"passed": "yes"}, "returned passed = 'yes'"),
        ({"score": True}, "returned the value True"),
        ({"score": 0.5, "measure": math.nan}, "returned measure = nan"),
        (Score(value=2.0), "returned the value 2.0"),
    ],
)
def test_what_is_no_score_is_refused(monkeypatch, returned, message):
    with pytest.raises(ScorerError) as caught:
        returns(monkeypatch, returned)()
    assert str(caught.value).startswith("keyword:iskeyword returned")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("my_scorers", "does not name a function"),
        ("output == 'x'", "does not name a function"),
        ("file://my_scorers.py:waits", "does not name a function"),
        ("my_scorer:waits", "cannot import 'my_scorer': ModuleNotFoundError"),
        ("my_broken:f", "cannot import 'my_broken': ZeroDivisionError"),
        ("my_exit:f", "cannot import 'my_exit': SystemExit: 3"),
        ("my_scorers:wait", "has no function 'wait'; did you mean 'waits'?"),
        ("my_scorers:number", "is 3, which cannot be called"),
        ("my_scorers:wrong_name", "has the parameter 'outptu', which no scorer is given; did you mean 'output'?"),
        ("my_scorers:positional", "has the parameter 'output', which no scorer is given"),
        (["a"], "is no function"),
    ],
)
def test_a_function_that_cannot_be_used_is_a_setup_error(build, project, value, message):
    for kind in ("python", "not-python"):
        with pytest.raises(ScorerSetupError) as caught:
            build(kind, value=value, context=project)
        assert message in str(caught.value)


def test_the_import_path_is_left_as_it_was(build, project):
    before = list(sys.path)
    build("python", value="my_scorers:waits", context=project)
    with pytest.raises(ScorerSetupError):
        build("python", value="my_broken:f", context=project)
    assert sys.path == before


async def test_score_works_where_an_event_loop_is_running(monkeypatch):
    assert returns(monkeypatch, 0.5)().value == 0.5


def test_config_must_be_an_object():
    with pytest.raises(ScorerSetupError, match="config is 3; expected an object"):
        score("python", "x", value="keyword:iskeyword", config=3)
