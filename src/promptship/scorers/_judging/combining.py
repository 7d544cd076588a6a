"""Ways of making one figure of votes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promptship.scorers._judging.ruling import Combined
from promptship.scorers._judging.scales import UNSURE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import Vote

__all__ = ["average_precision", "missing_vote", "share", "single", "weighted_mean"]


def missing_vote(votes: Sequence[Vote]) -> Combined | None:
    """Return why votes come to nothing: there are none, one was no verdict, or the judge left one open.

    A missing verdict is never a zero and never left out of a mean: what it would have been is not known.
    """
    if not votes:
        return Combined(value=None, reason="there is nothing to judge")
    missing = [vote for vote in votes if vote.value is None]
    if not missing:
        return None
    first = missing[0]
    if all(vote.category == UNSURE.label for vote in missing):
        return Combined(value=None, reason=f"{first.criterion}: the judge cannot tell", abstains=True)
    broken = next(vote for vote in missing if vote.category != UNSURE.label)
    what = f"{broken.criterion}: no usable verdict ({broken.category or 'none'})"
    more = f", nor on {len(missing) - 1} more" if len(missing) > 1 else ""
    return Combined(value=None, reason=f"{what}{more}")


def weighted_mean(votes: Sequence[Vote], weights: Mapping[str, float]) -> Combined:
    """Return the mean by weight of the criterion, 1 for one that has none.

    Example:
        >>> from promptship.domain import Vote
        >>> votes = [Vote(criterion="a", value=1.0), Vote(criterion="b", value=0.0)]
        >>> weighted_mean(votes, {"a": 3.0}).value
        0.75
    """
    missing = missing_vote(votes)
    if missing is not None:
        return missing
    rows = [(vote, weights.get(vote.criterion, 1.0)) for vote in votes]
    total = math.fsum(weight for _, weight in rows)
    value = math.fsum((vote.value or 0.0) * weight for vote, weight in rows) / total
    low = [vote.criterion for vote in votes if (vote.value or 0.0) < 1]
    known = [vote.confidence for vote in votes if vote.confidence is not None]
    sure = min(known) if len(known) == len(votes) else None
    reason = f"less than full: {', '.join(low)}" if len(votes) > 1 and low else ""
    return Combined(value=value, reason=reason, confidence=sure)


def single(votes: Sequence[Vote]) -> Combined:
    """Return the one vote, with its category."""
    missing = missing_vote(votes)
    if missing is not None:
        return missing
    vote = votes[0]
    return Combined(value=vote.value, category=vote.category, confidence=vote.confidence)


def share(votes: Sequence[Vote]) -> Combined:
    """Return the mean over votes that all count the same; the reason names the first that is not full."""
    found = weighted_mean(votes, {})
    if found.value is None:
        return found
    low = [vote for vote in votes if (vote.value or 0.0) < 1]
    reason = f"{len(low)} of {len(votes)}: {low[0].criterion} ({low[0].category})" if low else ""
    return Combined(value=found.value, reason=reason, confidence=found.confidence)


def average_precision(votes: Sequence[Vote]) -> Combined:
    """Return the mean of the precision at each passage that is useful, in the order of retrieval.

    Returns:
        0 where no passage is useful.

    Source:
        Manning, Raghavan and Schuetze (2008), Introduction to Information Retrieval, 8.4, over the retrieved passages.
    """
    missing = missing_vote(votes)
    if missing is not None:
        return missing
    hits, total = 0.0, 0.0
    for rank, vote in enumerate(votes, start=1):
        if vote.value:
            hits += 1
            total += hits / rank
    useless = sum(not vote.value for vote in votes)
    reason = f"{useless} of {len(votes)} passages are of no use" if useless else ""
    return Combined(value=total / hits if hits else 0.0, reason=reason)
