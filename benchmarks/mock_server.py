"""A fast OpenAI-compatible server on loopback whose answers depend on the last message alone.

    python benchmarks/mock_server.py --latency-ms 20
    python benchmarks/mock_server.py --latency-ms 50 200 --answer '{"verdict": "yes"}'

Prints its port, serves until its standard input closes (or after an hour), and counts what it saw: GET /stats.
The answer to a message is {"case": "<first case-NNNNNN in it>", "h": "<crc32>", "answer": "<its last 80 characters>"},
unless one is given for requests that demand a schema. Between two latencies each request has its own, by its digest.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
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
        self._began: float | None = None
        self._changed = 0.0
        self._area = 0.0

    def count(self, change: int) -> None:
        """Note a request that came (1) or was answered (-1)."""
        now = time.perf_counter()
        if self._began is None:
            self._began = self._changed = now
        self._area += self.in_flight * (now - self._changed)
        self._changed = now
        self.in_flight += change
        self.peak = max(self.peak, self.in_flight)

    def as_json(self) -> dict[str, float]:
        """Return the counts.

        `repaid` are requests for a message that was asked for before; `busy_s` are the seconds from the first request
        to the last answer, and `mean_in_flight` is over these.
        """
        busy_s = 0.0 if self._began is None else self._changed - self._began
        return {
            "requests": self.requests,
            "peak_in_flight": self.peak,
            "repaid": self.requests - len(self.seen),
            "busy_s": round(busy_s, 4),
            "mean_in_flight": round(self._area / busy_s, 3) if busy_s else 0.0,
        }


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests on it are answered one after the other."""

    def __init__(self, stats: Stats, latency_s: tuple[float, float], answer: str | None) -> None:
        self._stats = stats
        self._latency_s = latency_s
        self._own = answer
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
        stats.count(1)
        stats.seen.add(hash(body))
        least, most = self._latency_s
        share = zlib.crc32(body) / 2**32
        own = self._own if b'"response_format"' in body else None
        asyncio.get_running_loop().call_later(least + share * (most - least), self._answer, text, own)

    def _answer(self, text: str, own: str | None) -> None:
        self._stats.count(-1)
        content = answer_to(text) if own is None else own
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


async def serve(latency_s: tuple[float, float], answer: str | None) -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    stats = Stats()
    server = await loop.create_server(lambda: Connection(stats, latency_s, answer), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.wait_for(loop.run_in_executor(None, sys.stdin.read), LONGEST_LIFE_S)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[20])
    parser.add_argument("--answer", help="to every request with a schema")
    options = parser.parse_args()
    import uvloop

    least, most = min(options.latency_ms) / 1000, max(options.latency_ms) / 1000
    uvloop.run(serve((least, most), options.answer))


if __name__ == "__main__":
    main()
