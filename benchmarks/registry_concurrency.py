"""Writers that press on one registry at once, and are killed: no number is lost, given twice or left out.

    python benchmarks/registry_concurrency.py                       # 8 processes, 60 s on each database
    python benchmarks/registry_concurrency.py --seconds 5 --kill-rounds 2 --events 10000
    python benchmarks/registry_concurrency.py --write benchmarks/results/registry_concurrency.md

Each process pushes versions of three prompts, signs evidence about them and promotes them, moves another label, and
rolls both back, as fast as it can, and writes down what it was told had happened (`fsync`). Then, in rounds, all of
them are killed with -9 at a random moment. In the end the registry is read without the code that wrote it, as far as
numbers go, and by `verify`. At last a ledger of 100,000 events is verified. PostgreSQL is a private cluster with its
usual durability.
"""

from __future__ import annotations

import argparse
import collections
import json
import multiprocessing
import os
import platform
import pwd
import random
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from promptship.domain import Actor, Digest, Evidence, GateEvidence, ModelConfig, PromptVersion, canonical_json
from promptship.errors import PromptshipError, ReferenceNotFoundError
from promptship.prompts import build_closure, parse_prompt
from promptship.registry import STATEMENT_MEDIA_TYPE, Registry
from promptship.signing import Signer, create_key, load_signer, sign_envelope

PROMPTS = ("support/reply", "support/triage", "sales/offer")
LABELS = ("production", "staging")
GATE = GateEvidence(
    gate="pass_rate >= 0.9", outcome="pass", finding="pass", value=0.95, low=0.91, high=0.98, n=200, decided_by="bound"
)
MODEL = ModelConfig(name="default", model="fake/echo")


@dataclass
class Outcome:
    """What a phase came to.

    Attributes:
        acknowledged: Operations by kind that a writer was told had happened.
        seconds: How long writers wrote.
        errors: What went wrong, beyond a rollback that had nowhere to go.
        lost: What was acknowledged and is not there.
        repeated: Numbers that were given to two contents.
        gaps: Numbers that were left out.
        flaws: What `verify` found.
        events: Events of the ledger.
        waits_ms: Time of each operation in milliseconds.
    """

    acknowledged: collections.Counter[str] = field(default_factory=collections.Counter)
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
    lost: int = 0
    repeated: int = 0
    gaps: int = 0
    flaws: int = 0
    events: int = 0
    waits_ms: list[float] = field(default_factory=list)


def make_version(name: str, text: str) -> PromptVersion:
    """Close a prompt of one message."""
    document = parse_prompt(f"Answer {{{{ mail }}}}. {text}", path=f"{name}.prompt")
    closure = build_closure(document, partials={}, examples=(), model=MODEL)
    return PromptVersion(name=name, closure=closure, origin=name, label=name)


def promote(registry: Registry, name: str, actor: Actor, signer: Signer, run_id: str) -> int:
    """Sign evidence about the latest version and promote it; return the event that moved the label."""
    version = registry.resolve(f"{name}@latest")
    evidence = Evidence(
        prompt=name,
        digest=version.digest,
        evalset="golden",
        evalset_digest=Digest("sha256:e"),
        run_id=run_id,
        scoring_digest="sha256:s",
        model="fake/echo",
        served_model="fake",
        origin="fake",
        outcome="pass",
        gates=(GATE,),
        cells=200,
        errors=0,
        created_at=version.created_at,
    )
    sealed = sign_envelope(STATEMENT_MEDIA_TYPE, canonical_json(evidence.as_statement()), signer)
    registry.evidence.attest(sealed, actor=actor)
    return registry.evidence.promote(version.ref, "production", actor=actor).event_seq


def write_on(address: str, log: Path, seconds: float, seed: int) -> None:
    """Push, promote, label and roll back until the time is over, and keep what was acknowledged."""
    draw = random.Random(seed)  # noqa: S311 - a benchmark
    actor = Actor(name=f"writer {seed}")
    signer = load_signer({}, log.parent / "key.pem")
    until = time.monotonic() + seconds
    with Registry.open(address) as registry, log.open("a", encoding="utf-8") as file:
        count = 0
        while time.monotonic() < until:
            count += 1
            start = time.perf_counter()
            row = one_operation(registry, draw, actor, signer, f"{seed}-{count}")
            row["ms"] = (time.perf_counter() - start) * 1_000
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())


def one_operation(registry: Registry, draw: random.Random, actor: Actor, signer: Signer, text: str) -> dict[str, Any]:
    """Do one thing and return what came of it."""
    name, label = draw.choice(PROMPTS), draw.choice(LABELS)
    kind = draw.choices(("push", "again", "promote", "label", "rollback"), (5, 1, 2, 1, 1))[0]
    try:
        if kind in {"push", "again"}:
            # What several push at once is stored once.
            content = text if kind == "push" else f"shared {draw.randrange(1_000)}"
            version = registry.push(make_version(name, content), actor=actor).version
            return {"kind": kind, "prompt": name, "number": version.number, "digest": version.digest}
        if kind == "promote":
            event = promote(registry, name, actor, signer, text)
            return {"kind": kind, "prompt": name, "event": event}
        if kind == "label":
            move = registry.put_label(f"{name}@latest", "staging", actor=actor, reason="benchmark")
        else:
            move = registry.roll_back(name, label, actor=actor)
    except ReferenceNotFoundError:
        return {"kind": "nothing to do"}
    except PromptshipError as error:
        return {"kind": "error", "message": f"{kind}: {error}"}
    except Exception as error:  # noqa: BLE001 - an error that nobody handled is what is looked for
        return {"kind": "error", "message": f"unhandled {kind}: {type(error).__name__}: {error}"}
    return {"kind": kind, "prompt": name, "event": move.event_seq}


def press(address: str, folder: Path, *, processes: int, seconds: float, kill_after: float | None, seed: int) -> None:
    """Run writers; with `kill_after` kill all of them at that moment."""
    # Forked writers begin at once; a forked process opens a registry of its own.
    context = multiprocessing.get_context("fork")
    started = [
        context.Process(target=write_on, args=(address, folder / f"{seed}-{place}.jsonl", seconds, seed * 100 + place))
        for place in range(processes)
    ]
    for process in started:
        process.start()
    if kill_after is not None:
        wait_for_writers(folder, seed, processes)
        time.sleep(kill_after)
        for process in started:
            os.kill(process.pid or 0, signal.SIGKILL)
    for process in started:
        process.join()


def wait_for_writers(folder: Path, seed: int, processes: int) -> None:
    """Wait until each writer has begun."""
    deadline = time.monotonic() + 60
    while sum(1 for path in folder.glob(f"{seed}-*.jsonl") if path.stat().st_size) < processes:
        assert time.monotonic() < deadline, "the writers did not begin"
        time.sleep(0.05)


def judge(address: str, folder: Path) -> Outcome:
    """Compare what was acknowledged with what is there."""
    outcome = Outcome()
    pushed: dict[tuple[str, int], str] = {}
    last = 0
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            outcome.acknowledged[row["kind"]] += 1
            outcome.waits_ms.append(row["ms"])
            if row["kind"] == "error":
                outcome.errors.append(row["message"])
            last = max(last, row.get("event", 0))
            if "number" in row:
                key = (row["prompt"], row["number"])
                outcome.repeated += pushed.setdefault(key, row["digest"]) != row["digest"]
    with Registry.open(address) as registry:
        there = {(name, one.number): one.digest for name in registry.names() for one in registry.versions(name)}
        report = registry.verify()
    outcome.lost = sum(there.get(key) != digest for key, digest in pushed.items())
    outcome.lost += last > report.events
    for name in PROMPTS:
        numbers = sorted(number for prompt, number in there if prompt == name)
        outcome.gaps += numbers != list(range(1, len(numbers) + 1))
    outcome.flaws, outcome.events = len(report.flaws), report.events
    return outcome


class Cluster:
    """A private PostgreSQL cluster on a socket, with its usual durability."""

    def __init__(self) -> None:
        found = shutil.which("initdb")
        programs = Path(found).parent if found else max(Path("/usr/lib/postgresql").glob("*/bin"))
        self.folder = Path(tempfile.mkdtemp(prefix="promptship-bench-"))
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            account = {"user": "postgres", "group": "postgres", "extra_groups": []}
        data, quiet = str(self.folder / "data"), subprocess.DEVNULL
        made = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "owner", "-E", "UTF8", "--locale=C"]
        subprocess.run(made, check=True, cwd=self.folder, stdout=quiet, **account)
        command = [str(programs / "postgres"), "-D", data, "-k", str(self.folder), "-c", "listen_addresses="]
        self._server = subprocess.Popen(command, cwd=self.folder, stdout=quiet, stderr=quiet, **account)
        self.address = f"postgresql+psycopg://owner@/postgres?host={self.folder}"
        self._wait()

    def _wait(self) -> None:
        from promptship.store import upgrade_store

        deadline = time.monotonic() + 60
        while True:
            try:
                upgrade_store(self.address)
            except PromptshipError:
                assert time.monotonic() < deadline, "PostgreSQL did not start"
                time.sleep(0.2)
            else:
                return

    def close(self) -> None:
        """Stop the server and remove its files."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(60)
        shutil.rmtree(self.folder)


def measure(address: str, arguments: argparse.Namespace) -> tuple[Outcome, Outcome]:
    """Press on a registry, then kill the writers in rounds."""
    draw = random.Random(arguments.seed)  # noqa: S311 - a benchmark
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        key = create_key(Path(first) / "key.pem", "benchmark")
        shutil.copy(Path(first) / "key.pem", second)
        with Registry.open(address) as registry:
            registry.evidence.trust(key, actor=Actor(name="benchmark"))
        press(address, Path(first), processes=arguments.processes, seconds=arguments.seconds, kill_after=None, seed=1)
        pressed = judge(address, Path(first))
        pressed.seconds = arguments.seconds
        for number in range(arguments.kill_rounds):
            press(
                address,
                Path(second),
                processes=arguments.processes,
                seconds=600,
                kill_after=draw.uniform(0.1, 2),
                seed=number + 2,
            )
        killed = judge(address, Path(second))
    return pressed, killed


def add_events(unit: Any, events: list[Any]) -> None:
    """Write events as they are; the tables that follow from them are made anew afterwards."""
    from dataclasses import asdict

    from promptship.store._models import METADATA

    table = METADATA.tables["ledger_event"]
    for first in range(0, len(events), 5_000):
        rows = [asdict(event) for event in events[first : first + 5_000]]
        unit.ledger._connection.execute(table.insert(), rows)  # noqa: SLF001 - nobody but a benchmark may write so


def verify_many(address: str, events: int) -> tuple[int, float]:
    """Fill a ledger with moves of a label, straight from the parts, and verify it."""
    from promptship.domain import LedgerHead
    from promptship.registry._change import make_event
    from promptship.store import open_store

    actor = Actor(name="filler")
    with Registry.open(address) as registry:
        pushed = [registry.push(make_version("many", text), actor=actor).version for text in ("a", "b")]
    with open_store(address) as store, store.write() as unit:
        head, before = unit.head, None
        rows = []
        while head.seq < events:
            target = pushed[head.seq % 2]
            facts = {"number": target.number, "digest": target.digest, "reason": "benchmark"}
            facts |= {"from": {"number": before.number, "digest": before.digest}} if before else {}
            named = {"prompt": "many", "label": "production", "evidence": None}
            event = make_event(head, kind="label", at=head.at, actor=actor, facts=facts, **named)
            rows.append(event)
            head, before = LedgerHead(seq=event.seq, hash=event.hash, at=event.at), target
        add_events(unit, rows)
    with Registry.open(address) as registry:
        registry.rebuild()
        start = time.perf_counter()
        report = registry.verify()
        took = time.perf_counter() - start
    assert not report.flaws, report.flaws[0]
    return report.events, took


def quantile(values: list[float], share: float) -> float:
    """Return the value below which a share of all lies."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else 0.0


def render(results: dict[str, Any], arguments: argparse.Namespace) -> str:
    """Return the page of results."""
    sqlite, postgres = results["SQLite"], results["PostgreSQL"]
    seconds, rounds = f"{arguments.seconds:g}", arguments.kill_rounds
    how = f"{arguments.processes} processes, {seconds} s, then {rounds} rounds in which all are killed with -9"
    where = f"seed {arguments.seed}, Python {platform.python_version()}, {os.cpu_count()} cores"
    options = f"--seconds {seconds} --kill-rounds {rounds} --events {arguments.events}"
    lines = ["# Writers at once, and killed", "", f"{how}; {where}.", ""]
    lines += [
        f"`python benchmarks/registry_concurrency.py {options}`",
        "",
        "| | SQLite | PostgreSQL |",
        "|---|---|---|",
    ]

    def row(what: str, show: Any) -> None:
        lines.append(f"| {what} | {show(sqlite)} | {show(postgres)} |")

    def wait(result: Any, share: float) -> str:
        return f"{quantile(result['pressed'].waits_ms, share):.0f} ms"

    row("pushes acknowledged", lambda r: f"{r['pressed'].acknowledged['push']:,}")
    row("promoted on evidence that was signed for it", lambda r: f"{r['pressed'].acknowledged['promote']:,}")
    row("labels moved, rolled back", lambda r: f"{sum(r['pressed'].acknowledged[k] for k in ('label', 'rollback')):,}")
    row(
        "operations a second, all writers together",
        lambda r: f"{len(r['pressed'].waits_ms) / r['pressed'].seconds:.0f}",
    )
    row("of which pushes", lambda r: f"{r['pressed'].acknowledged['push'] / r['pressed'].seconds:.0f}")
    row("operation, median / 99 % / longest", lambda r: " / ".join(wait(r, share) for share in (0.5, 0.99, 1)))
    for phase, name in (("pressed", ""), ("killed", "after kills: ")):
        row(f"{name}numbers lost", lambda r, p=phase: r[p].lost)
        row(f"{name}numbers given twice", lambda r, p=phase: r[p].repeated)
        row(f"{name}prompts with gaps in their numbers", lambda r, p=phase: r[p].gaps)
        row(f"{name}errors", lambda r, p=phase: len(r[p].errors))
        row(f"{name}flaws found by verify", lambda r, p=phase: r[p].flaws)
    row("after kills: pushes acknowledged", lambda r: f"{r['killed'].acknowledged['push']:,}")
    row("after kills: events in the ledger", lambda r: f"{r['killed'].events:,}")
    row("verify", lambda r: f"{r['many'][0]:,} events in {r['many'][1]:.1f} s")
    errors = [f"{name}: {error}" for name, r in results.items() for p in ("pressed", "killed") for error in r[p].errors]
    return "\n".join([*lines, *(["", "Errors:", *errors[:20]] if errors else [])]) + "\n"


def main() -> None:
    """Measure both databases and print, or write, the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kill-rounds", type=int, default=10)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "registry.db")
        pressed, killed = measure(address, arguments)
        many = verify_many(str(Path(folder) / "many.db"), arguments.events)
        results["SQLite"] = {"pressed": pressed, "killed": killed, "many": many}
    cluster = Cluster()
    try:
        pressed, killed = measure(cluster.address, arguments)
        results["PostgreSQL"] = {
            "pressed": pressed,
            "killed": killed,
            "many": verify_many(cluster.address, arguments.events),
        }
    finally:
        cluster.close()
    page = render(results, arguments)
    print(page)
    if arguments.write:
        arguments.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
