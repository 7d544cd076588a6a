"""What a user gets wrong is said with place, expectation and remedy; nothing is paid, nothing half-written."""

import pytest


def assert_nothing_was_paid(cli):
    assert not (cli.folder / ".promptship" / "runs").exists()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("prompts/echo.prompt", "---\nmodle: x\n---\n{{ text }}\n", "prompts/echo.prompt:2:1"),
        ("prompts/echo.prompt", "{{ text \n", "prompts/echo.prompt:1"),
        ("prompts/echo.prompt", "{% include '_gone.j2' %}", "prompts/echo.prompt:1"),
        ("prompts/models.yaml", "default: {modle: fake/echo}\n", "prompts/models.yaml:1"),
        ("evalsets/echo.yaml", "prompt: echo\nscorer: [icontains]\ncases: echo.jsonl\n", "evalsets/echo.yaml:2:1"),
        ("evalsets/echo.yaml", "prompt: ecko\nscorers: [icontains]\ncases: echo.jsonl\n", "did you mean 'echo'"),
        ("evalsets/echo.yaml", "prompt: echo\nscorers: [icontain]\ncases: echo.jsonl\n", "icontains"),
        (
            "evalsets/echo.yaml",
            "prompt: echo\nscorers: [{type: regex, value: '('}]\ncases: echo.jsonl\n",
            "evalsets/echo.yaml:2",
        ),
        (
            "evalsets/echo.yaml",
            "prompt: echo\nscorers: [{type: not-regex, value: '('}]\ncases: echo.jsonl\n",
            "evalsets/echo.yaml:2",
        ),
        (
            "evalsets/echo.yaml",
            "prompt: echo\nscorers: [icontains]\ngates: [pas_rate >= 1]\ncases: echo.jsonl\n",
            "pass_rate",
        ),
        ("evalsets/echo.yaml", "prompt: echo\nscorers: [icontains]\ncases: gone.jsonl\n", "gone.jsonl"),
        ("evalsets/echo.jsonl", '{"inputs": {"text": "a"}, "expected": "a"}\n{"inputs": \n', "evalsets/echo.jsonl:2"),
        ("evalsets/echo.jsonl", '{"inputs": {"txt": "a"}, "expected": "a"}\n', "did you mean 'text'"),
        ("evalsets/echo.jsonl", '{"inputs": {"text": "a"}, "expceted": "a"}\n', "evalsets/echo.jsonl:1"),
        ("evalsets/echo.jsonl", "", "case"),
    ],
)
def test_a_wrong_file_is_named_with_its_place(cli, file, text, said):
    cli.write(file, text)
    done = cli("eval", "echo", code=2)
    assert said in done.stderr
    assert done.stdout == ""
    assert_nothing_was_paid(cli)


def test_all_bad_lines_of_a_file_are_reported_together(cli):
    cli.write("evalsets/echo.jsonl", '{"inputs": 1}\nnot json\n{"inputs": {"text": "a"}, "tags": 3}\n')
    stderr = cli("eval", "echo", code=2).stderr
    assert all(f"evalsets/echo.jsonl:{line}" in stderr for line in (1, 2, 3))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval", "ecko"], "there is no evalset 'ecko'"),
        (["eval", "echo", "--model", "nope"], "no model config is called 'nope'"),
        (["eval", "echo", "--model", "openai/gpt-4o-mini"], "OPENAI_API_KEY"),
        (["eval", "echo", "--slice", "german"], "expected TAG=VALUE"),
        (["eval", "echo", "--slice", "language=fr"], "language=fr"),
        (["eval", "echo", "-k", "(paris"], "paris"),
        (["eval", "echo", "-k", "nowhere"], "no case"),
        (["eval", "echo", "--report", "pdf"], "--report takes terminal"),
        (["eval", "echo", "--record", "--frozen"], "exclude each other"),
        (["eval", "echo", "--last-failed"], "no finished run"),
        (["run", "ecko"], "did you mean 'echo'"),
        (["run", "echo"], "text"),
        (["run", "echo", "-i", "txt=1"], "did you mean 'text'"),
        (["run", "echo", "-i", "text"], "expected key=value"),
        (["runs", "show", "nope"], "nope"),
        (["runs", "show"], "run"),
        (["score", "levenstein", "--output", "a", "--expected", "b"], "levenshtein"),
        (["models", "pull", "nope"], "smollm2-135m-instruct"),
    ],
)
def test_wrong_arguments_exit_2_with_what_was_expected(cli, arguments, said):
    environment = {"OPENAI_API_KEY": ""} if "openai/gpt-4o-mini" in arguments else {}
    done = cli(*arguments, code=2, env=environment)
    assert said in done.stderr
    assert "error:" in done.stderr.lower()


def test_a_missing_cassette_is_infrastructure_and_says_how_to_record_one(cli):
    assert "--record" in cli("eval", "echo", "--frozen", code=3).stderr


def test_outside_a_project_the_error_says_how_to_begin(cli, tmp_path_factory):
    cli.folder = tmp_path_factory.mktemp("empty")
    assert "promptctl init" in cli("eval", code=2).stderr


def test_a_command_that_does_not_exist_exits_2(cli):
    assert "No such command" in cli("evla", code=2).stderr


def test_a_budget_that_the_next_call_could_pass_stops_before_it(cli):
    cli.write(
        "prompts/models.yaml",
        "default: {model: fake/echo, params: {max_tokens: 1000}, "
        "price: {input_usd_per_mtok: 1000, output_usd_per_mtok: 1000}}\n",
    )
    assert "--max-cost" in cli("eval", "echo", "--max-cost", "0.1", code=5).stderr


@pytest.mark.parametrize(
    "name", ["prompts/echo.prompt", "evalsets/echo.yaml", "evalsets/echo.jsonl", "prompts/models.yaml"]
)
def test_a_binary_file_is_refused_with_its_name(cli, name):
    (cli.folder / name).write_bytes(b"\x00\xff\x80 binary")
    assert name in cli("eval", "echo", code=2).stderr
    assert_nothing_was_paid(cli)


@pytest.mark.parametrize(
    "name", ["prompts/echo.prompt", "evalsets/echo.yaml", "evalsets/echo.jsonl", "prompts/models.yaml"]
)
def test_a_byte_order_mark_and_windows_newlines_change_nothing(cli, name):
    before = cli.json("eval", "echo")
    path = cli.folder / name
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    after = cli.json("eval", "echo")
    assert (after["digest"], after["totals"]["cached"]) == (before["digest"], 3)
