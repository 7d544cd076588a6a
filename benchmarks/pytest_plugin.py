"""What the pytest plugin costs: idle, and with 1,000 cases that take 200 ms each.

    python benchmarks/pytest_plugin.py                  # both measurements
    python benchmarks/pytest_plugin.py --idle --rounds 15
    python benchmarks/pytest_plugin.py --cases 1000 --latency-s 0.2 --in-flight 64
    python benchmarks/pytest_plugin.py --write FILE     # and write the tables to a file

Idle: whole processes of `pytest` on a project with one Python test and no evalset, with this plugin alone and without
any plugin, alternating; the difference is what each session pays. Cases: `pytest`, `pytest -n 2` and `promptctl eval`
on the same evalset and the fake provider, whole processes, cache off, alternating. The calls that the fake provider was
asked are counted, so that no contender is fast by leaving cases out. As many tests that do nothing show what xdist
itself takes for its messages.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
PROMPTCTL = [str(Path(sys.executable).parent / "promptctl")]


def run(command: list[str], folder: Path) -> tuple[float, float, str]:
    """Run to the end; return wall seconds, CPU seconds, and what was printed."""
    # A temporary folder of its own: pytest and xdist clean up what earlier sessions have left in the common one. Other
    # plugins of this environment would be measured too, so none is loaded but those that the command names.
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    out = folder / "tmp" / "out.txt"
    started = time.perf_counter()
    with out.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) not in {0, 1}:
        raise SystemExit(f"{command} ended with {status}\n{out.read_text()[-3000:]}")
    return wall_s, usage.ru_utime + usage.ru_stime, out.read_text()


def measure_idle(rounds: int) -> list[str]:
    """Return the table of what a session without evalsets pays."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_one.py").write_text("def test_one(): assert 1 + 1 == 2\n")
        (folder / "data.yaml").write_text("stages: []\n")
        contenders = {
            "plain pytest": PYTEST,
            "with promptship": [*PYTEST, "-p", "promptship.pytest_plugin"],
        }
        walls: dict[str, list[float]] = {name: [] for name in contenders}
        cpus: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(rounds + 1):
            for contender, command in contenders.items():
                wall_s, cpu_s, _ = run(command, folder)
                # The first round fills the caches of the file system and of Python.
                if number:
                    walls[contender].append(wall_s)
                    cpus[contender].append(cpu_s)
    lines = ["| session | median wall | fastest | median CPU | least CPU |", "|---|---|---|---|---|"]
    for one in contenders:
        figures = (statistics.median(walls[one]), min(walls[one]), statistics.median(cpus[one]), min(cpus[one]))
        lines.append(f"| {one} | {' | '.join(f'{1000 * figure:.0f} ms' for figure in figures)} |")
    lines.append("")
    lines += [_compare(name, *found.values()) for name, found in (("Wall", walls), ("CPU", cpus))]
    return lines


def _compare(name: str, plain: list[float], ours: list[float]) -> str:
    medians = statistics.median(plain), statistics.median(ours)
    paired = [1000 * (b - a) for a, b in zip(plain, ours, strict=True)]
    return (
        f"- {name}: {1000 * (medians[1] - medians[0]):+.0f} ms between the medians, ratio "
        f"{medians[1] / medians[0]:.3f}; "
        f"median of {len(paired)} paired differences {statistics.median(paired):+.0f} ms; "
        f"{1000 * (min(ours) - min(plain)):+.0f} ms between the least."
    )


def write_project(folder: Path, cases: int, latency_s: float, in_flight: int) -> None:
    """Write a project whose model takes `latency_s` for each call."""
    (folder / "prompts").mkdir()
    (folder / "evalsets").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    model = {"model": f"fake/echo?latency_s={latency_s}", "limits": {"concurrency": in_flight}}
    (folder / "prompts" / "models.yaml").write_text(json.dumps({"default": model}))
    (folder / "prompts" / "echo.prompt").write_text("Ticket {{ number }}: {{ text }}\n")
    header = "prompt: echo\nscorers: [icontains]\ngates: [observed(pass_rate) >= 0.9]\ncases: bench.jsonl\n"
    (folder / "evalsets" / "bench.yaml").write_text(header)
    with (folder / "evalsets" / "bench.jsonl").open("w") as file:
        for number in range(cases):
            # Every 20th case fails, so that failures are reported too.
            expected = "never" if number % 20 == 19 else f"ticket {number}"
            inputs = {"number": str(number), "text": "the parcel has not come"}
            file.write(json.dumps({"id": f"case-{number:06}", "inputs": inputs, "expected": expected}) + "\n")


def requests_of(folder: Path) -> int:
    """Count the calls of the newest run, and forget it."""
    (directory,) = (folder / ".promptship" / "runs").glob("[0-9]*")
    rows = [json.loads(line) for path in directory.glob("journal-*.jsonl") for line in path.open()]
    shutil.rmtree(folder / ".promptship")
    return sum(row.get("o", {}).get("n", 0) for row in rows)


def measure_cases(cases: int, latency_s: float, in_flight: int, rounds: int) -> list[str]:
    """Return the table of what evaluating takes."""
    concurrency = str(in_flight)
    options = ["evalsets", "--promptship-no-cache", "--promptship-concurrency", concurrency]
    plugins = ["-p", "promptship.pytest_plugin"]
    contenders = {
        "promptctl eval": [*PROMPTCTL, "eval", "--no-cache", "--no-resume", "--concurrency", concurrency],
        "pytest": [*PYTEST, *plugins, *options],
        "pytest -n 2": [*PYTEST, *plugins, "-p", "xdist", *options, "-n", "2"],
        "pytest -n 2, tests that do nothing": [*PYTEST, "-p", "xdist", "test_nothing.py", "-n", "2"],
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    inner: dict[str, list[float]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, cases, latency_s, in_flight)
        text = f"import pytest\n\n@pytest.mark.parametrize('n', range({cases}))\ndef test_nothing(n): pass\n"
        (folder / "test_nothing.py").write_text(text)
        for _ in range(rounds):
            for contender, command in contenders.items():
                wall_s, _, out = run(command, folder)
                times[contender].append(wall_s)
                if contender.endswith("nothing"):
                    continue
                asked = requests_of(folder)
                assert asked == cases, (contender, asked)
                if found := re.search(r"(\d+) passed, (\d+) xfailed in ([\d.]+)s", out):
                    assert int(found[1]) + int(found[2]) == cases + 1, found[0]
                    inner[contender].append(float(found[3]))
    bare = statistics.median(times["promptctl eval"])
    ideal = -(-cases // in_flight) * latency_s
    lines = [
        f"{cases:,} cases, {latency_s * 1000:.0f} ms each, {in_flight} in flight: {ideal:.1f} s of waiting alone.",
        "",
        "| | median wall of the process | range | against the bare runner | pytest's own time | calls |",
        "|---|---|---|---|---|---|",
    ]
    for contender, found in times.items():
        median = statistics.median(found)
        own = f"{statistics.median(inner[contender]):.2f} s" if inner[contender] else ""
        spread = f"{min(found):.2f}-{max(found):.2f} s"
        calls = "none" if contender.endswith("nothing") else f"{cases:,}"
        lines.append(f"| {contender} | {median:.2f} s | {spread} | {median / bare:.2f} | {own} | {calls} |")
    return lines


def main() -> None:
    """Measure what the arguments ask for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", action="store_true", help="only the idle session")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--latency-s", type=float, default=0.2)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    lines = ["## Idle", "", *measure_idle(options.rounds)]
    if not options.idle:
        rounds = max(1, options.rounds // 2)
        lines += ["", "## Evaluating", ""]
        lines += measure_cases(options.cases, options.latency_s, options.in_flight, rounds)
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
