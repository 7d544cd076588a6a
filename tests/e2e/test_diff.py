"""What a reviewer sees of a prompt change, and what CI is told to run."""

import json
import subprocess

import pytest

ROWS = [{"id": f"c{n:02d}", "inputs": {"text": f"t{n:02d}"}, "expected": f"t{n:02d}"} for n in range(40)]


def git(cli, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=cli.folder, check=True, capture_output=True)


def write_rows(cli, rows):
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def repo(cli):
    cli.write(".gitignore", ".promptship/\n")
    cli.write("prompts/_tone.j2", "Be kind.")
    cli.write("prompts/toned.prompt", '{% system %}{% include "_tone.j2" %}\n{% user %}{{ text }}\n')
    cli.write("prompts/alone.prompt", "{{ text }}!\n")
    gates = json.dumps([{"metric": "pass_rate", "versus": "base"}, "observed(pass_rate) >= 0.9"])
    cli.write("evalsets/echo.yaml", f"prompt: echo\nscorers: [equals]\ngates: {gates}\ncases: echo.jsonl\n")
    write_rows(cli, ROWS)
    git(cli, "init", "-q")
    git(cli, "add", "-A")
    git(cli, "commit", "-q", "-m", "first")
    return cli


def test_nothing_changed_is_said(repo):
    assert repo("diff").stdout.strip() == "no prompt changed"
    found = repo.json("affected")
    assert (found["prompts"], found["evalsets"]) == ([], [])
    assert repo.json("diff", "echo")[0]["is_same"]


def test_a_partial_and_a_model_config_affect_the_prompts_that_use_them_and_no_other(repo):
    repo.write("prompts/_tone.j2", "Be brief.")
    assert [one["name"] for one in repo.json("affected")["prompts"]] == ["toned"]
    repo.write("prompts/_tone.j2", "Be kind.")
    repo.write("prompts/models.yaml", "default: {model: fake/echo, params: {temperature: 0.5}}\n")
    found = repo.json("affected")
    assert [one["name"] for one in found["prompts"]] == ["alone", "echo", "toned"]
    assert [(one["name"], one["because"]) for one in found["evalsets"]] == [("echo", ["echo"])]
    assert repo("affected", "--paths").stdout == "evalsets/echo.yaml\n"


def test_prompts_come_and_go_and_case_files_count(repo):
    (repo.folder / "prompts/alone.prompt").unlink()
    repo.write("prompts/fresh.prompt", "{{ text }}\n")
    write_rows(repo, [{**ROWS[0], "expected": "else"}, *ROWS[1:]])
    found = repo.json("affected")
    assert {one["name"]: one["change"] for one in found["prompts"]} == {"alone": "removed", "fresh": "added"}
    assert found["evalsets"][0]["because"] == ["itself"]
    assert "git knows no revision" in repo("affected", "--since", "nowhere", code=2).stderr


def test_a_bad_change_shows_words_contract_messages_and_broken_cases(repo):
    repo.write("prompts/echo.prompt", "{{ text if text < 't20' else 'nothing' }}\n")
    (found,) = repo.json("diff")
    assert found["level"] == "patch"
    assert found["rendered_cases"] == 40
    assert sum(len(group["case_ids"]) for group in found["rendered"]) == 20
    (behaviour,) = found["behaviour"]
    assert behaviour["verdict"]["outcome"] == "fail"
    assert behaviour["comparison"]["counts"]["broken"] == 20
    text = repo("diff", "echo").stdout
    assert "{+if text < 't20' else 'nothing' +}" in text
    assert "the pass rate is worse by -50.0 points" in text
    page = repo.folder / "diff.html"
    repo("diff", "--format", "html", "-o", "diff.html")
    assert "<script" not in page.read_text()
    markdown = repo("diff", "--format", "markdown").stdout
    assert markdown.startswith("<!-- promptship-diff -->\n")
    assert "❌ fail" in markdown


def test_levels_that_are_free_call_nothing(repo):
    repo.write("prompts/echo.prompt", "{{ text }} and more\n")
    repo.write("prompts/models.yaml", "default: {model: openai/gpt-none, base_url: 'http://127.0.0.1:9'}\n")
    levels = ["--level", "text", "--level", "contract", "--level", "rendered"]
    (found,) = [one for one in repo.json("diff", *levels) if one["name"] == "echo"]
    assert found["behaviour"] == []
    assert "model.model" in [one["name"] for one in found["fields"]]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("observed(pass_rate) >= 0.9", "observed(pass_rate) >= 0.5", "is 'observed(pass_rate) >= 0.5' now"),
        ('{"metric": "pass_rate", "versus": "base"}, ', "", "not shown worse than base' was dropped"),
        ("scorers: [equals]", "scorers: [{type: equals, required: false}]", "no longer required"),
        ("scorers: [equals]", "scorers: [is-json]", "the scorer 'equals' was dropped"),
        ("cases: echo.jsonl", "cases: [{id: c00, inputs: {text: t00}, expected: t00}]", "39 cases removed"),
        ('"versus": "base"}', '"versus": "base", "alpha": 0.001}', "alpha 0.001 instead of 0.05"),
        ('"versus": "base"}', '"versus": "base", "no_baseline": "pass"}', "no_baseline: pass"),
    ],
)
def test_every_weakening_of_the_evidence_stands_above_the_verdict(repo, old, new, said):
    path = repo.folder / "evalsets/echo.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    repo.write("prompts/echo.prompt", "{{ text }}{# edited #}\n")
    (found,) = repo.json("diff")
    weakened = [one["what"] for one in found["evidence"] if one["effect"] == "weakened"]
    assert any(said in what for what in weakened), found["evidence"]
    lines = repo("diff").stdout.split("\n")
    assert lines[1].startswith("EVIDENCE WEAKENED")


def test_a_loosened_gate_is_judged_as_it_was_too(repo):
    path = repo.folder / "evalsets/echo.yaml"
    path.write_text(
        path.read_text().replace(">= 0.9", ">= 0.4").replace('{"metric": "pass_rate", "versus": "base"}, ', "")
    )
    repo.write("prompts/echo.prompt", "{{ text if text < 't20' else 'nothing' }}\n")
    (found,) = repo.json("diff")
    (behaviour,) = found["behaviour"]
    assert behaviour["verdict"]["outcome"] == "pass"
    assert behaviour["base_verdict"]["outcome"] == "fail"


def test_edited_cases_and_stricter_gates_are_told_apart(repo):
    write_rows(
        repo,
        [{**ROWS[0], "expected": "else"}, {**ROWS[1], "inputs": {"text": "x"}}, *ROWS[2:], {**ROWS[2], "id": "new"}],
    )
    path = repo.folder / "evalsets/echo.yaml"
    path.write_text(path.read_text().replace(">= 0.9", ">= 0.95"))
    (found,) = repo.json("diff", "echo", "--level", "text")
    told = {(one["effect"], one["what"].split(":")[0]) for one in found["evidence"]}
    assert ("changed", "1 case with another expected value") in told
    assert ("changed", "1 case with other inputs") in told
    assert ("strengthened", "1 case added") in told
    assert any(effect == "strengthened" and "0.95" in what for effect, what in told)


def test_two_references_and_two_runs_can_be_compared(repo):
    run = repo.json("eval", "echo")["run_id"]
    repo.write("prompts/echo.prompt", "{{ text }}{# edited #}\n")
    other = repo.json("eval", "echo")["run_id"]
    (found,) = repo.json("diff", "echo@git:main", "echo", "--level", "text")
    assert [text["name"] for text in found["texts"]] == ["template"]
    assert "the pass rate is the same" in repo("diff", run, other).stdout


def test_what_cannot_be_compared_is_a_sentence(repo):
    assert "did you mean 'behaviour'" in repo("diff", "--level", "behavior", code=2).stderr
    assert "--format takes terminal" in repo("diff", "--format", "pdf", code=2).stderr
    assert "there is no prompt 'nobody'" in repo("diff", "nobody@git:main", "nobody", code=2).stderr


def test_an_evalset_that_is_deleted_or_looks_away_is_a_weakening_also_where_no_prompt_changed(repo):
    path = repo.folder / "evalsets/echo.yaml"
    text = path.read_text()
    path.unlink()
    (found,) = repo.json("diff")
    assert (found["name"], found["is_same"]) == ("echo", True)
    assert [(one["effect"], one["what"]) for one in found["evidence"]] == [("weakened", "the evalset was removed")]
    affected = repo.json("affected")
    assert (affected["evalsets"], [one["name"] for one in affected["removed"]]) == ([], ["echo"])
    assert repo("affected", "--paths").stdout == ""
    path.write_text(text.replace("prompt: echo", "prompt: alone"))
    found = {one["name"]: one["evidence"] for one in repo.json("diff", "--level", "text")}
    assert [one["what"] for one in found["echo"]] == ["it no longer evaluates this prompt"]
    assert [one["effect"] for one in found["alone"]] == ["strengthened"]


def test_cases_and_scorers_that_are_gone_still_judge(repo):
    write_rows(repo, ROWS[:20])
    path = repo.folder / "evalsets/echo.yaml"
    path.write_text(path.read_text().replace('{"metric": "pass_rate", "versus": "base"}, ', ""))
    repo.write("prompts/echo.prompt", "{{ text if text < 't20' else 'nothing' }}\n")
    (found,) = repo.json("diff")
    (behaviour,) = found["behaviour"]
    assert (behaviour["verdict"]["outcome"], behaviour["base_verdict"]["outcome"]) == ("pass", "fail")
    assert behaviour["base_verdict"]["gates"][-1]["n"] == 40
    write_rows(repo, ROWS)
    path.write_text(path.read_text().replace("[equals]", "[{type: contains, value: n}]").replace(">= 0.9", ">= 0.1"))
    (behaviour,) = repo.json("diff")[0]["behaviour"]
    assert (behaviour["verdict"]["outcome"], behaviour["base_verdict"]["outcome"]) == ("pass", "fail")
    assert "by the evalset as it was: FAIL" in repo("diff").stdout
    # Runs of the evalset as it was go by another name: they are no evidence for today's.
    assert {one["name"]: one["evidence"] for one in repo.json("status")}["echo"] == "pass"


def test_where_the_inputs_changed_nothing_is_compared_and_the_new_version_is_judged(repo):
    repo.write("prompts/echo.prompt", "{{ question }}\n")
    write_rows(repo, [{**row, "inputs": {"question": row["inputs"]["text"]}} for row in ROWS])
    (found,) = repo.json("diff")
    assert found["level"] == "major"
    assert found["notes"] == ["no case could be rendered by both"]
    (behaviour,) = found["behaviour"]
    assert behaviour["comparison"] is None
    assert "cannot be evaluated on it" in behaviour["uncompared"]
    assert "does not apply any more" in behaviour["base_reason"]
    assert [gate["outcome"] for gate in behaviour["verdict"]["gates"]][-1] == "pass"
    for file_format in ("terminal", "markdown", "html"):
        assert "cannot be evaluated on it" in repo("diff", "--format", file_format).stdout


def test_a_candidate_that_does_not_fit_its_own_cases_is_an_error(repo):
    repo.write("prompts/echo.prompt", "{{ question }}\n")
    assert "evalsets/echo.jsonl:1" in repo("diff", "echo", code=2).stderr


def test_quarantined_cases_do_not_count_and_are_named(repo):
    path = repo.folder / "evalsets/echo.yaml"
    entries = json.dumps([{"case": row["id"], "until": "2100-01-01"} for row in ROWS[20:]])
    path.write_text(path.read_text() + f"quarantine: {entries}\n")
    repo.write("prompts/echo.prompt", "{{ text if text < 't20' else 'nothing' }}\n")
    (found,) = repo.json("diff")
    assert "20 cases in quarantine for longer" in found["evidence"][0]["what"]
    (behaviour,) = found["behaviour"]
    assert (behaviour["verdict"]["outcome"], behaviour["base_verdict"]["outcome"]) == ("pass", "fail")


def test_limits_of_the_project_that_were_loosened_are_named(repo):
    repo.write("promptship.toml", "min_scored = 0.5\n")
    repo.write("prompts/echo.prompt", "{{ text }}{# edited #}\n")
    (found,) = repo.json("diff", "--level", "text")
    assert found["evidence"][0]["what"] == "min_scored is 0.5 instead of 0.99"


def test_one_reference_is_compared_with_the_base_or_with_the_working_tree(repo):
    repo.write("prompts/echo.prompt", "{{ text }}{# edited #}\n")
    for reference in ("echo", "prompts/echo.prompt", "echo@git:HEAD"):
        (found,) = repo.json("diff", reference, "--level", "text")
        assert [text["name"] for text in found["texts"]] == ["template"], reference
        assert "@git:" in found["baseline"]
    (repo.folder / "prompts/alone.prompt").unlink()
    assert repo.json("diff", "alone", "--level", "text")[0]["candidate"] == ""


def test_a_prompt_that_could_not_be_read_before_is_not_compared(repo):
    repo.write("prompts/echo.prompt", "{% if %}\n")
    git(repo, "commit", "-q", "-a", "-m", "broken")
    repo.write("prompts/echo.prompt", "{{ text }}\n")
    (found,) = repo.json("diff", "--level", "text")
    assert "could not be read before" in found["notes"][0]
    assert repo.json("affected")["prompts"] == [{"name": "echo", "change": "mended"}]
