import pytest

from promptship.domain import ScorerSpec
from promptship.errors import SourceError, UsageError
from promptship.evalsets import parse_scorer, parse_shorthand


def test_a_bare_name_compares_with_what_the_case_expects():
    assert parse_scorer("icontains") == ScorerSpec(type="icontains", name="icontains")


def test_a_mapping_is_read_with_its_own_keys_and_the_rest_as_params():
    value = {
        "type": "not-llm-rubric",
        "name": "tone",
        "value": "Polite",
        "threshold": 1,
        "weight": 2,
        "required": False,
        "judge": "default",
        "metric": "m",
    }
    assert parse_scorer(value) == ScorerSpec(
        type="not-llm-rubric",
        name="tone",
        value="Polite",
        has_value=True,
        threshold=1.0,
        weight=2.0,
        required=False,
        params={"judge": "default", "metric": "m"},
    )


def test_a_value_of_null_is_a_value():
    assert parse_scorer({"type": "equals", "value": None}).has_value
    assert not parse_scorer({"type": "equals"}).has_value


def test_a_reference_is_kept_for_later():
    assert parse_scorer({"type": "json-schema", "value": {"$ref": "output"}}).value == {"$ref": "output"}


def test_defaults_yield_to_what_is_written():
    assert not parse_scorer("is-json", defaults={"required": False}).required
    assert parse_scorer({"type": "is-json", "required": True}, defaults={"required": False}).required


def test_the_scorers_of_a_set_are_written_out_in_full():
    spec = parse_scorer(
        {
            "type": "assert-set",
            "threshold": 0.5,
            "scorers": ["is-json", {"type": "contains", "value": "a", "weight": 2}],
        }
    )
    assert (spec.name, spec.threshold) == ("assert-set", 0.5)
    assert spec.params["scorers"] == [
        {"type": "is-json", "name": "is-json"},
        {"type": "contains", "name": "contains", "value": "a", "weight": 2.0},
    ]
    members = spec.params["scorers"]
    assert isinstance(members, list)
    assert [parse_scorer(member).as_json() for member in members] == members


@pytest.mark.parametrize(
    ("value", "message", "keys"),
    [
        (5, "expected a scorer, found the number 5", ()),
        (None, "expected a scorer, found null", ()),
        ("contains: refund", "'contains: refund' is not the name of a scorer", ()),
        ("", "'' is not the name of a scorer", ()),
        ({}, "the key 'type' is missing in a scorer", ()),
        ({"contains": "refund"}, "the key 'type' is missing in a scorer", ()),
        ({"type": 5}, "type: expected a scorer type such as contains or not-regex, found the number 5", ("type",)),
        ({"type": "a", "threshold": "5"}, "threshold: expected a number, found text '5'", ("threshold",)),
        ({"type": "a", "threshold": True}, "threshold: expected a number, found True", ("threshold",)),
        ({"type": "a", "weight": -1}, "weight: expected a number from 0 up, found the number -1", ("weight",)),
        ({"type": "a", "required": "yes"}, "required: expected true or false, found text 'yes'", ("required",)),
        ({"type": "a", "name": "b c"}, "name: expected a name of letters, digits and . _ - / :, found", ("name",)),
        ({"type": "assert-set"}, "an assert-set needs the key 'scorers', a list of scorers", ()),
        ({"type": "not-assert-set", "scorers": []}, "scorers: expected a list of at least 1, found", ("scorers",)),
        (
            {"type": "assert-set", "scorers": ["a", {"type": "b", "weight": "x"}]},
            "scorers[1].weight: expected a number from 0 up, found text 'x'",
            ("scorers", 1, "weight"),
        ),
        ({"type": "assert-set", "scorers": ["a", "a"]}, "two scorers are called 'a'", ("scorers", 1)),
    ],
)
def test_what_is_no_scorer_is_refused_at_its_place(value, message, keys):
    asked = []

    def place(at):
        asked.append(at)
        return 7, 3

    with pytest.raises(SourceError) as caught:
        parse_scorer(value, path="set.yaml", place=place)
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"set.yaml:7:3: {message}")
    assert asked == [keys]


def test_all_that_is_wrong_with_a_scorer_is_said_at_once():
    with pytest.raises(SourceError) as caught:
        parse_scorer({"type": "a b", "threshold": "x", "weight": None, "required": 1})
    assert len(caught.value.problems) == 3


def test_the_assertions_of_promptfoo_are_translated_in_the_hint():
    with pytest.raises(SourceError) as caught:
        parse_scorer({"type": "assert-set", "assert": [{"type": "contains"}]})
    assert caught.value.hint == "promptfoo's `assert` is `scorers` here"


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(SourceError) as caught:
        parse_scorer({"type": "a", "threshold": "x" * 100_000})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paris", {"type": "equals", "value": "Paris"}),
        ("Note: it depends", {"type": "equals", "value": "Note: it depends"}),
        ("python", {"type": "equals", "value": "python"}),
        ("cost", {"type": "equals", "value": "cost"}),
        ("contains", {"type": "equals", "value": "contains"}),
        ("equals: 5", {"type": "equals", "value": "5"}),
        ("contains:foo", {"type": "contains", "value": "foo"}),
        ("not-contains: x", {"type": "not-contains", "value": "x"}),
        ("contains: a: b\nc", {"type": "contains", "value": "a: b\nc"}),
        ("icontains-any:a,b", {"type": "icontains-any", "value": ["a", "b"]}),
        ("contains-all: one , two", {"type": "contains-all", "value": ["one", "two"]}),
        ("levenshtein(5): foo", {"type": "levenshtein", "value": "foo", "threshold": 5.0}),
        ("similar(0.8):hello", {"type": "similar", "value": "hello", "threshold": 0.8}),
        ("is-json", {"type": "is-json"}),
        ("not-is-json", {"type": "not-is-json"}),
        ('is-json: {"type": "object"}', {"type": "is-json", "value": {"type": "object"}}),
        ("latency(1000)", {"type": "latency", "threshold": 1000.0}),
        ("cost(0.01)", {"type": "cost", "threshold": 0.01}),
        ("grade: is polite", {"type": "llm-rubric", "value": "is polite"}),
        ("python: app.checks:polite", {"type": "python", "value": "app.checks:polite"}),
        ("regex: ^\\d+$", {"type": "regex", "value": "^\\d+$"}),
    ],
)
def test_the_shorthand_of_a_cell_is_read_as_promptfoo_reads_it(text, expected):
    # Source: https://www.promptfoo.dev/docs/configuration/expected-outputs/ (CSV), promptfoo 0.123.
    assert parse_shorthand(text) == expected
    assert parse_scorer(parse_shorthand(text)).type == expected["type"]


@pytest.mark.parametrize(
    "text", ["javascript: 1", "fn: x", "eval:x", "file://check.py", "not-javascript: 1", "is-json: {"]
)
def test_what_cannot_be_carried_over_is_refused(text):
    with pytest.raises(UsageError):
        parse_shorthand(text)
