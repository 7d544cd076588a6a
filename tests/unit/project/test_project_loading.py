import os
import subprocess

import pytest

from promptship.domain import parse_reference
from promptship.errors import ReferenceNotFoundError, SourceError, UsageError
from promptship.project import FileTree, GitTree, Project, find_root, load_settings, parse_models


@pytest.fixture
def project(tmp_path):
    (tmp_path / "prompts" / "support").mkdir(parents=True)
    (tmp_path / "prompts" / "hello.prompt").write_text("{{ question }}\n")
    (tmp_path / "prompts" / "support" / "reply.prompt").write_text(
        "---\nmodel: fast\nexamples: rows.jsonl\n---\n{% system %}{% include '_tone.j2' %}\n{% user %}{{ mail }}\n"
    )
    (tmp_path / "prompts" / "support" / "rows.jsonl").write_text('{"mail": "hi"}\n\n{"mail": "bye"}\n')
    (tmp_path / "prompts" / "_tone.j2").write_text("Be kind.\n")
    (tmp_path / "prompts" / "models.yaml").write_text("fast: {model: fake/echo, params: {max_tokens: 5}}\n")
    return Project.open(tmp_path)


def git(root, *arguments):
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    subprocess.run(["git", "-C", root, *arguments], check=True, capture_output=True, env={**os.environ, **identity})


@pytest.fixture
def committed(project):
    git(project.root, "init", "-q", "-b", "main")
    git(project.root, "add", ".")
    git(project.root, "commit", "-q", "-m", "one")
    return project


def test_a_prompt_is_closed_over_its_partials_examples_and_model(project):
    version = project.load_prompt("support/reply").version
    assert dict(version.closure.partials) == {"_tone.j2": "Be kind.\n"}
    assert [row["mail"] for row in version.closure.examples] == ["hi", "bye"]
    assert version.closure.model.model == "fake/echo"
    assert project.prompt_names() == ["hello", "support/reply"]


def test_the_same_content_has_the_same_digest_in_a_file_a_path_and_a_commit(committed):
    named = committed.load_prompt("support/reply").version
    by_path = committed.load_prompt(str(committed.root / "prompts/support/reply.prompt")).version
    (committed.root / "prompts/_tone.j2").write_text("Be rude.\n")
    changed = committed.load_prompt("support/reply").version
    before = committed.load_prompt("support/reply@git:HEAD").version
    assert named.digest == by_path.digest == before.digest
    assert changed.digest != before.digest
    assert (before.label, by_path.name) == ("support/reply@git:HEAD", "support/reply")


def test_replacing_the_model_is_another_version_with_a_label_of_its_own(project):
    own = project.load_prompt("hello").version
    other = project.load_prompt("hello", model="fast").version
    assert (other.label, other.digest != own.digest) == ("hello+fast", True)


def test_operations_of_a_model_config_are_not_part_of_the_identity(project):
    before = project.load_prompt("support/reply").version.digest
    (project.root / "prompts/models.yaml").write_text(
        "fast: {model: fake/echo, params: {max_tokens: 5}, limits: {rpm: 3}, price: {input_usd_per_mtok: 1, "
        "output_usd_per_mtok: 2}, api_key_env: K}\n"
    )
    assert Project.open(project.root).load_prompt("support/reply").version.digest == before


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("suport/reply", "did you mean 'support/reply'"),
        ("hello@git:nowhere", "git knows no revision 'nowhere'"),
        ("hello@git:--output=x", "is not a git revision"),
        ("gone@git:HEAD", "there is no prompt 'gone' in HEAD"),
        ("hello@7", "registry"),
        ("hello@production", "promptship.lock has no label of 'hello'"),
        ("nowhere.prompt", "there is no prompt"),
    ],
)
def test_a_reference_to_nothing_is_an_error_that_says_what_there_is(committed, reference, said):
    with pytest.raises(ReferenceNotFoundError, match=said):
        committed.load_prompt(reference)


def test_git_is_asked_only_where_a_commit_is_named(project):
    assert project.git_commit() is None
    with pytest.raises(UsageError, match="not in a git repository"):
        project.load_prompt("hello@git:main")


def test_the_commit_says_whether_files_differ(committed):
    clean = committed.git_commit()
    (committed.root / "prompts/hello.prompt").write_text("changed")
    assert clean is not None
    assert len(clean) == 40
    assert committed.git_commit() == f"{clean}+dirty"


def test_a_project_in_a_folder_of_a_repository_reads_its_own_part(tmp_path):
    folder = tmp_path / "app"
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "hello.prompt").write_text("{{ q }}")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    assert Project.open(folder).load_prompt("hello@git:main").version.closure.template == "{{ q }}"
    assert GitTree(folder, "main").files("prompts") == ["prompts/hello.prompt"]


def test_a_link_out_of_the_project_is_refused(project, tmp_path_factory):
    secret = tmp_path_factory.mktemp("outside") / "secret.prompt"
    secret.write_text("secret")
    (project.root / "prompts" / "leak.prompt").symlink_to(secret)
    with pytest.raises(SourceError, match="link out of the project"):
        project.load_prompt("leak")


def test_an_error_in_a_partial_names_its_file(project):
    (project.root / "prompts" / "_tone.j2").write_text("Be\n{{ kind\n")
    with pytest.raises(SourceError, match=r"^prompts/_tone\.j2:"):
        project.load_prompt("support/reply")


def test_a_link_to_nothing_is_an_error_and_not_a_missing_file(project):
    models = project.root / "prompts" / "models.yaml"
    models.unlink()
    models.symlink_to("gone.yaml")
    with pytest.raises(SourceError, match=r"prompts/models\.yaml: this is a link to a file that does not exist"):
        project.load_prompt("hello")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(project):
    os.mkfifo(project.root / "prompts" / "pipe.prompt")
    with pytest.raises(SourceError, match="this is a device or a pipe, not a file"):
        project.load_prompt("pipe")


def test_a_loop_of_links_is_an_error_and_no_hang(project):
    (project.root / "prompts" / "loop.prompt").symlink_to("loop.prompt")
    with pytest.raises(SourceError, match=r"prompts/loop\.prompt: cannot be read: a loop of links|Too many levels"):
        project.load_prompt("loop")


def test_a_file_that_is_too_large_is_refused_without_reading_it(project):
    with (project.root / "prompts" / "huge.prompt").open("wb") as file:
        file.truncate(100 * 2**20)
    with pytest.raises(SourceError, match="larger than"):
        project.load_prompt("huge")


def test_a_partial_outside_the_prompts_folder_cannot_be_included(project):
    (project.root / "_secret.j2").write_text("secret")
    (project.root / "prompts" / "leak.prompt").write_text("{% include '../_secret.j2' %}")
    with pytest.raises(SourceError):
        project.load_prompt("leak")


@pytest.mark.parametrize(
    ("examples", "said"), [("../rows.jsonl", "leaves the folder"), ("gone.jsonl", "there is no file 'gone.jsonl'")]
)
def test_examples_that_cannot_be_read_are_named_with_their_place(project, examples, said):
    (project.root / "prompts" / "p.prompt").write_text(f"---\nexamples: {examples}\n---\nhi")
    with pytest.raises(SourceError, match=rf"p\.prompt:2:\d+: .*{said}"):
        project.load_prompt("p")


def test_every_bad_row_of_the_examples_is_reported(project):
    (project.root / "prompts/support/rows.jsonl").write_text('{"a": 1}\n{"a": \n[1]\n')
    with pytest.raises(SourceError) as caught:
        project.load_prompt("support/reply")
    assert [problem.line for problem in caught.value.problems] == [2, 3]


def test_an_unknown_model_is_named_where_the_prompt_names_it(project):
    (project.root / "prompts" / "p.prompt").write_text("---\nmodel: fats\n---\nhi")
    with pytest.raises(SourceError, match=r"p\.prompt:2:\d+: no model config is called 'fats'; did you mean 'fast'"):
        project.load_prompt("p")


def test_every_problem_of_the_models_file_has_a_place():
    text = "a:\n  model: x/y\n  api_key: sk-123\nb: {model: x/y, fallbacks: [nope]}\nc: 3\n"
    with pytest.raises(SourceError) as caught:
        parse_models(text, path="models.yaml")
    assert [problem.line for problem in caught.value.problems] == [3, 5, 4]
    assert "api_key_env" in (caught.value.hint or "")
    assert "sk-123" not in str(caught.value)


def test_fallbacks_are_resolved_in_order_and_a_circle_is_refused():
    catalog = parse_models(
        "a: {model: x/a, fallbacks: [b, default]}\nb: {model: x/b}\n"
        "c: {model: x/c, fallbacks: [d]}\nd: {model: x/d, fallbacks: [c]}\n",
        path="models.yaml",
    )
    assert [one.name for one in catalog.resolve("a").fallbacks] == ["b", "default"]
    assert catalog.resolve("openai/gpt-4o-mini").model == "openai/gpt-4o-mini"
    with pytest.raises(SourceError, match="c -> d -> c"):
        catalog.resolve("c")


def test_a_project_is_found_from_a_folder_inside_it(project):
    inside = project.root / "prompts" / "support"
    assert find_root(inside) == project.root


def test_outside_a_project_the_error_says_how_to_begin(tmp_path):
    with pytest.raises(UsageError) as caught:
        find_root(tmp_path)
    assert caught.value.hint == "promptctl init"


def test_settings_come_from_the_file_and_the_environment_wins(tmp_path, monkeypatch):
    (tmp_path / "promptship.toml").write_text("concurrency = 3\nmax_cost_usd = 1.5\n")
    monkeypatch.setenv("PROMPTSHIP_CONCURRENCY", "5")
    settings = load_settings(tmp_path)
    assert (settings.concurrency, settings.max_cost_usd) == (5, 1.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("concurrency = 0\n", r"promptship\.toml:1: concurrency: .*greater than 0"),
        ("\nconcurency = 4\n", r"promptship\.toml:2: concurency: Extra inputs"),
        ("concurrency = \n", "not valid TOML"),
    ],
)
def test_wrong_settings_are_named_with_their_line(tmp_path, text, said):
    (tmp_path / "promptship.toml").write_text(text)
    with pytest.raises(SourceError, match=said):
        load_settings(tmp_path)


def test_a_wrong_environment_variable_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMPTSHIP_CONCURRENCY", "many")
    with pytest.raises(SourceError, match="environment PROMPTSHIP_CONCURRENCY"):
        load_settings(tmp_path)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("gone.toml")])
def test_settings_that_are_no_file_are_refused_and_never_left_out(project, make):
    make(project.root / "promptship.toml")
    with pytest.raises(SourceError, match=r"promptship\.toml: this is no file that can be read"):
        load_settings(project.root)


def test_no_dotenv_file_is_read(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("PROMPTSHIP_CONCURRENCY=7\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings(tmp_path).concurrency == 64


def test_a_glob_names_prompts_and_one_that_matches_nothing_is_an_error(project):
    assert project.match_prompts("support/*") == ["support/reply"]
    assert project.match_prompts("hello") == ["hello"]
    with pytest.raises(ReferenceNotFoundError, match="no prompt matches"):
        project.match_prompts("sales/*")


def test_trees_read_the_same_bytes(committed):
    working, remembered = FileTree(committed.root), GitTree(committed.root, "HEAD")
    assert working.files("prompts") == remembered.files("prompts")
    assert all(working.read(path) == remembered.read(path) for path in working.files("prompts"))
    assert working.read("prompts/none") is None
    assert remembered.read("prompts/none") is None
    assert parse_reference("hello@git:HEAD").selector == "HEAD"
