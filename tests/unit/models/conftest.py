from __future__ import annotations

import asyncio
from typing import Any

import pytest

from promptship.domain import CompletionRequest, Message


def make_request(text: str = "Hello", **fields: Any) -> CompletionRequest:
    return CompletionRequest(messages=(Message(role="user", content=text),), **fields)


@pytest.fixture
def ask() -> Any:
    return make_request


class ManualClock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
