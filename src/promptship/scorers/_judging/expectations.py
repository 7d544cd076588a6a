"""The rating that a judge's probabilities expect, rather than the one number that it happened to write."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from promptship.domain import Vote
from promptship.scorers._judging.combining import weighted_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import TokenLogprob
    from promptship.scorers._judging.ruling import Combined
    from promptship.scorers._judging.scales import Scale

__all__ = ["combine_samples", "expect", "label_chances"]

_LEAST_VALID = 0.5


def label_chances(tokens: Sequence[TokenLogprob], scale: Scale) -> dict[str, float]:
    """Return the probability of each label at the token where the answer names one, among all labels.

    Args:
        tokens: Of an answer that is a label.
        scale: Labels of one character; longer ones may be several tokens, and then no token has their probability.

    Returns:
        They sum to 1; empty where no token is a label.

    Example:
        >>> from promptship.domain import TokenLogprob
        >>> from promptship.scorers._judging.scales import Level, Scale
        >>> scale = Scale(levels=(Level(label="1", value=0.0, meaning=""), Level(label="2", value=1.0, meaning="")))
        >>> token = TokenLogprob(token=" 2", logprob=-0.2877, top=((" 2", -0.2877), ("1", -1.3863)))
        >>> round(label_chances([token], scale)["2"], 3)
        0.75
    """
    for token in tokens:
        if token.token.strip() in scale.by_label:
            found: defaultdict[str, float] = defaultdict(float)
            top = dict(token.top)
            top.setdefault(token.token, token.logprob)
            for text, logprob in top.items():
                # With a leading space and without, it is the same number.
                if text.strip() in scale.by_label:
                    found[text.strip()] += math.exp(logprob)
            return _normalised(found)
    return {}


def _normalised(chances: Mapping[str, float]) -> dict[str, float]:
    total = math.fsum(chances.values())
    return {label: chance / total for label, chance in chances.items()} if total > 0 else {}


def expect(criterion: str, chances: Mapping[str, float], scale: Scale, raw: str) -> Vote:
    """Return the vote of an expectation: the mean of the labels' values by their probability.

    Its category is the likeliest label, its confidence that label's probability.

    Source:
        Liu et al. (2023), G-Eval: NLG Evaluation using GPT-4 with Better Human Alignment, equation 1.
    """
    value = math.fsum(chance * (scale.by_label[label].value or 0.0) for label, chance in chances.items())
    best = max(chances, key=lambda label: chances[label])
    return Vote(
        criterion=criterion,
        value=min(1.0, value),
        category=best,
        confidence=min(1.0, chances[best]),
        raw=raw,
    )


def combine_samples(votes: Sequence[Vote], weights: Mapping[str, float]) -> Combined:
    """Combine votes of which several may be samples of one criterion: their mean, then the mean by weight.

    A criterion of which fewer than half of the samples are usable has no verdict.
    """
    by_criterion: defaultdict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_criterion[vote.criterion].append(vote)
    return weighted_mean([_mean(name, found) for name, found in by_criterion.items()], weights)


def _mean(criterion: str, votes: Sequence[Vote]) -> Vote:
    if len(votes) == 1:
        return votes[0]
    usable = [vote for vote in votes if vote.value is not None]
    if len(usable) < _LEAST_VALID * len(votes):
        broken = next(vote for vote in votes if vote.value is None)
        return Vote(criterion=criterion, category=broken.category, raw=broken.raw)
    value = math.fsum(vote.value or 0.0 for vote in usable) / len(usable)
    labels = [vote.category for vote in usable]
    return Vote(criterion=criterion, value=value, confidence=max(map(labels.count, labels)) / len(votes))
