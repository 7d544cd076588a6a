"""What a project's instruments know of models beyond their names."""

from __future__ import annotations

from promptship.domain import ModelConfig, SnapshotSource
from promptship.evaluation import ProjectInstruments


def test_weights_in_a_folder_are_named_and_read_once(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    weights = folder / "model.safetensors"
    weights.write_bytes(b"one")

    def opened():
        return ProjectInstruments(None, lambda: None, cache_dir=tmp_path)

    local = ModelConfig(name="judge", model=f"local/{folder}")
    remote = ModelConfig(name="api", model="openai/gpt-x", fallbacks=(local,))
    first = opened()
    assert isinstance(first, SnapshotSource)
    before = first.snapshot(local)
    weights.write_bytes(b"two")
    assert before.startswith("sha256:")
    assert first.snapshot(local) == first.snapshot(remote) == before
    assert opened().snapshot(local) != before
    assert opened().snapshot(ModelConfig(name="api", model="openai/gpt-x")) == ""
