"""A server under load: what it resolves and takes a second, and what is left when it is killed.

    python benchmarks/server.py
    python benchmarks/server.py --prompts 100 --seconds 2 --kill-rounds 1
    python benchmarks/server.py --write benchmarks/results/server.md

`promptctl serve` runs as a process of its own. A store of 10,000 prompts x 20 versions is filled by SQL, since 200,000
pushes would take most of an hour; what is resolved and served is what a push would have written. Resolving is asked by
label over keep-alive connections of one other process: each reference once, then again and again, then with the
validator of the last answer, then while somebody moves labels. Pushes go to a server of two processes over a private
PostgreSQL cluster with its usual durability, by 8 processes with the Python client. At last 8 processes push,
promote, label and roll back, and the server is killed with -9 and started again under them, in rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import platform
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import Actor
from promptship.registry import Registry, RemoteRegistry
from promptship.signing import create_key, load_signer
from registry_concurrency import Cluster, judge, make_version, one_operation, quantile

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTOR = Actor(name="benchmark")
CONNECTIONS = 16
VERSIONS = 20


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


class Server:
    """`promptctl serve` over a database."""

    def __init__(self, address: str, folder: Path, *, workers: int = 1) -> None:
        (folder / "promptship.toml").touch()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        program = "from promptship.cli import main; main()"
        options = ["--database", address, "--port", str(self.port), "--workers", str(workers)]
        self._command = [sys.executable, "-c", program, "-C", str(folder), "serve", *options]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as link:
                    link.sendall(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                    if b" 200 " in link.recv(200):
                        return
            except OSError:
                pass
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it and its workers with -9."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def memory_mb(self) -> float:
        """Memory of its first process now, in MB."""
        text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(text.partition("VmRSS:")[2].split()[0]) / 1_000


@contextmanager
def serving(address: str, folder: Path, *, workers: int = 1) -> Iterator[Server]:
    """Serve a registry."""
    server = Server(address, folder, workers=workers)
    try:
        yield server
    finally:
        server.kill()


def fill(path: Path, prompts: int) -> None:
    """Push one prompt with its versions and label, and copy its rows under other names."""
    with Registry.open(str(path)) as registry:
        for number in range(VERSIONS):
            registry.push(make_version("p/0", f"text {number}"), actor=ACTOR)
        registry.put_label("p/0@latest", "production", actor=ACTOR)
    columns = (
        "number, digest, major, minor, patch, model_name, description, message, author, author_kind, git_commit,"
        " forked_from, search_text, created_at, event_seq"
    )
    with closing(sqlite3.connect(path)) as link, link:
        link.execute("CREATE TEMP TABLE more (i INTEGER)")
        link.executemany("INSERT INTO more VALUES (?)", ((number,) for number in range(1, prompts)))
        link.execute(
            "INSERT INTO prompt (id, name, next_number, created_at)"
            " SELECT i + 1, 'p/' || i, next_number, created_at FROM more, prompt WHERE id = 1"
        )
        link.execute(
            f"INSERT INTO version (prompt_id, {columns})"  # noqa: S608 - names of columns
            f" SELECT i + 1, {columns} FROM more, version WHERE prompt_id = 1"
        )
        link.execute(
            "INSERT INTO label SELECT prompt_id, 'production', id, created_at, event_seq FROM version"
            " WHERE number = ? AND prompt_id > 1",
            (VERSIONS,),
        )


class Asker(asyncio.Protocol):
    """One keep-alive connection that sends a request when the last answer is there."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: Any = None
        self._buffer = b""
        self._began = 0.0

    def connection_made(self, transport: Any) -> None:
        """Send the first request."""
        self._transport = transport
        self._send()

    def _send(self) -> None:
        request = self._load.next_request()
        if request is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Count a whole answer, and ask again."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        if len(rest) < int(length or 0):
            return
        self._buffer = b""
        self._load.take(int(head[9:12]), head, time.perf_counter() - self._began)
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the load."""
        del error
        self._load.open_connections -= 1
        if not self._load.open_connections:
            self._load.done.set()


class Load:
    """Requests to send, and what came back."""

    def __init__(self, token: str, references: Iterator[str], *, etags: dict[str, bytes] | None = None) -> None:
        self._references = references
        self._token = token.encode()
        self._etags = etags
        self.until = float("inf")
        self.open_connections = CONNECTIONS
        self.done = asyncio.Event()
        self.waits: list[float] = []
        self.statuses: dict[int, int] = {}
        self.last_etag = b""

    def next_request(self) -> bytes | None:
        """Return what to send next; None at the end."""
        reference = next(self._references, None)
        if reference is None or time.monotonic() > self.until:
            return None
        match = b"if-none-match: %s\r\n" % self._etags[reference] if self._etags else b""
        path = b"GET /api/v1/resolve?ref=%s HTTP/1.1\r\nhost: 127.0.0.1\r\n" % reference.encode()
        return path + b"authorization: Bearer %s\r\n%s\r\n" % (self._token, match)

    def take(self, status: int, head: bytes, wait: float) -> None:
        """Keep an answer's figures."""
        self.waits.append(wait)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.last_etag = head.partition(b"etag: ")[2].partition(b"\r")[0]


async def ask(port: int, load: Load, seconds: float | None) -> dict[str, Any]:
    """Send a load."""
    began = time.monotonic()
    if seconds is not None:
        load.until = began + seconds
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Asker(load), "127.0.0.1", port)
    await load.done.wait()
    took = time.monotonic() - began
    milliseconds = [wait * 1_000 for wait in load.waits]
    return {
        "per_s": len(load.waits) / took,
        "median_ms": quantile(milliseconds, 0.5),
        "p99_ms": quantile(milliseconds, 0.99),
        "statuses": load.statuses,
        "etag": load.last_etag,
    }


def forever(names: list[str], seed: int) -> Iterator[str]:
    """Draw names at random."""
    draw = random.Random(seed)  # noqa: S311 - a benchmark
    while True:
        yield draw.choice(names)


def in_process(port: int, token: str, names: list[str], how: dict[str, Any]) -> dict[str, Any]:
    """Run a load in a process of its own, so that the server's other clients do not slow it."""

    async def run() -> dict[str, Any]:
        # A process of its own has a loop of its own.
        references = iter(names) if how.get("once") else forever(names, seed=1)
        load = Load(token, references, etags=how.get("etags"))
        return await ask(port, load, None if how.get("once") else how["seconds"])

    return asyncio.run(run())


def measure_resolve(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Resolve by label on SQLite."""
    path = folder / "registry.db"
    fill(path, arguments.prompts)
    with Registry.open(str(path)) as registry:
        token = registry.tokens.create("bench", ["read", "label"], actor=ACTOR).text
    names = [f"p/{place}@production" for place in range(arguments.prompts)]
    random.Random(2).shuffle(names)  # noqa: S311 - a benchmark
    context = multiprocessing.get_context("fork")
    found: dict[str, Any] = {}
    with serving(str(path), folder) as server, context.Pool(1) as pool:

        def load(**how: Any) -> dict[str, Any]:
            result: dict[str, Any] = pool.apply(in_process, (server.port, token, names, how))
            return result

        found["each once"] = load(once=True)
        found["again"] = load(seconds=arguments.seconds)
        etags = {name: one_etag(server, token, name) for name in names[:500]}
        names[:] = names[:500]
        found["304"] = load(seconds=arguments.seconds, etags=etags)
        writer = context.Process(target=move_labels, args=(server.url, token, arguments.seconds))
        writer.start()
        found["while labels move"] = load(seconds=arguments.seconds)
        writer.join()
        found["memory_mb"] = server.memory_mb
    return found


def one_etag(server: Server, token: str, name: str) -> bytes:
    """Ask once and return the validator."""
    load = Load(token, iter([name]))
    load.open_connections = 1

    async def run() -> None:
        load.done = asyncio.Event()
        await asyncio.get_running_loop().create_connection(lambda: Asker(load), "127.0.0.1", server.port)
        await load.done.wait()

    asyncio.run(run())
    return load.last_etag


def move_labels(url: str, token: str, seconds: float) -> None:
    """Move a label of one prompt after another, twenty times a second."""
    until = time.monotonic() + seconds
    number = 0
    with RemoteRegistry.connect(url, token) as registry:
        while time.monotonic() < until:
            number += 1
            registry.put_label(f"p/{number % 50}@{number % VERSIONS + 1}", "staging", actor=ACTOR)
            time.sleep(0.05)


def push_on(url: str, token: str, seconds: float, seed: int, counts: Any) -> None:
    """Push new versions of a prompt of one's own until the time is over."""
    until, count = time.monotonic() + seconds, 0
    with RemoteRegistry.connect(url, token) as registry:
        while time.monotonic() < until:
            registry.push(make_version(f"team{seed}/reply", f"{seed}-{count}"), actor=ACTOR)
            count += 1
    counts[seed] = count


def measure_push(address: str, folder: Path, arguments: argparse.Namespace, *, workers: int) -> float:
    """Push from 8 processes; return versions a second."""
    with Registry.open(address) as registry:
        token = registry.tokens.create("push", ["push", "read"], actor=ACTOR).text
    context = multiprocessing.get_context("fork")
    with serving(address, folder, workers=workers) as server, context.Manager() as manager:
        counts = manager.dict()
        started = [
            context.Process(target=push_on, args=(server.url, token, arguments.seconds, seed, counts))
            for seed in range(arguments.processes)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join()
        return sum(counts.values()) / arguments.seconds


def write_through(url: str, token: str, log: Path, seconds: float, seed: int) -> None:
    """Push, promote, label and roll back through a server that goes and comes back."""
    draw = random.Random(seed)  # noqa: S311 - a benchmark
    signer = load_signer({}, log.parent / "key.pem")
    until, count = time.monotonic() + seconds, 0
    with RemoteRegistry.connect(url, token) as registry, log.open("a", encoding="utf-8") as file:
        while time.monotonic() < until:
            count += 1
            start = time.perf_counter()
            row = one_operation(registry, draw, ACTOR, signer, f"{seed}-{count}")
            if row["kind"] == "error" and "cannot reach the server" in row["message"]:
                row = {"kind": "server gone"}
            row["ms"] = (time.perf_counter() - start) * 1_000
            file.write(orjson.dumps(row).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())


def measure_kills(address: str, folder: Path, arguments: argparse.Namespace, *, workers: int) -> Any:
    """Kill the server under writers, in rounds, and compare what was acknowledged with what is there."""
    draw = random.Random(arguments.seed)  # noqa: S311 - a benchmark
    logs = folder / "logs"
    logs.mkdir()
    key = create_key(logs / "key.pem", "benchmark")
    with Registry.open(address) as registry:
        registry.evidence.trust(key, actor=ACTOR)
        token = registry.tokens.create("all", ["admin"], actor=ACTOR).text
    context = multiprocessing.get_context("fork")
    seconds = arguments.kill_rounds * 8.0 + 4
    with serving(address, folder, workers=workers) as server:
        started = [
            context.Process(target=write_through, args=(server.url, token, logs / f"{seed}.jsonl", seconds, seed))
            for seed in range(arguments.processes)
        ]
        for process in started:
            process.start()
        for _ in range(arguments.kill_rounds):
            time.sleep(draw.uniform(2, 5))
            server.kill()
            server.start()
        for process in started:
            process.join()
    return judge(address, logs)


def render(results: dict[str, Any], arguments: argparse.Namespace) -> str:
    """Return the page of results."""
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores, which server and clients share"
    options = f"--prompts {arguments.prompts} --seconds {arguments.seconds:g} --kill-rounds {arguments.kill_rounds}"
    lines = ["# The server under load", "", f"{where}.", "", f"`python benchmarks/server.py {options}`", ""]
    lines += [f"## Resolve by label: {arguments.prompts:,} prompts x {VERSIONS} versions, SQLite, one process", ""]
    lines += [f"{CONNECTIONS} keep-alive connections of one other process.", ""]
    lines += ["| | requests/s | median | 99 % | answers |", "|---|---|---|---|---|"]
    for name in ("each once", "again", "304", "while labels move"):
        row = results["resolve"][name]
        said = ", ".join(f"{count:,} x {status}" for status, count in sorted(row["statuses"].items()))
        lines.append(f"| {name} | {row['per_s']:,.0f} | {row['median_ms']:.1f} ms | {row['p99_ms']:.1f} ms | {said} |")
    lines += ["", f"Memory of the server then: {results['resolve']['memory_mb']:.0f} MB.", "", "## Pushes", ""]
    lines += [f"{arguments.processes} processes with the Python client, each its own prompt.", ""]
    lines += ["| | versions/s |", "|---|---|"]
    lines += [f"| {name} | {rate:.0f} |" for name, rate in results["push"].items()]
    lines += ["", f"## Killed with -9 under {arguments.processes} writers, {arguments.kill_rounds} times", ""]
    lines += ["| | SQLite | PostgreSQL, two workers |", "|---|---|---|"]
    kills = [results["kills"]["SQLite"], results["kills"]["PostgreSQL"]]

    def row_of(what: str, show: Any) -> None:
        lines.append(f"| {what} | {show(kills[0])} | {show(kills[1])} |")

    row_of("acknowledged pushes", lambda one: f"{one.acknowledged['push']:,}")
    row_of(
        "promotions, labels, rollbacks", lambda one: sum(one.acknowledged[k] for k in ("promote", "label", "rollback"))
    )
    row_of("found no server", lambda one: one.acknowledged["server gone"])
    row_of("acknowledged and lost", lambda one: one.lost)
    row_of("numbers given twice", lambda one: one.repeated)
    row_of("prompts with gaps in their numbers", lambda one: one.gaps)
    row_of("errors", lambda one: len(one.errors))
    row_of("flaws found by verify", lambda one: one.flaws)
    errors = [error for one in kills for error in one.errors]
    return "\n".join([*lines, *(["", "Errors:", *errors[:20]] if errors else [])]) + "\n"


def main() -> None:
    """Measure, and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--kill-rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    results: dict[str, Any] = {"push": {}, "kills": {}}
    with tempfile.TemporaryDirectory() as folder:
        results["resolve"] = measure_resolve(Path(folder), arguments)
    with tempfile.TemporaryDirectory() as folder:
        results["push"]["SQLite"] = measure_push(str(Path(folder) / "r.db"), Path(folder), arguments, workers=1)
        results["kills"]["SQLite"] = measure_kills(str(Path(folder) / "k.db"), Path(folder), arguments, workers=1)
    with tempfile.TemporaryDirectory() as folder, closing(Cluster()) as cluster:
        # What writers press on first is where the pushes go then.
        results["kills"]["PostgreSQL"] = measure_kills(cluster.address, Path(folder), arguments, workers=2)
        for workers in (1, 2):
            rate = measure_push(cluster.address, Path(folder), arguments, workers=workers)
            results["push"][f"PostgreSQL, {workers} worker{'s' * (workers > 1)}"] = rate
    page = render(results, arguments)
    if arguments.write:
        arguments.write.write_text(page, encoding="utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
