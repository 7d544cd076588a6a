import json

import pytest

REGISTRY = """capitals:
  id: capitals.dev.v0
  description: Name the capital.
  metrics: [accuracy]
capitals.dev.v0:
  class: evals.elsuite.basic.{}
  args:
    samples_jsonl: capitals/samples.jsonl
    {}
"""
SAMPLES = [
    {"input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "France?"}], "ideal": "Paris"},
    {"input": "Italy?", "ideal": ["Rome", "Roma"]},
]


def convert(source, kind, argument="num_few_shot: 0", samples=SAMPLES):
    source.write("evals/capitals.yaml", REGISTRY.format(kind, argument))
    source.write("data/capitals/samples.jsonl", "".join(json.dumps(row) + "\n" for row in samples))
    return source.convert("openai-evals")


@pytest.mark.parametrize(
    ("kind", "argument", "scorer"),
    [
        ("match:Match", "max_tokens: 3", "starts-with"),
        ("includes:Includes", "max_tokens: 3", "contains"),
        ("includes:Includes", "ignore_case: true", "icontains"),
        ("fuzzy_match:FuzzyMatch", "max_tokens: 3", "icontains"),
        ("json_match:JsonMatch", "max_tokens: 3", "json-equals"),
        ("json_validator:JsonValidator", "max_tokens: 3", "is-json"),
    ],
)
def test_the_class_says_how_answers_are_compared(source, kind, argument, scorer):
    convert(source, kind, argument)
    assert f"scorers: [{scorer}]\n" in source.file("evalsets/capitals.yaml")
    assert "description: Name the capital.\n" in source.file("evalsets/capitals.yaml")


def test_samples_become_conversations(source):
    convert(source, "match:Match")
    first, second = (json.loads(line) for line in source.file("evalsets/capitals.jsonl").splitlines())
    assert source.render("prompts/capitals.prompt", **first["inputs"]) == [("system", "Be brief."), ("user", "France?")]
    assert (first["expected"], second["expected"], second["references"]) == ("Paris", "Rome", ["Roma"])
    assert second["inputs"]["history"] == [{"role": "user", "content": "Italy?"}]
    assert source.codes() == ["argument"]


def test_classes_that_ask_a_model_are_refused_with_their_line(source):
    convert(source, "classify:Classify")
    (remark,) = source.remarks("refused")
    assert (remark.code, remark.line) == ("class", 5)


def test_samples_that_are_not_there_are_refused(source):
    source.write("evals/capitals.yaml", REGISTRY.format("match:Match", "n: 1").replace("capitals/samples", "../../x"))
    source.convert("openai-evals")
    assert source.codes("refused") == ["samples"]


def test_a_file_of_samples_alone_is_taken_as_match(source):
    source.write("s.jsonl", json.dumps(SAMPLES[1]) + "\n")
    source.convert("openai-evals", "s.jsonl")
    assert "scorers: [starts-with]" in source.file("evalsets/s.yaml")
    assert source.codes("changed") == ["class"]
