"""Two runs against each other, as a reviewer of a prompt change sees them."""

import json

ROWS = [
    {"id": f"c{n:02d}", "inputs": {"text": f"t{n}"}, "expected": f"t{n}", "tags": {"half": "ab"[n % 2]}}
    for n in range(40)
]


def write_cases(cli, rows=ROWS):
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def evaluate(cli, body="{{ text }}\n", code=0):
    cli.write("prompts/echo.prompt", body)
    return cli.json("eval", "echo", code=code)["run_id"]


def test_a_worse_prompt_is_called_worse_with_its_interval_and_its_broken_cases(cli):
    write_cases(cli)
    good = evaluate(cli)
    bad = evaluate(cli, "{{ 'no' if text.endswith('3') or text.endswith('7') else text }}\n")
    (found,) = cli.json("compare", good, bad)
    rate = found["metrics"][0]
    assert (rate["metric"], rate["baseline"], rate["candidate"], rate["finding"]) == ("pass_rate", 1.0, 0.8, "worse")
    assert rate["low"] < -0.2 < rate["high"] < 0
    assert rate["p_value"] == 2 * 0.5**8
    assert found["counts"]["broken"] == 8
    assert [one["name"] for one in found["slices"]] == ["half=a", "half=b"]
    text = cli("compare", good, bad).stdout
    assert text.startswith("the pass rate is worse by -20.0 points; 40 shared cases: 8 broken")
    assert "**the pass rate is worse" in cli("compare", good, bad, "--format", "markdown").stdout


def test_the_same_answers_are_called_the_same(cli):
    write_cases(cli)
    one, other = evaluate(cli), evaluate(cli, "{{ text }}  \n")
    (found,) = cli.json("compare", one, other)
    assert found["metrics"][0]["finding"] == "same"
    assert found["changes"] == []


def test_an_edited_evalset_is_said_loudly_and_edited_cases_are_left_out(cli):
    write_cases(cli)
    before = evaluate(cli)
    edited = {**ROWS[0], "expected": "something else"}
    write_cases(cli, [edited, *ROWS[1:30], {**ROWS[31], "id": "new"}])
    after = evaluate(cli)
    (found,) = cli.json("compare", before, after)
    assert (found["shared"], found["edited"], found["only_baseline"], found["only_candidate"]) == (29, 1, 10, 1)
    assert "THE EVALSETS DIFFER" in cli("compare", before, after).stdout


def test_runs_that_share_too_little_are_refused(cli):
    write_cases(cli)
    before = evaluate(cli)
    write_cases(cli, [{**row, "id": f"other-{row['id']}"} for row in ROWS[5:]] + ROWS[:5])
    after = evaluate(cli)
    assert "share 5 of 40 cases" in cli("compare", before, after, code=2).stderr
    assert "nothing to compare it with" in cli("compare", before, code=2).stderr
    assert "there is no run" in cli("compare", before, "20990101", code=2).stderr


def test_the_page_holds_no_script_and_what_a_model_wrote_stays_text(cli):
    write_cases(cli)
    good = evaluate(cli)
    bad = evaluate(cli, "<script>alert(1)</script>{{ text[:0] }}\n", code=1)
    cli("compare", good, bad, "--format", "html", "--output", "page.html")
    page = (cli.folder / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<svg") >= 3


def test_prompts_and_models_are_a_matrix_corrected_for_being_many(cli):
    write_cases(cli)
    cli.write("prompts/models.yaml", "default: {model: fake/echo}\nother: {model: fake/echo, params: {seed: 2}}\n")
    cli.write("prompts/worse.prompt", "{{ 'no' if text.endswith('3') or text.endswith('7') else text }}\n")
    run = cli.json("eval", "echo", "--prompt", "echo", "--prompt", "worse", "--model", "default", "--model", "other")
    lines = cli("compare", run["run_id"]).stdout.splitlines()
    assert lines[0] == "against echo+default, corrected for 3 comparisons (Holm)"
    assert lines[1].split() == ["pass", "rate", "default", "other"]
    assert lines[2].split() == ["echo", "100%", "100%", "(+0.0,", "same)"]
    assert lines[3].count("80.0% (-20.0, WORSE)") + lines[3].count("80% (-20.0, WORSE)") == 2
    found = cli.json("compare", run["run_id"])
    assert [one["p_of_many"] for one in found] == [1.0, 3 * 2 * 0.5**8, 3 * 2 * 0.5**8]
    assert "| worse |" in cli("compare", run["run_id"], "--format", "markdown").stdout
    cli("compare", run["run_id"], "--format", "html", "--output", "page.html")
    page = (cli.folder / "page.html").read_text()
    assert "corrected for 3 comparisons" in page
