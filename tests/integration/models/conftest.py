"""A real HTTP server on loopback that answers what a test tells it to, byte for byte where it must."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from promptship.domain import CompletionRequest, Limits, Message, ModelConfig
from promptship.models import ModelHub

HANG = b"\0hang"


def completion(text: str | None = "Paris", *, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served-1",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 6}},
    }


def http(body: Any, *, status: int = 200, content_type: str = "application/json", **headers: str) -> bytes:
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    head = {"Content-Type": content_type, "Content-Length": str(len(payload))}
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + payload


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(orjson.loads(self.body))


Reply = Callable[[Received], "bytes | Awaitable[bytes]"]


@dataclass
class LoopbackServer:
    """Answers with `reply`; the connection is kept, unless the reply is shorter than it says."""

    reply: Reply = lambda _: http(completion())
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    in_flight: int = 0
    peak: int = 0
    url: str = ""
    close_after: bool = False

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Received(method, path, headers, body)
        self.received.append(request)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            answer = self.reply(request)
            data = answer if isinstance(answer, bytes) else await answer
        finally:
            self.in_flight -= 1
        if data == HANG:
            await asyncio.sleep(30)
        writer.write(data)
        await writer.drain()
        return not self.close_after


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    one = LoopbackServer()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(one.handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    yield one
    listening.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def config(server: LoopbackServer) -> Callable[..., ModelConfig]:
    def make(**fields: Any) -> ModelConfig:
        limits = {"retries": 0, "timeout_s": 5, **fields.pop("limits", {})}
        given = {"name": "fast", "model": "openai/gpt-4o-mini", "base_url": server.url, **fields}
        return ModelConfig(limits=Limits(**limits), **given)

    return make


@pytest.fixture
async def open_hub() -> AsyncIterator[Callable[..., ModelHub]]:
    hubs: list[ModelHub] = []

    def make(**fields: Any) -> ModelHub:
        hubs.append(ModelHub(**{"endpoints": {}, "env": {}, **fields}))
        return hubs[-1]

    yield make
    for hub in hubs:
        await hub.aclose()


def ask(text: str = "Capital of France?", **fields: Any) -> CompletionRequest:
    return CompletionRequest(messages=(Message(role="user", content=text),), **fields)


@pytest.fixture
def lib() -> Any:
    """The plain functions above; test modules are imported by path and cannot import this one."""

    class Lib:
        pass

    lib = Lib()
    for item in (ask, completion, http):
        setattr(lib, item.__name__, item)
    lib.HANG = HANG  # type: ignore[attr-defined]
    return lib
