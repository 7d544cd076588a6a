"""Cases that do not count for a while, cases that are set aside, and how often an evalset was looked at."""

import json

ROWS = [{"id": f"c{n:03d}", "inputs": {"text": f"t{n:03d}"}, "expected": f"t{n:03d}"} for n in range(60)]
EASY = ["observed(pass_rate) >= 0.1"]
# Three cases fail.
BODY = "{{ text if text < 't057' else 'no' }}\n"


def start(cli, *, rows=ROWS, **keys):
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    header = {"prompt": "echo", "scorers": ["equals"], "gates": ["observed(pass_rate) >= 0.99"], "cases": "echo.jsonl"}
    cli.write("evalsets/echo.yaml", json.dumps({**header, **keys}))
    cli.write("prompts/echo.prompt", BODY)


def hold(*ids, until="2999-01-01"):
    return [{"case": one, "until": until, "reason": "the provider drops the last digit"} for one in ids]


def test_cases_in_quarantine_are_run_and_do_not_count(cli):
    start(cli, quarantine=hold("c057", "c058", "c059"))
    found = cli.json("eval", "echo")
    assert (found["gates"][0]["value"], found["gates"][0]["n"], found["totals"]["cases"]) == (1.0, 57, 60)
    assert found["notes"][0].startswith(
        "in quarantine, run but not counted: c057 (until 2999-01-01, the provider drops"
    )
    assert "in quarantine" in cli("runs", "show").stdout
    bound = cli.write("policy.yaml", "gates: [pass_rate >= 0.9]\n")
    assert cli.json("gate", "last", "--policy", bound)["gates"][0]["n"] == 57
    start(cli, quarantine=hold("c057"))
    cli.write("prompts/echo.prompt", BODY + "{# again #}")
    (compared,) = cli.json("compare", found["run_id"], cli.json("eval", "echo", code=1)["run_id"])
    assert compared["shared"] == 59
    assert "1 cases are in quarantine and do not count" in compared["notes"][-1]


def test_a_case_counts_again_when_its_quarantine_has_ended_and_that_is_said(cli):
    start(cli, quarantine=hold("c057", "c058", "c059", until="2020-01-01"))
    found = cli.json("eval", "echo", code=1)
    assert found["gates"][0]["n"] == 60
    assert found["notes"][0].startswith("QUARANTINE ENDED, counted again: c057 (it ended after 2020-01-01")


def test_a_quarantine_that_is_wrong_is_refused_where_it_stands(cli):
    for entry, said in (
        ({"case": "c057"}, "the key 'until' is missing"),
        ({"case": "c057", "until": "2026-02-30"}, "is no day"),
        ({"case": "c057", "until": "soon"}, "expected a day such as 2026-12-31"),
        ({"case": "c999", "until": "2999-01-01"}, "a case that the set does not have"),
    ):
        start(cli, quarantine=[entry])
        assert said in cli("eval", "echo", code=2).stderr


def test_cases_set_aside_are_evaluated_only_when_they_are_asked_for(cli):
    start(cli, holdout=0.25, gates=EASY)
    shown = cli.json("eval", "echo", "--cases")
    hidden = cli.json("eval", "echo", "--holdout", "--cases")
    ids = [{case["id"] for case in found["cases"]} for found in (shown, hidden)]
    assert len(ids[0] | ids[1]) == 60
    assert not ids[0] & ids[1]
    assert 5 <= len(ids[1]) <= 25
    start(
        cli,
        rows=[*ROWS[30:], *ROWS[:30], {"id": "new", "inputs": {"text": "t100"}, "expected": "t100"}],
        holdout=0.25,
        gates=EASY,
    )
    again = {case["id"] for case in cli.json("eval", "echo", "--holdout", "--cases")["cases"]}
    assert again - {"new"} == ids[1]


def test_cases_of_one_origin_are_set_aside_together(cli):
    rows = [{**row, "cluster": f"k{number // 5}"} for number, row in enumerate(ROWS)]
    start(cli, rows=rows, holdout=0.4, gates=EASY)
    hidden = cli.json("eval", "echo", "--holdout", "--cases")["cases"]
    clusters = [case["cluster"] for case in hidden]
    assert all(clusters.count(one) == 5 for one in clusters)


def test_a_set_that_sets_nothing_aside_says_so_and_a_share_is_a_share(cli):
    start(cli)
    assert "sets no cases aside" in cli("eval", "echo", "--holdout", code=2).stderr
    start(cli, holdout=1.5)
    assert "expected a share between 0 and 1" in cli("eval", "echo", code=2).stderr


def test_looks_at_an_evalset_are_counted_by_version(cli):
    start(cli)
    assert cli.json("eval", "echo", code=1)["looks"] == 1
    assert cli.json("eval", "echo", "--no-cache", code=1)["looks"] == 1
    cli.write("prompts/echo.prompt", BODY + "{# other #}x")
    assert cli.json("eval", "echo", code=1)["looks"] == 2
    assert "version number 2 that is judged on this evalset" in cli("runs", "show").stdout
    start(cli, rows=ROWS[:-1])
    assert cli.json("eval", "echo", code=1)["looks"] == 1
