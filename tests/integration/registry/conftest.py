"""A registry in both databases, and what is pushed there."""

from dataclasses import dataclass

import pytest

from promptship.domain import Actor, ModelConfig, PromptVersion
from promptship.prompts import build_closure, parse_prompt
from promptship.registry import Registry


@dataclass
class Clock:
    """Tells the time that a test sets, a millisecond later each time."""

    now: object

    def __call__(self):
        from datetime import timedelta

        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def clock():
    from datetime import UTC, datetime

    return Clock(datetime(2026, 11, 1, 12, tzinfo=UTC))


@pytest.fixture
def registry(database, clock):
    with Registry.open(database.address, clock=clock) as opened:
        yield opened


@pytest.fixture
def ada():
    return Actor(name="Ada <ada@example.org>")


@pytest.fixture
def make_version():
    """Closes a prompt from its text."""

    def make(name, text, *, model="fake/echo", partials=None):
        document = parse_prompt(text, path=f"prompts/{name}.prompt")
        config = ModelConfig(name="default", model=model)
        closure = build_closure(document, partials=partials or {}, examples=(), model=config)
        return PromptVersion(name=name, closure=closure, origin=name, label=name)

    return make


@pytest.fixture
def push(registry, make_version, ada):
    """Pushes texts of one prompt, each a version."""

    def push(*texts, name="support/reply", **options):
        return [registry.push(make_version(name, text), actor=ada, **options).version for text in texts]

    return push
