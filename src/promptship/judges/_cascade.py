"""Cascades: a cheap judge first, the next only where it abstains; what that saves, from verdicts that are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import UnpairedScoresError, UsageError
from promptship.judges._figures import share
from promptship.judges._folds import folds_of
from promptship.judges._gather import FEWEST_LABELS
from promptship.stats import split_conformal_threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.domain import CardFigure, JudgeCard

__all__ = ["CascadePoint", "CascadeStage", "cascade_frontier", "run_cascade", "stages_of"]

_FOLDS = 5
_ERRORS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeStage:
    """What one judge said of every item.

    Attributes:
        name: The judge.
        good: Its verdicts: 1, 0, NaN where it abstained; shape (n,).
        sure: How sure it was, in its own unit: only the order counts; shape (n,).
        cost: Of one question, in any unit that all stages share.
    """

    name: str
    good: ndarray
    sure: ndarray
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadePoint:
    """One setting of a cascade, measured on items that its thresholds had not seen.

    Attributes:
        error: Share of its answers that each stage but the last may have wrong.
        agreement: Of the decided items with people.
        coverage: Share of items that some stage decided; the rest go to people.
        cost: Mean cost of an item.
        reached: Share of items that reached each stage.
    """

    error: float
    agreement: CardFigure
    coverage: CardFigure
    cost: float
    reached: tuple[float, ...]


def stages_of(cards: Sequence[JudgeCard], costs: Sequence[float]) -> tuple[list[CascadeStage], ndarray, list[str]]:
    """Read stages from cards of judges that were measured on the same labels.

    How sure a judge is of a verdict is the distance of its score from those at which its verdict turns.

    Returns:
        Stages; what people say, 1 for good, shape (n,); and the origin of each item.

    Raises:
        UsageError: There is not one cost for each card, or fewer than two cards.
        UnpairedScoresError: The cards share fewer than twenty items.
    """
    import numpy as np

    if len(cards) != len(costs) or len(cards) < 2:  # noqa: PLR2004 - one judge is no cascade
        raise UsageError(f"{len(cards)} judges and {len(costs)} costs; expected two judges or more and a cost of each")
    marks = [{(one.case, one.output_digest): one for one in card.marks} for card in cards]
    keys = [key for key in marks[0] if all(key in others for others in marks[1:])]
    if len(keys) < FEWEST_LABELS:
        raise UnpairedScoresError(f"the judges share {len(keys)} labelled items; expected at least {FEWEST_LABELS}")
    stages = []
    for card, known, cost in zip(cards, marks, costs, strict=True):
        good = np.asarray([np.nan if known[key].judge is None else float(known[key].judge or 0) for key in keys])
        scores = np.asarray([np.nan if known[key].score is None else known[key].score for key in keys], dtype=float)
        stages.append(CascadeStage(name=card.name, good=good, sure=_sureness(good, scores), cost=cost))
    first = [marks[0][key] for key in keys]
    human = np.asarray([float(one.human) for one in first])
    return stages, human, [one.cluster or f"case {one.case}" for one in first]


def run_cascade(stages: Sequence[CascadeStage], least: Sequence[float]) -> tuple[ndarray, ndarray]:
    """Let each stage decide what it is sure enough of, and hand on the rest.

    Args:
        stages: Cheap ones first.
        least: How sure each must be; infinite for never.

    Returns:
        Verdicts (1, 0, NaN where none decided), and the stage that decided, or was last asked; both of shape (n,).
    """
    import numpy as np

    verdicts = np.full(len(stages[0].good), np.nan)
    asked = np.zeros(len(verdicts), dtype=int)
    for place, (stage, least_sure) in enumerate(zip(stages, least, strict=True)):
        waiting = np.isnan(verdicts)
        asked[waiting] = place
        decides = waiting & ~np.isnan(stage.good) & (stage.sure >= least_sure)
        verdicts[decides] = stage.good[decides]
    return verdicts, asked


def cascade_frontier(
    stages: Sequence[CascadeStage], human: ndarray, clusters: Sequence[str], *, errors: Sequence[float] = _ERRORS
) -> list[CascadePoint]:
    """Measure a cascade at several errors that its cheap stages are allowed.

    How sure a stage must be is found on four fifths of the items, each among those that reached it, and measured on the
    last fifth. The last stage decides whatever reaches it and it does not abstain on.

    Args:
        stages: Cheap ones first.
        human: What people say, 1 for good; shape (n,).
        clusters: Origin of each item.
        errors: Allowed shares of wrong answers, 0 to 1.
    """
    return [_measure(stages, human, clusters, error) for error in errors]


def _measure(stages: Sequence[CascadeStage], human: ndarray, clusters: Sequence[str], error: float) -> CascadePoint:
    import numpy as np

    verdicts, asked = np.full(len(human), np.nan), np.zeros(len(human), dtype=int)
    for held in folds_of(clusters, _FOLDS):
        least = _find_least([_at(stage, ~held) for stage in stages], human[~held], error)
        verdicts[held], asked[held] = run_cascade([_at(stage, held) for stage in stages], least)
    decided = ~np.isnan(verdicts)
    right = (verdicts[decided] == human[decided]).astype(float)
    kept = [name for name, one in zip(clusters, decided, strict=True) if one]
    reached = [float((asked >= place).mean()) for place in range(len(stages))]
    return CascadePoint(
        error=error,
        agreement=share(right, np.ones(len(right)), kept, within=(0.0, 1.0)),
        coverage=share(decided.astype(float), np.ones(len(decided)), clusters, within=(0.0, 1.0)),
        cost=sum(stage.cost * part for stage, part in zip(stages, reached, strict=True)),
        reached=tuple(reached),
    )


def _find_least(stages: Sequence[CascadeStage], human: ndarray, error: float) -> list[float]:
    """Return how sure each stage must be so that its answers keep the error among the items that reach it."""
    import numpy as np

    least: list[float] = []
    waiting = np.ones(len(human), dtype=bool)
    for stage in stages[:-1]:
        # Only what reaches a stage may set its threshold: the easy part is gone, and with it its low error.
        answers = waiting & ~np.isnan(stage.good)
        found = None
        if answers.any():
            right = (stage.good[answers] == human[answers]).astype(float)
            found = split_conformal_threshold(stage.sure[answers], right, error=error)
        least.append(float("inf") if found is None else found)
        waiting &= ~(answers & (stage.sure >= least[-1]))
    return [*least, float("-inf")]


def _at(stage: CascadeStage, places: ndarray) -> CascadeStage:
    return CascadeStage(name=stage.name, good=stage.good[places], sure=stage.sure[places], cost=stage.cost)


def _sureness(good: ndarray, scores: ndarray) -> ndarray:
    """Return how far scores are from where the verdict turns; equal for a judge without scores."""
    import numpy as np

    if np.isnan(scores).all():
        return np.zeros(len(scores))
    called, refused = scores[good == 1], scores[good == 0]
    edge = np.nanmean([np.nanmin(called) if len(called) else 1.0, np.nanmax(refused) if len(refused) else 0.0])
    found: ndarray = np.nan_to_num(np.abs(scores - edge), nan=-1.0)
    return found
