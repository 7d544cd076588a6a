"""The files that labels are kept in: appended to, changed in place, never half-written."""

import json
from dataclasses import replace

import pytest

from promptship.domain import CellKey, CellRecord, Label, Output, digest_output
from promptship.errors import SourceError
from promptship.evalsets import load_items
from promptship.judges import LabelFiles, LabelStore, RunOutput, item_row, label_row


def output(case="a", **answer):
    made = Output(**({"text": "Paris"} | answer))
    record = CellRecord(
        key=CellKey(0, case, 0), outcome="passed", inputs={"q": "?"}, expected=None, tags={}, cluster="k",
        output=made, scores={},
    )  # fmt: skip
    return RunOutput(digest=digest_output(made), record=record, output=made)


def label(case="a", rating="good", **more):
    return Label(case_id=case, output_digest=output(case).digest, rating=rating, **more)


@pytest.fixture
def files(tmp_path):
    return LabelFiles(labels=(tmp_path / "l.jsonl",), items=(tmp_path / "i.jsonl",))


def put(files, *labels, replacing=False):
    root = files.labels[0].parent
    store = LabelStore(files, root=root)
    outputs = {one.key: one for one in (output(label.case_id) for label in labels)}
    changes = store.compare(labels, outputs, replacing=replacing)
    store.apply(changes)
    return changes


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "Paris"},
        {"text": "", "data": {"a": [1, "ü"]}},
        {"text": "{}", "data": {}},
        {"text": ""},
        {"text": "", "messages": ({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]},)},
    ],
)
def test_an_output_has_the_same_digest_in_a_run_and_in_items(tmp_path, answer):
    found = output(**answer, contexts=({"id": "d1", "text": "passage"}, {"text": "other"}))
    (tmp_path / "i.jsonl").write_text(json.dumps(item_row(found)) + "\n")
    (item,) = load_items(tmp_path / "i.jsonl", root=tmp_path)
    assert item.key == found.key
    assert [passage["text"] for passage in item.case.contexts] == ["passage", "other"]
    assert item.case.cluster == "k"


def test_what_stands_in_a_file_stays_byte_for_byte(files):
    before = b'{"case": "z",  "output_digest":"sha256:0", "rating":"bad", "x-mine": 1}'
    files.labels[0].write_bytes(before)
    put(files, label())
    assert files.labels[0].read_bytes().startswith(before + b"\n{")
    assert list(files.labels[0].parent.glob(".*")) == []


def test_equal_labels_are_known_whatever_run_they_were_seen_in(files):
    put(files, label(rater="ada", run="one"))
    again = put(files, label(rater="ada", run="two"))
    assert (again.is_empty, again.unchanged) == (True, 1)


def test_another_source_of_the_same_rating_is_taken_without_asking(files):
    put(files, label(source="feedback"), label("b", source="feedback"))
    put(files, label("b", source="sample", propensity=1.0))
    rows = [json.loads(line) for line in files.labels[0].read_text().splitlines()]
    assert [(row["case"], row["source"], row.get("propensity")) for row in rows] == [
        ("a", "feedback", None), ("b", "sample", 1.0)
    ]  # fmt: skip


@pytest.mark.parametrize("changed", [{"rating": "bad"}, {"note": "n"}, {"correction": "c"}, {"guideline": "g"}])
def test_other_words_of_the_same_rater_are_refused_unless_they_are_to_replace(files, changed):
    put(files, label(rater="ada"))
    new = replace(label(rater="ada", path="r.jsonl", line=7), **changed)
    with pytest.raises(SourceError, match=r"r.jsonl:7: 'ada' labelled this output of 'a' before \(l.jsonl:1\)"):
        put(files, new)
    put(files, new, replacing=True)
    assert json.loads(files.labels[0].read_text()) == label_row(new)


def test_all_conflicts_are_named_up_to_twenty(files):
    cases = [f"c{place}" for place in range(30)]
    put(files, *(label(case) for case in cases))
    with pytest.raises(SourceError) as caught:
        put(files, *(label(case, "bad") for case in cases))
    assert len(caught.value.problems) == 21
    assert "and 10 more labels" in str(caught.value)


def test_a_label_is_changed_in_the_file_in_which_it_stands(tmp_path):
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    put(LabelFiles(labels=(old,), items=(tmp_path / "i.jsonl",)), label())
    put(LabelFiles(labels=(old, new), items=(tmp_path / "i.jsonl",)), label(rating="bad"), label("b"), replacing=True)
    assert json.loads(old.read_text())["rating"] == "bad"
    assert json.loads(new.read_text())["case"] == "b"


def test_two_people_at_two_terminals_lose_nothing(files):
    root = files.labels[0].parent
    ada, bob = LabelStore(files, root=root), LabelStore(files, root=root)
    ada.put(label(rater="ada"), output())
    bob.put(label(rater="bob"), output())
    assert len(LabelStore(files, root=root).labels) == 2
    assert len(files.items[0].read_text().splitlines()) == 1
