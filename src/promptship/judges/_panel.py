"""Panels: what several judges together are worth on labels that all of them saw, and how much each should weigh."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

from promptship.errors import UsageError
from promptship.judges._cascade import stages_of
from promptship.judges._figures import share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.domain import CardFigure, JudgeCard

__all__ = [
    "DawidSkene",
    "PanelFigures",
    "PanelRule",
    "dawid_skene",
    "effective_votes",
    "measure_panel",
    "panel_figures",
]

_LEAST_JUDGES: Final = 2
_LEAST_FOR_TRUTH: Final = 3
_MOST_ROUNDS: Final = 500
_CLOSE: Final = 1e-10
# One imagined vote of each kind a judge: without it a judge that never erred would silence all others.
_PRIOR: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DawidSkene:
    """What votes alone say of the truth and of who gave them.

    Attributes:
        good: Probability that each item is good; shape (n,).
        sensitivity: Of each judge: share of good items that it calls good; shape (k,).
        specificity: Of each judge: share of bad items that it calls bad; shape (k,).
        prevalence: Share of good items.
    """

    good: ndarray
    sensitivity: ndarray
    specificity: ndarray
    prevalence: float

    @property
    def weights(self) -> ndarray:
        """What a vote of each judge should weigh: the log-odds of being right, 0 for one no better than chance.

        Source:
            Nitzan and Paroush (1982), International Economic Review 23(2): the best weights of independent voters.
        """
        import numpy as np

        right = (self.sensitivity + self.specificity) / 2
        found: ndarray = np.maximum(0.0, np.log(right / (1 - right)))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRule:
    """One way of putting verdicts together, or one judge alone.

    Attributes:
        name: The rule or the judge.
        agreement: Of the decided items with people.
        coverage: Share of items that are decided.
    """

    name: str
    agreement: CardFigure
    coverage: CardFigure


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelFigures:
    """A panel on labels that all its judges saw.

    Attributes:
        judges: Their names.
        items: Labelled items that all of them saw.
        alone: Each judge by itself.
        together: Each rule.
        weights: What each judge's vote should weigh, found from the votes without any label; empty below three judges.
        effective: How many judges with independent errors the panel is worth; None where fewer than two ever err.
    """

    judges: tuple[str, ...]
    items: int
    alone: tuple[PanelRule, ...]
    together: tuple[PanelRule, ...]
    weights: tuple[float, ...]
    effective: float | None


def measure_panel(cards: Sequence[JudgeCard]) -> PanelFigures:
    """Measure what judges are worth together, from the verdicts in their cards; nothing is asked.

    Args:
        cards: Of at least two judges, measured on the same labels.

    Raises:
        UsageError: Fewer than two cards.
        UnpairedScoresError: The cards share fewer than twenty items.
    """
    import numpy as np

    if len(cards) < _LEAST_JUDGES:
        raise UsageError("one judge is no panel", hint="name two judges or more that have cards on the same labels")
    stages, human, clusters = stages_of(cards, [1.0] * len(cards))
    return panel_figures(
        [stage.name for stage in stages], np.column_stack([stage.good for stage in stages]), human, clusters
    )


def panel_figures(judges: Sequence[str], votes: ndarray, human: ndarray, clusters: Sequence[str]) -> PanelFigures:
    """Measure what votes are worth together.

    Args:
        judges: Names, of two judges or more.
        votes: 1 for good, 0 for bad, NaN for no verdict; shape (items, judges).
        human: What people say, 1 for good; shape (items,).
        clusters: Origin of each item.
    """
    import numpy as np

    names = tuple(judges)
    weights: tuple[float, ...] = ()
    rules = {"majority": _majority(votes, np.ones(len(names))), "unanimous": _unanimous(votes)}
    if len(names) >= _LEAST_FOR_TRUTH:
        found = dawid_skene(votes[~np.isnan(votes).all(axis=1)]).weights
        weights = tuple(float(weight) for weight in found)
        rules["weighted majority"] = _majority(votes, found)
    alone = {name: votes[:, place] for place, name in enumerate(names)}
    return PanelFigures(
        judges=names,
        items=len(human),
        alone=tuple(_rule(name, verdicts, human, clusters) for name, verdicts in alone.items()),
        together=tuple(_rule(name, verdicts, human, clusters) for name, verdicts in rules.items()),
        weights=weights,
        effective=effective_votes(np.where(np.isnan(votes), np.nan, votes != human[:, None])),
    )


def effective_votes(wrong: ndarray) -> float | None:
    """Return how many judges with independent errors a panel is worth: k / (1 + (k - 1) r).

    r is the mean correlation of two judges' errors: at 1 all are one vote, at 0 they are k, and below 0 more than that.

    Args:
        wrong: Whether each judge was wrong on each item, NaN where it gave no verdict; shape (items, judges).

    Returns:
        None where fewer than two judges are both right and wrong at times, so that no correlation is known.

    Source:
        Kish (1965), Survey Sampling, 8.2: the design effect of equally correlated units.
    """
    import numpy as np

    found = []
    for one, other in combinations(range(wrong.shape[1]), 2):
        both = wrong[:, [one, other]]
        both = both[~np.isnan(both).any(axis=1)]
        if len(both) > 1 and both.std(axis=0).all():
            found.append(float(np.corrcoef(both.T)[0, 1]))
    if not found:
        return None
    count, mean = wrong.shape[1], sum(found) / len(found)
    spread = 1 + (count - 1) * mean
    # A hair above 0: what is 0 by the formula is not in floating point.
    return float("inf") if spread < _CLOSE else count / spread


def dawid_skene(votes: ndarray) -> DawidSkene:
    """Estimate the truth and each judge's error from votes alone, by expectation-maximisation from the majority.

    It takes judges to err independently of each other given the truth; where they share their mistakes it takes what
    they agree on for the truth.

    Args:
        votes: 1 for good, 0 for bad, NaN for no verdict; shape (items, judges), at least three judges.

    Raises:
        UsageError: Fewer than three judges, or an item without a vote.

    Source:
        Dawid and Skene (1979), Applied Statistics 28(1), for two classes.
    """
    import numpy as np

    if votes.ndim != 2 or votes.shape[1] < _LEAST_FOR_TRUTH:  # noqa: PLR2004 - items and judges
        raise UsageError("the errors of judges are found from the votes of three or more")
    known = ~np.isnan(votes)
    if not known.any(axis=1).all():
        raise UsageError("an item has no vote at all, and nothing can be said of it")
    yes = np.where(known, votes, 0.0)
    no = known - yes
    good = yes.sum(axis=1) / known.sum(axis=1)
    for _ in range(_MOST_ROUNDS):
        sensitivity = (good @ yes + _PRIOR) / (good @ known + 2 * _PRIOR)
        specificity = ((1 - good) @ no + _PRIOR) / ((1 - good) @ known + 2 * _PRIOR)
        prevalence = (good.sum() + _PRIOR) / (len(good) + 2 * _PRIOR)
        odds = np.log(prevalence / (1 - prevalence))
        odds = odds + yes @ np.log(sensitivity / (1 - specificity)) + no @ np.log((1 - sensitivity) / specificity)
        last, good = good, 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
        if np.abs(good - last).max() < _CLOSE:
            break
    return DawidSkene(good=good, sensitivity=sensitivity, specificity=specificity, prevalence=float(prevalence))


def _majority(votes: ndarray, weights: ndarray) -> ndarray:
    """Return the verdict of more than half of all weight, as the panel's reducer decides; NaN where there is none."""
    import numpy as np

    half = weights.sum() / 2 * (1 + 1e-9)
    passing, failing = ((votes == verdict) @ weights for verdict in (1.0, 0.0))
    found: ndarray = np.where(passing >= half, 1.0, np.where(failing >= half, 0.0, np.nan))
    return found if half else np.full(len(votes), np.nan)


def _unanimous(votes: ndarray) -> ndarray:
    import numpy as np

    # NaN equals nothing, so a judge without a verdict keeps the panel from being of one mind.
    found: ndarray = np.where((votes == votes[:, :1]).all(axis=1), votes[:, 0], np.nan)
    return found


def _rule(name: str, verdicts: ndarray, human: ndarray, clusters: Sequence[str]) -> PanelRule:
    import numpy as np

    decided = ~np.isnan(verdicts)
    right = (verdicts[decided] == human[decided]).astype(float)
    kept = [cluster for cluster, one in zip(clusters, decided, strict=True) if one]
    return PanelRule(
        name=name,
        agreement=share(right, np.ones(len(right)), kept, within=(0.0, 1.0)),
        coverage=share(decided.astype(float), np.ones(len(decided)), clusters, within=(0.0, 1.0)),
    )
