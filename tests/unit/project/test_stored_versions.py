"""Versions of a registry, as a project loads them."""

from dataclasses import replace

import pytest

from promptship.domain import Digest, ModelConfig, StoredVersion, parse_reference
from promptship.errors import ReferenceNotFoundError
from promptship.project import Project, parse_models
from promptship.prompts import build_closure, parse_prompt
from promptship.settings import Settings

MODELS = """
house: {model: openai/gpt, api_key_env: KEY, params: {temperature: 1}, fallbacks: [spare]}
spare: {model: openai/mini, api_key_env: OTHER}
twin: {model: openai/gpt, api_key_env: TWIN}
"""


def stored(model, **changes):
    closure = build_closure(parse_prompt("Hi {{ name }}", path="a"), partials={}, examples=(), model=model)
    version = StoredVersion(
        prompt="a",
        number=7,
        digest=Digest(closure.digest),
        semver=(1, 0, 0),
        model_name=model.name,
        description="Greets",
        message="",
        author="Ada",
        author_kind="human",
        git_commit=None,
        forked_from=None,
        created_at="",
        event_seq=1,
        tags=("x",),
    )
    return replace(version, **changes), closure


class Source:
    def __init__(self, found):
        self.found = found
        self.asked = []

    def find_version(self, reference):
        self.asked.append(reference)
        return self.found


@pytest.fixture
def project(tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "models.yaml").write_text(MODELS, encoding="utf-8")
    return Project(tmp_path, Settings(source="registry"))


@pytest.mark.parametrize("selector", ["7", "production", "latest", "^1", "^1.2.3", "sha256:" + "0" * 64])
def test_every_reference_of_a_registry_is_handed_to_it(project, selector):
    project.stored_versions = Source(stored(ModelConfig(name="house", model="openai/gpt")))
    loaded = project.load_prompt(f"a@{selector}")
    assert project.stored_versions.asked == [parse_reference(f"a@{selector}")]
    assert (loaded.version.name, loaded.version.label, loaded.version.origin) == ("a", f"a@{selector}", "a@7")
    assert (loaded.document.description, loaded.document.tags, loaded.stored.number) == ("Greets", ("x",), 7)


def test_operations_come_from_the_project_and_the_digest_stays(project):
    config = ModelConfig(
        name="house",
        model="openai/gpt",
        params={"temperature": 0},
        fallbacks=(ModelConfig(name="openai/mini", model="openai/mini"),),
    )
    project.stored_versions = Source(stored(config))
    version = project.load_prompt("a@7").version
    model = version.closure.model
    assert version.digest == project.stored_versions.found[0].digest
    assert (model.api_key_env, model.params, model.fallbacks[0].api_key_env) == ("KEY", {"temperature": 0}, "OTHER")


def test_an_entry_of_another_name_serves_and_one_of_another_model_does_not():
    catalog = parse_models(MODELS, path="models.yaml")
    twin = catalog.with_operations(ModelConfig(name="twin", model="openai/gpt"))
    gone = catalog.with_operations(ModelConfig(name="renamed", model="openai/mini"))
    changed = catalog.with_operations(ModelConfig(name="house", model="openai/other"))
    assert (twin.api_key_env, gone.api_key_env, changed.api_key_env) == ("TWIN", "OTHER", None)


def test_another_model_makes_another_closure(project):
    project.stored_versions = Source(stored(ModelConfig(name="house", model="openai/gpt")))
    version = project.load_prompt("a@7", model="spare").version
    assert (version.label, version.closure.model.model) == ("a@7+spare", "openai/mini")
    assert version.digest != project.stored_versions.found[0].digest


def test_without_a_registry_the_other_references_are_named(project):
    with pytest.raises(ReferenceNotFoundError, match="no registry was opened") as caught:
        project.load_prompt("a@7")
    assert "a@git:REV" in caught.value.hint
