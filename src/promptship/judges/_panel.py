"""Panels: what several judges together are worth on labels that all of them saw, and how much each should weigh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.errors import UsageError
from promptship.judges._cascade import stages_of
from promptship.judges._figures import share
from promptship.stats import dawid_skene, effective_votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.domain import CardFigure, JudgeCard

__all__ = ["LEAST_FOR_TRUTH", "PanelFigures", "PanelRule", "measure_panel", "panel_figures"]

_LEAST_JUDGES: Final = 2
LEAST_FOR_TRUTH: Final = 3
"""Judges whose votes alone say how often each is right: two that differ leave open which of them is wrong."""


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
    given = np.nan_to_num(votes, nan=-1).astype(int)
    if len(names) >= LEAST_FOR_TRUTH:
        found = dawid_skene(given[(given >= 0).any(axis=1)]).weights
        weights = tuple(float(weight) for weight in found)
        rules["weighted majority"] = _majority(votes, found)
    alone = {name: votes[:, place] for place, name in enumerate(names)}
    return PanelFigures(
        judges=names,
        items=len(human),
        alone=tuple(_rule(name, verdicts, human, clusters) for name, verdicts in alone.items()),
        together=tuple(_rule(name, verdicts, human, clusters) for name, verdicts in rules.items()),
        weights=weights,
        effective=effective_votes(given, truth=human.astype(int)),
    )


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
