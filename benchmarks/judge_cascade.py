"""What abstention and cascades buy, from recorded votes of judges on LLMBar; no model is called.

    python benchmarks/judge_cascade.py --data DIR

DIR holds `judge_votes_llmbar.jsonl`. A judge votes in both orders; where the two differ it abstains. How sure it is of
what it decided is the share of its family's other votes that say the same.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from promptship.judges import CascadeStage, cascade_frontier
from promptship.stats import split_conformal_threshold, wilson

_CHEAP, _DEAR = "PaLM2/Metrics_Reference", "GPT-4/Metrics_Reference"
_CHEAP_COST, _DEAR_COST = 2.0, 40.0
_SPLITS = 1_000


def load(folder: Path) -> list[dict[str, Any]]:
    """Read the votes."""
    path = folder / "judge_votes_llmbar.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def verdict_of(votes: list[str] | None) -> float:
    """Return 1 or 0 where both orders say the same answer; NaN where they differ or one did not parse."""
    if not votes or votes[0] != votes[1] or votes[0] not in {"1", "2"}:
        return float("nan")
    return float(votes[0] == "1")


def stage_of(rows: list[dict[str, Any]], name: str, cost: float) -> CascadeStage:
    """Return a judge of both orders; sure as far as its family agrees with it."""
    family = name.partition("/")[0] + "/"
    good = np.asarray([verdict_of(row["votes"].get(name)) for row in rows])
    sure = np.zeros(len(rows))
    for place, row in enumerate(rows):
        votes = [vote for other, both in row["votes"].items() if other.startswith(family) for vote in both[:2]]
        said = "1" if good[place] == 1 else "2"
        sure[place] = sum(vote == said for vote in votes) / len(votes)
    return CascadeStage(name=name, good=good, sure=sure, cost=cost)


def report_orders(rows: list[dict[str, Any]], human: np.ndarray, name: str) -> None:
    """Print what it buys to ask in both orders and to abstain where they differ."""
    label = np.where(human > 0, "1", "2")
    single = np.mean([[vote == said for vote in row["votes"][name][:2]] for row, said in zip(rows, label, strict=True)])
    both = np.asarray([verdict_of(row["votes"].get(name)) for row in rows])
    kept = ~np.isnan(both)
    right = int((both[kept] == human[kept]).sum())
    found = wilson(right, int(kept.sum()))
    said = f"| {name} | {single:.1%} | {found.estimate:.1%} ({found.low:.1%} to {found.high:.1%}) "
    print(f"{said}| {kept.mean():.0%} |")


def report_cascade(stages: list[CascadeStage], human: np.ndarray, clusters: list[str]) -> None:
    """Print the frontier of cost and agreement."""
    print("\n| allowed error of the cheap judge | decided | right | 95 % interval | mean cost | asked the dear one |")
    print("|---|---|---|---|---|---|")
    for point in cascade_frontier(stages, human, clusters):
        right = point.agreement
        decided = f"| {point.error:.0%} | {point.coverage.estimate or 0:.0%} | {right.estimate or 0:.1%} "
        interval = f"| {right.low or 0:.1%} to {right.high or 0:.1%} "
        print(f"{decided}{interval}| {point.cost:.1f} | {point.reached[1]:.0%} |")


def report_conformal(stage: CascadeStage, human: np.ndarray) -> None:
    """Print the error of what is answered over random splits, at several levels."""
    decided = ~np.isnan(stage.good)
    sure, right = stage.sure[decided], (stage.good[decided] == human[decided]).astype(float)
    rng = np.random.default_rng(0)
    print("\n| level | mean error of the answered | answered |\n|---|---|---|")
    for level in (0.02, 0.05, 0.1):
        errors, answered = [], []
        for _ in range(_SPLITS):
            order = rng.permutation(len(sure))
            known, new = order[: len(order) // 2], order[len(order) // 2 :]
            least = split_conformal_threshold(sure[known], right[known], error=level)
            kept = new[sure[new] >= least] if least is not None else new[:0]
            answered.append(len(kept) / len(new))
            # Where nothing is answered nothing is wrong.
            errors.append(1 - right[kept].mean() if len(kept) else 0.0)
        noise = np.std(errors) / np.sqrt(_SPLITS)
        print(f"| {level:.0%} | {np.mean(errors):.2%} (± {2 * noise:.2%}) | {np.mean(answered):.0%} |")
        assert np.mean(errors) <= level + 3 * noise


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    rows = load(parser.parse_args().data)
    human = np.asarray([row["label"] == 1 for row in rows], dtype=float)
    stages = [stage_of(rows, _CHEAP, _CHEAP_COST), stage_of(rows, _DEAR, _DEAR_COST)]
    print(f"# Abstention and cascades from recorded votes\n\n{len(rows)} pairs of LLMBar.\n\n## Both orders\n")
    print("| judge | right, one order | right where both orders agree | decided |\n|---|---|---|---|")
    for name in (_DEAR, "GPT-4/Vanilla", _CHEAP, "PaLM2/Vanilla", "ChatGPT/Vanilla"):
        report_orders([row for row in rows if name in row["votes"]], human, name)
    print(f"\n## {_CHEAP} at cost {_CHEAP_COST:g}, then {_DEAR} at cost {_DEAR_COST:g}")
    report_cascade(stages, human, [row["id"] for row in rows])
    print(f"\n## Conformal abstention of {_DEAR}, {_SPLITS:,} random halves")
    report_conformal(stages[1], human)


if __name__ == "__main__":
    main()
