"""A fast OpenAI-compatible server on loopback whose answers depend on the last message alone.

    python benchmarks/mock_server.py --latency-ms 20

Prints its port, serves until its standard input closes (or after an hour), and counts what it saw: GET /stats.
The answer to a message is {"case": "<first case-NNNNNN in it>", "h": "<crc32>", "answer": "<its last 80 characters>"}.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import zlib
from typing import Any

import orjson

CASE = re.compile(r"case-\d{6}")
LONGEST_LIFE_S = 3600


def answer_to(text: str) -> str:
    """Return the answer to a message: JSON text."""
    found = CASE.search(text)
    answer = {"case": found[0] if found else "", "h": f"{zlib.crc32(text.encode()):08x}", "answer": text[-80:]}
    return orjson.dumps(answer).decode()


class Stats:
    """What the server saw since it started or was last reset."""

    def __init__(self) -> None:
        self.requests = 0
        self.in_flight = 0
        self.peak = 0
        self.seen: set[int] = set()

    def as_json(self) -> dict[str, int]:
        """Return the counts; `repaid` are requests for a message that was asked for before."""
        return {"requests": self.requests, "peak_in_flight": self.peak, "repaid": self.requests - len(self.seen)}


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests on it are answered one after the other."""

    def __init__(self, stats: Stats, latency_s: float) -> None:
        self._stats = stats
        self._latency_s = latency_s
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport."""
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer once a whole request is there."""
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            return
        self._buffer = rest[size:]
        self._handle(head, rest[:size])

    def _handle(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /stats"):
            self._write(orjson.dumps(self._stats.as_json()))
            return
        text = orjson.loads(body)["messages"][-1]["content"]
        stats = self._stats
        stats.requests += 1
        stats.in_flight += 1
        stats.peak = max(stats.peak, stats.in_flight)
        stats.seen.add(hash(text))
        asyncio.get_running_loop().call_later(self._latency_s, self._answer, text)

    def _answer(self, text: str) -> None:
        self._stats.in_flight -= 1
        content = answer_to(text)
        usage = {"prompt_tokens": len(text) // 4, "completion_tokens": len(content) // 4}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        whole = {
            "id": "c",
            "object": "chat.completion",
            "created": 0,
            "model": "mock",
            "choices": [choice],
            "usage": usage,
        }
        self._write(orjson.dumps(whole))

    def _write(self, payload: bytes) -> None:
        if self._transport is not None:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(payload)
            self._transport.write(head + payload)


async def serve(latency_s: float) -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    stats = Stats()
    server = await loop.create_server(lambda: Connection(stats, latency_s), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.wait_for(loop.run_in_executor(None, sys.stdin.read), LONGEST_LIFE_S)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-ms", type=float, default=20)
    options = parser.parse_args()
    import uvloop

    uvloop.run(serve(options.latency_ms / 1000))


if __name__ == "__main__":
    main()
