"""Runs that are found again: by experiment, by words, by what was evaluated."""


def ids(cli, *arguments):
    return [row["run_id"] for row in cli.json("runs", "list", *arguments)]


def test_runs_are_found_by_experiment_words_and_digest(cli):
    first = cli.json("eval", "echo", "--experiment", "shorter", "--note", "Two sentences at most")
    cli.write("prompts/echo.prompt", "{{ text }}!\n")
    second = cli.json("eval", "echo", "--experiment", "louder")
    assert ids(cli, "--experiment", "shorter") == [first["run_id"]]
    assert ids(cli, "--search", "two SENTENCES") == [first["run_id"]]
    assert ids(cli, "--digest", second["digest"][:19]) == [second["run_id"]]
    assert ids(cli, "--search", "echo", "--limit", "1") == [second["run_id"]]
    assert ids(cli, "--experiment", "none") == []
    assert len(ids(cli)) == 2
    assert "shorter: Two sentences at most" in cli("runs", "list").stdout
    assert "is no digest" in cli("runs", "list", "--digest", "xyz", code=2).stderr
