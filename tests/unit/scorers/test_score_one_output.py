"""`score`: one output, one scorer, one call."""

from __future__ import annotations

import pytest

import promptship
from promptship.domain import Output, Step
from promptship.errors import ScorerSetupError, UsageError
from promptship.scorers import score

PLUG_IN = """
from promptship.scorers import Criterion, Score, ScorerFactory, ScorerInfo

seen = []

class Keeps(Criterion):
    def score(self, item):
        seen.append(item)
        return Score(value=1.0, passed=True)

SCORERS = {"keeps": ScorerFactory(info=ScorerInfo(type="keeps", summary="."), build=lambda spec, context: Keeps())}
"""


def test_score_hands_everything_to_the_scorer(plug_in):
    plug_in("keeping", PLUG_IN)
    step = Step(kind="tool", name="search")
    score(
        "keeps",
        {"a": 1},
        expected="x",
        inputs={"q": 1},
        contexts=["first", {"id": "b", "text": "second"}],
        messages=[{"role": "assistant", "content": "hi"}],
        steps=[step, {"kind": "model", "name": "m"}],
    )
    import keeping

    (item,) = keeping.seen
    passages = ({"id": "0", "text": "first"}, {"id": "b", "text": "second"})
    assert (item.case.inputs, item.case.expected, item.case.contexts) == ({"q": 1}, "x", passages)
    assert (item.output.text, item.output.data, item.output.contexts) == ('{"a":1}', {"a": 1}, passages)
    assert item.output.steps == (step, Step(kind="model", name="m"))
    assert item.output.messages == ({"role": "assistant", "content": "hi"},)


def test_score_keeps_what_an_output_says_already(plug_in):
    plug_in("keeping", PLUG_IN)
    output = Output(text="a", steps=(Step(kind="tool", name="search"),), contexts=({"id": "1"},), cost_usd=1.0)
    score("keeps", output)
    import keeping

    assert keeping.seen[0].output == output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output": "a", "steps": [{"kind": "tool", "title": "search"}]}, "is no step"),
        ({"output": {1, 2}}, "the output is neither text nor JSON"),
    ],
)
def test_score_says_what_has_the_wrong_shape(arguments, message):
    with pytest.raises(UsageError, match=message):
        score("is-json", **arguments)


def test_score_finds_that_there_is_nothing_to_compare_with():
    with pytest.raises(ScorerSetupError, match="nothing to compare with"):
        score("contains", "a")


def test_score_takes_the_output_schema_of_a_prompt():
    assert score("json-schema", "3", output_schema={"type": "integer"}).passed


def test_score_is_reached_from_the_package():
    assert promptship.scorers.score("levenshtein", output="abc", expected="abd", threshold=5).measure == 1


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("javascript", "use the type python"),
        ("not-moderation", "toxicity and classifier ask a model of this machine"),
        ("trace-span-count", "trajectory:"),
    ],
)
def test_types_of_promptfoo_that_are_not_here_say_what_to_do_instead(kind, hint):
    with pytest.raises(ScorerSetupError, match="there is no scorer type") as caught:
        score(kind, "a", value="b")
    assert hint in caught.value.hint
