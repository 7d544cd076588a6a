"""Judges' files, labels and labelled outputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from promptship.domain import Output, digest_output
from promptship.errors import ReferenceNotFoundError, SourceError
from promptship.evalsets import (
    discover_evalsets,
    find_judge_file,
    load_card,
    load_items,
    load_judge_file,
    load_labels,
)

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = digest_output(Output(text="Paris"))


def write_lines(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def label(**fields: object) -> dict[str, object]:
    return {"case": "a", "output_digest": DIGEST, "rating": "good", "rater": "ada", **fields}


def judge_file(root: Path, text: str = "") -> Path:
    folder = root / "evalsets" / "judges"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tone.yaml"
    path.write_text(f"policy: Good is polite.\nitems: replies.jsonl\nlabels: labels.jsonl\n{text}")
    return path


class TestLabels:
    def test_a_label_is_read_with_its_place(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "l.jsonl", label(note="fine", source="escalation", propensity=0.25))

        [found] = load_labels(path, root=tmp_path)

        assert (found.case_id, found.rating, found.source, found.propensity) == ("a", "good", "escalation", 0.25)
        assert (found.path, found.line) == ("l.jsonl", 1)

    def test_contradictory_labels_of_one_rater_name_both_lines(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "l.jsonl", label(), label(rater="bob", rating="bad"), label(rating="bad"))

        with pytest.raises(SourceError, match=r"l\.jsonl:3:\d+: contradictory labels: 'ada' .* in line 1"):
            load_labels(path, root=tmp_path)

    def test_a_rating_given_twice_counts_once(self, tmp_path: Path) -> None:
        assert len(load_labels(write_lines(tmp_path / "l.jsonl", label(), label()), root=tmp_path)) == 1

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            (label(rating="great"), "rating: expected good or bad or unsure"),
            (label(propensity=0), "propensity: expected a probability above 0"),
            (label(colour="red"), "unknown key 'colour'"),
            ({"case": "a", "rating": "good"}, "'output_digest' is missing"),
        ],
    )
    def test_a_wrong_label_is_named_with_its_line(self, tmp_path: Path, row: dict[str, object], said: str) -> None:
        path = write_lines(tmp_path / "l.jsonl", label(), row)

        with pytest.raises(SourceError, match=r"l\.jsonl:2") as caught:
            load_labels(path, root=tmp_path)

        assert said in str(caught.value)


class TestItems:
    def test_an_item_is_known_by_its_case_and_output(self, tmp_path: Path) -> None:
        rows = [
            {"id": "a", "inputs": {"q": "Capital?"}, "output": text, "versus": "Rome"} for text in ("Paris", "Lyon")
        ]

        one, other = load_items(write_lines(tmp_path / "i.jsonl", *rows), root=tmp_path)

        assert one.key == ("a", DIGEST)
        assert other.key != one.key
        assert one.versus is not None
        assert one.versus.text == "Rome"

    def test_the_same_output_twice_is_refused(self, tmp_path: Path) -> None:
        row = {"id": "a", "inputs": {}, "output": "Paris"}

        with pytest.raises(SourceError, match=r"i\.jsonl:2: .* stands in line 1 already"):
            load_items(write_lines(tmp_path / "i.jsonl", row, row), root=tmp_path)

    def test_an_item_without_output_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="'output' is missing"):
            load_items(write_lines(tmp_path / "i.jsonl", {"id": "a", "inputs": {}}), root=tmp_path)


class TestJudgeFile:
    def test_files_count_from_the_judge_s_folder(self, tmp_path: Path) -> None:
        found = load_judge_file(judge_file(tmp_path, "rubric: Polite\nthreshold: 0.4\n"), root=tmp_path)

        assert found.name == "tone"
        assert found.labels == (str(tmp_path / "evalsets" / "judges" / "labels.jsonl"),)
        assert (found.type, found.model, found.rubric, found.threshold) == ("llm-rubric", "default", "Polite", 0.4)

    def test_an_unknown_key_is_named_with_its_place(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"evalsets/judges/tone\.yaml:4:1: unknown key 'treshold'.*'threshold'"):
            load_judge_file(judge_file(tmp_path, "treshold: 0.4\n"), root=tmp_path)

    def test_a_calibration_beside_it_is_read_and_a_written_threshold_wins(self, tmp_path: Path) -> None:
        path = judge_file(tmp_path)
        beside = path.with_name("tone.calibration.json")
        beside.write_text(json.dumps({"calibration": 1, "map": {"method": "platt"}, "threshold": 0.3}))

        assert load_judge_file(path, root=tmp_path).threshold == 0.3
        assert load_judge_file(judge_file(tmp_path, "threshold: 0.6\n"), root=tmp_path).threshold == 0.6

    def test_a_damaged_calibration_is_refused(self, tmp_path: Path) -> None:
        path = judge_file(tmp_path)
        path.with_name("tone.calibration.json").write_text('{"calibration": 1}')

        with pytest.raises(SourceError, match="no calibration of a judge"):
            load_judge_file(path, root=tmp_path)

    def test_judges_are_no_evalsets(self, tmp_path: Path) -> None:
        judge_file(tmp_path)

        assert discover_evalsets(tmp_path / "evalsets") == []

    def test_an_unknown_judge_names_those_that_are_there(self, tmp_path: Path) -> None:
        judge_file(tmp_path)

        with pytest.raises(ReferenceNotFoundError, match="did you mean 'tone'") as caught:
            find_judge_file("tune", folder=tmp_path / "evalsets", root=tmp_path)

        assert caught.value.hint == "judges of this project: tone"

    def test_what_is_no_card_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "tone.card.json"
        path.write_text('{"format": 1}')

        with pytest.raises(SourceError, match="no judge card"):
            load_card(path, root=tmp_path)
