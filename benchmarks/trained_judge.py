"""Trained judges on public labels, beside null judges and single figures.

    python benchmarks/trained_judge.py --data DIR [--embedder NAME] [--repeats 3]

DIR holds `claims_wice.jsonl` (WiCE) and `pairwise_llmbar.jsonl` (LLMBar); nothing of them is written anywhere. Every
figure of a trained judge is of items whose family none of its models had seen: learner, map and threshold are chosen
within the training part of each outer fold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from promptship.domain import Case, JudgedItem, Output, digest_output
from promptship.judges import NULL_JUDGES, TrainingData, TrainingPlan, train_on
from promptship.scorers import VECTOR, FeaturePlan, FeatureTools, compute_features
from promptship.stats import auroc, bootstrap_bca

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.domain import Embedder

_ERROR = 0.1


@dataclass(frozen=True)
class Task:
    """A data set with its question."""

    name: str
    items: list[JudgedItem]
    human: np.ndarray
    clusters: tuple[str, ...]
    embed: tuple[str, ...]
    metric: str


def item_of(identity: str, text: str, inputs: dict[str, Any], versus: str | None = None) -> JudgedItem:
    """Build an item of plain texts."""
    output = Output(text=text)
    other = None if versus is None else Output(text=versus)
    return JudgedItem(case=Case(id=identity, inputs=inputs), output=output, digest=digest_output(output), versus=other)


def load(path: Path) -> list[dict[str, Any]]:
    """Read a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def wice(folder: Path) -> Task:
    """Is a claim wholly supported by its evidence? Claims of one page title are a family."""
    rows = load(folder / "claims_wice.jsonl")
    items = [item_of(row["id"], row["claim"], {"evidence": "\n".join(row["evidence"])}) for row in rows]
    return Task(
        name="claims_wice: supported or not",
        items=items,
        human=np.asarray([row["label"] == "supported" for row in rows], dtype=float),
        clusters=tuple(str(row["evidence"][0]) if row["evidence"] else row["id"] for row in rows),
        embed=("output", "inputs.evidence"),
        metric="AUROC",
    )


def llmbar(folder: Path) -> Task:
    """Which of two answers follows the instruction? Items of one instruction are a family."""
    rows = load(folder / "pairwise_llmbar.jsonl")
    items = [
        item_of(row["id"], row["output_1"], {"instruction": row["instruction"]}, versus=row["output_2"]) for row in rows
    ]
    return Task(
        name="pairwise_llmbar: which answer follows the instruction",
        items=items,
        human=np.asarray([row["label"] == 1 for row in rows], dtype=float),
        clusters=tuple(row["instruction"] for row in rows),
        embed=("output", "inputs.instruction"),
        metric="accuracy",
    )


def measure(task: Task, human: np.ndarray, scores: np.ndarray) -> float:
    """Return the AUROC of scores, or of pairs the share that their sign decides rightly."""
    if task.metric == "AUROC":
        # A draw of the bootstrap may hold one class alone.
        return auroc(scores, human) if 0 < human.mean() < 1 else 0.5
    # A tie between two answers is half right: a coin would decide.
    return float(np.mean(np.where(scores == 0, 0.5, (scores > 0) == (human > 0))))


def best_of(task: Task, columns: dict[str, np.ndarray]) -> tuple[str, np.ndarray]:
    """Return the single figure that is best on the very data, in the better direction: the hardest to beat."""
    signed = {
        f"{name}{' (less is better)' if sign < 0 else ''}": sign * column
        for name, column in columns.items()
        for sign in (1, -1)
    }
    name = max(signed, key=lambda one: measure(task, task.human, signed[one]))
    return name, signed[name]


def difference(task: Task, one: np.ndarray, other: np.ndarray) -> Any:
    """Bound the gain of `one` over `other`, families drawn whole."""
    families: dict[str, list[int]] = {}
    for place, name in enumerate(task.clusters):
        families.setdefault(name, []).append(place)
    members = [np.asarray(places) for places in families.values()]

    def gain(drawn: np.ndarray) -> float:
        places = np.concatenate([members[int(place)] for place in drawn])
        human = task.human[places]
        return measure(task, human, one[places]) - measure(task, human, other[places])

    return bootstrap_bca(np.arange(len(members), dtype=float), statistic=gain, resamples=2_000)


async def data_of(task: Task, embedder: Embedder | None) -> TrainingData:
    """Compute the figures of a task."""
    plan = FeaturePlan(embed=task.embed if embedder else ())
    names, rows = await compute_features(task.items, plan, FeatureTools(embedder=embedder))
    return TrainingData(
        names=names,
        rows=rows,
        human=task.human,
        weights=np.ones(len(task.items)),
        clusters=task.clusters,
        is_pairwise=task.items[0].versus is not None,
    )


def report(task: Task, data: TrainingData, repeats: int) -> None:
    """Train, and print what the judge is worth."""
    started = time.perf_counter()
    runs = [train_on(data, TrainingPlan(error=_ERROR), seed=seed, name="bench") for seed in range(repeats)]
    # The mean over fold splits: one split is a draw, and the luckiest of several would be no measurement.
    chances = np.mean([run.chances for run in runs], axis=0)
    scores = chances - 0.5 if data.is_pairwise else chances
    print(f"\n## {task.name}\n")
    print(f"{len(task.items)} items, {len(set(task.clusters))} families, {task.human.mean():.0%} positive, ", end="")
    print(f"{repeats} splits into folds, {time.perf_counter() - started:.0f} s\n")
    print(f"| judge | {task.metric} | trained judge is above by | 95 % interval |\n|---|---|---|---|")
    print(f"| trained, nested cross-validation | {measure(task, task.human, scores):.3f} | | |")
    nulls = {name: np.asarray([float(feature(one)) for one in task.items]) for name, feature in NULL_JUDGES.items()}
    singles = {name: data.rows[:, place] for place, name in enumerate(data.names) if not name.startswith(f"{VECTOR}:")}
    for what, columns in (("best null judge", nulls), ("best single figure", singles)):
        name, column = best_of(task, columns)
        found = difference(task, scores, column)
        said = f"| {what}: {name} | {measure(task, task.human, column):.3f} "
        print(f"{said}| {found.estimate:+.3f} | {found.low:+.3f} to {found.high:+.3f} |")
    print_abstention(runs, task.human)
    print(f"\nChosen: {'; '.join(sorted({run.chosen[-1] for run in runs}))}.")


def print_abstention(runs: Sequence[Any], human: np.ndarray) -> None:
    """Print how much is answered, and how often wrongly."""
    answered, wrong = [], []
    for run in runs:
        decided = np.asarray([verdict is not None for verdict in run.verdicts])
        said = np.asarray([bool(verdict) for verdict in run.verdicts])
        answered.append(decided.mean())
        wrong.append(((said != (human > 0)) & decided).sum() / max(1, decided.sum()))
    print(
        f"\nAbstention trained for {_ERROR:.0%} error: answers {np.mean(answered):.0%}, wrong in {np.mean(wrong):.1%}."
    )


def find_embedder(name: str) -> Embedder | None:
    """Open the embedder of the project in this folder; None for none."""
    if name == "none":
        return None
    from promptship.assembly import Workspace

    return Workspace.open(Path()).open_instruments().embedder("" if name == "default" else name)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embedder", default="none", help="`default`, a name, or `none` for words alone")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    embedder = find_embedder(chosen.embedder)
    tasks: tuple[Callable[[Path], Task], ...] = (wice, llmbar)
    print(f"# Trained judges\n\nEmbedder: {embedder.identity if embedder else 'none, words alone'}.")
    for make in tasks:
        task = make(chosen.data)
        report(task, asyncio.run(data_of(task, embedder)), chosen.repeats)


if __name__ == "__main__":
    main()
