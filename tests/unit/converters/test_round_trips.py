"""What is exported and imported again renders and evaluates to the same, over random templates and cases."""

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from promptship.converters import SourceFolder, export_prompt, import_files
from promptship.domain import ModelConfig
from promptship.evalsets import load_evalset
from promptship.project import Project
from promptship.prompts import Renderer, build_closure, collect_partials, parse_prompt
from promptship.settings import Settings

FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)

SCHEMA = """input:
  schema:
    name: string
    order: {id: string, city: string}
    items(array): {label: string, count: integer}
    flag: boolean
    opt?: string
"""
INPUTS = {
    "name": "Ann {{x}} {% y",
    "order": {"id": "7", "city": "Oslo"},
    "items": [{"label": "a}", "count": 1}, {"label": "b", "count": 0}],
    "flag": True,
}

WORD = st.sampled_from(
    ["a", "b c", "x.", "\n", "\n\n", " ", "  ", "{", "}", "%", "#", "é", "“q”", "user:", "- ", "'", '"']
)
TEXT = (
    st.lists(WORD, max_size=5)
    .map("".join)
    .map(lambda text: text.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #"))
)
VALUE = st.sampled_from(
    ["name", "order.city", "opt | default('')", "order | tojson", "order['id']", "name if flag else order.id"]
)
TEST = st.sampled_from(
    ["flag", "not flag", "name", "order.id == '7'", "flag and name", "not (flag and opt)", "opt or name"]
)


def print_of(value):
    return f"{{{{ {value} }}}}"


def block(inner):
    condition = st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, TEST, inner, inner)
    on_lines = st.builds("\n{{% if {} %}}\n{}\n{{% endif %}}\n".format, TEST, inner)
    loop_print = st.sampled_from(["item.label", "item.count", "loop.index0", "name"]).map(print_of)
    loop = st.lists(st.one_of(TEXT, loop_print), max_size=4).map("".join)
    return st.one_of(condition, on_lines, loop.map(lambda body: "{% for item in items %}" + body + "{% endfor %}"))


CONTENT = st.recursive(
    st.lists(st.one_of(TEXT, VALUE.map(print_of)), max_size=4).map("".join),
    lambda inner: st.tuples(inner, block(inner), inner).map("".join),
    max_leaves=6,
)
BODY = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), CONTENT), min_size=1, max_size=3).map(
    lambda parts: "".join(f"{{% {role} %}}\n{content}\n" for role, content in parts)
)


def rendered(text, partials, inputs):
    document = parse_prompt(text, path="a.prompt")
    found = collect_partials(document.body, partials.get, path="a.prompt")
    model = ModelConfig(name="m", model="fake/echo")
    closure = build_closure(document, partials=found, examples=(), model=model)
    messages = [(one.role, one.text) for one in Renderer(closure).render(inputs).messages]
    # White space at the edges of a message is what a condition there leaves: no tool trims it alike.
    return [(role, content.strip()) for role, content in messages if content.strip()]


@contextlib.contextmanager
def project_of(text, **files):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "ours"
        for name, content in {
            "prompts/a.prompt": text,
            "prompts/models.yaml": "default: {model: fake/echo}\n",
            **files,
        }.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        yield Project(root, Settings()), Path(folder)


def again(kind, conversion, folder):
    """Import what was exported; return the files by path."""
    theirs = folder / "theirs"
    for file in conversion.files:
        path = theirs / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
    back = import_files(kind, SourceFolder.of(theirs)[0], None, project=folder / "back", settings=Settings())
    assert back.count("refused") == 0, [str(one) for one in back.remarks]
    return {file.path: file.text for file in back.files}


@pytest.mark.parametrize("kind", ["dotprompt", "prompty", "promptfoo"])
@given(body=BODY)
@FEW
def test_a_prompt_that_went_out_and_came_back_renders_alike(kind, body):
    text = f"---\n{SCHEMA}---\n{body}"
    try:
        before = rendered(text, {}, INPUTS)
    except Exception:  # noqa: BLE001 - what we cannot render has nothing to be compared with
        assume(False)
    assume(before)
    with project_of(text) as (project, folder):
        conversion = export_prompt(kind, project, "a")
        assume(conversion.files)
        files = again(kind, conversion, folder)
        name = "prompts/theirs.prompt" if kind == "promptfoo" else "prompts/a.prompt"
        used = parse_prompt(files[name], path="a").input_schema.get("properties", {})
        given_inputs = {key: value for key, value in INPUTS.items() if key in used}
        if kind == "promptfoo" and "opt" in used:
            given_inputs["opt"] = ""
        loose = files[name].replace(": string", ": any") if kind == "promptfoo" else files[name]
        assert rendered(loose, {}, given_inputs) == before


def test_most_random_prompts_can_be_exported():
    seen = {"dotprompt": 0, "prompty": 0, "promptfoo": 0}

    @given(body=BODY)
    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    def count(body):
        with project_of(f"---\n{SCHEMA}---\n{body}") as (project, _):
            for kind in seen:
                with contextlib.suppress(Exception):
                    seen[kind] += bool(export_prompt(kind, project, "a").files)

    count()
    assert all(number >= 30 for number in seen.values()), seen


SCORER = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["contains", "not-icontains", "equals"]),
            "value": st.text("ab,{}% ", min_size=1, max_size=6),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("levenshtein"), "value": st.just("abc"), "threshold": st.sampled_from([1, 2, 3])}
    ),
    st.fixed_dictionaries(
        {"type": st.just("contains-all"), "value": st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2)}
    ),
    st.fixed_dictionaries({"type": st.just("is-json"), "value": st.just({"type": "object"})}),
    st.fixed_dictionaries({"type": st.just("contains"), "value": st.just("z"), "required": st.just(False)}),
    st.just(
        {
            "type": "assert-set",
            "threshold": 0.5,
            "scorers": [{"type": "contains", "value": "a", "weight": 2}, {"type": "is-json"}],
        }
    ),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "inputs": st.fixed_dictionaries({"q": st.text("ab c", min_size=1, max_size=5)}),
            "tags": st.dictionaries(st.sampled_from(["lang", "kind"]), st.sampled_from(["de", "en"]), max_size=2),
            "scorers": st.lists(SCORER, min_size=1, max_size=3),
        }
    ),
    min_size=1,
    max_size=4,
)


def named(row, number):
    scorers = [{**scorer, "name": f"s{index}"} for index, scorer in enumerate(row["scorers"])]
    return {**row, "id": f"row-{number}", "scorers": scorers}


def content_of(path, root):
    evalset = load_evalset(path, root=root)
    return [
        (case.id, case.inputs, dict(case.tags), [spec.as_json() for spec in (*evalset.spec.scorers, *case.scorers)])
        for case in evalset.cases()
    ]


@given(rows=ROWS)
@FEW
def test_cases_that_went_out_to_promptfoo_and_came_back_score_alike(rows):
    lines = "".join(json.dumps(named(row, number)) + "\n" for number, row in enumerate(rows))
    evalset = "prompt: a\ncases: set.jsonl\n"
    with project_of("{{ q }}", **{"evalsets/set.yaml": evalset, "evalsets/set.jsonl": lines}) as (project, folder):
        before = content_of(project.root / "evalsets/set.yaml", project.root)
        files = again("promptfoo", export_prompt("promptfoo", project, "a"), folder)
        for path, text in files.items():
            (folder / "back" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "back" / path).write_text(text, encoding="utf-8")
        after = content_of(folder / "back/evalsets/theirs.yaml", folder / "back")
        assert after == before
