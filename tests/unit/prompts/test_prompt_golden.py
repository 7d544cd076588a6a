"""Closure format 1, pinned: the files are never edited, a changed rule is another format with files of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from promptship.domain import Closure, ModelConfig, OutputContract, digest_of
from promptship.prompts import Renderer

FOLDER = Path(__file__).parents[2] / "golden" / "prompts"
FILES = sorted(FOLDER.glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def close(stored: dict[str, Any]) -> Closure:
    assert stored["closure"] == 1
    output = stored.get("output", {})
    return Closure(
        template=stored["template"],
        model=as_model(stored["model"]),
        partials=stored.get("partials", {}),
        input_schema=stored.get("input", {}),
        defaults=stored.get("defaults", {}),
        trust=stored.get("trust", {}),
        examples=tuple(stored.get("examples", ())),
        output=OutputContract(**{**output, "choices": tuple(output.get("choices", ()))}),
        tools=tuple(stored.get("tools", ())),
    )


def as_model(identity: dict[str, Any]) -> ModelConfig:
    fallbacks = tuple(map(as_model, identity.get("fallbacks", ())))
    return ModelConfig(**{**identity, "name": "stored", "fallbacks": fallbacks})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_closure_keeps_its_digest_and_renders_as_ever(path: Path) -> None:
    stored = load(path)
    closure = close(stored["closure"])
    assert digest_of(stored["closure"]) == stored["digest"]
    assert closure.as_json() == stored["closure"]
    assert closure.digest == stored["digest"]
    rendered = Renderer(closure, name=path.stem).render(stored["inputs"])
    assert [message.as_json() for message in rendered.messages] == stored["messages"]


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 11
