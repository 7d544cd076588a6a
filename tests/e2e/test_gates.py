"""Gates from the command line: bounds, baselines in git, policies, verdicts of stored runs."""

import json
import shutil
import subprocess

ROWS = [{"id": f"c{n:02d}", "inputs": {"text": f"t{n:02d}"}, "expected": f"t{n:02d}"} for n in range(40)]
HALF = "{{ text if text < 't20' else 'no' }}\n"


def git(cli, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=cli.folder, check=True, capture_output=True)


def start(cli, gates):
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))
    cli.write("evalsets/echo.yaml", f"prompt: echo\nscorers: [equals]\ngates: {json.dumps(gates)}\ncases: echo.jsonl\n")


def commit(cli):
    cli.write(".gitignore", ".promptship/\n")
    git(cli, "init", "-q")
    git(cli, "add", "-A")
    git(cli, "commit", "-q", "-m", "first")


def test_a_bound_decides_and_says_what_would(cli):
    start(cli, ["pass_rate >= 0.95"])
    found = cli.json("eval", "echo")
    (gate,) = found["gates"]
    assert (gate["verdict"], gate["low"] < 0.95) == ("inconclusive", True)
    assert found["outcome"] == "warn"
    assert "52 cases would decide it" in gate["reason"]


def test_a_change_that_is_worse_than_the_default_branch_is_red_and_one_that_is_not_is_green(cli):
    start(cli, [{"metric": "pass_rate", "versus": "base"}])
    first = cli.json("eval", "echo")
    assert (first["outcome"], "no git repository" in first["gates"][0]["reason"]) == ("warn", True)
    commit(cli)
    assert "this very version" in cli.json("eval", "echo")["gates"][0]["reason"]
    cli.write("prompts/echo.prompt", HALF)
    worse = cli.json("eval", "echo", code=1)
    assert (worse["gates"][0]["verdict"], worse["gates"][0]["value"]) == ("fail", -0.5)
    cli.write("prompts/echo.prompt", "{{ text }}{# the same #}\n")
    assert cli.json("eval", "echo")["gates"][0]["verdict"] == "pass"
    cli.write("evalsets/echo.yaml", (cli.folder / "evalsets/echo.yaml").read_text().replace("base", "mian"))
    assert "git knows no revision 'mian'" in cli("eval", "echo", code=2).stderr


def test_a_prompt_that_is_new_has_no_baseline(cli):
    start(cli, [{"metric": "pass_rate", "versus": "base", "no_baseline": "fail"}])
    cli.write(".gitignore", "prompts/echo.prompt\n")
    git(cli, "init", "-q")
    git(cli, "add", "-A")
    git(cli, "commit", "-q", "-m", "without the prompt")
    found = cli.json("eval", "echo", code=4)
    assert "is new" in found["gates"][0]["reason"]


def test_a_stored_run_is_judged_again_without_a_call(cli):
    start(cli, ["observed(pass_rate) >= 0.5"])
    good = cli.json("eval", "echo")["run_id"]
    cli.write("prompts/echo.prompt", HALF)
    bad = cli.json("eval", "echo")["run_id"]
    (cli.folder / "prompts/models.yaml").write_text("default: {model: fake/gone}\n")
    cli.write(
        "policy.yaml", "gates:\n  - {metric: pass_rate, versus: last, not_worse_by: 0.05}\n  - pass_rate >= 0.2\n"
    )
    found = cli.json("gate", bad, "--policy", "policy.yaml", "--baseline", good, code=1)
    assert [gate["finding"] for gate in found["gates"]] == ["fail", "pass"]
    said = cli("gate", good, "--policy", "policy.yaml", "--baseline", good).stdout
    assert said.startswith("WARN 1 of 2 gates only warn")
    assert cli.json("gate", bad)["verdict"] == "pass"
    assert len(list((cli.folder / ".promptship/runs").iterdir())) == 2


def test_what_a_policy_or_a_baseline_lacks_is_a_sentence(cli):
    start(cli, ["observed(pass_rate) >= 0.5"])
    cli("eval", "echo")
    for gate, said in (
        ("polite >= 0.5", "a metric that the set does not have"),
        ("{metric: pass_rate, at_least: 0.5, slice: language=de}", "a slice that no case is in"),
        ("{metric: pass_rate, versus: '20200101-000000-abcdef'}", "there is no run"),
    ):
        cli.write("policy.yaml", f"gates: [{gate!r}]\n" if gate.startswith("p") else f"gates: [{gate}]\n")
        assert said in cli("gate", "last", "--policy", "policy.yaml", code=2).stderr
    assert "there is no run" in cli("gate", "last", "--baseline", "20200101", code=2).stderr
    assert "cannot be read" in cli("gate", "last", "--policy", "none.yaml", code=2).stderr


def test_a_recording_holds_the_baseline_beside_the_candidate(cli):
    start(cli, ["observed(pass_rate) >= 0.3", {"metric": "pass_rate", "versus": "base", "not_worse_by": 0.9}])
    commit(cli)
    cli.write("prompts/echo.prompt", HALF)
    recorded = cli.json("eval", "echo", "--record", "--no-cache")
    shutil.rmtree(cli.folder / ".promptship")
    frozen = cli.json("eval", "echo", "--frozen")
    assert frozen["gates"] == recorded["gates"]
    assert [gate["n"] for gate in frozen["gates"]] == [40, 40]
