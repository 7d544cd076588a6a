import json
import signal
import time

import pytest

from promptship.evaluation import render_prior


def test_run_prints_the_answer_on_stdout_and_the_rest_on_stderr(cli):
    done = cli("run", "echo", "-i", "text=Hello there")
    assert done.stdout == "Hello there\n"
    assert "tokens" in done.stderr
    assert cli("run", "echo", "-i", "text=Hello there", "--stream", "--no-cache").stdout == "Hello there\n"


def test_run_reads_inputs_from_a_file_and_from_stdin(cli):
    cli.write("inputs.yaml", "text: from a file\n")
    assert cli("run", "echo", "--inputs", "inputs.yaml").stdout == "from a file\n"
    assert cli("run", "echo", "--inputs", "-", stdin='{"text": "from stdin"}').stdout == "from stdin\n"
    assert cli.json("run", "echo", "-i", "text=x")["provenance"] == "called"


def test_an_answer_cannot_write_escape_sequences_to_the_terminal(cli):
    cli.write("inputs.json", json.dumps({"text": "a\x1b]0;owned\x07b\x1b[2Jc"}))
    assert "\x1b" not in cli("run", "echo", "--inputs", "inputs.json").stdout


def test_render_shows_the_messages_without_calling(cli):
    assert cli("render", "echo", "-i", "text={{ secret }}").stdout.strip().endswith("{{ secret }}")
    assert cli.json("render", "echo", "-i", "text=x") == [{"role": "user", "content": "x"}]


def test_list_and_show_name_the_digest(cli):
    (row,) = cli.json("list")
    assert row["digest"] == cli.json("show", "echo")["digest"]
    assert row["name"] == "echo"
    assert row["digest"] in cli("show", "echo").stdout


def test_list_shows_the_prompts_that_load_beside_the_one_that_does_not(cli):
    cli.write("prompts/bad.prompt", "---\nmodle: default\n---\nHello\n")
    done = cli("list", code=2)
    assert "echo" in done.stdout
    assert "prompts/bad.prompt:2" in done.stderr
    assert [row["name"] for row in cli.json("list", code=2)] == ["echo"]


def test_recording_a_part_keeps_what_was_recorded_of_the_rest(cli):
    rows = [{"id": f"c{n}", "inputs": {"text": f"t{n}"}, "expected": f"t{n}"} for n in range(4)]
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    cli("eval", "echo", "--record")
    cli("eval", "echo", "--record", "--limit", "1", "--no-cache")
    assert cli.json("eval", "echo", "--frozen")["totals"]["passed"] == 4


def test_two_evalsets_of_one_name_are_refused_with_both_paths(cli):
    cli.write("evalsets/more/echo.yaml", "prompt: echo\nscorers: [equals]\ncases: [{inputs: {text: a}, expected: a}]\n")
    said = cli("eval", code=2).stderr
    assert "evalsets/more/echo.yaml" in said
    assert "evalsets/echo.yaml" in said


def test_run_refuses_a_call_that_may_cost_more_than_allowed(cli):
    cli.write(
        "prompts/models.yaml",
        "default: {model: fake/echo, price: {input_usd_per_mtok: 1e6, output_usd_per_mtok: 1e6}}\n",
    )
    assert "max-cost" in cli("run", "echo", "-i", "text=x", "--max-cost", "0.5", code=5).stderr


def test_lint_finds_what_is_wrong_and_exits_2(cli):
    assert cli("lint").stdout.strip().endswith("0 errors, 0 warnings")
    cli.write(
        "prompts/bad.prompt",
        "---\ninput: {schema: {mail: string, unused: string}, trust: {mail: untrusted}}\n---\n"
        "{% system %}{{ mail }} {{ tpyo }}\n",
    )
    rows = cli.json("lint", "bad", code=2)
    assert {row["severity"] for row in rows} >= {"error"}
    assert all(row["path"] == "prompts/bad.prompt" for row in rows)
    assert any("tpyo" in row["message"] for row in rows)


def test_lint_fix_writes_out_the_inputs_without_changing_the_prompt(cli):
    before = cli.json("render", "echo", "-i", "text=x")
    cli("lint", "echo", "--fix")
    assert "schema" in (cli.folder / "prompts/echo.prompt").read_text()
    assert cli.json("render", "echo", "-i", "text=x") == before


def test_status_says_what_changed_and_what_is_evaluated(cli):
    (row,) = cli.json("status")
    assert (row["change"], row["evidence"], row["evalsets"]) == ("no git", "missing", ["echo"])
    cli("eval", "echo")
    (row,) = cli.json("status")
    assert row["evidence"] == "pass"
    cli.write("prompts/echo.prompt", "{{ text }}!\n")
    (row,) = cli.json("status")
    assert row["evidence"] == "stale"


def test_runs_are_listed_shown_exported_and_removed(cli):
    run_id = cli.json("eval", "echo")["run_id"]
    assert [row["run_id"] for row in cli.json("runs", "list")] == [run_id]
    assert "echo" in cli("runs", "show", run_id[:15]).stdout
    assert cli.json("runs", "show", "last")["run_id"] == run_id
    for ending in ("csv", "jsonl", "parquet", "md", "xml", "html"):
        cli("runs", "export", "last", "-o", f"out.{ending}")
        assert (cli.folder / f"out.{ending}").stat().st_size > 100
    page = cli("runs", "open", "last", "--no-browser").stdout.strip()
    assert page.endswith("report.html")
    cli("runs", "rm", run_id, "--yes")
    assert cli.json("runs", "list") == []


def test_schema_writes_files_that_accept_the_projects_own_evalsets(cli):
    import jsonschema
    import yaml

    cli("schema")
    schema = json.loads((cli.folder / "evalsets/.schema/evalset.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load((cli.folder / "evalsets/echo.yaml").read_text()))
    assert cli.json("eval", "echo")["verdict"] == "pass"


def test_score_tries_a_scorer_and_its_exit_code_is_the_verdict(cli):
    assert cli("score", "levenshtein", "--output", "abc", "--expected", "abd").stdout.startswith("pass")
    assert cli.json("score", "not-contains", "--output", "abc", "--value", "b", code=1)["passed"] is False


def test_models_are_listed_and_tested(cli):
    assert cli.json("models", "list")["configs"][0]["name"] == "default"
    (check,) = cli.json("models", "test")
    assert check["ok"] is True


def test_init_writes_a_project_once_and_keeps_what_is_there(cli, tmp_path_factory):
    cli.folder = tmp_path_factory.mktemp("new")
    cli("init", "--dry-run")
    assert list(cli.folder.iterdir()) == []
    cli("init")
    cli.write("prompts/hello.prompt", "mine {{ question }}")
    cli("init")
    assert (cli.folder / "prompts/hello.prompt").read_text() == "mine {{ question }}"
    assert ".promptship/" in (cli.folder / ".gitignore").read_text()
    assert cli.json("list")[0]["name"] == "hello"


def test_c_runs_as_if_started_in_the_folder(cli):
    project, cli.folder = cli.folder, cli.folder.parent
    assert cli.json("-C", project, "list")[0]["name"] == "echo"


def test_the_shell_completes_commands(cli):
    environment = {"_PROMPTCTL_COMPLETE": "complete_bash", "COMP_WORDS": "promptctl ev", "COMP_CWORD": "1"}
    assert cli(env=environment).stdout.split() == ["eval", "evidence"]


@pytest.mark.timeout(60)
def test_ctrl_c_keeps_what_is_done_and_the_same_command_resumes(cli):
    cli.write("prompts/models.yaml", "default: {model: 'fake/echo?latency_s=0.2', limits: {concurrency: 2}}\n")
    rows = [{"id": f"c{n}", "inputs": {"text": f"t{n}"}, "expected": f"t{n}"} for n in range(40)]
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    process = cli.start("eval", "echo", "--concurrency", "2", "--no-cache", "--json")
    runs = cli.folder / ".promptship/runs"
    # A run's folder has a name that starts with a dot until it is whole, and then another.
    while sum(path.read_bytes().count(b"\n") for path in runs.glob("[0-9]*/journal*")) < 6:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopping: calls in flight may finish" in stderr
    assert "resumes" in stderr
    assert "Traceback" not in stderr
    kept = sum(path.read_bytes().count(b"\n") for path in runs.glob("*/journal*"))
    assert 6 <= kept < 40
    found = cli.json("eval", "echo", "--no-cache")
    assert (found["totals"]["cases"], found["totals"]["passed"]) == (40, 40)
    assert len(list(runs.iterdir())) == 1


def test_a_prompt_that_does_not_load_and_has_no_evalset_lacks_no_evidence(cli):
    cli.write("prompts/draft.prompt", "---\nmodle: default\n---\nHello\n")
    draft, _ = cli.json("status")
    assert (draft["name"], draft["evidence"]) == ("draft", "no evalset")
    assert "modle" in draft["problem"]


def test_usage_lines_write_each_argument_once(cli):
    assert "eval [OPTIONS] [EVALSET]..." in cli("eval", "--help").stdout
    assert "......" not in cli("runs", "rm", "--help").stdout


def test_a_fitted_prior_can_be_pasted_whatever_the_choices_are_called(cli):
    prior = {"true": -0.5, "1": -1.25, 'say "no": never': -2.0}
    pasted = "".join(f"{line}\n" for line in render_prior(prior).split("\n"))
    choices = json.dumps(list(prior))
    cli.write("prompts/pick.prompt", f"---\n{pasted}  choices: {choices}\n---\n{{{{ text }}}}\n")
    assert cli.json("show", "pick")["closure"]["output"] == {"choices": list(prior), "prior": prior}


def test_status_does_not_take_one_evalset_for_all_of_them(cli):
    cli.write("evalsets/strict.yaml", "prompt: echo\nscorers: [icontains]\ncases: echo.jsonl\n")
    cli("eval", "echo")
    assert cli.json("status")[0]["evidence"] == "missing"
    cli("eval", "strict", code=1)
    cli("eval", "echo")
    assert cli.json("status")[0]["evidence"] == "fail"
