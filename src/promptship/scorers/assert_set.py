"""The `assert-set`: several scorers with weights that decide together."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from promptship.domain import Score, digest_of
from promptship.errors import ScorerSetupError, SourceError
from promptship.scorers._criterion import (
    UNJUDGED,
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    UnjudgedError,
    fail,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from promptship.domain import Case, JsonValue, ScoreInput, ScorerSpec
    from promptship.scorers._build import CheckedScorer
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_ROUNDING = 1e-9


class _AssertSet(Criterion):
    """Members, each with a weight; members that are only measured have none."""

    def __init__(self, members: Sequence[tuple[CheckedScorer, float]], threshold: float | None) -> None:
        self._members = tuple(members)
        self._threshold = threshold
        judges: list[JsonValue] = [member.judge for member, _ in self._members]
        self.judge = digest_of({"set": judges, "threshold": threshold}) if any(judges) else ""

    def score(self, item: ScoreInput) -> Score | Awaitable[Score]:
        """See `Criterion.score`."""
        found = [member.score(item) for member, _ in self._members]
        scores = [score for score in found if isinstance(score, Score)]
        return self._decide(scores) if len(scores) == len(found) else self._score_later(found)

    async def _score_later(self, found: Sequence[Score | Awaitable[Score]]) -> Score:
        return self._decide(await asyncio.gather(*map(_awaited, found)))

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        for member, _ in self._members:
            member.check(case)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return "satisfy the set" if self._threshold is None else f"reach {self._threshold:g} in the set"

    def _decide(self, scores: Sequence[Score]) -> Score:
        cost_usd = math.fsum(score.cost_usd for score in scores)
        counted = [
            (member, score, weight) for (member, weight), score in zip(self._members, scores, strict=True) if weight
        ]
        failed = [(member.name, score) for member, score, _ in counted if score.passed is False]
        # Raised on, so that `not-assert-set` cannot turn what nobody could judge into a pass.
        unjudged = next((score.reason for _, score in failed if score.category == UNJUDGED), None)
        if unjudged is not None:
            raise UnjudgedError(unjudged)
        silent = [
            (member.name, score.reason) for member, score, _ in counted if score.passed is None or score.value is None
        ]
        if silent:
            name, reason = silent[0]
            return Score(value=None, reason=f"{name} abstains: {reason}"[:200], cost_usd=cost_usd, judge=self.judge)
        total = math.fsum(weight for *_, weight in counted)
        value = math.fsum((score.value or 0.0) * weight for _, score, weight in counted) / total
        value = min(1.0, value)
        if not failed if self._threshold is None else value >= self._threshold - _ROUNDING:
            return Score(value=value, passed=True, cost_usd=cost_usd, judge=self.judge)
        reasons = "; ".join(f"{name}: {score.reason}" for name, score in failed)
        least = "" if self._threshold is None else f"{value:.3g} is less than {self._threshold:g}; "
        return fail(least + reasons, value=value, cost_usd=cost_usd, judge=self.judge)


async def _awaited(found: Score | Awaitable[Score]) -> Score:
    return found if isinstance(found, Score) else await found


def _build_assert_set(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    # Built here and not above: the set is the one type that builds others.
    from promptship.evalsets import parse_scorer
    from promptship.scorers._build import build_scorer

    written = spec.params.get("scorers")
    if not isinstance(written, list) or not written:
        raise ScorerSetupError("an assert-set needs `scorers`, a list of scorers")
    try:
        specs = [parse_scorer(member, path="") for member in written]
    except SourceError as error:
        raise ScorerSetupError(str(error), hint=error.hint) from error
    members: list[tuple[CheckedScorer, float]] = []
    for member in specs:
        scorer = build_scorer(member, context)
        members.append((scorer, _read_weight(member) if scorer.required else 0.0))
    if not any(weight for _, weight in members):
        raise ScorerSetupError("no scorer of the set counts: all have weight 0 or are only measured")
    return _AssertSet(members, spec.threshold)


def _read_weight(spec: ScorerSpec) -> float:
    if not 0 <= spec.weight < math.inf:
        raise ScorerSetupError(f"scorer {spec.name!r} has the weight {spec.weight!r}; expected 0 or more")
    return spec.weight


_ASSERT_SET = ScorerInfo(
    type="assert-set",
    summary="All its scorers pass; with a threshold, their weighted mean reaches it.",
    threshold=ThresholdInfo(meaning="least weighted mean; all must pass unless given"),
    score="weighted mean of the members' scores",
    params={"scorers": "the scorers, each with a `weight` (1 unless given)"},
    deviation=(
        "The list is called `scorers`, as in an evalset. A member with weight 0 or `required: false` is not counted."
        " Where a counted member abstains, the set abstains."
    ),
    examples=(
        ScorerExample(
            scorer={
                "type": "assert-set",
                "threshold": 0.7,
                "scorers": [
                    {"type": "contains", "value": "refund", "weight": 3},
                    {"type": "contains", "value": "sorry"},
                ],
            },
            passes="A refund is on its way.",
            fails="I am sorry.",
        ),
    ),
)

SCORERS: Mapping[str, ScorerFactory] = {"assert-set": ScorerFactory(info=_ASSERT_SET, build=_build_assert_set)}
