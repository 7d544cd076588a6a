"""What the votes of a run say of a panel's members, without any label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.judges._figures import share
from promptship.judges._gather import FEWEST_LABELS
from promptship.judges._panel import LEAST_FOR_TRUTH
from promptship.scorers import panel_votes
from promptship.stats import dawid_skene, effective_votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from promptship.domain import CardFigure, Score, Vote
    from promptship.stats import DawidSkene

__all__ = ["PanelMember", "PanelVotes", "measure_panel_votes"]

_CLASSES: Final = {"fail": 0, "pass": 1}
_MISSING: Final = -1
_FEWEST_OF_A_CLASS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelMember:
    """One member of a panel, by its votes.

    Attributes:
        name: Its name.
        votes: Verdicts that it gave; on the other outputs it gave none.
        passes: Of these, the share that pass.
        accuracy: How often it is right, passing and failing outputs weighing the same, as far as the votes alone tell;
            None where they do not.
        weight: What its vote should weigh by that; None where it is not known.
    """

    name: str
    votes: int
    passes: CardFigure
    accuracy: float | None
    weight: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelVotes:
    """The members of a panel on the outputs of a run.

    Attributes:
        members: In the order of the panel.
        outputs: Outputs that at least one of them gave a verdict on.
        unanimous: Share of outputs on which all say the same.
        distinct: How many of the members' votes are no repetition of others; None where it is not known.
        reason: Why no weights were found; "" where they were.
    """

    members: tuple[PanelMember, ...]
    outputs: int
    unanimous: CardFigure
    distinct: float | None
    reason: str = ""

    @property
    def weights(self) -> dict[str, float]:
        """What a panel's `weights` may say; empty where none were found."""
        return {one.name: one.weight for one in self.members if one.weight is not None}


def measure_panel_votes(rows: Sequence[tuple[str, Score]]) -> PanelVotes | None:
    """Measure the members of a panel by their votes.

    Args:
        rows: The origin of each output and its score by one scorer.

    Returns:
        None where the scores are no panel's, or no member ever gave a verdict. Members who were not in all of them gave
        no verdict elsewhere.

    Source:
        Weights as of `promptship.stats.dawid_skene`, `distinct` as of `promptship.stats.effective_votes`.
    """
    import numpy as np

    given = [(cluster, panel_votes(score)) for cluster, score in rows]
    names = list(dict.fromkeys(vote.criterion for _, votes in given for vote in votes))
    known = [(cluster, votes) for cluster, votes in given if any(vote.category in _CLASSES for vote in votes)]
    if not known:
        return None
    table = np.asarray([_row(votes, names) for _, votes in known])
    clusters = [cluster for cluster, _ in known]
    found, reason = _find_truth(table)
    alike = (table == table[:, :1]).all(axis=1) & (table[:, 0] != _MISSING)
    return PanelVotes(
        members=tuple(_member(name, table[:, place], clusters, found, place) for place, name in enumerate(names)),
        outputs=len(table),
        unanimous=share(alike.astype(float), np.ones(len(alike)), clusters, within=(0.0, 1.0)),
        distinct=effective_votes(table),
        reason=reason,
    )


def _row(votes: Sequence[Vote], names: Sequence[str]) -> list[int]:
    said = {vote.criterion: _CLASSES.get(vote.category or "", _MISSING) for vote in votes}
    return [said.get(name, _MISSING) for name in names]


def _find_truth(table: ndarray) -> tuple[DawidSkene | None, str]:
    """Return what the votes say of the truth, or why they say nothing."""
    if table.shape[1] < LEAST_FOR_TRUTH:
        return None, f"weights are found of {LEAST_FOR_TRUTH} members or more"
    if len(table) < FEWEST_LABELS:
        return None, f"weights are found of {FEWEST_LABELS} outputs or more; there are {len(table)}"
    found = dawid_skene(table)
    rarest = float(found.posteriors.sum(axis=0).min())
    if rarest < _FEWEST_OF_A_CLASS:
        return None, f"weights need outputs of both kinds: by the votes all but {rarest:.0f} are of one"
    return found, ""


def _member(name: str, column: ndarray, clusters: Sequence[str], found: DawidSkene | None, place: int) -> PanelMember:
    import numpy as np

    known = column != _MISSING
    origins = [cluster for cluster, one in zip(clusters, known, strict=True) if one]
    return PanelMember(
        name=name,
        votes=int(known.sum()),
        passes=share(column[known].astype(float), np.ones(int(known.sum())), origins, within=(0.0, 1.0)),
        accuracy=None if found is None else float(found.accuracies[place]),
        weight=None if found is None else float(found.weights[place]),
    )
