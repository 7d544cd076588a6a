"""Do the statistics keep their word? Simulations of false alarms, coverage, power, and of pull requests.

    python benchmarks/decisions.py --write benchmarks/results/decisions.md

Everything is seeded; a run takes some minutes on one core. Where a level is promised, the simulated share is printed
beside it with twice its standard error.
"""

from __future__ import annotations

import argparse
import functools
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from promptship import stats
from promptship.domain import GroupSummary, MetricSummary, RunManifest, RunSummary, Totals, parse_gate
from promptship.gates import Baseline, Policy, decide_verdict
from promptship.runner import CaseTable

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 0.05
MANIFEST = RunManifest(
    run_id="r", plan_digest="p", evalset="s", evalset_path="s.yaml", evalset_digest="e", scoring_digest="s"
)


def share(trials: int, happens: Callable[[np.random.Generator], bool], seed: int) -> tuple[float, float]:
    """Return how often something happens, and twice the standard error of that."""
    rng = np.random.default_rng(seed)
    hits = sum(happens(rng) for _ in range(trials))
    rate = hits / trials
    return rate, 2 * math.sqrt(max(rate * (1 - rate), 1 / trials) / trials)


@functools.cache
def p_worse(wins: int, losses: int) -> float:
    """Return the p-value of the exact one-sided McNemar test, by counts; the same few come again and again."""
    return stats.sign_test(wins, losses, "worse")


def flips(rng: np.random.Generator, n: int, losing: float, winning: float) -> tuple[int, int]:
    """Draw how many of n cases are lost and won."""
    losses, wins, _ = rng.multinomial(n, [losing, winning, 1 - losing - winning])
    return int(losses), int(wins)


def false_alarms(trials: int) -> list[tuple[str, float, float, float]]:
    """Simulate every fixed-size test where nothing is the matter: name, promised, found, twice its error."""

    def mcnemar(rng: np.random.Generator) -> bool:
        losses, wins = flips(rng, 200, 0.05, 0.05)
        return p_worse(wins, losses) <= ALPHA

    def permutation(rng: np.random.Generator) -> bool:
        base, change = rng.random(60), rng.normal(0, 0.2, 60)
        return stats.paired_permutation(base, base + change, alternative="worse", resamples=500).p_value <= ALPHA

    def clustered_permutation(rng: np.random.Generator) -> bool:
        clusters = np.repeat(np.arange(20), 4)
        change = rng.normal(0, 0.3, 20)[clusters] + rng.normal(0, 0.1, 80)
        test = stats.paired_permutation(np.zeros(80), change, clusters=clusters.tolist(), resamples=500)
        return test.p_value <= ALPHA

    def not_inferior(rng: np.random.Generator) -> bool:
        losses, wins = flips(rng, 200, 0.10, 0.05)
        before, after = marks(200, losses, wins)
        return stats.non_inferiority(before, after, margin=0.05).shown

    def equivalent(rng: np.random.Generator) -> bool:
        losses, wins = flips(rng, 400, 0.10, 0.05)
        before, after = marks(400, losses, wins)
        return stats.tost(before, after, margin=0.05).shown

    def slices(rng: np.random.Generator) -> bool:
        drawn = [flips(rng, 40, 0.06, 0.06) for _ in range(10)]
        return min(stats.holm([p_worse(wins, losses) for losses, wins in drawn])) <= ALPHA

    rows = [
        ("exact McNemar, worse, n = 200, 10 % flips", mcnemar, trials),
        ("paired permutation, worse, n = 60", permutation, trials // 5),
        ("paired permutation over 20 clusters of 4, two-sided", clustered_permutation, trials // 5),
        ("non-inferiority at its margin, n = 200", not_inferior, trials),
        ("equivalence at its margin, n = 400", equivalent, trials),
        ("10 slices, Holm, any", slices, trials // 2),
    ]
    return [(name, ALPHA, *share(count, happens, seed)) for seed, (name, happens, count) in enumerate(rows)]


def marks(n: int, losses: int, wins: int) -> tuple[np.ndarray, np.ndarray]:
    """Build pass marks with so many cases lost and won, three quarters of the others passing."""
    rest = n - losses - wins
    passing = 3 * rest // 4
    before = np.array([1] * losses + [0] * wins + [1] * passing + [0] * (rest - passing), dtype=float)
    after = np.array([0] * losses + [1] * wins + [1] * passing + [0] * (rest - passing), dtype=float)
    return before, after


def misses(trials: int) -> list[tuple[str, float, float, float]]:
    """Simulate intervals that miss the truth: name, promised at most, found, twice its error."""

    def wilson(rng: np.random.Generator) -> bool:
        return stats.wilson(int(rng.binomial(100, 0.9)), 100, side="lower").low > 0.9

    def exact(rng: np.random.Generator) -> bool:
        return stats.clopper_pearson(int(rng.binomial(100, 0.9)), 100, side="lower").low > 0.9

    def student(rng: np.random.Generator) -> bool:
        found = stats.t_interval(rng.normal(size=40))
        return not found.low <= 0 <= found.high

    def families(rng: np.random.Generator) -> bool:
        clusters = np.repeat(np.arange(25), 4)
        values = rng.normal(size=25)[clusters] + rng.normal(size=100)
        found = stats.clustered_mean(values, clusters.tolist())
        return not found.low <= 0 <= found.high

    def bootstrap(rng: np.random.Generator) -> bool:
        found = stats.bootstrap_bca(rng.beta(4, 2, 80), resamples=500)
        return not found.low <= 4 / 6 <= found.high

    def mean(rng: np.random.Generator) -> bool:
        found = stats.mean_interval(rng.beta(4, 2, 80), within=(0, 1))
        return not found.low <= 4 / 6 <= found.high

    def newcombe(rng: np.random.Generator) -> bool:
        losses, wins = flips(rng, 100, 0.10, 0.05)
        found = stats.paired_difference(*marks(100, losses, wins))
        return not found.low <= -0.05 <= found.high

    def percentile(rng: np.random.Generator) -> bool:
        return stats.quantile_interval(rng.exponential(size=150), 0.95, side="upper").high < -math.log(0.05)

    rows = [
        ("Wilson, lower, n = 100, rate 0.9", wilson, trials),
        ("Clopper-Pearson, lower, n = 100, rate 0.9", exact, trials),
        ("t, n = 40", student, trials),
        ("cluster-robust t, 25 clusters of 4", families, trials),
        ("BCa bootstrap of a skewed score, n = 80", bootstrap, trials // 5),
        ("mean interval of a skewed score, n = 80: what gates use", mean, trials // 5),
        ("paired score interval, n = 100", newcombe, trials),
        ("95th percentile by order statistics, upper, n = 150", percentile, trials),
    ]
    return [(name, ALPHA, *share(count, happens, 50 + seed)) for seed, (name, happens, count) in enumerate(rows)]


def looks(processes: int, length: int) -> list[tuple[str, float, float, float]]:
    """Simulate sequences that are looked at after every case: the share that is ever wrong."""
    times = np.unique(np.geomspace(1, length, 120).astype(int))

    def rate(rng: np.random.Generator) -> bool:
        sums = np.cumsum(rng.random(length) < 0.9)
        bounds = (stats.rate_confidence_sequence(int(sums[n - 1]), int(n)) for n in times)
        return any(not found.low <= 0.9 <= found.high for found in bounds)

    def signs(rng: np.random.Generator) -> bool:
        wins = np.cumsum(rng.random(length) < 0.5)
        process = stats.SignEProcess("worse")
        for n in times:
            process.wins, process.losses = int(wins[n - 1]), int(n - wins[n - 1])
            if process.is_shown(ALPHA):
                return True
        return False

    def bounded(rng: np.random.Generator) -> bool:
        values = rng.beta(8, 2, length)
        bounds = (stats.empirical_bernstein_sequence(values[:n]) for n in times)
        return any(not found.low <= 0.8 <= found.high for found in bounds)

    def money(values: np.ndarray, mean: float) -> bool:
        bounds = (stats.asymptotic_confidence_sequence(values[:n]) for n in times if n > 1)
        return any(not found.low <= mean <= found.high for found in bounds)

    def latency(rng: np.random.Generator) -> bool:
        return money(rng.lognormal(size=length), math.exp(0.5))

    def saving(rng: np.random.Generator) -> bool:
        return money(rng.lognormal(size=length) - rng.lognormal(size=length), 0.0)

    rows = [
        ("beta-binomial sequence of a rate", rate),
        ("sign e-process, worse", signs),
        ("empirical-Bernstein sequence", bounded),
        ("asymptotic sequence of log-normal figures", latency),
        ("asymptotic sequence of differences of such figures", saving),
    ]
    return [(name, ALPHA, *share(processes, happens, 90 + seed)) for seed, (name, happens) in enumerate(rows)]


def pull_requests(trials: int) -> list[tuple[str, str, float, float]]:
    """Decide simulated pull requests with the gate that `promptctl init` writes: what, wanted, red, twice its error."""
    gate = parse_gate({"metric": "pass_rate", "versus": "base"})
    rows = []
    for seed, (n, losing, winning, wanted) in enumerate(
        [
            (60, 0.05, 0.05, "at most 5 %"),
            (200, 0.05, 0.05, "at most 5 %"),
            (1000, 0.05, 0.05, "at most 5 %"),
            (200, 0.10, 0.0, "at least 90 %"),
            (200, 0.125, 0.025, "at least 90 %"),
            (200, 0.15, 0.05, "at least 90 %"),
        ]
    ):
        drawn = np.random.default_rng(200 + seed)
        red = sum(decide(gate, *marks(n, *flips(drawn, n, losing, winning))) == "fail" for _ in range(trials))
        rate = red / trials
        loss = f"{100 * (losing - winning):.0f}-point loss" if losing > winning else "equal quality"
        name = f"{loss}, n = {n}, {100 * (losing + winning):.0f} % flips"
        rows.append((name, wanted, rate, 2 * math.sqrt(max(rate * (1 - rate), 1 / trials) / trials)))
    return rows


def decide(gate: object, before: np.ndarray, after: np.ndarray) -> str:
    """Return the outcome of one pull request."""
    tables = [table_of(values) for values in (before, after)]
    totals = Totals(cases=len(after), passed=int(after.sum()), failed=int(len(after) - after.sum()))
    group = GroupSummary(totals=totals, metrics={"pass_rate": MetricSummary(mean=totals.pass_rate, n=len(after))})
    verdict = decide_verdict(
        MANIFEST,
        [gate],  # type: ignore[list-item]  # parsed above
        RunSummary(overall=group, variants={"v": group}, slices={"v": {}}),
        policy=Policy(),
        table_of=lambda _: tables[1],
        baseline_of=lambda _versus, _label: Baseline(name="base", table=tables[0]),
    )
    return verdict.outcome


def table_of(values: np.ndarray) -> CaseTable:
    """Make a run's table of pass marks."""
    ids = tuple(map(str, range(len(values))))
    letters = np.where(values > 0, ord("p"), ord("f")).astype(np.uint8).reshape(-1, 1)
    return CaseTable(
        case_ids=ids,
        clusters=ids,
        tags=({},) * len(ids),
        outcomes=letters,
        metrics={"pass_rate": values.reshape(-1, 1)},
    )


def power(trials: int) -> list[tuple[str, float, float, float]]:
    """Compare computed with simulated power: name, computed, found, twice its error."""
    rows = []
    for seed, (n, loss, rate) in enumerate([(60, 0.15, 0.25), (200, 0.10, 0.2), (200, 0.05, 0.1), (1000, 0.03, 0.1)]):
        losing, winning = (rate + loss) / 2, (rate - loss) / 2

        def caught(rng: np.random.Generator, n: int = n, losing: float = losing, winning: float = winning) -> bool:
            losses, wins = flips(rng, n, losing, winning)
            return p_worse(wins, losses) <= ALPHA

        computed = stats.power_mcnemar(n, loss, flip_rate=rate)
        rows.append(
            (
                f"{100 * loss:.0f}-point loss, n = {n}, {100 * rate:.0f} % flips",
                computed,
                *share(trials, caught, 300 + seed),
            )
        )
    return rows


def table(title: str, head: tuple[str, str, str], rows: list[tuple[str, float, float, float]]) -> list[str]:
    """Render rows as Markdown."""
    lines = [f"## {title}", "", f"| {' | '.join(head)} | ± |", "|---|---|---|---|"]
    for name, promised, found, error in rows:
        shown = promised if isinstance(promised, str) else f"{100 * promised:.1f} %"
        lines.append(f"| {name} | {shown} | {100 * found:.2f} % | {100 * error:.2f} |")
    return [*lines, ""]


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    started = time.process_time()
    wanted = ("what", "wanted", "red")
    lines = [
        "# Do the statistics keep their word?",
        "",
        f"    python benchmarks/decisions.py --trials {options.trials}",
        "",
    ]
    lines += table("1,000 simulated pull requests each, by the gate of `init`", wanted, pull_requests(1_000))  # type: ignore[arg-type]  # wanted is text
    lines += table("False alarms", ("test", "at most", "found"), false_alarms(options.trials))
    lines += table("Intervals that miss", ("interval", "at most, nominally", "found"), misses(options.trials))
    lines += table(
        "2,000 sequences of 5,000 cases, each looked at some 110 times",
        ("sequence", "at most", "ever wrong"),
        looks(2_000, 5_000),
    )
    lines += table("Power of the paired test", ("loss", "computed", "simulated"), power(options.trials))
    lines.append(f"{time.process_time() - started:.0f} s of CPU.")
    print("\n".join(lines))
    if options.write:
        options.write.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
