import pytest

from promptship.domain import GateSpec, TargetSpec
from promptship.errors import SourceError
from promptship.evalsets import discover_evalsets, load_evalset

SMALLEST = "{prompt: hello, scorers: [icontains], cases: [{inputs: {question: Capital of France?}, expected: Paris}]}"


def test_the_smallest_evalset_loads(folder):
    evalset = folder.load(SMALLEST)
    (case,) = evalset.cases()
    assert (evalset.spec.name, evalset.spec.path, evalset.spec.kind) == ("set", "evalsets/set.yaml", "golden")
    assert (evalset.spec.prompts, evalset.spec.target) == (("hello",), TargetSpec())
    assert [scorer.type for scorer in evalset.spec.scorers] == ["icontains"]
    assert (case.inputs, case.expected, case.path, case.line) == (
        {"question": "Capital of France?"},
        "Paris",
        "evalsets/set.yaml",
        1,
    )


def test_every_key_of_the_header_is_read(folder):
    spec = folder.load(
        """
promptship: 1
name: support-golden
description: What customers ask
prompt: [support/reply, "support/*", "triage@git:main"]
kind: regression
data: internal
tags: [nightly]
x-owner: {team: support}
scorers:
  - {type: json-schema, value: {$ref: output}}
gates:
  - pass_rate >= 0.9
  - {slice: "language=de", metric: pass_rate, ">=": 0.85}
target: python:app.answers:reply
cases: [{inputs: {a: 1}}]
"""
    ).spec
    assert (spec.name, spec.description, spec.kind, spec.format) == (
        "support-golden",
        "What customers ask",
        "regression",
        1,
    )
    assert (spec.tags, spec.data) == (("nightly",), "internal")
    assert spec.prompts == ("support/reply", "support/*", "triage@git:main")
    assert spec.scorers[0].value == {"$ref": "output"}
    assert spec.gates[0] == GateSpec(text="pass_rate >= 0.9", metric="pass_rate", at_least=0.9)
    assert spec.gates[1].tag == ("language", "de")
    assert spec.target == TargetSpec(kind="python", location="app.answers:reply")


def test_stored_outputs_are_a_target(folder):
    text = "{target: {outputs: answers.jsonl}, cases: [{inputs: {}}]}"
    assert folder.load(text).spec.target == TargetSpec(kind="outputs", location="answers.jsonl")


def test_all_problems_of_header_and_cases_come_together_with_their_places(folder):
    folder.write_rows("evalsets/more.jsonl", [{"inputs": {}}, {"inputs": 5}])
    assert folder.problems(
        """promt: hello
kind: goldn
scorers: [icontains, {type: icontains, value: a}]
gates:
  - pass_rate > 0.9
  - {metric: cost_usd, at_least: much}
target: {http: "http://example.org"}
cases:
  - {inputs: {question: a}, expect: b}
  - more.jsonl
  - missing.jsonl
"""
    ) == [
        "set.yaml:1:1: unknown key 'promt' in an evalset; did you mean 'prompt'?",
        (
            "set.yaml:2:7: kind: expected golden or synthetic or adversarial or fairness or regression, "
            "found text 'goldn'; did you mean 'golden'?"
        ),
        "set.yaml:3:22: two scorers are called 'icontains'",
        "set.yaml:5:5: the gate 'pass_rate > 0.9' uses '>'; gates know >= and <=",
        "set.yaml:6:5: at_least: 'much' in a gate; expected one number",
        "set.yaml:7:10: targets by 'http' are not available in this version",
        "set.yaml:11:5: evalsets/missing.jsonl: there is no such file",
        "set.yaml:9:29: unknown key 'expect' in a case; did you mean 'expected'?",
        "more.jsonl:2:12: inputs: expected a mapping, found the number 5",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "set.yaml:1:1: expected an evalset, found null"),
        ("- a\n- b\n", "set.yaml:1:1: expected an evalset, found a list"),
        ("prompt: hello\n", "set.yaml:1:1: the key 'cases' is missing in an evalset"),
        ("cases: []\n", "set.yaml:1:8: cases: expected a list of at least 1, found a list that is empty"),
        ("cases: 5\n", "set.yaml:1:8: cases: expected a list of at least 1, found the number 5"),
        ("cases: [5]\n", "set.yaml:1:9: cases[0]: expected a file of cases, or a case, found the number 5"),
        ("promptship: 2\ncases: [{inputs: {}}]", "set.yaml:1:13: promptship: expected 1, found the number 2"),
        ("promptship: true\ncases: [{inputs: {}}]", "set.yaml:1:13: promptship: expected 1, found True"),
        ("prompt: a b\ncases: [{inputs: {}}]", "set.yaml:1:9: 'a b' is not a prompt name"),
        ("name: ../../up\ncases: [{inputs: {}}]", "set.yaml:1:7: name: expected a name of letters, digits, '_', '-' "),
        ("target: python:app\ncases: [{inputs: {}}]", "set.yaml:1:9: target: 'python:app' is not a target"),
        ("target: {command: [ls]}\ncases: [{inputs: {}}]", "set.yaml:1:10: targets by 'command' are not available"),
        ("target: 5\ncases: [{inputs: {}}]", "set.yaml:1:9: target: expected a target, found the number 5"),
        ("data: secret\ncases: [{inputs: {}}]", "set.yaml:1:7: data: expected public or internal or confidential, f"),
        ("scorers: icontains\ncases: [{inputs: {}}]", "set.yaml:1:10: scorers: expected a list, found text 'iconta"),
        ("tags: {language: de}\ncases: [{inputs: {}}]", "set.yaml:1:7: tags: expected a list, found a mapping"),
        ("gates: [{metric: a}]\ncases: [{inputs: {}}]", "set.yaml:1:9: the gate on 'a' needs either at_least (>=)"),
        (
            "gates: [{metric: a, versus: production, at_least: 1}]\ncases: [{inputs: {}}]",
            "set.yaml:1:9: the gate on 'a' has both",
        ),
        ("defaults: {scorer: a}\ncases: [{inputs: {}}]", "set.yaml:1:12: unknown key 'scorer' in defaults; did you me"),
        ("cases: ../../outside.jsonl\n", "set.yaml:1:8: "),
        ("cases: /etc/hosts.jsonl\n", "set.yaml:1:8: '/etc/hosts.jsonl' is an absolute path"),
        ("cases: cases.xlsx\n", "set.yaml:1:8: evalsets/cases.xlsx: there is no such file"),
        ("cases: nothing-*.jsonl\n", "set.yaml:1:8: no file matches 'nothing-*.jsonl'"),
        ("cases: .\n", "set.yaml:1:8: evalsets: this is a folder, not a file"),
        ("cases: [{inputs: {}}]\ncases: []\n", "set.yaml:2:1: duplicate key 'cases'; it is already given in line 1"),
        ("cases: [\n", "set.yaml:2:1: not valid YAML"),
        ("a: &a [x, x]\nb: *c\n", "set.yaml:2:4: the alias *c stands for nothing that is complete at this point"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(folder, text, problem):
    (folder.root.parent / "outside.jsonl").write_text('{"inputs": {}}')
    first, *others = folder.problems(text)
    assert first.startswith(problem)
    assert others == []


@pytest.mark.parametrize(
    ("key", "hint"),
    [("tests", "cases"), ("assert", "scorers"), ("defaultTest", "defaults"), ("prompts", "prompt")],
)
def test_keys_of_promptfoo_are_translated_in_the_hint(folder, key, hint):
    with pytest.raises(SourceError) as caught:
        folder.load(f"{key}: []\ncases: [{{inputs: {{}}}}]\n")
    assert hint in caught.value.hint


def test_null_is_the_same_as_leaving_a_key_out(folder):
    text = "{prompt: null, scorers: null, gates: null, target: null, cases: [{inputs: {}, tags: null, id: null}]}"
    evalset = folder.load(text)
    assert evalset.digest == folder.load("cases: [{inputs: {}}]").digest
    assert evalset.spec.gates == ()


def test_files_globs_and_inline_cases_mix_in_the_order_written(folder):
    for name in ("b", "a"):
        folder.write_rows(f"evalsets/parts/{name}.jsonl", [{"id": name, "inputs": {}}])
    folder.write_rows("evalsets/last.jsonl", [{"id": "z", "inputs": {}}])
    text = "cases: [{id: first, inputs: {}}, parts/*.jsonl, {id: middle, inputs: {}}, last.jsonl, parts/a.jsonl]"
    assert [case.id for case in folder.cases(text)] == ["first", "a", "b", "middle", "z"]


def test_a_glob_reads_the_kinds_it_names(folder):
    folder.write_rows("evalsets/parts/a.jsonl", [{"inputs": {"n": "1"}}])
    folder.write("evalsets/parts/b.csv", "n\n2\n")
    assert [case.inputs["n"] for case in folder.cases("cases: parts/*")] == ["1", "2"]


def test_defaults_stand_beneath_what_a_case_says(folder):
    first, second = folder.cases(
        """
defaults: {inputs: {company: Nordwind, tone: kind}, tags: {language: en}, scorers: [icontains], required: false}
scorers: [is-json, {type: latency, threshold: 4, required: true}]
cases:
  - {inputs: {tone: dry}, tags: {topic: refund}}
  - {inputs: {}, tags: {language: de}, scorers: [{type: contains, value: a}]}
"""
    )
    assert (first.inputs, first.tags) == ({"company": "Nordwind", "tone": "dry"}, {"language": "en", "topic": "refund"})
    assert (second.inputs["tone"], second.tags) == ("kind", {"language": "de"})
    assert [(one.type, one.required) for one in first.scorers] == [("icontains", False)]
    assert [(one.type, one.required) for one in second.scorers] == [("contains", False)]


def test_a_default_for_scorers_yields_to_what_a_scorer_says(folder):
    spec = folder.load(
        "{defaults: {required: false}, scorers: [is-json, {type: cost, required: true}], cases: [{inputs: {}}]}"
    ).spec
    assert [scorer.required for scorer in spec.scorers] == [False, True]


def test_an_empty_list_of_scorers_turns_the_default_ones_off(folder):
    (case,) = folder.cases("{defaults: {scorers: [icontains]}, cases: [{inputs: {}, scorers: []}]}")
    assert case.scorers == ()


def test_a_case_may_not_repeat_the_name_of_a_scorer_of_the_set(folder):
    assert folder.problems("scorers: [icontains]\ncases:\n  - inputs: {}\n    scorers: [is-json, icontains]\n") == [
        "set.yaml:4:24: the evalset has a scorer called 'icontains' for every case already"
    ]


def test_a_link_out_of_the_project_is_refused(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "cases.jsonl"
    outside.write_text('{"inputs": {}}\n')
    (folder.root / "evalsets").mkdir()
    (folder.root / "evalsets" / "cases.jsonl").symlink_to(outside)
    assert folder.problems("cases: cases.jsonl") == [
        "set.yaml:1:8: evalsets/cases.jsonl: the file is a link out of the project"
    ]


def test_a_link_inside_the_project_is_followed(folder):
    folder.write_rows("data/cases.jsonl", [{"inputs": {"n": 1}}])
    (folder.root / "evalsets").mkdir()
    (folder.root / "evalsets" / "cases.jsonl").symlink_to(folder.root / "data" / "cases.jsonl")
    (case,) = folder.cases("cases: cases.jsonl")
    assert case.path == "evalsets/cases.jsonl"


def test_a_loop_of_links_is_refused(folder):
    (folder.root / "evalsets").mkdir()
    (folder.root / "evalsets" / "loop.jsonl").symlink_to("loop.jsonl")
    assert folder.problems("cases: loop.jsonl")[0].startswith("set.yaml:1:8: evalsets/loop.jsonl: cannot be read: ")


def test_an_evalset_outside_of_the_project_is_refused(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "set.yaml"
    path.write_text(SMALLEST)
    with pytest.raises(SourceError, match="outside of the project"):
        load_evalset(path, root=folder.root)


def test_a_yaml_file_beyond_5_mb_is_refused_without_reading_it(folder):
    path = folder.write("evalsets/set.yaml", "cases: [{inputs: {}}]\n")
    with path.open("r+b") as file:
        file.truncate(200_000_000)
    with pytest.raises(SourceError, match=r"set\.yaml: the file is larger than 5 MB"):
        load_evalset(path, root=folder.root)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfec\x00", "UTF-16"), (b"cases: \xff\n", "1:8: the byte 0xff is not UTF-8"), (b"a: \0", "NUL")],
)
def test_bytes_that_are_no_text_are_refused(folder, content, said):
    with pytest.raises(SourceError, match=said):
        load_evalset(folder.write("evalsets/set.yaml", content), root=folder.root)


def test_windows_newlines_and_a_byte_order_mark_change_nothing(folder):
    text = "prompt: hello\nscorers: [icontains]\ncases:\n  - {inputs: {a: b}, expected: c}\n"
    windows = load_evalset(
        folder.write("evalsets/w.yaml", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()), root=folder.root
    )
    assert windows.digest == folder.load(text).digest


def test_evalsets_are_found_sorted_and_hidden_ones_left_out(folder):
    names = ["b.yaml", "a.yml", "sub/c.yaml", "_draft.yaml", ".hidden.yaml", ".schema/d.yaml", "_old/e.yaml", "f.jsonl"]
    for name in names:
        folder.write(f"evalsets/{name}", SMALLEST)
    base = folder.root / "evalsets"
    assert discover_evalsets(base) == [base / "a.yml", base / "b.yaml", base / "sub/c.yaml"]
    assert discover_evalsets(folder.root / "nowhere") == []
