"""What the votes of a run say of its judges: how many answers were no verdict, and whether a place was preferred."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptship.judges._figures import share
from promptship.judges._panel_votes import PanelVotes, measure_panel_votes
from promptship.scorers import measure_order_bias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import CardFigure, Score
    from promptship.runner import Run

__all__ = ["OrderFigures", "VoteFigures", "measure_votes"]

_PLACES = ("shown-first", "shown-second")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFigures:
    """How a judge of pairs answers the two orders of a pair.

    Attributes:
        consistent: Share of pairs that it answers alike in both orders.
        towards_first: Share on which it prefers whatever is shown first, less that on which it prefers the second.
    """

    consistent: CardFigure
    towards_first: CardFigure


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteFigures:
    """The votes of one scorer of a run.

    Attributes:
        scorer: Its name.
        scores: Scores that were made of votes.
        decided: Of these, scores that pass or fail.
        abstained: Of these, scores that the judge left open.
        votes: Votes, those of members of a panel included.
        without_verdict: Votes that are no verdict, by what they are instead.
        order: For a judge of pairs; None for all others.
        panel: For a panel; None for all others.
    """

    scorer: str
    scores: int
    decided: int
    abstained: int
    votes: int
    without_verdict: Mapping[str, int] = field(default_factory=dict)
    order: OrderFigures | None = None
    panel: PanelVotes | None = None


def measure_votes(run: Run) -> list[VoteFigures]:
    """Count the votes of a run by scorer; nothing is asked.

    Args:
        run: A run; also one that is unfinished.

    Returns:
        One for each scorer whose scores keep votes, by name.

    Raises:
        StorageError: The run is damaged.
    """
    found: dict[str, list[tuple[str, Score]]] = {}
    for record in run.records():
        for name, score in record.scores.items():
            if score.votes:
                found.setdefault(name, []).append((record.cluster or f"case {record.key.case_id}", score))
    return [_measure(name, found[name]) for name in sorted(found)]


def _measure(name: str, rows: list[tuple[str, Score]]) -> VoteFigures:
    votes = [vote for _, score in rows for vote in score.votes]
    missing = Counter(vote.category or "none" for vote in votes if vote.value is None)
    pairs = all(vote.criterion.endswith(_PLACES) for vote in votes)
    return VoteFigures(
        scorer=name,
        scores=len(rows),
        decided=sum(score.passed is not None for _, score in rows),
        abstained=sum(score.category == "abstain" for _, score in rows),
        votes=len(votes),
        without_verdict=dict(missing.most_common()),
        order=_measure_order(rows) if pairs else None,
        panel=measure_panel_votes(rows),
    )


def _measure_order(rows: list[tuple[str, Score]]) -> OrderFigures:
    import numpy as np

    biases = [(cluster, measure_order_bias([score])) for cluster, score in rows]
    usable = [(cluster, bias) for cluster, bias in biases if bias.pairs]
    pairs = np.asarray([bias.pairs for _, bias in usable], dtype=float)
    consistent = np.asarray([bias.consistency for _, bias in usable], dtype=float)
    leaning = np.asarray([bias.towards_first for _, bias in usable], dtype=float)
    clusters = [cluster for cluster, _ in usable]
    return OrderFigures(
        consistent=share(consistent, pairs, clusters, within=(0.0, 1.0)),
        towards_first=share(leaning, pairs, clusters, within=(-1.0, 1.0)),
    )
