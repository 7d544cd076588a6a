import json

import pytest

from promptship.domain import Step, Usage, VersionUsed
from promptship.errors import SourceError, UsageError
from promptship.evalsets import load_outputs

FULL = {
    "id": "a",
    "repeat": 1,
    "text": "Größe",
    "data": {"a": [1]},
    "messages": [{"role": "assistant", "content": None}],
    "steps": [
        {"kind": "tool", "name": "find", "input": 1, "output": 2, "usage": {"prompt_tokens": 3}, "latency_s": 0.5}
    ],
    "contexts": [{"id": "p", "text": "t"}],
    "versions": [{"name": "hello", "digest": "sha256:00"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 6, "cached_tokens": 1},
    "cost_usd": 0.25,
    "latency_s": 2,
    "finish_reason": "length",
    "served_model": "m",
    "x-mine": 1,
}


@pytest.fixture
def load(folder):
    def load(*rows, text=None):
        content = text if text is not None else "".join(json.dumps(row) + "\n" for row in rows)
        return load_outputs(folder.write("outputs.jsonl", content), root=folder.root)

    return load


def test_every_field_of_an_output_is_read(load):
    output = load({"id": "b", "text": "x"}, FULL).find("a", repeat=1)
    assert output is not None
    assert (output.text, output.data, output.cost_usd, output.latency_s) == ("Größe", {"a": [1]}, 0.25, 2)
    assert output.messages == ({"role": "assistant", "content": None},)
    assert output.steps == (
        Step(kind="tool", name="find", input=1, output=2, usage=Usage(prompt_tokens=3), latency_s=0.5),
    )
    assert output.versions == (VersionUsed(name="hello", digest="sha256:00"),)
    assert output.usage == Usage(prompt_tokens=5, completion_tokens=6, cached_tokens=1)
    assert (output.finish_reason, output.served_model, output.provenance) == ("length", "m", "stored")


def test_outputs_are_found_by_case_and_repeat(load):
    rows = [
        {"id": f"c{number}", "repeat": repeat, "text": f"{number}/{repeat}"}
        for number in range(50)
        for repeat in (0, 1)
    ]
    outputs = load(*rows)
    assert len(outputs) == 100
    for row in rows:
        output = outputs.find(row["id"], repeat=row["repeat"])
        assert output is not None
        assert output.text == row["text"]
    assert outputs.find("c50") is None
    assert outputs.find("c1", repeat=2) is None


def test_offsets_hold_with_marks_blank_lines_and_windows_newlines(load):
    outputs = load(text='\ufeff{"id": "ä", "text": "ü"}\r\n\r\n{"id": "b", "text": "z"}')
    first, second = outputs.find("ä"), outputs.find("b")
    assert first is not None
    assert second is not None
    assert (first.text, second.text) == ("ü", "z")


def test_data_alone_is_its_own_text(load):
    output = load({"id": "a", "data": {"b": 1}}).find("a")
    assert output is not None
    assert (output.text, output.data) == ('{"b":1}', {"b": 1})


def test_the_digest_is_of_the_content(load):
    digest = load({"id": "a", "text": "x"}, FULL).digest
    assert load(text=json.dumps({"text": "x", "id": "a"}) + "\r\n" + json.dumps({**FULL, "x-b": 2})).digest == digest
    assert load({"id": "a", "text": "y"}, FULL).digest != digest


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"text": "x"}, "1:1: the key 'id' is missing in a stored output"),
        ({"id": "a"}, "1:1: a stored output has one of the keys 'text', 'data' and 'messages'"),
        ({"id": "a", "text": 5}, "1:21: text: expected text, found the number 5"),
        ({"id": "a", "output": "x"}, "1:13: unknown key 'output' in a stored output"),
        (
            {"id": "a", "text": "", "repeat": 0.5},
            "1:35: repeat: expected a whole number from 0 up, found the number 0.5",
        ),
        ({"id": "a", "text": "", "repeat": -1}, "1:35: repeat: expected a whole number from 0 up, found the number -1"),
        (
            {"id": "a", "text": "", "finish_reason": "done"},
            "1:42: finish_reason: expected stop or length or tool_calls",
        ),
        ({"id": "a", "text": "", "steps": [{"kind": "model"}]}, "1:35: the key 'name' is missing in a step"),
        ({"id": "a", "data": 2**60}, "1:1: $.data: the integer 1152921504606846976 is beyond 2^53 - 1"),
    ],
)
def test_a_wrong_output_is_refused_with_its_place(load, row, problem):
    with pytest.raises(SourceError) as caught:
        load(row)
    assert str(caught.value).startswith(f"outputs.jsonl:{problem}")


def test_all_wrong_lines_and_repeated_outputs_are_reported_together(load):
    rows = ['{"id": "a", "text": "x"}', "{", '{"id": "a", "text": "y"}', '{"id": "a", "repeat": 0, "data": 1}', "[]"]
    with pytest.raises(SourceError) as caught:
        load(text="\n".join(rows))
    assert [str(problem).split(";")[0] for problem in caught.value.problems] == [
        "outputs.jsonl:2:2: not valid JSON: unexpected end of data",
        "outputs.jsonl:5:1: expected a stored output, found a list that is empty",
        "outputs.jsonl:3: the output of the case 'a', repeat 0, stands in line 1 already",
        "outputs.jsonl:4: the output of the case 'a', repeat 0, stands in line 1 already",
    ]


def test_a_file_that_changes_while_it_is_used_is_refused(load, folder):
    outputs = load({"id": "a", "text": "x"})
    folder.write("outputs.jsonl", '{"id": "a", "text": "longer"}\n')
    with pytest.raises(UsageError, match=r"outputs\.jsonl was changed while it was being used"):
        outputs.find("a")


def test_only_jsonl_files_inside_the_project_hold_outputs(folder, tmp_path_factory):
    with pytest.raises(SourceError, match=r"outputs are read from \.jsonl files"):
        load_outputs(folder.write("a.csv", "id\n"), root=folder.root)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.jsonl"
    elsewhere.write_text("")
    with pytest.raises(SourceError, match="outside of the project"):
        load_outputs(elsewhere, root=folder.root)
