"""What a comparison or a gate cannot use is a sentence and exit code 2, never a trace, never a silent pass."""

import json

ROWS = [{"id": f"c{n}", "inputs": {"text": f"t{n}"}, "expected": f"t{n}"} for n in range(10)]


def start(cli, gates=("observed(pass_rate) >= 0.1",), rows=ROWS, scorers=("equals",)):
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    header = {"prompt": "echo", "scorers": scorers, "gates": gates, "cases": "echo.jsonl"}
    cli.write("evalsets/echo.yaml", json.dumps(header))


def test_a_baseline_that_was_deleted_is_missed(cli):
    start(cli)
    first = cli.json("eval", "echo")["run_id"]
    second = cli.json("eval", "echo", "--no-resume")["run_id"]
    cli("runs", "rm", first, "--yes")
    start(cli, gates=[{"metric": "pass_rate", "versus": first}])
    for command in (
        ("eval", "echo"),
        ("gate", second),
        ("gate", second, "--baseline", first),
        ("compare", first, second),
    ):
        assert "there is no run" in cli(*command, code=2).stderr


def test_a_gate_against_a_baseline_needs_two_cases(cli):
    start(cli, gates=[{"metric": "pass_rate", "versus": "last"}], rows=ROWS[:1])
    assert "compares cases, and the set has one" in cli("eval", "echo", code=2).stderr
    start(cli, gates=[{"metric": "pass_rate", "versus": "last"}], rows=ROWS)
    cli("eval", "echo")
    assert "fewer than two cases to compare" in cli("eval", "echo", "--limit", "1", code=4).stdout


def test_nothing_but_errors_is_infrastructure_and_cannot_be_compared(cli):
    start(cli)
    good = cli.json("eval", "echo")["run_id"]
    cli.write("app.py", "def answer(inputs):\n    raise RuntimeError('down')\n")
    cli.write(
        "evalsets/echo.yaml",
        "scorers: [equals]\ngates: [pass_rate >= 0.5]\ntarget: python:app:answer\ncases: echo.jsonl\n",
    )
    bad = cli.json("eval", "echo", code=3)["run_id"]
    assert "was scored in both" in cli("compare", good, bad, code=2).stderr


def test_a_score_that_is_no_number_never_passes_a_gate(cli):
    cli.write("checks.py", "def nan(output):\n    return float('nan')\n")
    start(cli, gates=["odd >= 0.5"], scorers=[{"type": "python", "value": "checks:nan", "name": "odd"}])
    assert cli("eval", "echo", code=3).stdout.startswith("FAIL")


def test_a_constant_score_is_the_same_and_not_a_crash(cli):
    start(cli, gates=["equals >= 0.5", {"metric": "equals", "versus": "last", "not_worse_by": 0.9}])
    one, other = cli.json("eval", "echo")["run_id"], cli.json("eval", "echo", "--no-resume")
    assert [gate["verdict"] for gate in other["gates"]] == ["pass", "pass"]
    (found,) = cli.json("compare", one, other["run_id"])
    assert found["metrics"][0]["finding"] == "same"


def test_an_id_that_stands_twice_and_a_metric_nobody_has_are_refused(cli):
    start(cli, rows=[*ROWS, ROWS[0]])
    assert "is taken by the case at" in cli("eval", "echo", code=2).stderr
    start(cli, gates=[{"metric": "polite", "versus": "base"}])
    assert "a metric that the set does not have" in cli("eval", "echo", code=2).stderr
