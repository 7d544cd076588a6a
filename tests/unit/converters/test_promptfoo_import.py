import json

import pytest
import yaml

from promptship.converters._promptfoo_models import litellm_name
from promptship.converters._promptfoo_scorers import parse_cell
from promptship.evalsets import load_evalset
from promptship.project import parse_models


def rows(source):
    name = next(one.path for one in source.conversion.files if one.path.endswith(".jsonl"))
    return [json.loads(line) for line in source.file(name).splitlines()]


def config(source, **keys):
    source.write("promptfooconfig.yaml", yaml.safe_dump(keys, sort_keys=False))
    return source.convert("promptfoo")


def assertions(source, *values, **test):
    """Import one test with these assertions; return its scorers."""
    config(source, prompts=["{{q}}"], providers=["echo"], tests=[{"vars": {"q": "x"}, "assert": list(values), **test}])
    return rows(source)[0].get("scorers", [])


def test_a_config_becomes_prompts_models_and_an_evalset_that_loads(source):
    config(
        source,
        description="Capitals",
        prompts=["Capital of {{country}}?", "Name it: {{country}}"],
        providers=["echo", {"id": "openai:gpt-4o-mini", "label": "small", "config": {"temperature": 0}}],
        tests=[{"vars": {"country": "France"}, "assert": [{"type": "icontains", "value": "Paris"}]}],
    )
    for file in source.conversion.files:
        path = source.project / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
    evalset = load_evalset(source.project / "evalsets/theirs.yaml", root=source.project)
    assert evalset.spec.prompts == ("theirs/prompt", "theirs/prompt-2")
    assert evalset.spec.description == "Capitals"
    models = parse_models(source.file("prompts/models.yaml"), path="models.yaml")
    assert models.resolve("small").params == {"temperature": 0}
    assert source.render("prompts/theirs/prompt.prompt", country="Peru") == [("user", "Capital of Peru?")]
    assert source.remarks() == []


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("openai:gpt-4o", "openai/gpt-4o"),
        ("openai:chat:gpt-4o", "openai/gpt-4o"),
        ("openai:completion:babbage", "text-completion-openai/babbage"),
        ("openai:embedding:ada", None),
        ("anthropic:messages:claude-3-5-haiku", "anthropic/claude-3-5-haiku"),
        ("azureopenai:chat:mine", "azure/mine"),
        ("google:gemini-2.0-flash", "gemini/gemini-2.0-flash"),
        ("vertex:gemini-pro", "vertex_ai/gemini-pro"),
        ("ollama:chat:llama3:8b", "ollama_chat/llama3:8b"),
        ("openrouter:meta/llama", "openrouter/meta/llama"),
        ("echo", "fake/echo"),
        ("file://provider.js", None),
        ("exec:python x.py", None),
        ("https://example.org/api", None),
    ],
)
def test_providers_are_called_what_litellm_calls_them(theirs, ours):
    assert litellm_name(theirs) == ours


def test_a_secret_is_never_carried_over_nor_shown(source):
    config(
        source, prompts=["x"], providers=[{"id": "openai:gpt-4o", "config": {"apiKey": "sk-123", "apiKeyEnvar": "K"}}]
    )
    everything = "".join(file.text for file in source.conversion.files) + str([str(one) for one in source.remarks()])
    assert "sk-123" not in everything
    assert "api_key_env: K" in source.file("prompts/models.yaml")
    assert source.codes("lost") == ["secret"]


def test_code_is_never_run_and_always_told(source):
    source.write("make.py", "raise SystemExit('run')")
    config(
        source,
        prompts=["file://make.py:prompt", "exec:./run", "{{q}}"],
        providers=["file://make.py"],
        tests=["file://make.py:tests", {"vars": {"q": "x"}, "assert": [{"type": "python", "value": "1 == 1"}]}],
        defaultTest={"options": {"transform": "output.trim()"}},
        extensions=["file://make.py:hook"],
    )
    assert source.codes("refused") == ["prompt", "prompt"]
    assert sorted(source.codes("lost")) == ["assertion-type", "defaultTest", "key", "provider", "tests", "unscored"]


def test_weights_thresholds_and_sets_keep_their_meaning(source):
    members = [{"type": "contains", "value": "a", "weight": 3}, {"type": "contains", "value": "b"}]
    (made,) = assertions(source, {"type": "assert-set", "assert": members, "threshold": 0.5, "metric": "both"})
    assert made == {
        "type": "assert-set",
        "name": "both",
        "threshold": 0.5,
        "scorers": [
            {"type": "contains", "value": "a", "weight": 3},
            {"type": "contains", "value": "b", "name": "contains-2"},
        ],
    }


def test_a_tests_own_threshold_makes_a_set_of_its_assertions(source):
    (made,) = assertions(source, {"type": "equals", "value": "a"}, {"type": "contains", "value": "b"}, threshold=0.5)
    assert (made["type"], made["threshold"], len(made["scorers"])) == ("assert-set", 0.5, 2)


def test_an_assertion_of_weight_zero_only_measures(source):
    assert assertions(source, {"type": "contains", "value": "a", "weight": 0}) == [
        {"type": "contains", "required": False, "value": "a"}
    ]


def test_default_assertions_hold_for_every_case_unless_a_test_says_no(source):
    default = {"assert": [{"type": "not-contains", "value": "AI"}], "vars": {"q": "x"}}
    plain = {"vars": {"q": "y"}}
    config(source, prompts=["{{q}}"], providers=["echo"], defaultTest=default, tests=[{}, plain])
    assert "scorers: [{type: not-contains, value: AI}]" in source.file("evalsets/theirs.yaml")
    assert [row["inputs"] for row in rows(source)] == [{"q": "x"}, {"q": "y"}]
    without = {"vars": {"q": "y"}, "options": {"disableDefaultAsserts": True}}
    config(source, prompts=["{{q}}"], providers=["echo"], defaultTest=default, tests=[plain, without])
    assert [len(row.get("scorers", [])) for row in rows(source)] == [1, 0]


def test_placeholders_in_values_are_filled_in_and_templates_are_not_evaluated(source):
    made = assertions(
        source,
        {"type": "equals", "value": "{{q}}!"},
        {"type": "equals", "value": "{{ q | upper }}"},
        {"type": "equals", "value": "{{ env.HOME }}"},
    )
    assert made == [{"type": "equals", "value": "x!"}]
    assert source.codes("lost") == ["assertion-template", "assertion-template"]


def test_a_value_that_is_raw_is_the_text_inside(source):
    made = assertions(source, {"type": "contains", "value": "{% raw %}{{}{% endraw %}"})
    assert made == [{"type": "contains", "value": "{{}"}]


def test_lists_of_texts_are_multiplied_out(source):
    config(
        source,
        prompts=["{{a}}{{b}}"],
        providers=["echo"],
        tests=[{"vars": {"a": ["1", "2"], "b": ["x", "y"]}}, {"vars": {"a": [1], "b": "z"}}],
    )
    inputs = [row["inputs"] for row in rows(source)]
    assert inputs[:4] == [{"a": a, "b": b} for a in "12" for b in "xy"]
    assert inputs[4] == {"a": [1], "b": "z"}


def test_a_table_brings_assertions_metric_threshold_and_metadata(source):
    source.write(
        "t.csv",
        "q,__expected,__expected2,__metric,__threshold,__description,__metadata:kind,__config:__expected2:threshold\n"
        'hi,contains: h,"contains-all: a, b",M,0.5,First one,short,\n'
        "yo,levenshtein: yo,rouge-n: yo,,,,,0.2\n",
    )
    config(source, prompts=["{{q}}"], providers=["echo"], tests="file://t.csv")
    first, second = rows(source)
    assert (first["id"], first["note"], first["tags"]) == ("first-one", "First one", {"kind": "short"})
    assert first["scorers"] == [
        {
            "type": "assert-set",
            "name": "assert-set",
            "threshold": 0.5,
            "scorers": [
                {"type": "contains", "value": "h", "name": "M"},
                {"type": "contains-all", "value": ["a", "b"], "name": "M-2"},
            ],
        }
    ]
    assert second["scorers"] == [
        {"type": "levenshtein", "threshold": 0.75, "value": "yo"},
        {"type": "rouge-n", "threshold": 0.2, "value": "yo"},
    ]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Paris", {"type": "equals", "value": "Paris"}),
        ("not-contains: a: b", {"type": "not-contains", "value": "a: b"}),
        ("is-json", {"type": "is-json"}),
        ("latency(500)", {"type": "latency", "threshold": 500.0}),
        ("starts-with: A", {"type": "starts-with", "value": "A", "threshold": 0.75}),
        ("word-count: 3", {"type": "word-count", "value": "3"}),
        ("grade: be nice", {"type": "equals", "value": "grade: be nice"}),
        ("javascript: x", {"type": "javascript", "value": "javascript: x"}),
    ],
)
def test_cells_are_read_as_promptfoo_reads_them(cell, expected):
    known = dict.fromkeys(("contains", "is-json", "latency", "starts-with", "word-count"))
    assert parse_cell(cell, known) == expected


def test_chat_prompts_become_messages(source):
    source.write(
        "c.json", json.dumps([{"role": "system", "content": "Be {{tone}}."}, {"role": "user", "content": "{{q}}"}])
    )
    config(source, prompts=["file://c.json"], providers=["echo"], tests=[{"vars": {"q": "Hi", "tone": "kind"}}])
    assert source.render("prompts/theirs.prompt", q="Hi", tone="kind") == [("system", "Be kind."), ("user", "Hi")]


def test_a_text_file_holds_several_prompts(source):
    source.write("p.txt", "one {{q}}\n---\ntwo {{q}}\n")
    config(source, prompts=["file://p.txt"], providers=["echo"], tests=[{"vars": {"q": "x"}}])
    assert source.render("prompts/theirs/p.prompt", q="x") == [("user", "one x")]
    assert source.render("prompts/theirs/p-2.prompt", q="x") == [("user", "two x")]


def test_a_variable_missing_in_some_tests_prints_nothing_there(source):
    config(
        source,
        prompts=["{{a}}|{{b}}"],
        providers=["echo"],
        tests=[{"vars": {"a": "1", "b": "2"}}, {"vars": {"a": "3"}}],
    )
    assert source.render("prompts/theirs.prompt", a="3") == [("user", "3|")]
    assert source.codes("changed") == ["missing-variable"]


def test_models_that_are_there_stay_byte_for_byte(source):
    kept = "# mine\ndefault: {model: fake/echo}   # keep\n"
    (source.project / "prompts").mkdir()
    (source.project / "prompts/models.yaml").write_text(kept)
    config(source, prompts=["x"], providers=["echo"])
    assert source.file("prompts/models.yaml") == kept + "echo: {model: fake/echo}\n"
    (source.project / "prompts/models.yaml").write_text("{echo: {model: fake/other}}\n")
    config(source, prompts=["x"], providers=["echo"])
    assert source.codes("lost") == ["model"]


def test_scenarios_are_every_configuration_with_every_test(source):
    config(
        source,
        prompts=["{{a}}{{b}}"],
        providers=["echo"],
        scenarios=[{"config": [{"vars": {"a": "1"}}, {"vars": {"a": "2"}}], "tests": [{"vars": {"b": "x"}}]}],
    )
    assert [row["inputs"] for row in rows(source)] == [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}]


def test_a_judge_is_the_provider_that_is_named_nearest(source):
    config(
        source,
        prompts=["{{q}}"],
        providers=["echo"],
        defaultTest={"options": {"provider": "openai:gpt-4o"}},
        tests=[
            {
                "vars": {"q": "x"},
                "assert": [
                    {"type": "llm-rubric", "value": "kind"},
                    {"type": "g-eval", "value": "kind", "provider": "anthropic:messages:claude-3-5-haiku"},
                    {"type": "classifier", "value": "joy", "provider": "huggingface:text-classification:org/moods"},
                    {"type": "factuality", "value": "so", "provider": "file://judge.py"},
                    {"type": "contains", "value": "x"},
                ],
            }
        ],
    )
    rubric, graded, classified, factual, plain = rows(source)[0]["scorers"]
    assert rubric["judge"] == "openai/gpt-4o"
    assert graded["judge"] == "anthropic/claude-3-5-haiku"
    assert classified["model"] == "org/moods"
    assert "judge" not in factual
    assert plain == {"type": "contains", "value": "x"}
    assert source.codes("lost") == ["assertion-model"]


def test_a_rubric_without_a_judge_is_noted_once_and_its_own_prompt_is_told(source):
    rubric = {"type": "llm-rubric", "value": "kind", "metric": "first", "rubricPrompt": "Grade {{output}}"}
    made = assertions(source, rubric, {**rubric, "metric": "second"})
    assert [scorer["type"] for scorer in made] == ["llm-rubric", "llm-rubric"]
    assert source.codes("note").count("judge") == 1
    assert source.codes("lost") == ["assertion-key", "assertion-key"]
