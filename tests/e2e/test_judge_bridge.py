"""`promptctl judge bridge`: runs of different judges compare once a sample was judged by both."""

import json

import pytest

YES, NO = (f'{{"evidence": [], "rationale": "So. Hence {word}.", "verdict": "{word}"}}' for word in ("yes", "no"))
GATES = ["observed(pass_rate) >= 0", "{metric: pass_rate, versus: last}", "{metric: kind, versus: last}"]


@pytest.fixture
def judged(cli):
    models = {
        "default": {"model": "fake/echo"},
        "yes": {"model": f"fake/constant?text={YES}"},
        "no": {"model": f"fake/constant?text={NO}"},
    }
    cli.write("prompts/models.yaml", json.dumps(models))
    cli.write("prompts/reply.prompt", "{{ mail }}\n")

    def write(threshold, *, word="a", count=80, judge="yes", gates=GATES):
        members = f"{{type: llm-rubric, name: model, judge: {judge}, value: Is kind.}}, " + ", ".join(
            f"{{type: icontains, name: {name}, value: {name}}}" for name in ("zero", "two")
        )
        panel = f"{{type: panel, name: kind, reducer: mean, threshold: {threshold}, scorers: [{members}]}}"
        words = ["zero", "two", "zero two", "none"]
        cases = ", ".join(f"{{id: c{n}, inputs: {{mail: {words[n % 4]} {word} {n}}}}}" for n in range(count))
        cli.write(
            "evalsets/reply.yaml",
            f"prompt: reply\nscorers: [{panel}]\ngates: [{', '.join(gates)}]\ncases: [{cases}]\n",
        )

    return write


def test_equal_systems_under_a_stricter_judge_are_not_called_different(cli, judged):
    judged(0.3)
    base = cli.json("eval", "reply")["run_id"]
    judged(0.9)
    candidate = cli.json("eval", "reply")["run_id"]
    refused = cli("compare", base, candidate, code=2).stderr
    assert f"promptctl judge bridge {base}" in refused
    assert "promptctl judge bridge" in cli("gate", candidate, "--baseline", base, code=2).stderr

    planned = cli("judge", "bridge", base, "--sample", "40", "--dry-run").stderr
    assert "40 cases" in planned
    assert "asked: nobody" in planned
    found = cli.json("judge", "bridge", base, "--sample", "40")
    shift = {one["metric"]: one["shift"] for one in found["figures"]}
    # The lenient one passes all, the strict one a quarter; scores are the same votes.
    assert shift["pass_rate"]["low"] < -0.75 < shift["pass_rate"]["high"] < -0.5
    assert shift["kind"]["estimate"] == 0
    assert next(one["kappa"] for one in found["figures"] if one["metric"] == "kind")["high"] < 0.3
    assert len(list((cli.folder / "evalsets" / "judges" / "bridges").glob("*-*.json"))) == 1

    (compared,) = cli.json("compare", base, candidate)
    change = next(one for one in compared["metrics"] if one["metric"] == "pass_rate")
    assert change["low"] < 0 < change["high"]
    assert abs(change["difference"]) < 0.15
    assert change["finding"] == "unclear"
    assert any("OTHER JUDGES" in one for one in compared["notes"])
    gates = cli.json("gate", candidate, "--baseline", base)["gates"]
    said = [one["reason"] for one in gates if one["value"] is not None and one["low"] is not None]
    assert len(said) == 2
    assert all("bridged from another judge by 40 of 80 cases" in one for one in said)
    assert all(one["finding"] == "pass" for one in gates)


def test_only_the_sample_is_asked_and_the_run_is_no_baseline(cli, judged):
    judged(0.3)
    base = cli.json("eval", "reply")["run_id"]
    judged(0.3, judge="no")
    done = cli("judge", "bridge", base, "--sample", "30")
    assert "30 cases" in done.stderr
    assert "asked: kind about 30 answers" in done.stderr
    assert cli.json("runs", "list")[0]["run_id"] == base
    # A further sample of the same judges is added to the first.
    cli("judge", "bridge", base, "--sample", "40", "--seed", "7")
    (path,) = (cli.folder / "evalsets" / "judges" / "bridges").glob("*.json")
    assert 40 < len(json.loads(path.read_text())["cells"]) < 71


def test_what_cannot_be_bridged_is_said(cli, judged):
    judged(0.3, count=19, gates=["observed(pass_rate) >= 0", "{no_new_failures: true, versus: last}"])
    run = cli.json("eval", "reply")["run_id"]
    assert "there is nothing to bridge" in cli("judge", "bridge", run, code=2).stderr
    judged(0.9, count=19)
    said = cli("judge", "bridge", run, code=2).stderr
    assert "a bridge of 19 cases; expected at least 20" in said
    assert f"promptctl runs rescore {run}" in said


def test_one_case_is_not_compared_across_judges_and_a_damaged_bridge_is_named(cli, judged):
    judged(0.3)
    base = cli.json("eval", "reply")["run_id"]
    judged(0.9, gates=["observed(pass_rate) >= 0", "{no_new_failures: true, versus: last}"])
    cli("judge", "bridge", base)
    done = json.loads(cli("eval", "reply", "--json", code=4).stdout)
    assert any("a bridge says nothing of one case" in one["reason"] for one in done["gates"])
    (path,) = (cli.folder / "evalsets" / "judges" / "bridges").glob("*.json")
    path.write_text('{"cells": 3}')
    assert "this is no bridge" in cli("compare", base, done["run_id"], code=2).stderr
