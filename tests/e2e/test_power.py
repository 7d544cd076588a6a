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
    assert margin["needed"] > 600
    text = cli("power").stdout
    assert "notices a loss of 10.9 points" in text
    assert "needs 687 origins" in text


def test_copies_of_a_case_are_one_origin(cli):
    start(cli, ["pass_rate >= 0.9"], families=6)
    (gate,) = cli.json("power", "echo")["echo"]
    assert (gate["cases"], gate["units"], gate["noticed"]) == (60, 10, None)
    assert "cannot pass, whatever is observed" in cli("power", "echo").stdout


def test_each_slice_has_a_line_of_its_own(cli):
    start(cli, [{"metric": "pass_rate", "versus": "base", "each": "half"}])
    assert [one["gate"][-8:] for one in cli.json("power", "echo")["echo"]] == ["[half=a]", "[half=b]"]
