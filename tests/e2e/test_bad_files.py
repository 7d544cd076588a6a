"""Files that are not what they should be: refused with their name, at once, and nothing is paid."""

import json
import os

import pytest

FILES = [
    "prompts/echo.prompt",
    "prompts/_tone.j2",
    "prompts/examples.jsonl",
    "prompts/models.yaml",
    "evalsets/echo.yaml",
    "evalsets/echo.jsonl",
]


@pytest.fixture
def project(cli):
    """The sample project with a partial and a file of examples, so that every kind of file is read."""
    cli.write(
        "prompts/echo.prompt",
        "---\nexamples: examples.jsonl\n---\n{% include '_tone.j2' %}"
        "{% for one in examples %}{{ one.text }}{% endfor %}{{ text }}\n",
    )
    cli.write("prompts/_tone.j2", "Be kind.\n")
    cli.write("prompts/examples.jsonl", '{"text": "t"}\n')
    return cli


def refused(cli, *arguments):
    """Evaluate; returns what was said of it, given that it was refused before anything was paid."""
    done = cli(*(arguments or ("eval", "echo")), code=2)
    assert done.stdout == ""
    assert not (cli.folder / ".promptship/runs").exists()
    return done.stderr


def replace(cli, name, how):
    path = cli.folder / name
    path.unlink()
    match how:
        case "a pipe":
            os.mkfifo(path)
        case "a folder":
            path.mkdir()
        case "a link to nothing":
            path.symlink_to("gone")
        case "a link to itself":
            path.symlink_to(path.name)
        case "a link out of the project":
            path.symlink_to("/etc/hostname")


def test_the_project_itself_is_in_order(project):
    project("eval", "echo")


# Every pair of file and fault would be 30 starts; each fault meets each reader of the code, and each file two faults.
@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("prompts/echo.prompt", "a pipe", "a pipe, not a file"),
        ("evalsets/echo.jsonl", "a pipe", "a pipe, not a file"),
        ("evalsets/echo.yaml", "a pipe", "a pipe, not a file"),
        ("prompts/_tone.j2", "a folder", "a folder, not a file"),
        ("evalsets/echo.yaml", "a folder", "a folder, not a file"),
        ("prompts/models.yaml", "a link to nothing", "a link to a file that does not exist"),
        ("evalsets/echo.jsonl", "a link to nothing", "no such file"),
        ("prompts/examples.jsonl", "a link to itself", "a loop of links"),
        ("evalsets/echo.jsonl", "a link to itself", "a loop of links"),
        ("prompts/_tone.j2", "a link out of the project", "a link out of the project"),
        ("prompts/models.yaml", "a link out of the project", "a link out of the project"),
        ("evalsets/echo.jsonl", "a link out of the project", "a link out of the project"),
    ],
)
def test_what_cannot_be_read_as_a_file_is_named_and_never_waited_for(project, name, how, said):
    replace(project, name, how)
    stderr = refused(project)
    assert f" {name}: " in stderr
    assert said in stderr


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", FILES)
def test_a_file_without_permission_is_named(project, name):
    (project.folder / name).chmod(0)
    stderr = refused(project)
    assert name in stderr
    assert "Permission denied" in stderr


@pytest.mark.parametrize("name", FILES)
def test_a_line_of_100_mb_is_refused_in_little_memory(project, name):
    (project.folder / name).write_bytes(b"x" * 100_000_000)
    peak = project.folder / "peak"
    program = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[2:]).returncode\n"
        "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n"
        "sys.exit(code)"
    )
    done = project.through(program, peak, "eval", "echo", code=2)
    assert name in done.stderr
    assert "MB" in done.stderr
    assert int(peak.read_text()) < 200_000


DEEP = "[" * 100_000 + "]" * 100_000
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize("hostile", [DEEP, BOMB], ids=["deep", "bomb"])
@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("prompts/echo.prompt", "---\n{}\n---\n{{{{ text }}}}\n"),
        ("prompts/models.yaml", "{}"),
        ("evalsets/echo.yaml", "{}"),
    ],
)
def test_hostile_yaml_is_refused_with_its_place(project, name, frame, hostile):
    text = hostile if hostile is BOMB else f"key: {hostile}"
    project.write(name, frame.format(text))
    stderr = refused(project)
    assert f"{name}:" in stderr
    assert len(stderr) < 5000


def test_hostile_json_is_refused_with_its_place(project):
    project.write("evalsets/echo.jsonl", f'{{"inputs": {{"text": {DEEP}}}}}\n')
    assert "evalsets/echo.jsonl:1" in refused(project)
    project.write("evalsets/echo.jsonl", '{"inputs": {"text": "x"}}\n')
    project.write("prompts/examples.jsonl", f"\n{DEEP}\n")
    assert "prompts/examples.jsonl:2" in refused(project)


def test_inputs_that_are_hostile_are_refused_with_their_place(project):
    project.write("inputs.yaml", f"text: {DEEP}\n")
    assert "inputs.yaml:1" in refused(project, "run", "echo", "--inputs", "inputs.yaml")
    (project.folder / "inputs.yaml").unlink()
    (project.folder / "inputs.yaml").mkdir()
    done = project("run", "echo", "--inputs", "inputs.yaml", code=3)
    assert "inputs.yaml" in done.stderr


def test_includes_in_a_circle_are_shown_with_their_chain(project):
    project.write("prompts/_tone.j2", "{% include '_a.j2' %}")
    project.write("prompts/_a.j2", "{% include '_tone.j2' %}")
    stderr = refused(project)
    assert "error: prompts/_a.j2:1:" in stderr
    assert "_tone.j2 -> _a.j2 -> _tone.j2" in stderr


def test_a_template_that_no_case_can_render_is_refused_before_anything_is_paid(project):
    project.write("prompts/echo.prompt", "{% for n in range(999999999) %}{{ text }}{% endfor %}\n")
    stderr = refused(project)
    assert "evalsets/echo.jsonl:1: case 'paris': echo, template line 1" in stderr
    assert "more than 100,000 numbers" in stderr


@pytest.mark.parametrize("how", ["a folder", "a link to nothing"])
def test_settings_that_are_no_file_are_refused_and_never_left_out(project, how):
    project.write("promptship.toml", "")
    replace(project, "promptship.toml", how)
    assert "promptship.toml: this is no file" in refused(project)


def test_settings_that_are_wrong_are_named_with_their_line(project):
    project.write("promptship.toml", "concurrency = 4\nmax_error_rat = 0.5\n")
    stderr = refused(project)
    assert "promptship.toml:2" in stderr
    assert "max_error_rat" in stderr


def test_an_environment_variable_that_is_wrong_is_named(project):
    done = project("eval", "echo", code=2, env={"PROMPTSHIP_CONCURRENCY": "many"})
    assert "PROMPTSHIP_CONCURRENCY" in done.stderr


def test_no_dotenv_file_is_read(project):
    project.write(".env", "PROMPTSHIP_CONCURRENCY=many\nOPENAI_API_KEY=sk-from-dotenv\n")
    project("eval", "echo")
    done = project("eval", "echo", "--model", "openai/gpt-4o-mini", code=2, env={"OPENAI_API_KEY": ""})
    assert "OPENAI_API_KEY" in done.stderr


def test_cases_that_are_wrong_in_csv_are_named_with_their_line(project):
    text = (project.folder / "evalsets/echo.yaml").read_text()
    project.write("evalsets/echo.yaml", text.replace("echo.jsonl", "echo.csv"))
    project.write("evalsets/echo.csv", 'text,expected\n"two\nlines",two\nthree,three,more\n')
    assert "evalsets/echo.csv:4" in refused(project)


def test_a_prompt_that_is_deleted_after_it_was_checked_is_evaluated_as_it_was(cli):
    cli.write("prompts/models.yaml", "default: {model: 'fake/echo?latency_s=0.3', limits: {concurrency: 1}}\n")
    cli.write(
        "app.py",
        "from pathlib import Path\n\n"
        "async def answer(inputs, context):\n"
        "    Path('prompts/echo.prompt').unlink(missing_ok=True)\n"
        "    return (await context.complete(context.messages(text=inputs['text']))).text\n",
    )
    text = (cli.folder / "evalsets/echo.yaml").read_text()
    cli.write("evalsets/echo.yaml", f"{text}target: python:app:answer\n")
    found = cli.json("eval", "echo")
    assert not (cli.folder / "prompts/echo.prompt").exists()
    assert (found["totals"]["passed"], found["totals"]["error"]) == (2, 0)
    assert json.loads(cli("runs", "show", "last", "--json").stdout)["run_id"] == found["run_id"]
