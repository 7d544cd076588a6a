"""What an evalset can decide, told before anything is paid."""

import json


def start(cli, gates, count=60, families=1):
    rows = [
        {
            "id": f"c{n}",
            "inputs": {"text": f"t{n}"},
            "expected": f"t{n}",
            "cluster": f"f{n // families}",
            "tags": {"half": "ab"[n % 2]},
        }
        for n in range(count)
    ]
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    cli.write("evalsets/echo.yaml", f"prompt: echo\nscorers: [equals]\ngates: {json.dumps(gates)}\ncases: echo.jsonl\n")


def test_each_gate_says_what_it_notices_and_what_it_would_take(cli):
    gates = ["pass_rate >= 0.9", {"metric": "pass_rate", "versus": "base"}, "observed(pass_rate) >= 0.5"]
    gates.append({"metric": "pass_rate", "versus": "base", "not_worse_by": 0.03})
    start(cli, gates)
    threshold, baseline, observed, margin = cli.json("power", "echo")["echo"]
    assert threshold["passes_from"] == 58 / 60
    assert 0.97 < threshold["noticed"] < 1
    assert 0.1 < baseline["noticed"] < 0.12
    assert baseline["needed"] > 200
    assert observed["kind"] == "observed"
    assert margin["needed"] == 741
    assert margin["power"] < 0.2
    text = cli("power").stdout
    assert "notices a loss of 10.9 points" in text
    assert "4 of 5 need 741 origins" in text


def test_copies_of_a_case_are_one_origin(cli):
    start(cli, ["pass_rate >= 0.9"], families=6)
    (gate,) = cli.json("power", "echo")["echo"]
    assert (gate["cases"], gate["units"], gate["noticed"]) == (60, 10, None)
    assert "cannot pass, whatever is observed" in cli("power", "echo").stdout


def test_each_slice_has_a_line_of_its_own(cli):
    start(cli, [{"metric": "pass_rate", "versus": "base", "each": "half"}])
    assert [one["gate"][-8:] for one in cli.json("power", "echo")["echo"]] == ["[half=a]", "[half=b]"]


def test_each_slice_pays_for_the_others(cli):
    start(cli, [{"metric": "pass_rate", "versus": "base", "each": "half"}], count=200)
    both = cli.json("power", "echo")["echo"]
    start(cli, [{"metric": "pass_rate", "versus": "base", "slice": "half=a"}], count=200)
    (alone,) = cli.json("power", "echo")["echo"]
    assert both[0]["units"] == alone["units"] == 100
    assert both[0]["noticed"] > alone["noticed"]


def test_what_no_cases_could_say_is_said(cli):
    gates = ["error_rate <= 0.1", "cost_usd_per_case <= 0.002", {"no_new_failures": True, "versus": "base"}]
    gates += [{"metric": "pass_rate", "versus": "base", "not_worse_by": 1e-5}]
    start(cli, gates)
    errors, cost, new, tiny = cli.json("power", "echo")["echo"]
    assert (errors["kind"], errors["at_most"], errors["passes_from"]) == ("threshold", True, 2 / 60)
    assert errors["noticed"] < 0.04
    assert (cost["kind"], new["kind"], tiny["needed"]) == ("unknown", "observed", None)
    text = cli("power").stdout
    assert "observed up to 3.3%" in text
    assert "with no number of cases" in text
