"""Runs that end as soon as their verdict is certain."""

import json

ROWS = [{"id": f"c{n:03d}", "inputs": {"text": f"t{n:03d}"}, "expected": f"t{n:03d}"} for n in range(200)]


def start(cli, *gates, body="{{ text }}\n"):
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    header = {"prompt": "echo", "scorers": ["equals"], "gates": gates, "cases": "echo.jsonl"}
    cli.write("evalsets/echo.yaml", json.dumps(header))
    cli.write("prompts/echo.prompt", body)


def manifest(cli, found):
    return json.loads((cli.folder / ".promptship/runs" / found["run_id"] / "manifest.json").read_text())


def test_a_run_that_must_fail_ends_early_and_says_what_was_saved(cli):
    start(cli, "observed(pass_rate) >= 0.9", body="no{{ text[:0] }}\n")
    found = cli.json("eval", "echo", "--stop-early", "--concurrency", "4", code=1)
    skipped = manifest(cli, found)["skipped"]
    assert skipped > 150
    assert found["totals"]["cases"] == 200 - skipped
    assert found["notes"] == [f"ended early: {skipped} of 200 cells were not needed"]
    assert found["gates"][0]["decided_by"] == "early"
    assert "not needed" in cli("runs", "show").stdout
    assert "was ended early" in cli("gate", "last", code=2).stderr


def test_a_bound_is_shown_by_part_of_the_cases_in_random_order(cli):
    start(cli, "pass_rate >= 0.8")
    found = cli.json("eval", "echo", "--stop-early", "--concurrency", "4")
    assert found["gates"][0]["verdict"] == "pass"
    assert "in random order" in found["gates"][0]["reason"]
    ran = {case["id"] for case in cli.json("runs", "show", "--cases")["cases"]}
    assert 10 < len(ran) < 100
    assert ran != {row["id"] for row in ROWS[: len(ran)]}


def test_what_is_not_certain_runs_to_its_end_with_the_usual_verdict(cli):
    start(cli, "observed(pass_rate) >= 0.2", "observed(cost_usd_per_case) <= 9")
    early, usual = cli.json("eval", "echo", "--stop-early"), cli.json("eval", "echo", "--no-resume")
    assert manifest(cli, early)["skipped"] == 0
    assert early["gates"] == usual["gates"]
    assert early["totals"]["cases"] == 200


def test_a_run_that_was_ended_early_is_no_baseline_and_is_compared_on_what_it_has(cli):
    start(cli, "observed(pass_rate) >= 0.9", body="no{{ text[:0] }}\n")
    bad = cli.json("eval", "echo", "--stop-early", "--concurrency", "4", code=1)
    start(cli, "observed(pass_rate) >= 0.9", {"metric": "pass_rate", "versus": "last"})
    good = cli.json("eval", "echo")
    assert "first run" in good["gates"][1]["reason"]
    (compared,) = cli.json("compare", bad["run_id"], good["run_id"])
    assert compared["shared"] == bad["totals"]["cases"]
    assert compared["counts"]["fixed"] == compared["shared"]


def test_repeats_and_variants_that_were_cut_off_are_compared_as_far_as_they_go(cli):
    start(cli, "observed(pass_rate) >= 0.9", body="no{{ text[:0] }}\n")
    cli.write("prompts/other.prompt", "no, no{{ text[:0] }}\n")
    arguments = ("--repeats", "3", "--stop-early", "--concurrency", "4")
    first = cli.json("eval", "echo", "--prompt", "echo", "--prompt", "other", *arguments, code=1)
    second = cli.json("eval", "echo", "--repeats", "3", code=1)
    (compared,) = cli.json("compare", first["run_id"], second["run_id"])
    assert compared["counts"]["broken"] == compared["counts"]["fixed"] == 0
