"""A judge at work on outputs that people have labelled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from promptship.domain import Score, ScoreInput, digest_of
from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promptship.domain import JudgedItem, JudgeFile, Scorer
    from promptship.stats import Calibration

__all__ = ["OpenJudge", "Ruling", "ask_judge", "input_of", "judge_digest"]

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJudge:
    """A judge that can be asked.

    Attributes:
        file: What its file says.
        scorer: Gives raw scores.
        digest: Its digest, of which the figures are.
        anew: The same judge without any cache, for test and retest; None where asking twice tells nothing.
        calibration: Its map; None for raw scores.
        abstains: Whether its own verdict counts, or none at all, and not a threshold of its file.
        held_out: For a trained judge, what models that had not seen an item say of it, by case and output.
    """

    file: JudgeFile
    scorer: Scorer
    digest: str = ""
    anew: Scorer | None = None
    calibration: Calibration | None = None
    abstains: bool = False
    held_out: Mapping[tuple[str, str], Ruling] = field(default_factory=dict)

    def decide(self, score: Score) -> Ruling:
        """Return what the judge says, after calibration and threshold."""
        value = score.value
        if value is not None and self.calibration is not None:
            value = float(self.calibration.apply([value])[0])
        good = score.passed
        if value is None:
            good = None
        elif self.file.threshold is not None and not self.abstains:
            good = value >= self.file.threshold
        return Ruling(
            raw=score.value,
            score=value,
            good=good,
            cost_usd=score.cost_usd,
            reason=score.reason,
            judge=score.judge,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a judge says of one output.

    Attributes:
        raw: Its score, 0 to 1; None where it gave none.
        score: The same after calibration.
        good: Its verdict; None where it abstains.
        cost_usd: What it cost.
        reason: In its words.
        judge: Digest that the score cites; "" for a scorer that cites none.
    """

    raw: float | None
    score: float | None
    good: bool | None
    cost_usd: float = 0.0
    reason: str = ""
    judge: str = ""


async def ask_judge(
    judge: OpenJudge,
    items: Sequence[JudgedItem],
    *,
    anew: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> list[Ruling]:
    """Ask a judge about each output, some at once.

    Args:
        judge: The judge.
        items: The outputs.
        anew: Ask without a cache.
        on_progress: Told after each how many have been answered since the last time, which is 1.

    Raises:
        InfrastructureError: A model could not be asked; answers so far are in the cache.
        UsageError: The judge's scorer cannot judge such outputs.
    """
    scorer = judge.anew if anew and judge.anew is not None else judge.scorer
    # The hub keeps the provider's pace; this only keeps ten thousand items from being prompts in memory at once.
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(item: JudgedItem) -> Ruling:
        async with gate:
            found = scorer.score(input_of(item))
            score = found if isinstance(found, Score) else await found
        if on_progress:
            on_progress(1)
        return judge.decide(score)

    rulings = list(await asyncio.gather(*map(one, items)))
    if rulings and all(ruling.good is None and ruling.score is not None for ruling in rulings) and not judge.abstains:
        raise UsageError(
            f"{judge.file.path}: the judge only measures, and its file has no threshold",
            hint=f"write a `threshold`, or find one: promptctl judge calibrate {judge.file.name}",
        )
    return rulings


def input_of(item: JudgedItem) -> ScoreInput:
    """Return what a scorer sees of an item; the answer it is compared with stands in the case's `expected`."""
    if item.versus is None:
        return ScoreInput(output=item.output, case=item.case)
    return ScoreInput(output=item.output, case=replace(item.case, expected=item.versus.text))


def judge_digest(judge: JudgeFile) -> str:
    """Return the digest of what a judge's file says: all that can change a verdict, and the policy it is held to."""
    return digest_of(
        {
            "judge": 1,
            "type": judge.type,
            "model": judge.model,
            "prompt": judge.prompt,
            "rubric": judge.rubric,
            "params": judge.params,
            "policy": judge.policy,
            "threshold": judge.threshold,
            "calibration": judge.calibration,
        }
    )
