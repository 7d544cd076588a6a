"""What the harness itself costs: many small cases against a fast server on loopback.

    python benchmarks/harness.py                                   # ours, 1,000 / 5,000 / 20,000 cases
    python benchmarks/harness.py --cases 1000 --peers raw_aiohttp  # and the floor beside it, in the same run
    python benchmarks/harness.py --peers raw_aiohttp pydantic_evals=PYTHON promptfoo=NODE:ENTRYPOINT
    python benchmarks/harness.py --write FILE                      # and append the table to a file

The workload: one prompt with two inputs, four scorers (contains, regex, is-json, levenshtein), 20 ms latency, 64 in
flight. Every 20th case is built to fail, so a contender that drops cases or checks is seen. Times include start-up; CPU
and peak memory are the operating system's own account of the finished process and its children.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mock_server import answer_to

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
TEMPLATE = "Ticket {case_id}: rewrite the reply in a {tone} tone. Answer in JSON."
REGEX = '"h":"[0-9a-f]{8}"'
TONES = ("calm", "formal", "brief", "friendly", "apologetic", "playful", "neutral")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One finished process."""

    name: str
    phase: str
    cases: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    disk_kb: float
    passed: int
    requests: int
    peak_in_flight: int

    @property
    def cpu_ms_per_case(self) -> float:
        """CPU of the whole process, start-up included, divided by the cases."""
        return 1000 * self.cpu_s / self.cases


def make_cases(count: int) -> list[dict[str, str]]:
    """Build the workload's cases; every 20th expects a word that will not come."""
    cases = []
    for index in range(count):
        inputs = {"case_id": f"case-{index:06d}", "tone": TONES[index % len(TONES)]}
        wrong = index % 20 == 19
        contains = f"WRONG-{inputs['case_id']}" if wrong else inputs["case_id"]
        cases.append({**inputs, "contains": contains, "expected": answer_to(TEMPLATE.format(**inputs))})
    return cases


def write_project(folder: Path, cases: list[dict[str, str]], base_url: str, road: str, in_flight: int) -> None:
    """Write a project of ours with the workload."""
    (folder / "prompts").mkdir()
    (folder / "evalsets").mkdir()
    jinja = TEMPLATE.replace("{", "{{ ").replace("}", " }}")
    (folder / "prompts" / "rewrite.prompt").write_text(jinja + "\n")
    limits = f"limits: {{concurrency: {in_flight}}}"
    # A model with an address goes over our transport; litellm gets the address from its own variable.
    model = f"model: openai/mock, base_url: {base_url}" if road == "transport" else "model: litellm_proxy/mock"
    (folder / "prompts" / "models.yaml").write_text(f"default: {{{model}, {limits}}}\n")
    (folder / "promptship.toml").write_text("")
    (folder / "evalsets" / "bench.yaml").write_text(
        "prompt: rewrite\ncases: bench.jsonl\n"
        f"scorers:\n  - {{type: regex, value: '{REGEX}'}}\n  - is-json\n  - levenshtein\n"
        "gates: [observed(pass_rate) >= 0.9]\n"
    )
    with (folder / "evalsets" / "bench.jsonl").open("w") as file:
        for case in cases:
            row = {
                "id": case["case_id"],
                "inputs": {"case_id": case["case_id"], "tone": case["tone"]},
                "expected": case["expected"],
                "scorers": [{"type": "contains", "value": case["contains"]}],
            }
            file.write(json.dumps(row) + "\n")


@contextmanager
def server(latency_ms: float) -> Iterator[str]:
    """Start the mock server and end it."""
    command = [sys.executable, str(HERE / "mock_server.py"), "--latency-ms", str(latency_ms)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(timeout=10)


def stats_of(origin: str) -> dict[str, int]:
    """Ask the server what it saw."""
    with urllib.request.urlopen(f"{origin}/stats", timeout=10) as answer:  # noqa: S310 - our own loopback server
        found: dict[str, int] = json.loads(answer.read())
    return found


def run_measured(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float, float, str]:
    """Run to the end; return wall seconds, CPU seconds, peak MB, and what was printed."""
    out = folder / "stdout.txt"
    # Programs start from their bytecode, as they do wherever they were installed.
    environment = {**os.environ, **environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    with out.open("wb") as stdout, (folder / "stderr.txt").open("wb") as stderr:
        process = subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=stderr, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) not in {0, 100}:  # promptfoo says 100 for a failed case
        raise SystemExit(f"{command} ended with {status}\n{(folder / 'stderr.txt').read_text()[-2000:]}")
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read_text()


def disk_kb(folder: Path) -> float:
    """Size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1024


def measure_ours(
    options: argparse.Namespace, count: int, latency_ms: float, in_flight: int, road: str
) -> list[Measured]:
    """Measure a cold run and, after it, one that the cache answers."""
    rows = []
    with server(latency_ms) as origin, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, make_cases(count), f"{origin}/v1", road, in_flight)
        program = Path(sys.executable).parent / "promptctl"
        command = [str(program), "eval", "bench", "--concurrency", str(in_flight), "--json"]
        environment = {"OPENAI_API_KEY": "none", "LITELLM_PROXY_API_KEY": "none"}
        environment["LITELLM_PROXY_API_BASE"] = f"{origin}/v1"
        before = 0
        for phase in ("called", "cached") if options.cached else ("called",):
            shutil.rmtree(folder / ".promptship" / "runs", ignore_errors=True)
            wall_s, cpu_s, peak_mb, printed = run_measured(command, folder, environment)
            seen = stats_of(origin)
            rows.append(
                Measured(
                    name=f"promptship ({road}, {latency_ms:g} ms, {in_flight} in flight)",
                    phase=phase,
                    cases=count,
                    wall_s=wall_s,
                    cpu_s=cpu_s,
                    peak_mb=peak_mb,
                    disk_kb=disk_kb(folder / ".promptship"),
                    passed=json.loads(printed)["totals"]["passed"],
                    requests=seen["requests"] - before,
                    peak_in_flight=seen["peak_in_flight"],
                )
            )
            before = seen["requests"]
    return rows


def peer_command(peer: str, folder: Path, cases: list[dict[str, str]], base_url: str, in_flight: int) -> list[str]:
    """Write what a peer needs and return its command."""
    name, _, program = peer.partition("=")
    if name == "promptfoo":
        return promptfoo_command(program, folder, cases, base_url, in_flight)
    workload = {"template": TEMPLATE, "regex": REGEX, "in_flight": in_flight, "cases": cases}
    (folder / "workload.json").write_text(json.dumps(workload))
    return [program or sys.executable, str(HERE / "peers" / f"{name}.py")]


def promptfoo_command(
    program: str, folder: Path, cases: list[dict[str, str]], base_url: str, in_flight: int
) -> list[str]:
    """Write promptfoo's configuration; `program` is `node:entrypoint.js`."""
    node, _, entry = program.rpartition(":")
    tests = [
        {
            "vars": {"case_id": case["case_id"], "tone": case["tone"]},
            "assert": [
                {"type": "contains", "value": case["contains"]},
                {"type": "regex", "value": REGEX},
                {"type": "is-json"},
                {"type": "levenshtein", "threshold": 5, "value": "{% raw %}" + case["expected"] + "{% endraw %}"},
            ],
        }
        for case in cases
    ]
    (folder / "tests.json").write_text(json.dumps(tests))
    provider = {"id": "openai:chat:mock", "config": {"apiBaseUrl": base_url, "apiKey": "none", "temperature": 0}}
    jinja = TEMPLATE.replace("{", "{{ ").replace("}", " }}")
    config = {"prompts": [jinja], "providers": [provider], "tests": "file://tests.json"}
    (folder / "promptfooconfig.yaml").write_text(json.dumps(config))
    flags = [
        "-c",
        "promptfooconfig.yaml",
        "-j",
        str(in_flight),
        "--no-table",
        "--no-progress-bar",
        "--no-cache",
        "-o",
        "out.json",
    ]
    return [node or "node", entry, "eval", *flags]


def measure_peer(peer: str, count: int, latency_ms: float, in_flight: int) -> Measured:
    """Measure one contender on the same workload."""
    quiet = {
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    }
    with server(latency_ms) as origin, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = peer_command(peer, folder, make_cases(count), f"{origin}/v1", in_flight)
        environment = {**quiet, "HOME": name, "PROMPTFOO_CONFIG_DIR": f"{name}/.promptfoo", "BASE_URL": f"{origin}/v1"}
        before = disk_kb(folder)
        wall_s, cpu_s, peak_mb, printed = run_measured(command, folder, environment)
        result = folder / "out.json"
        if peer.startswith("promptfoo"):
            passed = json.loads(result.read_text())["results"]["stats"]["successes"]
        else:
            passed = json.loads(printed.strip().splitlines()[-1])["passed"]
        seen = stats_of(origin)
        return Measured(
            name=peer.partition("=")[0],
            phase="called",
            cases=count,
            wall_s=wall_s,
            cpu_s=cpu_s,
            peak_mb=peak_mb,
            disk_kb=disk_kb(folder) - before,
            passed=passed,
            requests=seen["requests"],
            peak_in_flight=seen["peak_in_flight"],
        )


def table_of(rows: list[Measured]) -> str:
    """Return the rows as a Markdown table, medians over repeated runs."""
    columns = ("contender", "phase", "cases", "wall s", "CPU s", "CPU ms a case", "peak MB", "disk KB a case")
    head = f"| {' | '.join((*columns, 'requests', 'in flight', 'passed'))} |"
    lines = [head, "|---" * 11 + "|"]
    groups: dict[tuple[str, str, int], list[Measured]] = {}
    for row in rows:
        groups.setdefault((row.name, row.phase, row.cases), []).append(row)
    for (name, phase, cases), group in groups.items():
        wall_s = statistics.median(row.wall_s for row in group)
        cpu_s = statistics.median(row.cpu_s for row in group)
        last = group[-1]
        right = "" if all(row.passed == cases - cases // 20 for row in group) else " (wrong)"
        lines.append(
            f"| {name} | {phase} | {cases} | {wall_s:.2f} | {cpu_s:.2f} | {1000 * cpu_s / cases:.3f} | "
            f"{statistics.median(row.peak_mb for row in group):.0f} | {last.disk_kb / cases:.2f} | {last.requests} | "
            f"{last.peak_in_flight} | {last.passed}{right} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="+", default=[1000, 5000, 20000])
    parser.add_argument("--latency-ms", type=float, default=20)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--road", choices=("transport", "litellm"), default="transport")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--cached", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--peers", nargs="*", default=[], metavar="NAME[=PROGRAM]")
    parser.add_argument("--write", type=Path, help="append the table to this file")
    options = parser.parse_args()
    # Compiles what has changed since the last run, and is not counted.
    measure_ours(options, 10, 0, 1, options.road)
    rows = []
    for count in options.cases:
        for _ in range(options.repeat):
            rows += measure_ours(options, count, options.latency_ms, options.in_flight, options.road)
            rows += [measure_peer(peer, count, options.latency_ms, options.in_flight) for peer in options.peers]
    table = table_of(rows)
    print(table)
    if options.write:
        with options.write.open("a") as file:
            file.write(f"\n{table}\n")


if __name__ == "__main__":
    main()
