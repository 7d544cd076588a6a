"""What abstention, panels and cascades buy, from recorded votes of judges on LLMBar; no model is called.

    python benchmarks/judge_cascade.py --data DIR > benchmarks/results/judge_cascade.md

DIR holds `judge_votes_llmbar.jsonl`. Votes become verdicts by the scorers `pairwise`, `panel` and `cascade` themselves,
which rule on stored votes as `promptctl runs rescore` has them do. A judge votes in both orders; where the two differ
it abstains. How sure it is of what it decided is the share of its family's other votes that say the same.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from promptship.domain import ModelConfig, Score, ScorerSpec, Vote
from promptship.judges import CascadeStage, cascade_frontier
from promptship.models import FakeModel
from promptship.scorers import ScorerContext, build_scorer
from promptship.stats import bootstrap_bca, mean_interval, paired_difference, split_conformal_threshold, wilson

if TYPE_CHECKING:
    from promptship.scorers import CheckedScorer
    from promptship.stats import Interval

Rows = list[dict[str, Any]]

CHEAP, DEAR, BELOW = "PaLM2/Metrics_Reference", "GPT-4/Metrics_Reference", "ChatGPT/Vanilla"
WORDINGS = tuple(f"GPT-4/{name}" for name in ("Vanilla", "CoT", "Metrics", "Reference", "Metrics_Reference"))
CHEAP_COST, DEAR_COST = 2.0, 40.0
SPLITS = 1_000
LEVELS = (0.02, 0.05, 0.1)
_PLACES = {"shown-first": ("first", "second"), "shown-second": ("second", "first")}


def load(folder: Path) -> Rows:
    """Read the votes."""
    path = folder / "judge_votes_llmbar.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


class _Nobody:
    """Opens a model that is never asked: all that is judged here is recorded."""

    def completion(self, name: str) -> tuple[FakeModel, ModelConfig]:
        return FakeModel(["never asked"]), ModelConfig(name=name, model="fake/echo")


@cache
def scorer_of(kind: str, names: tuple[str, ...], reducer: str = "") -> CheckedScorer:
    """Build `pairwise`, or a `panel` or `cascade` of judges of pairs by these names."""
    params: dict[str, Any] = {}
    if kind != "pairwise":
        params["scorers"] = [{"type": "pairwise", "name": name} for name in names]
    if reducer:
        params["reducer"] = reducer
    return build_scorer(ScorerSpec(type=kind, name=kind, params=params), ScorerContext(instruments=_Nobody()))


def votes_of(given: list[str] | None, *, under: str = "") -> list[Vote]:
    """Return recorded votes as `pairwise` keeps them: of output 1 shown first, and shown second."""
    found = []
    for said, (place, (ours, other)) in zip((given or ["", ""])[:2], _PLACES.items(), strict=True):
        known = said in {"1", "2"}
        value, word = (1.0, ours) if said == "1" else (0.0, other)
        found.append(
            Vote(criterion=f"{under}{place}", value=value if known else None, category=word if known else "prose")
        )
    return found


def verdicts_of(rows: Rows, kind: str, *names: str, reducer: str = "") -> np.ndarray:
    """Return what a scorer makes of the votes: 1 where output 1 is better, 0 where it is not, NaN where it abstains."""
    scorer = scorer_of(kind, names, reducer)
    found = []
    for row in rows:
        if kind == "pairwise":
            votes = votes_of(row["votes"].get(names[0]))
        else:
            # The vote of a member is made anew of what stands below it.
            votes = [
                vote
                for name in names
                for vote in (Vote(criterion=name), *votes_of(row["votes"].get(name), under=f"{name} / "))
            ]
        score = scorer.rescore(Score(value=None, votes=tuple(votes)))
        found.append(np.nan if score is None or score.passed is None else float(score.passed))
    return np.asarray(found)


def single_of(rows: Rows, human: np.ndarray, name: str) -> np.ndarray:
    """Return how often a judge is right on each pair when it is asked in one order alone: 0, one half or 1."""
    label = np.where(human > 0, "1", "2")
    return np.asarray(
        [np.mean([vote == said for vote in row["votes"][name][:2]]) for row, said in zip(rows, label, strict=True)]
    )


def stage_of(rows: Rows, name: str, cost: float) -> CascadeStage:
    """Return a judge of both orders; sure as far as its family agrees with it."""
    family = name.partition("/")[0] + "/"
    good = verdicts_of(rows, "pairwise", name)
    sure = np.zeros(len(rows))
    for place, row in enumerate(rows):
        votes = [vote for other, both in row["votes"].items() if other.startswith(family) for vote in both[:2]]
        said = "1" if good[place] == 1 else "2"
        sure[place] = sum(vote == said for vote in votes) / len(votes)
    return CascadeStage(name=name, good=good, sure=sure, cost=cost)


class Known(NamedTuple):
    """A figure that was known of these votes, ours with its interval, and whether the two agree."""

    what: str
    said: str
    ours: Interval
    holds: bool | None = None


def _right(verdicts: np.ndarray, human: np.ndarray) -> np.ndarray:
    """Return 1 where a verdict is right, 0 where it is wrong or open."""
    return (verdicts == human).astype(float)


def _within(what: str, share: float, ours: Interval) -> Known:
    return Known(what, f"{share:.0%}", ours, ours.low <= share <= ours.high)


def known_orders(rows: Rows, human: np.ndarray) -> list[Known]:
    """Hold both orders to what was known of them: 86 to 91 % right on the 92 % kept, and worse below chance."""
    both = verdicts_of(rows, "pairwise", DEAR)
    kept = ~np.isnan(both)
    alone = mean_interval(single_of(rows, human, DEAR), within=(0, 1))
    found = [
        _within(f"{DEAR}, one order: right", 0.86, alone),
        _within("both orders agree: right", 0.91, wilson(int(_right(both, human).sum()), int(kept.sum()))),
        _within("both orders agree: kept", 0.92, wilson(int(kept.sum()), len(kept))),
    ]
    for name in (DEAR, BELOW):
        gain = _gain(verdicts_of(rows, "pairwise", name), single_of(rows, human, name), human)
        holds = gain.low > 0 if name == DEAR else gain.high < 0
        found.append(Known(f"{name}: gain by both orders", "better" if name == DEAR else "worse", gain, holds))
    return found


def known_panels(rows: Rows, human: np.ndarray) -> list[Known]:
    """Hold panels to what was known of them: a majority of one model's wordings gains nothing, unanimity tells."""
    majority = verdicts_of(rows, "panel", *WORDINGS, reducer="majority")
    unanimous = verdicts_of(rows, "panel", *WORDINGS, reducer="unanimous")
    alone = {name: _right(verdicts_of(rows, "pairwise", name), human) for name in WORDINGS}
    best = max(alone, key=lambda name: alone[name].sum())
    gap = paired_difference(alone[best], _right(majority, human))
    gain = _gain(unanimous, _right(majority, human), human, given=~np.isnan(majority))
    return [
        Known(f"majority of 5 wordings, less its best member {best}", "no gain", gap, gap.low <= 0),
        Known("where all 5 say the same: right of the decided, less the majority's", "better", gain, gain.low > 0),
    ]


def known_cascade(rows: Rows, human: np.ndarray) -> list[Known]:
    """Hold a cascade to its ends: it decides more than the cheap judge, and asks the dear one where that is open."""
    cheap = verdicts_of(rows, "pairwise", CHEAP)
    chained = verdicts_of(rows, "cascade", CHEAP, DEAR)
    expected = np.where(np.isnan(cheap), verdicts_of(rows, "pairwise", DEAR), cheap)
    assert np.array_equal(chained, expected, equal_nan=True)
    more = paired_difference(_right(cheap, human), _right(chained, human))
    right = wilson(int(_right(chained, human).sum()), int((~np.isnan(chained)).sum()))
    asked = wilson(int(np.isnan(cheap).sum()), len(rows))
    return [
        Known(f"{CHEAP}, then {DEAR}: pairs decided rightly, less the first alone", "more", more, more.low > 0),
        Known("the same cascade: right of the decided", "", right),
        Known("the same cascade: asks the second judge", "", asked),
    ]


def _gain(ours: np.ndarray, right: np.ndarray, human: np.ndarray, *, given: np.ndarray | None = None) -> Interval:
    """Return how much more often verdicts are right than others, each of what it decides; pairs are drawn together.

    Args:
        ours: Verdicts; NaN where none was given.
        right: How often the others judge each pair rightly, 0 where they do not decide.
        human: What people say.
        given: Whether the others decide; None where they always do.
    """
    decides = np.ones(len(right)) if given is None else given
    rows = np.column_stack([~np.isnan(ours), _right(ours, human), decides, right])

    def gain(places: np.ndarray) -> float:
        decided, rightly, others, others_rightly = rows[places.astype(int)].sum(axis=0)
        return float(rightly / max(1, decided) - others_rightly / max(1, others))

    return bootstrap_bca(np.arange(len(rows), dtype=float), statistic=gain, expanded=True)


def report_known(rows: Rows, human: np.ndarray) -> None:
    """Print and check what was known of these votes."""
    print("\n| figure | known | by our reducers | 95 % interval | agrees |\n|---|---|---|---|---|")
    marks = {True: "yes", False: "NO", None: ""}
    for one in (*known_orders(rows, human), *known_panels(rows, human), *known_cascade(rows, human)):
        ours = one.ours
        print(f"| {one.what} | {one.said} | {ours.estimate:.1%} | {ours.low:.1%} to {ours.high:.1%} ", end="")
        print(f"| {marks[one.holds]} |")
        assert one.holds is not False, one


def report_orders(rows: Rows, human: np.ndarray, name: str) -> None:
    """Print what it buys to ask in both orders and to abstain where they differ."""
    both = verdicts_of(rows, "pairwise", name)
    kept = ~np.isnan(both)
    found = wilson(int(_right(both, human).sum()), int(kept.sum()))
    said = f"| {name} | {single_of(rows, human, name).mean():.1%} "
    print(f"{said}| {found.estimate:.1%} ({found.low:.1%} to {found.high:.1%}) | {kept.mean():.0%} |")


def report_cascade(stages: list[CascadeStage], human: np.ndarray, clusters: list[str]) -> None:
    """Print the frontier of cost and agreement."""
    print("\n| allowed error of the cheap judge | decided | right | 95 % interval | mean cost | asked the dear one |")
    print("|---|---|---|---|---|---|")
    for point in cascade_frontier(stages, human, clusters):
        right = point.agreement
        decided = f"| {point.error:.0%} | {point.coverage.estimate or 0:.0%} | {right.estimate or 0:.1%} "
        interval = f"| {right.low or 0:.1%} to {right.high or 0:.1%} "
        print(f"{decided}{interval}| {point.cost:.1f} | {point.reached[1]:.0%} |")


def split_errors(stage: CascadeStage, human: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the error of what is answered, and how much is, over random halves; shape (splits,) both."""
    decided = ~np.isnan(stage.good)
    sure, right = stage.sure[decided], (stage.good[decided] == human[decided]).astype(float)
    rng = np.random.default_rng(0)
    errors, answered = np.zeros(SPLITS), np.zeros(SPLITS)
    for split in range(SPLITS):
        order = rng.permutation(len(sure))
        known, new = order[: len(order) // 2], order[len(order) // 2 :]
        least = split_conformal_threshold(sure[known], right[known], error=level)
        kept = new[sure[new] >= least] if least is not None else new[:0]
        answered[split] = len(kept) / max(1, len(new))
        # Where nothing is answered nothing is wrong.
        errors[split] = 1 - right[kept].mean() if len(kept) else 0.0
    return errors, answered


def report_conformal(stage: CascadeStage, human: np.ndarray) -> None:
    """Print the error of what is answered over random splits, at several levels."""
    print("\n| level | mean error of the answered | answered |\n|---|---|---|")
    for level in LEVELS:
        errors, answered = split_errors(stage, human, level)
        noise = errors.std() / np.sqrt(SPLITS)
        print(f"| {level:.0%} | {errors.mean():.2%} (± {2 * noise:.2%}) | {answered.mean():.0%} |")
        assert errors.mean() <= level + 3 * noise


def report_all(rows: Rows, human: np.ndarray) -> None:
    """Print how many of all recorded judges keep the level, and the one that comes nearest to it."""
    names = sorted(set.union(*(set(row["votes"]) for row in rows)))
    print("\n| level | judges | keep it | answer anything | worst mean error | of |\n|---|---|---|---|---|---|")
    stages = [stage_of(rows, name, 1.0) for name in names]
    for level in LEVELS:
        means, kept, answer = [], 0, 0
        for stage in stages:
            errors, answered = split_errors(stage, human, level)
            means.append(errors.mean())
            kept += bool(errors.mean() <= level + 3 * errors.std() / np.sqrt(SPLITS))
            answer += bool(answered.mean() > 0)
        worst = int(np.argmax(means))
        print(f"| {level:.0%} | {len(names)} | {kept} | {answer} | {means[worst]:.2%} | {names[worst]} |")
        assert kept == len(names)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    rows = load(parser.parse_args().data)
    human = np.asarray([row["label"] == 1 for row in rows], dtype=float)
    stages = [stage_of(rows, CHEAP, CHEAP_COST), stage_of(rows, DEAR, DEAR_COST)]
    print("# Abstention, panels and cascades from recorded votes\n")
    print(f"{len(rows)} pairs of LLMBar. Every verdict is that of the scorers `pairwise`, `panel` and `cascade`,")
    print("made of recorded votes without a call; each judge is asked in both orders and abstains where they differ.")
    print("`python benchmarks/judge_cascade.py --data DIR`, 15 s, fails where a figure does not agree.")
    print("\n## What was known of these votes")
    report_known(rows, human)
    print("\n## Both orders\n")
    print("| judge | right, one order | right where both orders agree | decided |\n|---|---|---|---|")
    for name in (DEAR, "GPT-4/Vanilla", CHEAP, "PaLM2/Vanilla", BELOW):
        report_orders(rows, human, name)
    print(f"\n## {CHEAP} at cost {CHEAP_COST:g}, then {DEAR} at cost {DEAR_COST:g}")
    report_cascade(stages, human, [row["id"] for row in rows])
    print(f"\n## Conformal abstention of {DEAR}, {SPLITS:,} random halves")
    report_conformal(stages[1], human)
    print(f"\n## Conformal abstention of every recorded judge, {SPLITS:,} random halves each")
    report_all(rows, human)


if __name__ == "__main__":
    main()
