"""Do intervals of a rate by a judge hold the truth? Simulated, with the usual corrections beside ours.

    python benchmarks/judge_intervals.py                    # prints
    python benchmarks/judge_intervals.py --write FILE

Cases are good with a known rate; a judge with known sensitivity and specificity passes or fails each; people label some
of them, drawn at random, or from a queue in which what the judge fails is eight times likelier to be looked at.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from promptship import stats

Z = 1.959963984540054
QUEUE = 8.0


class Setting(NamedTuple):
    """What is simulated: the truth, the judge, and how much is known."""

    rate: float
    sensitivity: float
    specificity: float
    cases: int
    labels: int

    def describe(self) -> str:
        """Return it as a row's first cells."""
        return f"{self.rate:.2f} | {self.sensitivity:.2f} / {self.specificity:.2f} | {self.cases:,} | {self.labels}"


SETTINGS = (
    Setting(0.50, 0.90, 0.80, 1000, 60),
    Setting(0.70, 0.80, 0.80, 300, 100),
    Setting(0.80, 0.90, 0.70, 1000, 60),
    Setting(0.80, 0.95, 0.50, 1000, 100),
    Setting(0.85, 0.70, 0.70, 500, 80),
    Setting(0.90, 0.95, 0.50, 500, 50),
    Setting(0.90, 0.90, 0.90, 2000, 40),
    Setting(0.95, 0.95, 0.60, 1000, 60),
    Setting(0.97, 0.95, 0.60, 1000, 30),
    Setting(0.97, 0.90, 0.80, 200, 50),
)


def judge(rng: np.random.Generator, truth: np.ndarray, sensitivity: float, specificity: float) -> np.ndarray:
    """Return the judge's verdicts, 1 or 0."""
    return np.where(truth, rng.random(len(truth)) < sensitivity, rng.random(len(truth)) >= specificity).astype(float)


def label(rng: np.random.Generator, truth: np.ndarray, verdicts: np.ndarray, count: int, queue: float) -> np.ndarray:
    """Return people's labels, NaN where nobody looked; `queue` times likelier where the judge fails a case."""
    weights = np.where(verdicts == 1, 1.0, queue)
    chosen = rng.choice(len(truth), count, replace=False, p=weights / weights.sum())
    labels = np.full(len(truth), np.nan)
    labels[chosen] = truth[chosen]
    return labels


def ours(verdicts: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """Post-stratify."""
    found = stats.judged_rate(verdicts, labels, draws=2_000, seed=seed)
    return found.low, found.high


def labels_alone(verdicts: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """Take the labels as a random sample."""
    del verdicts, seed
    known = labels[~np.isnan(labels)]
    found = stats.wilson(int(known.sum()), len(known))
    return found.low, found.high


def textbook_ppi(verdicts: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """Add the judge's mean bias on the labels to its rate, with a normal interval; not tuned."""
    del seed
    known = ~np.isnan(labels)
    bias = labels[known] - verdicts[known]
    mean = verdicts[~known].mean() + bias.mean()
    width = Z * math.sqrt(verdicts[~known].var(ddof=1) / (~known).sum() + bias.var(ddof=1) / known.sum())
    return mean - width, mean + width


def rogan_gladen(verdicts: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """Invert the judge's rate by its sensitivity and specificity on the labels, with a normal interval."""
    del seed
    known = ~np.isnan(labels)
    good, bad = verdicts[known][labels[known] == 1], verdicts[known][labels[known] == 0]
    if not len(good) or not len(bad):
        return math.nan, math.nan
    se, sp, q = good.mean(), 1 - bad.mean(), verdicts.mean()
    youden = se + sp - 1
    if youden <= 0:
        return math.nan, math.nan
    rate = (q + sp - 1) / youden
    variance = q * (1 - q) / len(verdicts)
    variance += se * (1 - se) / len(good) * rate**2 + sp * (1 - sp) / len(bad) * (1 - rate) ** 2
    width = Z * math.sqrt(variance) / youden
    return rate - width, rate + width


METHODS = (
    ("ours", ours),
    ("labels alone", labels_alone),
    ("PPI, textbook", textbook_ppi),
    ("Rogan-Gladen", rogan_gladen),
)


def coverage(setting: Setting, trials: int, queue: float, seed: int) -> list[float]:
    """Return the share of intervals of each method that hold the truth; one that cannot be made holds nothing."""
    rng = np.random.default_rng(seed)
    hits = np.zeros(len(METHODS))
    for trial in range(trials):
        truth = rng.random(setting.cases) < setting.rate
        verdicts = judge(rng, truth, setting.sensitivity, setting.specificity)
        labels = label(rng, truth, verdicts, setting.labels, queue)
        for place, (_, method) in enumerate(METHODS):
            low, high = method(verdicts, labels, trial)
            hits[place] += low <= setting.rate <= high
    return list(hits / trials)


def false_differences(trials: int, seed: int) -> list[tuple[str, float, float]]:
    """Two equally good systems, one of which the judge is lenient to: how often they are called different."""
    found = []
    for lenient in (0.3, 0.2, 0.1):
        rng = np.random.default_rng(seed)
        raw = mended = 0
        for trial in range(trials):
            sides, rates = [], []
            for specificity in (0.8, 0.8 - lenient):
                truth = rng.random(1_000) < 0.7
                verdicts = judge(rng, truth, 0.9, specificity)
                sides.append((verdicts, label(rng, truth, verdicts, 100, 1.0)))
                rates.append(verdicts)
            raw += stats.mcnemar(*rates).p_value <= 0.05
            interval = stats.judged_difference(*sides, draws=2_000, seed=trial)
            mended += not interval.low <= 0 <= interval.high
        found.append(
            (f"the judge passes {100 * lenient:.0f} % more of one side's bad answers", raw / trials, mended / trials)
        )
    return found


def table(trials: int, queue: float) -> list[str]:
    """Render the coverage of every setting."""
    lines = [f"| rate | Se / Sp | cases | labels | {' | '.join(name for name, _ in METHODS)} |", "|---" * 8 + "|"]
    for number, setting in enumerate(SETTINGS):
        found = coverage(setting, trials, queue, 100 + number)
        lines.append(f"| {setting.describe()} | {' | '.join(f'{100 * share:.1f} %' for share in found)} |")
    return [*lines, ""]


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    started = time.process_time()
    error = 200 * math.sqrt(0.95 * 0.05 / options.trials)
    lines = [
        "# Rates by a judge, mended by labels",
        "",
        f"    python benchmarks/judge_intervals.py --trials {options.trials}",
        "",
    ]
    lines += [f"Share of 95 % intervals that hold the true rate; ± {error:.1f} points. Wanted: 92 to 98 %.", ""]
    lines += ["## Labels drawn at random", "", *table(options.trials, 1.0)]
    lines += ["## Labels from a queue: what the judge fails is eight times likelier to be labelled", ""]
    lines += table(options.trials, QUEUE)
    lines += ["## Two equally good systems, 1,000 cases and 100 labels each: called different", ""]
    lines += ["| | raw verdicts, McNemar | mended; wanted at most 5 % |", "|---|---|---|"]
    lines += [
        f"| {name} | {100 * raw:.1f} % | {100 * mended:.1f} % |"
        for name, raw, mended in false_differences(options.trials, 7)
    ]
    lines += ["", f"{time.process_time() - started:.0f} s of CPU."]
    print("\n".join(lines))
    if options.write:
        options.write.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
