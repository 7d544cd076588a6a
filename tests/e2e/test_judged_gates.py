"""A judge that was measured decides with its error, and only as long as its card is of it."""

import json

import pytest

from promptship.domain import Output, digest_output

GATES = ["pass_rate >= 0.2", "judge_kappa >= 0.6"]


def reply(place):
    return f"Thank you for message {place}." if place % 2 else f"Look for number {place} yourself!"


@pytest.fixture
def replies(cli):
    """Forty labelled replies, a judge trained on them, and an evalset of them and of twenty others."""
    folder = cli.folder / "evalsets" / "judges"
    folder.mkdir(parents=True)
    texts = [reply(place) + " A colleague will write." * (place % 3) for place in range(60)]
    items, labels = [], []
    for place, text in enumerate(texts[:40]):
        items.append({"id": f"c{place}", "inputs": {"mail": "Where?"}, "output": text, "tags": {"language": "en"}})
        # People are stricter than a rule can see: one of eight polite replies promises something.
        rating = "good" if place % 2 and place % 8 != 1 else "bad"
        digest = digest_output(Output(text=text))
        labels.append({"case": f"c{place}", "output_digest": digest, "rating": rating, "rater": "ada"})
    for name, rows in (("items.jsonl", items), ("labels.jsonl", labels)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "tone.yaml").write_text(
        "policy: Good is polite.\nitems: items.jsonl\nlabels: labels.jsonl\ntrain: {learner: logistic}\n"
    )
    rows = [{"id": f"c{place}", "text": text} for place, text in enumerate(texts)]
    (cli.folder / "outputs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cases = ", ".join(
        f"{{id: c{place}, inputs: {{mail: 'Where? {place}'}}, tags: {{language: en}}}}" for place in range(60)
    )

    def write(gates=GATES, more=""):
        cli.write(
            "evalsets/replies.yaml",
            "target: {outputs: ../outputs.jsonl}\n"
            "scorers: [{type: trained-judge, name: tone, value: tone}, {type: not-contains, value: '!!'}]\n"
            f"gates: {json.dumps(gates)}\n{more}cases: [{cases}]\n",
        )

    write()
    cli("judge", "train", "tone")
    return write


def gates_of(found):
    return {gate["gate"]: gate for gate in found["gates"]}


def test_the_labels_of_a_judge_are_in_the_gate_of_the_run(cli, replies):
    before = cli.json("eval", "replies", code=1)
    assert "has no card" in gates_of(before)["judge_kappa >= 0.6"]["reason"]
    assert "mended" not in gates_of(before)["pass_rate >= 0.2"]["reason"]

    cli("judge", "card", "tone", "--no-probes")
    after = gates_of(cli.json("gate", before["run_id"]))
    rate = after["pass_rate >= 0.2"]
    assert "'tone' alone, mended by 40 labels, 40 of these answers" in rate["reason"]
    assert rate["value"] < gates_of(before)["pass_rate >= 0.2"]["value"]
    assert rate["low"] < 0.375 < rate["high"]
    kappa = after["judge_kappa >= 0.6"]
    assert kappa["low"] < kappa["value"] < 1
    assert "40 labels of 'tone'" in kappa["reason"]
    # An evaluation finds the card as `gate` does.
    assert gates_of(cli.json("eval", "replies"))["pass_rate >= 0.2"]["reason"] == rate["reason"]


def test_a_card_is_of_the_judge_as_it_was(cli, replies):
    cli("judge", "card", "tone", "--no-probes")
    file = cli.folder / "evalsets" / "judges" / "tone.yaml"
    file.write_text(file.read_text().replace("learner: logistic", "learner: boosting"))
    cli("judge", "train", "tone")
    found = cli.json("eval", "replies", code=1)
    assert "as it is now, has no card" in gates_of(found)["judge_kappa >= 0.6"]["reason"]


def test_a_policy_admits_only_admitted_judges(cli, replies):
    replies(gates=["pass_rate >= 0.2"])
    cli.write("policy.yaml", "gates: [pass_rate >= 0.2]\njudges: admitted\n")
    run = cli.json("eval", "replies")["run_id"]
    refused = cli.json("gate", run, "--policy", "policy.yaml", code=1)
    assert gates_of(refused)["the judge of 'tone' is admitted"]["outcome"] == "fail"
    card = json.loads(cli("judge", "card", "tone", "--no-probes", "--json").stdout)
    assert card["admission"]["admitted"]
    cli("gate", run, "--policy", "policy.yaml")
    sliced = "gates: [{slice: 'language=de', metric: tone, at_least: 0.2}]\njudges: admitted\n"
    cli.write("sliced.yaml", sliced)
    assert "names a slice that no case is in" in cli("gate", run, "--policy", "sliced.yaml", code=2).stderr
    cli.write("policy.yaml", "gates: [pass_rate >= 0.2]\njudges: all\n")
    assert "expected any, admitted" in cli("gate", run, "--policy", "policy.yaml", code=2).stderr


def test_a_run_with_a_measured_judge_is_not_ended_early(cli, replies):
    replies(gates=["pass_rate >= 0.99"])
    cli("judge", "card", "tone", "--no-probes")
    found = cli.json("eval", "replies", "--stop-early", code=1)
    assert found["totals"]["cases"] == 60
    assert "mended by 40 labels" in gates_of(found)["pass_rate >= 0.99"]["reason"]
    assert "run to its end: what a judge's labels make" in cli("runs", "show").stdout


def test_a_gate_on_a_judge_is_never_left_open_by_ending_early(cli, replies):
    replies(gates=["judge_kappa >= 0.6"])
    found = cli.json("eval", "replies", "--stop-early", code=1)
    assert found["totals"]["cases"] == 60
    assert "has no card" in gates_of(found)["judge_kappa >= 0.6"]["reason"]
