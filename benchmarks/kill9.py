"""What a kill -9 at a random moment costs: the same command resumes and pays again for what was in flight, no more.

    python benchmarks/kill9.py                      # 50 kills, each followed by the same command once more
    python benchmarks/kill9.py --kills 5 --seed 3
    python benchmarks/kill9.py --write benchmarks/results/kill9.md

Each round evaluates the workload of harness.py with the response cache off, so that the journal alone can save a call.
It kills the process when the server has seen a random number of requests, plus up to one latency; reads from the
journal what was finished; runs the command again; and compares the server's count and the totals with an undisturbed
run's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from harness import make_cases, server, stats_of, write_project

COUNTED = ("cases", "passed", "failed", "error", "unscored", "requests", "cached", "cost_usd")


@dataclass(frozen=True, kw_only=True)
class Round:
    """One kill and what the same command did afterwards.

    Attributes:
        requests_at_kill: What the server had seen.
        finished_at_kill: Outputs in the journal.
        in_flight_at_kill: The difference: asked for, not yet written down.
        paid_again: Requests beyond one per case when the run had ended.
        lost: Finished outputs that were asked for again.
        totals_equal: Whether every total is that of an undisturbed run.
    """

    requests_at_kill: int
    finished_at_kill: int
    in_flight_at_kill: int
    paid_again: int
    lost: int
    totals_equal: bool


def command(in_flight: int) -> list[str]:
    """Return the command under test."""
    program = str(Path(sys.executable).parent / "promptctl")
    return [program, "eval", "bench", "--no-cache", "--concurrency", str(in_flight), "--json"]


def start(folder: Path, in_flight: int) -> subprocess.Popen[bytes]:
    """Start the command."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command(in_flight), cwd=folder, stdin=quiet, stdout=quiet, stderr=quiet)


def totals_after(folder: Path, in_flight: int) -> dict[str, Any]:
    """Run the command to its end and return its totals."""
    ended = subprocess.run(command(in_flight), cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise SystemExit(f"exit code {ended.returncode}\n{ended.stderr[-2000:]}")
    report = json.loads(ended.stdout)
    totals = (report[0] if isinstance(report, list) else report)["totals"]
    return {name: totals[name] for name in COUNTED}


def finished_cells(folder: Path) -> int:
    """Count the outputs in the journals, read without the code under test."""
    found: set[tuple[int, ...]] = set()
    for path in folder.glob(".promptship/runs/*/journal-*.jsonl"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            if "o" in row:
                found.add(tuple(row["k"]))
    return len(found)


def kill_once(folder: Path, options: argparse.Namespace, expected: dict[str, Any], when: random.Random) -> Round | None:
    """Kill one run and resume it; None where it had ended before the kill."""
    shutil.rmtree(folder / ".promptship", ignore_errors=True)
    moment = when.randrange(1, options.cases)
    with server(options.latency_ms) as origin:
        write_models(folder, f"{origin}/v1", options.in_flight)
        process = start(folder, options.in_flight)
        while stats_of(origin)["requests"] < moment and process.poll() is None:
            time.sleep(0.002)
        time.sleep(when.uniform(0, options.latency_ms / 1000))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            return None
        time.sleep(0.05)  # what the kill left in the sockets reaches the server
        requests, finished = stats_of(origin)["requests"], finished_cells(folder)
        totals = totals_after(folder, options.in_flight)
        after = stats_of(origin)["requests"]
    return Round(
        requests_at_kill=requests,
        finished_at_kill=finished,
        in_flight_at_kill=requests - finished,
        paid_again=after - options.cases,
        lost=(after - requests) - (options.cases - finished),
        totals_equal=totals == expected,
    )


def write_models(folder: Path, base_url: str, in_flight: int) -> None:
    """Point the project at this round's server."""
    limits = f"limits: {{concurrency: {in_flight}}}"
    text = f"default: {{model: openai/mock, base_url: {base_url}, {limits}}}\n"
    (folder / "prompts" / "models.yaml").write_text(text)


def undisturbed(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the totals of a run that nobody kills."""
    with server(options.latency_ms) as origin:
        write_project(folder, make_cases(options.cases), f"{origin}/v1", "transport", options.in_flight)
        return totals_after(folder, options.in_flight)


def render(rounds: list[Round], options: argparse.Namespace, expected: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    worst = max(one.in_flight_at_kill for one in rounds)
    lines = [
        f"# kill -9, {len(rounds)} times",
        "",
        (
            f"{options.cases} cases, {options.in_flight} in flight, {options.latency_ms:g} ms, response cache off, "
            f"seed {options.seed}, Python {sys.version.split()[0]}, {os.cpu_count()} cores."
        ),
        "",
        "| | |",
        "|---|---|",
        f"| rounds in which more was paid again than was in flight | {sum(map(overpaid, rounds))} |",
        f"| finished outputs lost | {sum(one.lost for one in rounds)} |",
        f"| rounds whose totals differ from an undisturbed run's | {sum(not one.totals_equal for one in rounds)} |",
        f"| most paid again after one kill | {max(one.paid_again for one in rounds)} (most in flight: {worst}) |",
        "",
        f"Totals of every run: `{json.dumps(expected)}`",
        "",
        "| " + " | ".join(field.name.replace("_", " ") for field in fields(Round)) + " |",
        "|" + "---|" * len(fields(Round)),
        *("| " + " | ".join(map(str, astuple(one))) + " |" for one in rounds),
    ]
    return "\n".join(lines) + "\n"


def overpaid(one: Round) -> bool:
    """Whether the resumed run paid for more than was in flight."""
    return one.paid_again > one.in_flight_at_kill


def main() -> int:
    """Run the rounds; exit with 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    when = random.Random(options.seed)  # noqa: S311 - moments, no secrets
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = undisturbed(folder, options)
        while len(rounds) < options.kills:
            one = kill_once(folder, options, expected, when)
            if one is not None:
                rounds.append(one)
                print(f"{len(rounds)}/{options.kills} {one}", file=sys.stderr)
    text = render(rounds, options, expected)
    print(text)
    if options.write:
        options.write.write_text(text)
    return int(any(overpaid(one) or one.lost or not one.totals_equal for one in rounds))


if __name__ == "__main__":
    sys.exit(main())
