"""The types `panel` and `cascade`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast, get_args

from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import ScorerExample, ScorerFactory, ScorerInfo, ThresholdInfo
from promptship.scorers._judging.criterion import build_ruling, one_of
from promptship.scorers._judging.identity import JudgeSpec
from promptship.scorers._judging.members import (
    PANEL,
    CascadeCriterion,
    PanelCriterion,
    Reducer,
    build_members,
    reduce_votes,
    weigh_members,
)
from promptship.scorers._judging.ruling import read_bounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import ScorerSpec
    from promptship.scorers._criterion import Criterion, ScorerContext

__all__ = ["MEMBER_TYPES"]

_COUNTING: Final = ("majority", "unanimous")


def _build_panel(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    reducer = cast("Reducer", one_of(spec, "reducer", get_args(Reducer)))
    if reducer in _COUNTING and (spec.threshold is not None or {"low", "high"} & spec.params.keys()):
        raise ScorerSetupError(f"a panel of the reducer {reducer} counts verdicts, and takes no threshold of its own")
    members = build_members(spec, context)
    weights = weigh_members(spec, members)
    bounds = read_bounds(spec, 0.5)
    judge = JudgeSpec(
        type="panel",
        params={"reducer": reducer, "weights": [*weights], "names": [member.scorer.name for member in members]},
        members=tuple(member.digest for member in members),
        threshold=None if reducer in _COUNTING else bounds.as_json(),
    )
    combine = partial(reduce_votes, weights=weights, reducer=reducer)
    definition = f"{PANEL}{reducer}-{len(members)}]"
    ruling = build_ruling(combine, bounds, judge, definition, asked=judge.asked([member.asked for member in members]))
    return PanelCriterion(members, ruling)


def _build_cascade(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    members = build_members(spec, context)
    judge = JudgeSpec(
        type="cascade",
        params={"names": [member.scorer.name for member in members]},
        members=tuple(member.digest for member in members),
    )
    return CascadeCriterion(members, judge.digest(), judge.asked([member.asked for member in members]))


_MEMBERS: Final = "the judges, scorers of any type that decide"
MEMBER_TYPES: Mapping[str, ScorerFactory] = {
    "panel": ScorerFactory(
        info=ScorerInfo(
            type="panel",
            summary="Several judges, asked at once, agree that the output is good.",
            threshold=ThresholdInfo(meaning="least mean or median of the members' values", default=0.5),
            score="mean or median of the members' values by weight; share of passes for majority and unanimous",
            definition="panel[mean-3]",
            params={
                "scorers": f"{_MEMBERS}, each with a `weight` (1 unless given)",
                "weights": "a weight for each member by its name, in the place of their own; with 0 a member is asked "
                "and recorded, and does not count. `promptctl judge votes` finds them from recorded votes",
                "reducer": "mean (default), median, majority (of all weight), unanimous (else the panel abstains)",
                "low": "at or below it the output fails; with `high`, in the place of `threshold`",
                "high": "at or above it the output passes; between the two the panel abstains",
            },
            origin="promptship",
            asks="what its members ask",
            examples=(
                ScorerExample(
                    scorer={
                        "type": "panel",
                        "reducer": "majority",
                        "scorers": [
                            {"type": "llm-rubric", "name": "mild", "value": "Is kind.", "judge": "small"},
                            {"type": "llm-rubric", "name": "strict", "value": "Is kind.", "judge": "large"},
                            {"type": "not-icontains", "value": "stupid"},
                        ],
                    },
                    passes="I am sorry about that.",
                    fails="What a stupid question.",
                ),
            ),
        ),
        build=_build_panel,
    ),
    "cascade": ScorerFactory(
        info=ScorerInfo(
            type="cascade",
            summary="The first judge that does not abstain passes the output; dear ones are asked where cheap ones "
            "abstain.",
            score="the score of the judge that decided",
            measure="judges that were asked",
            definition="cascade[name of the judge that decided]",
            params={
                "scorers": f"{_MEMBERS}, the cheapest first; all but the last with `low` and `high`, or another way "
                "to abstain"
            },
            origin="promptship",
            asks="what its members ask",
            examples=(
                ScorerExample(
                    scorer={
                        "type": "cascade",
                        "scorers": [
                            {
                                "type": "llm-rubric",
                                "name": "cheap",
                                "value": "Is kind.",
                                "judge": "small",
                                "low": 0.1,
                                "high": 0.9,
                                "unsure": True,
                            },
                            {"type": "llm-rubric", "name": "dear", "value": "Is kind.", "judge": "large"},
                        ],
                    },
                    passes="I am sorry about that.",
                    fails="What a stupid question.",
                ),
            ),
        ),
        build=_build_cascade,
    ),
}
