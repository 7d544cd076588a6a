CONFIG = """
prompts: ['Say {{word}}', 'file://make.py']
providers: [echo]
tests:
  - {vars: {word: hello}, assert: [{type: icontains, value: HELLO}, {type: moderation}]}
"""


def test_an_imported_config_evaluates(cli):
    cli.write("theirs/promptfooconfig.yaml", CONFIG.replace(", 'file://make.py'", ""))
    done = cli("import", "promptfoo", "theirs")
    assert "wrote prompts/theirs.prompt" in done.stdout
    assert "lost: theirs/promptfooconfig.yaml:5: moderation was left out" in done.stderr
    report = cli.json("eval", "theirs")
    assert report["totals"]["passed"] == 1


def test_the_report_of_an_import_is_machine_readable(cli):
    cli.write("theirs/promptfooconfig.yaml", CONFIG)
    report = cli.json("import", "promptfoo", "theirs", "--dry-run", code=2)
    assert (report["action"], report["format"], report["written"]) == ("import", "promptfoo", False)
    assert report["counts"] == {"refused": 1, "lost": 1, "changed": 0, "note": 0}
    assert {"path": "evalsets/theirs.yaml", "exists": False} in report["files"]
    refused = next(one for one in report["remarks"] if one["kind"] == "refused")
    assert (refused["code"], refused["path"], refused["line"]) == ("prompt", "theirs/promptfooconfig.yaml", 2)
    assert not (cli.folder / "evalsets/theirs.yaml").exists()


def test_strict_writes_nothing_where_something_is_lost(cli):
    cli.write("theirs/promptfooconfig.yaml", CONFIG)
    done = cli("import", "promptfoo", "theirs", "--strict", code=2)
    assert "nothing was written" in done.stderr
    assert not (cli.folder / "prompts/theirs.prompt").exists()


def test_an_import_never_overwrites_unasked(cli):
    cli.write("theirs/promptfooconfig.yaml", CONFIG.replace(", 'file://make.py'", ""))
    cli.write("prompts/theirs.prompt", "mine\n")
    done = cli("import", "promptfoo", "theirs", code=2)
    assert "prompts/theirs.prompt" in done.stderr
    assert (cli.folder / "prompts/theirs.prompt").read_text() == "mine\n"
    assert not (cli.folder / "evalsets/theirs.yaml").exists()
    cli("import", "promptfoo", "theirs", "--force")
    assert "Say {{ word }}" in (cli.folder / "prompts/theirs.prompt").read_text()


def test_an_export_comes_back_as_it_went(cli):
    cli("export", "promptfoo", "echo", "--output", "out")
    assert cli.json("export", "promptfoo", "echo", "--output", "out")["counts"]["lost"] == 1
    cli("import", "promptfoo", "out")
    before, after = cli.json("eval", "echo", "--cases"), cli.json("eval", "out", "--cases", code=1)
    outcomes = [[(case["id"], case["outcome"]) for case in report["cases"]] for report in (before, after)]
    assert outcomes[0] == outcomes[1]


def test_a_refused_file_of_another_tool_points_at_the_import(cli):
    cli.write("prompts/theirs.prompt", '{{role "system"}}\nHi {{#if a}}x{{/if}}\n')
    assert "promptctl import dotprompt" in cli("show", "theirs", code=2).stderr
    cli("import", "dotprompt", "prompts/theirs.prompt", "--force")
    assert cli.json("render", "theirs", "-i", "a=1") == [{"role": "system", "content": "Hi x"}]


def test_a_path_that_is_not_there_is_a_sentence(cli):
    assert "there is no file or folder 'nowhere'" in cli("import", "prompty", "nowhere", code=2).stderr
    assert cli("export", "nothing", "echo", code=2).stdout == ""
