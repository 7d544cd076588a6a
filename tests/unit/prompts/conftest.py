"""What the tests of prompts share: a prompt from its text, rendered without a project."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from promptship.domain import ModelConfig
from promptship.prompts import Renderer, build_closure, parse_prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODEL = ModelConfig(name="default", model="fake/echo")


def make_renderer(
    text: str, *, partials: Mapping[str, str] | None = None, trust: Mapping[str, Any] | None = None
) -> Renderer:
    document = parse_prompt(text, path="a.prompt")
    if trust is not None:
        document = replace(document, trust=trust)
    examples = document.examples if isinstance(document.examples, tuple) else ()
    closure = build_closure(document, partials=partials or {}, examples=examples, model=MODEL)
    return Renderer(closure, name=document.path, body_line=document.body_line)


@pytest.fixture
def model() -> ModelConfig:
    return MODEL


@pytest.fixture
def renderer() -> Callable[..., Renderer]:
    return make_renderer


@pytest.fixture
def render() -> Callable[..., list[tuple[str, Any]]]:
    """Render a prompt's text to (role, content) pairs; `untrusted` names inputs, `partials` are texts by name."""

    def run(
        text: str, inputs: Mapping[str, Any] | None = None, *, untrusted: tuple[str, ...] = (), **options: Any
    ) -> list[tuple[str, Any]]:
        trust = dict.fromkeys(untrusted, "untrusted") if untrusted else None
        rendered = make_renderer(text, trust=trust, **options).render(dict(inputs or {}))
        return [(message.role, message.content) for message in rendered.messages]

    return run
