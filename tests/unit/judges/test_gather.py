"""Labels joined with outputs, and those that are refused."""

from __future__ import annotations

import pytest

from promptship.errors import SourceError, UsageError
from promptship.judges import gather_labels, require_usable


def test_the_majority_of_raters_decides_and_a_tie_is_left_out(bench, rated):
    labels = [bench.label(place, text, rating) for place, (text, rating) in enumerate(rated)]
    labels.append(bench.label(0, rated[0][0], "good", rater="bob"))
    labels += [bench.label(1, rated[1][0], "bad", rater=rater) for rater in ("bob", "cy")]

    found = gather_labels(bench.judge(rated, labels=labels), root=bench.root)

    assert len(found.items) == 39
    assert {one.item.case.id: one.good for one in found.items}["case-1"] is False
    assert found.raters == ("ada", "bob", "cy")


def test_labels_that_a_model_made_are_refused_with_their_lines(bench, rated):
    labels = [bench.label(place, text, rating, source="model") for place, (text, rating) in enumerate(rated[:2])]

    with pytest.raises(SourceError, match=r"labels\.jsonl:2: a model made the label of 'case-1'") as caught:
        gather_labels(bench.judge(rated, labels=labels), root=bench.root)

    assert "asks a person" in str(caught.value.hint)


def test_a_label_of_another_output_is_refused(bench, rated):
    labels = [bench.label(0, "another answer", "good")]

    with pytest.raises(SourceError, match=r"labels\.jsonl:1: there is no output 'sha256:.*' of a case 'case-0'"):
        gather_labels(bench.judge(rated, labels=labels), root=bench.root)


def test_a_label_under_another_policy_is_refused(bench, rated):
    labels = [bench.label(0, rated[0][0], "good", guideline_digest="sha256:00")]

    with pytest.raises(SourceError, match="under another policy"):
        gather_labels(bench.judge(rated, labels=labels), root=bench.root)


def test_fewer_than_twenty_labels_are_refused_with_what_is_needed(bench, rated):
    found = gather_labels(bench.judge(rated[:13]), root=bench.root)

    with pytest.raises(UsageError, match="13 labelled outputs; expected at least 20") as caught:
        require_usable(found)

    assert str(caught.value.hint).startswith("label 7 more")


def test_labels_of_one_class_are_refused_with_what_is_needed(bench, rated):
    found = gather_labels(bench.judge([(text, "good") for text, _ in rated]), root=bench.root)

    with pytest.raises(UsageError, match="all 40 labelled outputs are good") as caught:
        require_usable(found)

    assert "outputs that are bad" in str(caught.value.hint)


@pytest.mark.parametrize("source", ["escalation", "feedback"])
def test_escalations_without_propensity_are_refused_for_calibration(bench, rated, source):
    labels = [bench.label(place, text, rating, source=source) for place, (text, rating) in enumerate(rated)]

    with pytest.raises(UsageError, match="40 labels come from escalations or feedback without a propensity"):
        gather_labels(bench.judge(rated, labels=labels), root=bench.root, purpose="calibrate")


def test_a_card_leaves_escalations_without_propensity_out_and_says_so(bench, rated):
    labels = [
        bench.label(place, text, rating, source="escalation" if place < 10 else "sample")
        for place, (text, rating) in enumerate(rated)
    ]

    found = gather_labels(bench.judge(rated, labels=labels), root=bench.root)

    assert len(found.items) == 30
    assert found.notes[0].startswith("left out: 10 labels")


def test_logged_propensities_weight_the_items(bench, rated):
    labels = [
        bench.label(place, text, rating, source="escalation", propensity=0.8 if place < 20 else 0.2)
        for place, (text, rating) in enumerate(rated)
    ]

    found = gather_labels(bench.judge(rated, labels=labels), root=bench.root, purpose="calibrate")

    weights = [one.weight for one in found.items]
    assert found.is_weighted
    assert weights[-1] / weights[0] == pytest.approx(4)
    assert sum(weights) / len(weights) == pytest.approx(1)


def test_labels_with_and_without_propensity_are_not_mixed(bench, rated):
    labels = [
        bench.label(place, text, rating, **({"propensity": 0.5} if place else {}))
        for place, (text, rating) in enumerate(rated)
    ]

    with pytest.raises(UsageError, match="1 of 40 labels have no propensity"):
        gather_labels(bench.judge(rated, labels=labels), root=bench.root)
