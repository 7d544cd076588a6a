"""How often the gates that `promptctl init` writes turn red, and what a comparison of 20,000 cases costs.

    python benchmarks/gates.py                     # prints
    python benchmarks/gates.py --write             # and writes benchmarks/results/gates.md

Pull requests are simulated from a seed: each case passes before with its own chance, and a share of the cases flips.
The comparison is the command itself, on two runs that are made for it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from promptship.cli._init import _FILES
from promptship.domain import GroupSummary, MetricSummary, RunManifest, RunSummary, Totals, parse_gate
from promptship.gates import Baseline, decide_verdict
from promptship.prompts import parse_yaml
from promptship.runner import CaseTable

RESULTS = Path(__file__).parent / "results" / "gates.md"
PROGRAM = Path(sys.executable).parent / "promptctl"
SCAFFOLDED = parse_yaml(_FILES["evalsets/hello.yaml"], path="hello.yaml").value
GATES = [parse_gate(gate) for gate in SCAFFOLDED["gates"]]
MANIFEST = RunManifest(
    run_id="r", plan_digest="p", evalset="s", evalset_path="s.yaml", evalset_digest="e", scoring_digest="s"
)
BASE_RATE = 0.8
WORDS = ["parcel", "refund", "late", "broken", "order"]


class Situation(NamedTuple):
    """What is simulated: cases, shares of them that are lost and won, repeats, and cases of one origin."""

    cases: int
    lost: float
    won: float
    repeats: int = 1
    family: int = 1

    @property
    def is_loss(self) -> bool:
        """Whether the candidate is worse."""
        return self.lost > self.won

    def describe(self) -> str:
        """Name it for a reader."""
        loss = 100 * (self.lost - self.won)
        quality = f"{loss:.0f} points worse" if self.is_loss else "equal quality"
        extra = f", {self.repeats} repeats" if self.repeats > 1 else ""
        extra += f", families of {self.family}" if self.family > 1 else ""
        return f"{quality}, {self.cases:,} cases, {100 * (self.lost + self.won):.0f} % flips{extra}"


SITUATIONS = [
    *(Situation(cases, 0.05, 0.05) for cases in (60, 200, 1000)),
    Situation(200, 0.05, 0.05, repeats=3),
    Situation(200, 0.05, 0.05, family=5),
    Situation(200, 0.10, 0.0),
    Situation(200, 0.125, 0.025),
    Situation(200, 0.15, 0.05),
    Situation(200, 0.15, 0.05, repeats=3),
]


def draw(situation: Situation, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw pass marks before and after; shape (cases, repeats) each. A family flips as one."""
    families = situation.cases // situation.family
    shape = (families, situation.repeats)
    before = rng.random(shape) < BASE_RATE
    # The shares are of all cases: a loss needs one that passed, a win one that failed.
    chance = rng.random(shape)
    lost = before & (chance < situation.lost / BASE_RATE)
    won = ~before & (chance < situation.won / (1 - BASE_RATE))
    after = (before & ~lost) | won
    return np.repeat(before, situation.family, axis=0), np.repeat(after, situation.family, axis=0)


def decide(situation: Situation, before: np.ndarray, after: np.ndarray) -> str:
    """Return the outcome of one pull request."""
    tables = [table_of(marks, situation.family) for marks in (before, after)]
    passed = int(after.sum())
    totals = Totals(cases=after.size, passed=passed, failed=after.size - passed)
    group = GroupSummary(totals=totals, metrics={"pass_rate": MetricSummary(mean=totals.pass_rate, n=after.size)})
    verdict = decide_verdict(
        MANIFEST,
        GATES,
        RunSummary(overall=group, variants={"v": group}, slices={"v": {}}),
        table_of=lambda _: tables[1],
        baseline_of=lambda _versus, _label: Baseline(name="base", table=tables[0]),
    )
    return verdict.outcome


def table_of(marks: np.ndarray, family: int) -> CaseTable:
    """Make a run's table of pass marks."""
    ids = tuple(map(str, range(len(marks))))
    return CaseTable(
        case_ids=ids,
        clusters=tuple(str(number // family) for number in range(len(marks))),
        tags=({},) * len(ids),
        outcomes=np.where(marks, ord("p"), ord("f")).astype(np.uint8),
        metrics={"pass_rate": marks.astype(float)},
    )


def simulate(situation: Situation, trials: int, seed: int) -> float:
    """Return the share of pull requests that are red."""
    rng = np.random.default_rng(seed)
    return sum(decide(situation, *draw(situation, rng)) == "fail" for _ in range(trials)) / trials


def render_simulations(trials: int) -> list[str]:
    """Simulate every situation and return a table."""
    lines = [f"| pull requests, {trials:,} each | wanted red | red | ± | met |", "|---|---|---|---|---|"]
    for seed, situation in enumerate(SITUATIONS):
        rate = simulate(situation, trials, seed)
        error = 2 * math.sqrt(max(rate * (1 - rate), 1 / trials) / trials)
        wanted, met = ("at least 90 %", rate >= 0.9) if situation.is_loss else ("at most 5 %", rate <= 0.05)
        row = (situation.describe(), wanted, f"{100 * rate:.1f} %", f"{100 * error:.1f}", "yes" if met else "NO")
        lines.append(f"| {' | '.join(row)} |")
    return lines


def make_project(folder: Path, cases: int) -> None:
    """Write a project whose model echoes, with nine slices and families of twenty cases."""
    rng = random.Random(1)  # noqa: S311 - made-up cases
    (folder / "prompts").mkdir()
    (folder / "evalsets").mkdir()
    (folder / "promptship.toml").touch()
    (folder / "prompts/models.yaml").write_text("default: {model: fake/echo}\n")
    (folder / "evalsets/echo.yaml").write_text(
        "prompt: echo\nscorers: [equals, {type: levenshtein, threshold: 50, required: false},"
        " {type: rouge-n, threshold: 0.5, required: false}]\n"
        "gates: [observed(pass_rate) >= 0.1, {metric: pass_rate, versus: last}]\ncases: echo.jsonl\n"
    )
    with (folder / "evalsets/echo.jsonl").open("w") as file:
        for number in range(cases):
            text = f"case {number} " + " ".join(rng.choices(WORDS, k=8))
            tags = {"language": rng.choice(["de", "en", "es", "fr", "it"]), "tier": rng.choice("1234")}
            row = {"id": f"c{number}", "inputs": {"text": text}, "expected": text, "tags": tags}
            file.write(json.dumps({**row, "cluster": f"k{number // 20}"}) + "\n")


def evaluate(folder: Path, body: str) -> str:
    """Evaluate a prompt and return the run's id."""
    (folder / "prompts/echo.prompt").write_text(body)
    command = [PROGRAM, "eval", "echo", "--no-cache", "--json"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    return str(json.loads(done.stdout)["run_id"])


def measure(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """Run the command and return wall seconds, CPU seconds and MB at the peak."""
    started = time.perf_counter()
    with (
        (folder / "out.txt").open("wb") as sink,
        subprocess.Popen(  # nothing but the process itself is measured
            [PROGRAM, *arguments], cwd=folder, stdout=sink
        ) as process,
    ):
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def render_comparison(cases: int) -> list[str]:
    """Compare two runs of so many cases by the command, and return a table."""
    lines = [f"| command, {cases:,} cases | wall s | CPU s | peak MB |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_project(folder, cases)
        runs = [evaluate(folder, "{{ text }}\n")]
        runs.append(evaluate(folder, '{{ text | replace("refund broken", "refund not broken") }}\n'))
        commands = {
            "compare, terminal": ("compare", *runs),
            "compare, json": ("compare", *runs, "--json"),
            "compare, html with 200 examples": ("compare", *runs, "--format", "html"),
            "gate against a baseline": ("gate", runs[1], "--baseline", runs[0]),
        }
        for what, arguments in commands.items():
            wall_s, cpu_s, peak_mb = min(measure(folder, *arguments) for _ in range(3))
            lines.append(f"| {what} | {wall_s:.2f} | {cpu_s:.2f} | {peak_mb:.0f} |")
    return lines


def main() -> None:
    """Simulate, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1_000, help="pull requests of each kind")
    parser.add_argument("--cases", type=int, default=20_000, help="cases of the comparison")
    parser.add_argument("--write", action="store_true", help="write the results file")
    options = parser.parse_args()
    lines = [
        "# What gates decide, and what comparing costs",
        "",
        f"Made by `python benchmarks/gates.py`. Python {platform.python_version()}, {os.cpu_count()} cores.",
        "",
        "The gates are those of the evalset that `promptctl init` writes: "
        + ", ".join(f"`{gate.text}`" for gate in GATES)
        + f". {100 * BASE_RATE:.0f} % of the cases pass before. ± is twice the standard error.",
        "",
        *render_simulations(options.trials),
        "",
        "Two runs with three scorers, nine slices and families of twenty cases, the best of three; wanted is at most",
        "5 s and 500 MB.",
        "",
        *render_comparison(options.cases),
    ]
    print("\n".join(lines))
    if options.write:
        RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
