"""`promptctl judge votes` and `judge panel`: what recorded verdicts say of judges, with no call."""

import json
from urllib.parse import quote

from promptship.domain import Output, digest_output

FIRST = '{"evidence": [], "rationale": "It came first. Hence first.", "verdict": "first"}'
CASES = 12


def test_the_bias_of_a_run_and_its_lost_verdicts_are_counted(cli):
    models = {
        "default": {"model": "fake/echo"},
        "likes-first": {"model": f"fake/constant?text={quote(FIRST)}"},
        "talks": {"model": "fake/constant?text=Nice!"},
    }
    scorers = [
        {"type": "pairwise", "judge": "likes-first", "required": False},
        {"type": "llm-rubric", "judge": "talks", "value": ["Is kind.", "Is brief."], "required": False},
    ]
    cases = [{"inputs": {"mail": f"Hello {number}"}, "expected": "Hi."} for number in range(CASES)]
    cli.write("prompts/models.yaml", json.dumps(models))
    cli.write("prompts/reply.prompt", "{{ mail }}\n")
    cli.write("evalsets/reply.yaml", json.dumps({"prompt": "reply", "scorers": scorers, "cases": cases}))
    cli("eval", "reply", "--json")

    rubric, pairs = json.loads(cli("judge", "votes", "--json").stdout)

    assert (rubric["scorer"], rubric["votes"], rubric["decided"]) == ("llm-rubric", 2 * CASES, 0)
    assert rubric["without_verdict"] == {"prose": 2 * CASES}
    assert (pairs["abstained"], pairs["without_verdict"]) == (CASES, {})
    assert pairs["order"]["consistent"]["estimate"] == 0.0
    assert pairs["order"]["towards_first"]["estimate"] == 1.0
    shown = cli("judge", "votes").stdout
    assert "24 of 24 (prose 24)" in shown
    assert "+1.00" in shown


def test_a_run_without_votes_says_so(cli):
    cli("eval", "echo")

    assert "no scorer of this run keeps votes" in cli("judge", "votes").stderr


def test_a_panel_is_measured_on_the_labels_that_its_judges_share(cli):
    folder = cli.folder / "evalsets" / "judges"
    folder.mkdir(parents=True)
    texts = [f"Thank you for mail {place}." if place % 2 else f"No. Read page {place}." for place in range(40)]
    items = [{"id": f"c{place}", "inputs": {"mail": "?"}, "output": text} for place, text in enumerate(texts)]
    labels = [
        {
            "case": f"c{place}",
            "output_digest": digest_output(Output(text=text)),
            "rating": "good" if place % 2 else "bad",
            "rater": "ada",
        }
        for place, text in enumerate(texts)
    ]
    for file, rows in (("items.jsonl", items), ("labels.jsonl", labels)):
        (folder / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    rubrics = {
        "thanks": "icontains\nrubric: thank",
        "no": "not-icontains\nrubric: 'No.'",
        "mail": "icontains\nrubric: mail 1",
    }
    for name, rubric in rubrics.items():
        head = "policy: Good is polite.\nitems: items.jsonl\nlabels: labels.jsonl\n"
        (folder / f"{name}.yaml").write_text(f"{head}type: {rubric}\n")
        cli("judge", "card", name, "--no-probes")

    found = json.loads(cli("judge", "panel", *rubrics, "--json").stdout)

    assert found["items"] == 40
    assert {one["name"]: one["agreement"]["estimate"] for one in found["together"]}["majority"] == 1.0
    assert found["weights"]["thanks"] > found["weights"]["mail"]
    shown = cli("judge", "panel", *rubrics)
    assert "unanimous" in shown.stdout
    assert "Dawid and Skene" in shown.stderr
    assert "no panel" in cli("judge", "panel", "thanks", code=2).stderr


def test_weights_from_a_run_go_into_its_panel_and_rule_on_it_anew(cli):
    """Two members that know, one that is asked about something else: the votes alone find it, and it is heard less."""
    members = [
        {"type": "icontains", "name": "thanks", "value": "thank"},
        {"type": "not-icontains", "name": "no", "value": "No."},
        {"type": "icontains", "name": "odd", "value": "3"},
    ]
    panel = {"type": "panel", "name": "kind", "reducer": "majority", "scorers": members, "required": False}
    mails = [f"Thank you for mail {place}." if place % 2 else f"No. Read page {place}." for place in range(30)]
    evalset = {"prompt": "reply", "scorers": [panel], "cases": [{"inputs": {"mail": mail}} for mail in mails]}
    cli.write("prompts/models.yaml", json.dumps({"default": {"model": "fake/echo"}}))
    cli.write("prompts/reply.prompt", "{{ mail }}\n")
    cli.write("evalsets/reply.yaml", json.dumps(evalset))
    cli("eval", "reply", "--json")

    (votes,) = json.loads(cli("judge", "votes", "--json").stdout)
    shown = cli("judge", "votes").stdout
    line = next(line for line in shown.splitlines() if line.startswith("weights: "))
    weights = json.loads(line.removeprefix("weights: "))

    found = votes["panel"]
    assert found["outputs"] == 30
    assert found["weights"]["odd"] < 0.5 < found["weights"]["thanks"]
    assert weights == {name: round(weight, 2) for name, weight in found["weights"].items()}
    assert 1 < found["distinct"] < 3
    assert "of 3 votes are no repetition of others" in shown

    heavier = {**panel, "weights": weights | {"odd": 0}, "reducer": "unanimous"}
    cli.write("evalsets/reply.yaml", json.dumps({**evalset, "scorers": [heavier]}))
    before = votes["decided"]
    cli("runs", "rescore", "last")
    (after,) = json.loads(cli("judge", "votes", "--json").stdout)
    assert after["decided"] == before == 30
    assert after["panel"]["weights"] == found["weights"]
