"""Which outputs to label next, and the interval that their labels would buy."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptship.errors import UsageError
from promptship.judges._ask import ask_judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promptship.domain import JudgedItem
    from promptship.judges._ask import OpenJudge
    from promptship.judges._gather import LabelSet

__all__ = ["LabellingBudget", "NextLabel", "Stratum", "plan_labels"]

_Z = 1.96
_VERDICTS = {True: "good", False: "bad", None: "abstained"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Outputs on which the judge says the same.

    Attributes:
        verdict: `good`, `bad` or `abstained`.
        items: Outputs.
        labelled: Of these, labelled ones.
        good: Estimated share that people call good, drawn in towards one half where labels are few.
        to_label: How many to label next.
    """

    verdict: str
    items: int
    labelled: int
    good: float
    to_label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLabel:
    """An output to label, with the probability to be logged with its label."""

    case: str
    output_digest: str
    verdict: str
    propensity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabellingBudget:
    """What the next labels would buy.

    Attributes:
        strata: By what the judge says.
        rate: Estimated share of all outputs that people call good.
        half_width_now: Half the 95 % interval of that share with today's labels.
        half_width_then: The same with the next labels.
        labels: What to label, drawn at random within each stratum.
    """

    strata: tuple[Stratum, ...]
    rate: float
    half_width_now: float
    half_width_then: float
    labels: tuple[NextLabel, ...]


async def plan_labels(
    judge: OpenJudge,
    labels: LabelSet,
    count: int,
    *,
    seed: int = 0,
    on_progress: Callable[[int], None] | None = None,
) -> LabellingBudget:
    """Divide the next labels among the judge's verdicts so that the share of good outputs is known best.

    Args:
        judge: The judge.
        labels: What is labelled, and all that could be.
        count: Labels to come, at least 1.
        seed: Of the draw within each stratum.
        on_progress: See `ask_judge`.

    Raises:
        UsageError: All outputs are labelled.
        InfrastructureError: A model could not be asked.

    Source:
        Neyman (1934), Journal of the Royal Statistical Society 97(4); shares by Jeffreys' prior.
    """
    known = {one.item.key: one.good for one in labels.items}
    if len(known) >= len(labels.offered):
        raise UsageError(
            f"all {len(labels.offered)} outputs in `items` are labelled",
            hint="add outputs: a run's, of the prompt and model that the judge is for",
        )
    rulings = await ask_judge(judge, labels.offered, on_progress=on_progress)
    groups: dict[str, list[JudgedItem]] = {}
    for item, ruling in zip(labels.offered, rulings, strict=True):
        groups.setdefault(_VERDICTS[ruling.good], []).append(item)
    return _divide(groups, known, count, random.Random(seed))  # noqa: S311 - a draw, no secret


def _divide(
    groups: Mapping[str, Sequence[JudgedItem]],
    known: Mapping[tuple[str, str], bool],
    count: int,
    rng: random.Random,
) -> LabellingBudget:
    strata, drawn = [], []
    begun = {verdict: _begin(verdict, items, known) for verdict, items in groups.items()}
    given = _allocate(list(begun.values()), count)
    for (verdict, items), stratum, more in zip(groups.items(), begun.values(), given, strict=True):
        rest = [item for item in items if item.key not in known]
        strata.append(replace(stratum, to_label=more))
        drawn += [
            NextLabel(
                case=item.case.id,
                output_digest=item.digest,
                verdict=verdict,
                propensity=more / len(rest),
            )
            for item in rng.sample(rest, more)
        ]
    total = sum(stratum.items for stratum in strata)
    return LabellingBudget(
        strata=tuple(strata),
        rate=sum(stratum.items * stratum.good for stratum in strata) / total,
        half_width_now=_half_width(strata, [0] * len(strata)),
        half_width_then=_half_width(strata, given),
        labels=tuple(drawn),
    )


def _begin(verdict: str, items: Sequence[JudgedItem], known: Mapping[tuple[str, str], bool]) -> Stratum:
    said = [known[item.key] for item in items if item.key in known]
    return Stratum(
        verdict=verdict,
        items=len(items),
        labelled=len(said),
        good=(sum(said) + 0.5) / (len(said) + 1),
        to_label=0,
    )


def _allocate(strata: Sequence[Stratum], count: int) -> list[int]:
    """Give each label to the stratum in which it lowers the variance most, as long as it has outputs without one."""
    given = [0] * len(strata)
    for _ in range(min(count, sum(one.items - one.labelled for one in strata))):
        gains = [_gain(one, more) for one, more in zip(strata, given, strict=True)]
        given[gains.index(max(gains))] += 1
    return given


def _gain(stratum: Stratum, more: int) -> float:
    if stratum.labelled + more >= stratum.items:
        return -1.0
    return _variance(stratum, more) - _variance(stratum, more + 1)


def _variance(stratum: Stratum, more: int) -> float:
    labelled = stratum.labelled + more
    # Plus two, as for a share with Jeffreys' prior: a stratum without labels has a wide share, not an unknown one.
    return stratum.items**2 * stratum.good * (1 - stratum.good) / (labelled + 2)


def _half_width(strata: Sequence[Stratum], given: Sequence[int]) -> float:
    total = sum(one.items for one in strata)
    variance = sum(_variance(one, more) for one, more in zip(strata, given, strict=True))
    return _Z * math.sqrt(variance) / total
