"""Two answers in both orders: what two votes come to, and how often a judge prefers a place to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from promptship.scorers._judging.asking import Question
from promptship.scorers._judging.combining import missing_vote
from promptship.scorers._judging.ruling import Combined
from promptship.scorers._judging.scales import Level, Scale

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptship.domain import JsonObject, Score, Vote
    from promptship.scorers._judging.criterion import JudgeKit

__all__ = [
    "Disagreement",
    "OrderBias",
    "PairQuestions",
    "combine_orders",
    "combine_tournament",
    "measure_order_bias",
]

Disagreement = Literal["abstain", "tie"]

_SHOWN: Final = "shown-first"
_SWAPPED: Final = "shown-second"
_TIE: Final = 0.5
_PAIR: Final = 2


class PairQuestions:
    """Makes the two questions of a pair: the output shown first, and shown second.

    Args:
        kit: What the judge is set up from.
        criterion: By what the two are compared.
        ties: Whether the judge may call them equally good.
    """

    def __init__(self, kit: JudgeKit, criterion: str, *, ties: bool) -> None:
        both = (("first", "the first answer is better"), ("second", "the second answer is better"))
        equal = (Level(label="tie", value=_TIE, meaning="they are equally good"),) if ties else ()
        self._shared: JsonObject = {**kit.shared_inputs, "criterion": criterion}
        self._forms = [
            kit.form(
                Scale(levels=(*(Level(label=one, value=worth[one], meaning=why) for one, why in both), *equal)),
                quoted="the answers",
            )
            for worth in ({"first": 1.0, "second": 0.0}, {"first": 0.0, "second": 1.0})
        ]

    def of(self, answer: str, other: str, request: str, *, prefix: str = "") -> list[Question]:
        """Return the questions of a pair, each named for the place in which the output is shown."""
        shown = ((_SHOWN, answer, other), (_SWAPPED, other, answer))
        return [
            Question(
                name=f"{prefix}{name}",
                form=form,
                inputs={**self._shared, "request": request or None, "first": first, "second": second},
                sources=(first, second),
            )
            for (name, first, second), form in zip(shown, self._forms, strict=True)
        ]


def combine_orders(votes: Sequence[Vote], disagreement: Disagreement = "abstain") -> Combined:
    """Combine the votes of both orders: 1 where both prefer the output, 0 where both prefer the other.

    Args:
        votes: Of the output shown first, and shown second.
        disagreement: What two votes come to that are not of one mind: nothing, or a tie.
    """
    missing = missing_vote(votes)
    if missing is not None:
        return missing
    if len(votes) != _PAIR:
        return Combined(value=None, reason=f"{len(votes)} votes of the two that a pair needs")
    value, other = votes[0].value, votes[1].value
    known = [vote.confidence for vote in votes if vote.confidence is not None]
    sure = sum(known) / _PAIR if len(known) == _PAIR else None
    if value == other and value is not None:
        word = {0.0: "worse", _TIE: "tie", 1.0: "better"}.get(value, "tie")
        return Combined(value=value, category=word, confidence=sure, reason="" if value else "both orders say so")
    place = _preferred_place(votes)
    reason = f"the judge prefers the answer shown {place} in both orders" if place else "the orders disagree"
    if disagreement == "tie":
        return Combined(value=_TIE, category="tie", reason=reason, confidence=sure)
    return Combined(value=None, reason=reason, abstains=True)


def _preferred_place(votes: Sequence[Vote]) -> str:
    """Return the place that both orders prefer, whatever stood there; "" for none."""
    said = {vote.category for vote in votes}
    return said.pop() or "" if len(said) == 1 and said <= {"first", "second"} else ""


def combine_tournament(votes: Sequence[Vote]) -> Combined:
    """Combine pairs with several others: the share of them by which the output is not beaten in both orders."""
    missing = missing_vote(votes)
    if missing is not None:
        return missing
    pairs = [combine_orders(votes[at : at + _PAIR], "tie") for at in range(0, len(votes), _PAIR)]
    beaten = [number for number, pair in enumerate(pairs, 1) if pair.value == 0]
    reason = f"beaten by candidate {', '.join(map(str, beaten))}" if beaten else ""
    return Combined(value=1 - len(beaten) / len(pairs), reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBias:
    """How a judge of pairs answers the two orders.

    Attributes:
        pairs: Pairs with a usable verdict in both orders.
        consistent: Pairs on which both orders prefer the same answer, or call a tie.
        first: Pairs on which the judge prefers whatever is shown first.
        second: Likewise for what is shown second.
    """

    pairs: int
    consistent: int
    first: int
    second: int

    @property
    def consistency(self) -> float | None:
        """Share of pairs that are answered alike in both orders; None without any."""
        return self.consistent / self.pairs if self.pairs else None

    @property
    def towards_first(self) -> float | None:
        """Share of pairs on which the first place wins, minus that of the second, -1 to 1; None without any."""
        return (self.first - self.second) / self.pairs if self.pairs else None


def measure_order_bias(scores: Iterable[Score]) -> OrderBias:
    """Count how often a judge of pairs follows the place and not the answer, over stored scores.

    Args:
        scores: Of the types `pairwise` and `select-best`; votes without a verdict are left out.

    Example:
        >>> from promptship.domain import Score, Vote
        >>> votes = (Vote(criterion="shown-first", value=1.0, category="first"),
        ...          Vote(criterion="shown-second", value=0.0, category="first"))
        >>> measure_order_bias([Score(value=None, votes=votes)]).towards_first
        1.0
    """
    pairs = [score.votes[at : at + _PAIR] for score in scores for at in range(0, len(score.votes), _PAIR)]
    usable = [pair for pair in pairs if len(pair) == _PAIR and None not in {vote.value for vote in pair}]
    places = [_preferred_place(pair) for pair in usable]
    return OrderBias(
        pairs=len(usable),
        consistent=sum(pair[0].value == pair[1].value for pair in usable),
        first=places.count("first"),
        second=places.count("second"),
    )
