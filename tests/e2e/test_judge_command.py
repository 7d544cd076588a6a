"""`promptctl judge` from the labels to the card, and what it says to labels that cannot be used."""

import json

import pytest

from promptship.domain import Output, digest_output

WORDS = ("parcel", "boots", "voucher", "tent", "lamp", "jacket")


def reply(place):
    word = WORDS[place % len(WORDS)]
    return (
        f"Thank you for your message about the {word}."
        if place % 2
        else f"Look for the {word} yourself, number {place}!"
    )


def rows(count=40):
    items, labels = [], []
    for place in range(count):
        text = reply(place) + " A colleague will write." * (place % 3)
        items.append({"id": f"c{place}", "inputs": {"mail": "Where?"}, "output": text, "tags": {"language": "en"}})
        rating = "good" if place % 2 else "bad"
        labels.append(
            {"case": f"c{place}", "output_digest": digest_output(Output(text=text)), "rating": rating, "rater": "ada"}
        )
    return items, labels


@pytest.fixture
def judges(cli):
    folder = cli.folder / "evalsets" / "judges"
    folder.mkdir(parents=True, exist_ok=True)

    def write(items=None, labels=None, more="type: not-icontains\nrubric: yourself\n", name="tone"):
        own = rows()
        for file, lines in (("items.jsonl", items or own[0]), ("labels.jsonl", labels or own[1])):
            (folder / file).write_text("".join(json.dumps(line) + "\n" for line in lines))
        text = f"policy: Good is polite.\nitems: items.jsonl\nlabels: labels.jsonl\n{more}"
        (folder / f"{name}.yaml").write_text(text)
        return folder

    return write


def test_a_card_is_shown_and_kept(cli, judges):
    folder = judges()

    shown = json.loads(cli("judge", "card", "tone", "--json", "--probed", "10").stdout)

    assert shown["figures"]["kappa"]["estimate"] == 1.0
    assert shown["admission"]["admitted"] is True
    assert json.loads((folder / "tone.card.json").read_text())["judge"] == shown["judge"]
    assert cli("judge", "card", "tone", "--saved").stdout.startswith("admitted: tone")


def test_a_judge_is_trained_carded_compared_and_used_in_an_evalset(cli, judges):
    judges(more="train: {learner: logistic}\n", name="learnt")
    judges(more="type: not-icontains\nrubric: message\n", name="wrong")

    assert "learnt from 40 labelled outputs: logistic" in cli("judge", "train", "learnt").stdout
    card = json.loads(cli("judge", "card", "learnt", "--json", "--no-probes").stdout)
    assert card["figures"]["agreement"]["estimate"] > 0.9
    assert "40 of 40 outputs are those it was trained on" in card["notes"][-1]
    cli("judge", "card", "wrong", "--no-probes")
    compared = json.loads(cli("judge", "compare", "wrong", "learnt", "--json").stdout)
    assert compared["finding"] == "better"
    assert compared["agreement"]["low"] > 0.5
    points = json.loads(cli("judge", "cascade", "wrong", "learnt", "--cost", "1", "--cost", "5", "--json").stdout)
    assert [point["reached"] for point in points] == [[1.0, 1.0]] * len(points)
    assert points[0]["cost"] == 6
    assert points[0]["agreement"]["estimate"] > 0.9

    (cli.folder / "outputs.jsonl").write_text(json.dumps({"id": "a", "text": reply(1)}) + "\n")
    (cli.folder / "evalsets" / "replies.yaml").write_text(
        "target: {outputs: ../outputs.jsonl}\nscorers: [{type: trained-judge, value: learnt}]\n"
        "cases: [{id: a, inputs: {mail: 'Where?'}}]\n"
    )
    run = json.loads(cli("eval", "replies", "--json").stdout)
    assert run["totals"]["passed"] == 1


def test_a_changed_calibration_changes_the_judge(cli, judges):
    folder = judges()
    before = json.loads(cli("judge", "card", "tone", "--json", "--no-probes").stdout)["judge"]

    assert "good from" in cli("judge", "calibrate", "tone").stdout

    after = json.loads(cli("judge", "card", "tone", "--json", "--no-probes").stdout)
    assert json.loads((folder / "tone.calibration.json").read_text())["map"]["method"] == "platt"
    assert after["judge"] != before
    assert after["calibration"] == "platt"


def test_the_budget_names_outputs_to_label_with_their_propensity(cli, judges):
    items, labels = rows(60)
    judges(items, labels[:24])

    found = json.loads(cli("judge", "budget", "tone", "-k", "10", "--json").stdout)

    assert len(found["labels"]) == 10
    assert {one["case"] for one in found["labels"]} <= {f"c{place}" for place in range(24, 60)}
    assert all(0 < one["propensity"] <= 1 for one in found["labels"])
    assert found["half_width_then"] < found["half_width_now"]


def test_labels_that_cannot_be_used_are_refused_with_what_is_needed(cli, judges):
    items, labels = rows()
    refused = {
        "13 labelled outputs; expected at least 20": labels[:13],
        "all 20 labelled outputs are good": labels[1::2],
        "a model made the label of 'c0'": [{**labels[0], "source": "model"}, *labels[1:]],
        "contradictory labels: 'ada'": [*labels, {**labels[0], "rating": "good"}],
    }
    for said, used in refused.items():
        judges(items, used)
        failed = cli("judge", "card", "tone", code=2).stderr
        assert said in failed
        assert "hint: " in failed

    judges(items, [{**one, "source": "escalation"} for one in labels])
    failed = cli("judge", "calibrate", "tone", code=2).stderr
    assert "40 labels come from escalations or feedback without a propensity" in failed
    assert "as `propensity`" in failed


def test_an_unknown_judge_and_one_that_was_not_trained_name_the_way(cli, judges):
    judges(more="train: {}\n")

    assert "did you mean 'tone'" in cli("judge", "card", "tine", code=2).stderr
    assert "promptctl judge train" in cli("judge", "card", "tone", code=2).stderr
    assert "has no card yet" in cli("judge", "compare", "tone", "tone", code=2).stderr
