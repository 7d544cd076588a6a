"""`g-eval`: a rating as an expectation over the judge's probabilities, or the mean of samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, get_args

from promptship.domain import CompletionRequest, Message, Vote
from promptship.errors import BadRequestError, ScorerSetupError
from promptship.scorers._criterion import Criterion, ScorerExample, ScorerFactory, ScorerInfo, ThresholdInfo
from promptship.scorers._judging.answers import (
    AnswerForm,
    UnusableAnswerError,
    parse_verdict,
    refuse_unfinished,
    tell_judge,
)
from promptship.scorers._judging.asking import Answered, gather_all, paid
from promptship.scorers._judging.criterion import ASKS, COMMON_PARAMS, one_of, open_kit, whole_number
from promptship.scorers._judging.expectations import combine_samples, expect, label_chances
from promptship.scorers._judging.rating import claim_of
from promptship.scorers._judging.reading import INPUT_PARAM, expected_of, input_name, request_of
from promptship.scorers._judging.rubric_types import show_answer
from promptship.scorers._judging.rubrics import Rated, criteria_json, parse_rubric
from promptship.scorers._judging.scales import YES_NO, Level, Scale

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from promptship.domain import Case, JsonObject, Response, Score, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext
    from promptship.scorers._judging.asking import AskedModel
    from promptship.scorers._judging.ruling import Ruling

__all__ = ["GEVAL_TYPES"]

Road = Literal["auto", "logprobs", "choices", "samples"]

_ONE_TO_FIVE: Final = Scale(
    levels=tuple(
        Level(label=str(number), value=(number - 1) / 4, meaning=meaning)
        for number, meaning in enumerate(
            ("not at all", "hardly", "in part", "for the most part", "entirely, with nothing left to wish for"), 1
        )
    )
)
_TOP: Final = 20
"""Alternatives asked for: the most that the chat-completions protocol allows."""
_LONGEST_ANSWER: Final = 16
_SPREAD: Final = 1.0
"""Temperature of samples where the config's own is 0, at which all samples would be one."""


@dataclass(frozen=True, kw_only=True)
class _Rating:
    """One criterion with what is asked of it."""

    rated: Rated
    form: AnswerForm
    is_short: bool


class _GEval(Criterion):
    """Rates by each criterion on the road that the judge's model allows."""

    def __init__(
        self,
        asked: AskedModel,
        ruling: Ruling,
        ratings: Sequence[_Rating],
        *,
        road: str,
        samples: int,
        shared: JsonObject,
        name: str,
    ) -> None:
        self._asked = asked
        self._ruling = ruling
        self._ratings = tuple(ratings)
        self._road = road
        self._is_open = road == "auto"
        self._samples = samples
        self._shared = shared
        self._input = name
        self.judge = ruling.judge
        self.asked = ruling.asked
        if self._is_open:
            short = all(one.is_short for one in ratings)
            local = asked.config.model.startswith("local/")
            self._road = "choices" if local else "logprobs" if short else "samples"

    def score(self, item: ScoreInput) -> Awaitable[Score]:
        """See `Criterion.score`."""
        return self._score(item)

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        request_of(case, self._input)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return claim_of([one.rated for one in self._ratings])

    def rescore(self, score: Score) -> Score:
        """See `Criterion.rescore`."""
        return replace(self._ruling.rule(score.votes, cost_usd=score.cost_usd), definition=score.definition)

    async def _score(self, item: ScoreInput) -> Score:
        shown = show_answer(item, self._input, expected_of(item.case))
        inputs: JsonObject = {**self._shared, **shown.inputs}
        road, answered = await self._ask_all(inputs)
        found = self._ruling.rule([one.vote for one in answered], cost_usd=sum(one.cost_usd for one in answered))
        shown_road = f"samples-{self._samples}" if road == "samples" else road
        return replace(found, definition=f"g-eval[{shown_road}]")

    async def _ask_all(self, inputs: JsonObject) -> tuple[str, list[Answered]]:
        """Ask on the road that is known to work, or find out which does."""
        road = self._road
        if road != "samples":
            try:
                return road, await gather_all(self._expect(one, inputs, road) for one in self._ratings)
            except _NoChancesError:
                if not self._is_open:
                    raise ScorerSetupError(
                        f"{self._asked.config.name!r} gives no probabilities, and `road` is {road}",
                        hint="write road: samples, or leave it out",
                    ) from None
                # Known from now on: every further case would pay for an answer that is not used.
                self._road = "samples"
        asks = (self._sample(one, inputs, repeat) for one in self._ratings for repeat in range(self._samples))
        return "samples", await gather_all(asks)

    async def _expect(self, one: _Rating, inputs: JsonObject, road: str) -> Answered:
        params: JsonObject = {"logprobs": True, "top_logprobs": _TOP, "max_tokens": _LONGEST_ANSWER}
        request = self._request(one, inputs, params if road == "logprobs" else {}, choices=road == "choices")
        try:
            response = await self._asked.model.complete(request)
        except BadRequestError:
            # Some providers refuse the wish for probabilities instead of ignoring it.
            raise _NoChancesError from None
        cost = paid(response)
        if road == "choices":
            chances = _exponential(response.choice_logprobs)
        else:
            try:
                _read(response, one.form)
            except UnusableAnswerError as error:
                response, again = await self._repair(request, response, error)
                cost += again
            chances = label_chances(response.logprobs, one.form.scale)
            unusable = _why_unusable(response, one.form)
            if unusable is not None:
                vote = Vote(criterion=one.rated.name, category=unusable.kind, raw=response.text)
                return Answered(vote=vote, cost_usd=cost)
        if not chances:
            raise _NoChancesError
        return Answered(vote=expect(one.rated.name, chances, one.form.scale, response.text), cost_usd=cost)

    async def _repair(
        self, request: CompletionRequest, first: Response, error: UnusableAnswerError
    ) -> tuple[Response, float]:
        said = Message(role="assistant", content=first.text or "(nothing)")
        told = Message(role="user", content=f"{tell_judge(error.kind)} Answer with the number and nothing else.")
        second = await self._asked.model.complete(replace(request, messages=(*request.messages, said, told)))
        return second, paid(second)

    async def _sample(self, one: _Rating, inputs: JsonObject, repeat: int) -> Answered:
        temperature = self._asked.config.params.get("temperature") or _SPREAD
        request = self._request(one, inputs, {"temperature": temperature}, repeat=repeat)
        response = await self._asked.model.complete(request)
        unusable = _why_unusable(response, one.form)
        if unusable is not None:
            vote = Vote(criterion=one.rated.name, category=unusable.kind, raw=response.text)
        else:
            label = parse_verdict(response.text, one.form).label
            value = one.form.scale.by_label[label].value
            vote = Vote(criterion=one.rated.name, value=value, category=label, raw=response.text)
        return Answered(vote=vote, cost_usd=paid(response))

    def _request(
        self, one: _Rating, inputs: JsonObject, params: JsonObject, *, choices: bool = False, repeat: int = 0
    ) -> CompletionRequest:
        whole: JsonObject = {
            **inputs,
            "criterion": one.rated.text,
            "levels": one.form.scale.lines,
            "answer_format": one.form.text(),
        }
        return CompletionRequest(
            messages=self._asked.prompt.render(whole),
            params={**self._asked.config.params, **self._asked.params, **params},
            choices=one.form.scale.labels if choices else (),
            repeat=repeat,
        )


class _NoChancesError(Exception):
    """The model gave no probabilities."""


def _exponential(logprobs: Mapping[str, float]) -> dict[str, float]:
    return {label: math.exp(logprob) for label, logprob in logprobs.items()}


def _read(response: Response, form: AnswerForm) -> None:
    refuse_unfinished(response.finish_reason)
    parse_verdict(response.text, form)


def _why_unusable(response: Response, form: AnswerForm) -> UnusableAnswerError | None:
    try:
        _read(response, form)
    except UnusableAnswerError as error:
        return error
    return None


def _build(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    kit = open_kit(spec, context)
    if not kit.spec.has_value:
        raise ScorerSetupError("g-eval needs a `value`: a criterion, or a list of them")
    criteria = [
        replace(one, scale=_ONE_TO_FIVE) if one.scale is YES_NO else one for one in parse_rubric(kit.spec.value)
    ]
    road = one_of(kit.spec, "road", get_args(Road))
    samples = whole_number(kit.spec, "samples", default=10, low=2, high=100)
    steps = _read_steps(kit.spec)
    ratings = [
        _Rating(
            rated=one,
            form=AnswerForm(scale=one.scale, constrained=True, rationale="none", evidence=False),
            is_short=all(len(label) == 1 for label in one.scale.labels),
        )
        for one in criteria
    ]
    if road == "logprobs" and not all(one.is_short for one in ratings):
        raise ScorerSetupError(
            "anchors of two digits may be two tokens, whose probability no token has",
            hint="use anchors from 0 to 9, or road: samples",
        )
    asked = kit.asked("g-eval")
    name = input_name(kit.spec)
    ruling = kit.ruling(
        partial(combine_samples, weights={one.name: one.weight for one in criteria}),
        asked={"judge": asked},
        rubric=criteria_json(criteria),
        default=0.7,
        params={"road": road, "samples": samples, "steps": steps, "input": name},
    )
    shared: JsonObject = {**kit.shared_inputs, "steps_to_take": steps or None}
    return _GEval(asked, ruling, ratings, road=road, samples=samples, shared=shared, name=name)


def _read_steps(spec: ScorerSpec) -> str:
    steps = spec.params.get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(one, str) and one.strip() for one in steps):
        raise ScorerSetupError(f"steps is {steps!r}; expected a list of texts")
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


_PARAMS: Final = {key: COMMON_PARAMS[key] for key in ("judge", "prompt", "policy", "low", "high")}
GEVAL_TYPES: Mapping[str, ScorerFactory] = {
    "g-eval": ScorerFactory(
        info=ScorerInfo(
            type="g-eval",
            summary="A judge's rating, expected over its probabilities, is high enough.",
            value="a criterion, a list, or {criteria: [{name, text, weight, anchors}]}; anchors 1 to 5 unless given",
            value_is="optional",
            threshold=ThresholdInfo(meaning="least weighted mean of the ratings", default=0.7),
            score="expected rating, the lowest anchor 0 and the highest 1",
            definition="g-eval[logprobs]",
            params={
                **_PARAMS,
                **INPUT_PARAM,
                "road": "logprobs, choices (by likelihood), samples; auto: choices for local models; else logprobs, or "
                "samples where the provider gives none",
                "samples": "ratings that are averaged on that road, 2 to 100; 10 unless given",
                "steps": "a list of steps that the judge is told to take",
            },
            asks=ASKS,
            deviation=(
                "The rating is an expectation and never the one number that the model wrote; the definition names the "
                "road. Steps are stated and not made up by the judge at each run."
            ),
            examples=(
                ScorerExample(
                    scorer={"type": "g-eval", "value": "The reply is coherent.", "threshold": 0.6},
                    passes="It left on Monday, so it is with you on Wednesday.",
                    fails="Monday tents the however.",
                ),
            ),
        ),
        build=_build,
    )
}
