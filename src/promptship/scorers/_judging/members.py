"""Judges made of judges: panels that vote, and cascades that ask the next where the cheaper abstains."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from promptship.domain import Score, Vote, digest_of
from promptship.errors import ScorerSetupError, SourceError
from promptship.scorers._criterion import UNJUDGED, Criterion, UnjudgedError
from promptship.scorers._judging.ruling import ABSTAINS, UNSCORED, Combined

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from promptship.domain import Case, ScoreInput, ScorerSpec
    from promptship.scorers._build import CheckedScorer
    from promptship.scorers._criterion import ScorerContext
    from promptship.scorers._judging.ruling import Ruling

__all__ = [
    "PANEL",
    "CascadeCriterion",
    "Member",
    "PanelCriterion",
    "Reducer",
    "build_members",
    "panel_votes",
    "reduce_votes",
    "weigh_members",
]

Reducer = Literal["mean", "median", "majority", "unanimous"]

PANEL: Final = "panel["
"""How the definition of a panel's score begins."""

_INSIDE: Final = " / "
_LEAST_MEMBERS: Final = 2
_VERDICTS: Final = {True: "pass", False: "fail", None: ABSTAINS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A scorer in a panel or a cascade, and its weight."""

    scorer: CheckedScorer
    weight: float
    digest: str

    @property
    def asked(self) -> str:
        """Digest of what it asks, under its name; of all that it is where it keeps no votes."""
        return f"{self.scorer.name}:{self.scorer.asked or self.digest}"


def build_members(spec: ScorerSpec, context: ScorerContext) -> tuple[Member, ...]:
    """Build the scorers of a panel or cascade.

    Raises:
        ScorerSetupError: Fewer than two, two of one name, one that only measures, or one that is wrong.
    """
    # Here and not above: these build others, and what builds loads this module.
    from promptship.evalsets import parse_scorer
    from promptship.scorers._build import build_scorer

    written = spec.params.get("scorers")
    if not isinstance(written, list) or len(written) < _LEAST_MEMBERS:
        raise ScorerSetupError(f"a {spec.type} needs `scorers`, a list of at least two")
    try:
        # Members stand in the file of their set, and so do the judges that they name.
        specs = [replace(parse_scorer(one), path=spec.path, line=spec.line) for one in written]
    except SourceError as error:
        raise ScorerSetupError(str(error), hint=error.hint) from error
    names = [one.name for one in specs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ScorerSetupError(f"two members are called {twice!r}", hint="give one of them a `name`")
    return tuple(_member(one, build_scorer(one, context)) for one in specs)


def _member(spec: ScorerSpec, scorer: CheckedScorer) -> Member:
    if not scorer.required:
        raise ScorerSetupError(f"the member {spec.name!r} only measures", hint="give it a `threshold`")
    if not 0 < spec.weight < math.inf:
        raise ScorerSetupError(f"the member {spec.name!r} has the weight {spec.weight!r}; expected more than 0")
    return Member(scorer=scorer, weight=spec.weight, digest=scorer.judge or digest_of(spec.as_json()))


def weigh_members(spec: ScorerSpec, members: Sequence[Member]) -> tuple[float, ...]:
    """Return what each member's vote weighs: as its panel says in one place, or else as each of them says.

    Raises:
        ScorerSetupError: Not every member has a weight, one has two, or none weighs anything.
    """
    written = spec.params.get("weights")
    if written is None:
        return tuple(member.weight for member in members)
    names = [member.scorer.name for member in members]
    if not isinstance(written, dict) or set(written) != set(names):
        raise ScorerSetupError(f"weights are {written!r}; expected one for each of {', '.join(names)}")
    twice = next((member.scorer.name for member in members if member.weight != 1), None)
    if twice is not None:
        raise ScorerSetupError(f"the member {twice!r} has a `weight`, and the panel has `weights`", hint="write one")
    found = tuple(_weight(name, written[name]) for name in names)
    if not any(found):
        raise ScorerSetupError("all weights are 0: nobody decides")
    return found


def _weight(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ScorerSetupError(f"the weight of the member {name!r} is {value!r}; expected 0 or more")
    return float(value)


def panel_votes(score: Score) -> tuple[Vote, ...]:
    """Return the vote of each member of a panel, without those that its vote was made of.

    Returns:
        In the order of the members, their category `pass` or `fail`, or another where there was no verdict; empty where
        the score is no panel's.

    Example:
        >>> own = Vote(criterion="strict", value=0.0, category="fail")
        >>> inside = Vote(criterion="strict / is-kind", value=0.0, category="no")
        >>> score = Score(value=0.0, definition="panel[mean-2]", votes=(own, inside))
        >>> [vote.criterion for vote in panel_votes(score)]
        ['strict']
    """
    if not score.definition.startswith(PANEL):
        return ()
    found: list[Vote] = []
    for vote in score.votes:
        # What a member's vote was made of stands right behind it, under its name.
        if not found or not vote.criterion.startswith(f"{found[-1].criterion}{_INSIDE}"):
            found.append(vote)
    return tuple(found)


def votes_of(name: str, score: Score) -> list[Vote]:
    """Return a member's score as a vote, and below its name the votes that it was made of."""
    raw = "" if score.votes else score.reason
    category = score.category if score.value is None else _VERDICTS[score.passed]
    own = Vote(criterion=name, value=score.value, category=category, confidence=score.confidence, raw=raw)
    inside = (replace(vote, criterion=f"{name}{_INSIDE}{vote.criterion}") for vote in score.votes)
    return [own, *inside]


def score_of(member: Member, votes: Sequence[Vote]) -> Score | None:
    """Return what stored votes say of a member under its threshold now; None where it was not asked."""
    name = member.scorer.name
    own = next((vote for vote in votes if vote.criterion == name), None)
    if own is None:
        return None
    head = f"{name}{_INSIDE}"
    inside = tuple(
        replace(vote, criterion=vote.criterion.removeprefix(head)) for vote in votes if vote.criterion.startswith(head)
    )
    passed = {"pass": True, "fail": False}.get(own.category or "")
    stored = Score(
        value=own.value, passed=passed, category=own.category, confidence=own.confidence, reason=own.raw, votes=inside
    )
    return member.scorer.rescore(stored) or stored


def _own_votes(members: Sequence[Member], votes: Sequence[Vote]) -> list[Vote]:
    found = {vote.criterion: vote for vote in votes}
    return [found[member.scorer.name] for member in members if member.scorer.name in found]


def reduce_votes(votes: Sequence[Vote], weights: Sequence[float], reducer: Reducer) -> Combined:
    """Reduce one vote of each member to one figure.

    Args:
        votes: One a member; without a value where it gave no verdict.
        weights: One a member, some above 0; one of weight 0 has no part, whatever it says.
        reducer: `mean` and `median` of the values need a value of every member. `majority` passes or fails where
            members with more than half of all weight do, so that a missing verdict is neither. `unanimous` decides
            where all members say the same, and abstains elsewhere.
    """
    if not all(weights):
        kept = [(vote, weight) for vote, weight in zip(votes, weights, strict=True) if weight]
        return reduce_votes([vote for vote, _ in kept], [weight for _, weight in kept], reducer)
    if reducer in {"majority", "unanimous"}:
        return _count(votes, weights, unanimous=reducer == "unanimous")
    missing = [vote.criterion for vote in votes if vote.value is None]
    if missing or not votes:
        return Combined(value=None, reason=f"no verdict of {', '.join(missing) or 'anybody'}")
    values = [vote.value or 0.0 for vote in votes]
    value = (
        _median(values, weights) if reducer == "median" else math.fsum(map(_product, values, weights)) / sum(weights)
    )
    reason = ", ".join(f"{vote.criterion} {vote.value:.3g}" for vote in votes)
    return Combined(value=value, reason=reason)


def _product(left: float, right: float) -> float:
    return left * right


def _median(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted median; between two values where exactly half of the weight lies below."""
    rows = sorted(zip(values, weights, strict=True))
    half, seen = math.fsum(weights) / 2, 0.0
    for place, (value, weight) in enumerate(rows):
        seen += weight
        if math.isclose(seen, half) and place + 1 < len(rows):
            return (value + rows[place + 1][0]) / 2
        if seen > half:
            return value
    return rows[-1][0]


def _count(votes: Sequence[Vote], weights: Sequence[float], *, unanimous: bool) -> Combined:
    total = math.fsum(weights)
    passing = math.fsum(weight for vote, weight in zip(votes, weights, strict=True) if vote.category == "pass")
    failing = math.fsum(weight for vote, weight in zip(votes, weights, strict=True) if vote.category == "fail")
    said = ", ".join(f"{vote.criterion} {vote.category}" for vote in votes)
    if not passing + failing:
        return Combined(value=None, reason=f"no member has a verdict: {said}")
    # A hair above a half: sums of weights such as 0.1 are no exact figures.
    enough = total * (1 - 1e-9) if unanimous else total / 2 * (1 + 1e-9)
    passed = True if passing >= enough else False if failing >= enough else None
    return Combined(
        value=passing / (passing + failing),
        reason=said,
        confidence=max(passing, failing) / total,
        decided=True,
        passed=passed,
    )


class PanelCriterion(Criterion):
    """Asks all its members at once and reduces their votes.

    Args:
        members: The judges.
        ruling: Makes a score of their votes.
    """

    def __init__(self, members: Sequence[Member], ruling: Ruling) -> None:
        self._members = tuple(members)
        self._ruling = ruling
        self.judge = ruling.judge
        self.asked = ruling.asked

    def score(self, item: ScoreInput) -> Awaitable[Score]:
        """See `Criterion.score`."""
        return self._score(item)

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        for member in self._members:
            member.scorer.check(case)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return "convince the panel"

    def rescore(self, score: Score) -> Score | None:
        """See `Criterion.rescore`."""
        scores = [score_of(member, score.votes) for member in self._members]
        known = [one for one in scores if one is not None]
        return self._rule(known, score.cost_usd) if len(known) == len(scores) else None

    async def _score(self, item: ScoreInput) -> Score:
        scores = await score_all(self._members, item)
        for score in scores:
            refuse_unjudged(score)
        return self._rule(scores, math.fsum(score.cost_usd for score in scores))

    def _rule(self, scores: Sequence[Score], cost_usd: float) -> Score:
        votes = [
            vote
            for member, score in zip(self._members, scores, strict=True)
            for vote in votes_of(member.scorer.name, score)
        ]
        own = _own_votes(self._members, votes)
        found = self._ruling.rule(own, cost_usd=cost_usd)
        return replace(found, votes=tuple(votes))


async def score_all(members: Sequence[Member], item: ScoreInput) -> list[Score]:
    """Score an item by all members at once; where one fails the others are ended first."""
    tasks = [asyncio.ensure_future(score_one(member, item)) for member in members]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def score_one(member: Member, item: ScoreInput) -> Score:
    """Score an item by one member."""
    found = member.scorer.score(item)
    return found if isinstance(found, Score) else await found


def refuse_unjudged(score: Score) -> None:
    """Hand on that an output could not be judged, so that `not-` cannot turn it into a pass.

    Raises:
        UnjudgedError: It could not.
    """
    if score.category == UNJUDGED:
        raise UnjudgedError(score.reason)


class CascadeCriterion(Criterion):
    """Asks its members in order until one decides.

    Args:
        members: The judges, the cheapest first.
        digest: Of the whole.
        asked: Digest of what the members ask.
    """

    def __init__(self, members: Sequence[Member], digest: str, asked: str) -> None:
        self._members = tuple(members)
        self.judge = digest
        self.asked = asked

    def score(self, item: ScoreInput) -> Awaitable[Score]:
        """See `Criterion.score`."""
        return self._score(item)

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        for member in self._members:
            member.scorer.check(case)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return "convince the cascade"

    def rescore(self, score: Score) -> Score | None:
        """See `Criterion.rescore`. None where a judge would have to be asked that was not."""
        scores: list[Score] = []
        for member in self._members:
            found = score_of(member, score.votes)
            if found is None:
                return None
            scores.append(found)
            if found.passed is not None:
                break
        return self._rule(scores, score.cost_usd)

    async def _score(self, item: ScoreInput) -> Score:
        scores: list[Score] = []
        for member in self._members:
            scores.append(await score_one(member, item))
            refuse_unjudged(scores[-1])
            if scores[-1].passed is not None:
                break
        return self._rule(scores, math.fsum(score.cost_usd for score in scores))

    def _rule(self, scores: Sequence[Score], cost_usd: float) -> Score:
        last = scores[-1]
        name = self._members[len(scores) - 1].scorer.name
        asked = zip(self._members, scores, strict=False)
        votes = [vote for member, score in asked for vote in votes_of(member.scorer.name, score)]
        category = last.category
        if last.passed is None:
            category = ABSTAINS if last.value is not None or last.category == ABSTAINS else UNSCORED
        reason = f"{name}: {last.reason}" if last.reason else ""
        return replace(
            last,
            category=category,
            reason=reason,
            measure=float(len(scores)),
            unit="judges",
            cost_usd=cost_usd,
            definition=f"cascade[{name}]",
            judge=self.judge,
            votes=tuple(votes),
        )
