"""Judges that know nothing of quality: what a real one has to be above."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from promptship.domain import CardNull
from promptship.judges._figures import Marks, agreement_of, figure_of, kappa_of, share
from promptship.judges._folds import folds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy import ndarray

    from promptship.domain import JsonValue, JudgedItem
    from promptship.judges._gather import LabelledItem

__all__ = ["NULL_JUDGES", "compare_with_nulls", "null_verdicts", "overlap_of"]

_WORD: Final = re.compile(r"\w+")
_FOLDS: Final = 5


def _length(item: JudgedItem) -> float:
    longer = len(_WORD.findall(item.output.text))
    return float(longer - (len(_WORD.findall(item.versus.text)) if item.versus else 0))


def overlap_of(item: JudgedItem) -> float:
    """Return the F1 of an output's words with those of what is expected, or else of the inputs and contexts, 0 to 1.

    Where two answers are compared it is the difference of the two, -1 to 1.
    """
    against = [item.case.expected] if item.case.expected is not None else list(item.case.inputs.values())
    against += [context.get("text") for context in item.case.contexts]
    reference = Counter(_words(against))
    found = _f1(Counter(_words(item.output.text)), reference)
    return found - _f1(Counter(_words(item.versus.text)), reference) if item.versus else found


NULL_JUDGES: Final[Mapping[str, Callable[[JudgedItem], float]]] = {
    "length": _length,
    "overlap": overlap_of,
    "majority": lambda item: 0.0,  # noqa: ARG005 - it looks at nothing, on purpose
}


def null_verdicts(labelled: Sequence[LabelledItem], feature: Callable[[JudgedItem], float]) -> ndarray:
    """Return the verdicts of a judge that looks at one figure, 1 for good; shape (n,).

    Threshold and direction are those that agree best with people on the other four fifths of the cases: fitted on the
    very items, a null judge would look better than it is, and the judge beside it worse.
    """
    import numpy as np

    values = np.asarray([feature(one.item) for one in labelled])
    human = np.asarray([one.good for one in labelled], dtype=float)
    weights = np.asarray([one.weight for one in labelled])
    found = np.zeros(len(labelled))
    for held in folds_of([one.cluster for one in labelled], _FOLDS):
        rest = ~held
        threshold, sign = _best_cut(values[rest], human[rest], weights[rest])
        found[held] = (sign * values[held] >= threshold).astype(float)
    return found


def compare_with_nulls(labelled: Sequence[LabelledItem], judged: ndarray) -> tuple[CardNull, ...]:
    """Set a judge beside each null judge, on the items that it decided.

    Args:
        labelled: The items that the judge decided.
        judged: Its verdicts, 1 for good; shape (n,).
    """
    import numpy as np

    human = np.asarray([one.good for one in labelled], dtype=float)
    weights = np.asarray([one.weight for one in labelled])
    clusters = tuple(one.cluster for one in labelled)
    found = []
    for name, feature in NULL_JUDGES.items():
        verdicts = null_verdicts(labelled, feature)
        marks = Marks(human=human, judge=verdicts, weights=weights, clusters=clusters)
        above = (judged == human).astype(float) - (verdicts == human).astype(float)
        found.append(
            CardNull(
                name=name,
                kappa=figure_of(marks, kappa_of),
                agreement=figure_of(marks, agreement_of),
                above=share(above, weights, clusters, within=(-1.0, 1.0)),
            )
        )
    return tuple(found)


def _best_cut(values: ndarray, human: ndarray, weights: ndarray) -> tuple[float, int]:
    """Return the threshold and the sign of the figure with which most of the weight is judged rightly."""
    import numpy as np

    best = (-1.0, np.inf, 1)
    for sign in (1, -1):
        signed = sign * values
        # Infinity stands for the judge that never says good, the best one where most outputs are bad.
        for threshold in [*np.unique(signed), np.inf]:
            right = float(weights[(signed >= threshold) == (human > 0)].sum())
            best = max(best, (right, float(threshold), sign), key=lambda one: one[0])
    return best[1], best[2]


def _words(value: JsonValue | Sequence[JsonValue]) -> list[str]:
    if isinstance(value, str):
        return [word.lower() for word in _WORD.findall(value)]
    if isinstance(value, dict):
        return _words(list(value.values()))
    if isinstance(value, list | tuple):
        return [word for one in value for word in _words(one)]
    return []


def _f1(one: Counter[str], other: Counter[str]) -> float:
    shared = (one & other).total()
    return 2 * shared / (one.total() + other.total()) if shared else 0.0
