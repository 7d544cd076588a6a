"""Scorers of how an answer was made: money, time, why the model stopped, how sure it was."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, get_args

from promptship.domain import FinishReason, Score
from promptship.errors import ScorerSetupError, did_you_mean
from promptship.scorers._criterion import (
    PASSED,
    Comparison,
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    fail,
    require_instruments,
    show,
    text_of,
)
from promptship.scorers._instruments import MODEL_PARAM, instrument_digest, read_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptship.domain import JsonValue, LanguageModel, Output, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_REASONS = get_args(FinishReason)
_MS = 1000.0


class _AtMost(Criterion):
    """A figure of the output is at most the threshold; without one it is only measured."""

    def __init__(
        self, threshold: float | None, read: Callable[[Output], float | None], *, unit: str, unknown: str
    ) -> None:
        self._threshold = threshold
        self._read = read
        self._unit = unit
        self._unknown = unknown
        self.measures_only = threshold is None

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        figure = self._read(item.output)
        if figure is None or math.isnan(figure):
            return Score(value=None, reason=self._unknown)
        if self._threshold is None:
            return Score(value=None, measure=figure, unit=self._unit)
        if figure <= self._threshold:
            return Score(value=1.0, passed=True, measure=figure, unit=self._unit)
        reason = f"{figure:.4g} {self._unit}".rstrip() + f"; at most {self._threshold:g} allowed"
        return fail(reason, measure=figure, unit=self._unit)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"stay within {self._threshold:g} {self._unit}".rstrip()


class _PerplexityScore(Criterion):
    """Perplexity turned into 0 to 1, more being better."""

    def __init__(self, threshold: float | None) -> None:
        self._threshold = threshold
        self.measures_only = threshold is None

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        perplexity = _perplexity(item.output)
        if perplexity is None or math.isnan(perplexity):
            return Score(value=None, reason=_NO_LOGPROBS)
        value = 1.0 / (1.0 + perplexity)
        known = {"value": value, "measure": perplexity, "unit": "", "definition": _PERPLEXITY_SCORE}
        if self._threshold is None or value >= self._threshold:
            return Score(**known, passed=None if self._threshold is None else True)  # type: ignore[arg-type]  # as listed
        return fail(f"{value:.3g} is less than {self._threshold:g}", **known)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"reach {self._threshold:g}"


class _RatedBy(Criterion):
    """The same by another model's log-probabilities, which any text has."""

    def __init__(self, inner: Criterion, rater: LanguageModel, kind: str, judge: str) -> None:
        self._inner = inner
        self._rater = rater
        self._definition = f"{kind}[{rater.identity}]"
        self.measures_only = inner.measures_only
        self.judge = judge

    async def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        (rated,) = await self._rater.likelihood([text_of(item.output)])
        if not rated.tokens:
            return Score(value=None, reason="a text of one token has no likelihood", judge=self.judge)
        output = replace(item.output, logprob_mean=rated.logprob / rated.tokens)
        found = self._inner.score(replace(item, output=output))
        score = found if isinstance(found, Score) else await found
        return replace(score, definition=self._definition, judge=self.judge)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        return self._inner.claim(item)


def _perplexity(output: Output) -> float | None:
    if output.logprob_mean is None:
        return None
    try:
        return math.exp(-output.logprob_mean)
    except OverflowError:
        # A mean log-probability below -709.
        return math.inf


_NO_LOGPROBS = "the model gave no log-probabilities; ask for them with the parameter `logprobs: true`"
_PERPLEXITY_SCORE = "1 / (1 + perplexity)"


def _build_at_most(
    spec: ScorerSpec,
    context: ScorerContext,
    *,
    read: Callable[[Output], float | None],
    unit: str,
    unknown: str,
) -> Criterion:
    del context
    return _AtMost(spec.threshold, read, unit=unit, unknown=unknown)


def _build_perplexity(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    return _rated(_AtMost(spec.threshold, _perplexity, unit="", unknown=_NO_LOGPROBS), spec, context)


def _build_perplexity_score(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    return _rated(_PerplexityScore(spec.threshold), spec, context)


def _rated(own: Criterion, spec: ScorerSpec, context: ScorerContext) -> Criterion:
    """Return the criterion as it is, or by the model that the scorer names."""
    name = read_model(spec)
    if not name:
        return own
    rater = require_instruments(context, _RATER).language_model("" if name == "default" else name)
    return _RatedBy(own, rater, spec.type.removeprefix("not-"), instrument_digest(spec, rater.identity))


def _read_finish_reason(value: JsonValue, references: tuple[str, ...]) -> tuple[str, ...]:
    del references
    found = tuple(str(item).lower() for item in (value if isinstance(value, list) else [value]))
    unknown = [reason for reason in found if reason not in _REASONS]
    if unknown or not found:
        near = did_you_mean(unknown[0], _REASONS) if unknown else ""
        raise ScorerSetupError(f"{show(value)} is no finish reason; expected one of {', '.join(_REASONS)}{near}")
    return found


def _compare_finish_reason(output: Output, reasons: tuple[str, ...]) -> Score:
    if output.finish_reason in reasons:
        return PASSED
    return fail(f"the model stopped for {output.finish_reason!r}, not for {' or '.join(map(repr, reasons))}")


def _build_finish_reason(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    return Comparison(
        spec,
        prepare=_read_finish_reason,
        compare=_compare_finish_reason,
        claim=lambda reasons: f"end with {' or '.join(map(repr, reasons))}",
    )


_MEASURES_ONLY = (
    "Without a threshold it only measures: the score has no value and no case needs it. Where the figure is unknown it"
    " abstains, and the case is unscored instead of an error."
)
_RATER = "a causal language model"
_RATER_PARAM = {
    "model": f"a causal language model that rates the text instead: {MODEL_PARAM}, or `default` for SmolLM2-135M;"
    " without it the model's own log-probabilities count"
}
_COST = ScorerInfo(
    type="cost",
    summary="The model calls of the output cost at most so much.",
    threshold=ThresholdInfo(meaning="most US dollars", high=math.inf),
    measure="US dollars, as if nothing had been cached",
    deviation=_MEASURES_ONLY,
    examples=(
        ScorerExample(
            scorer={"type": "cost", "threshold": 0.002},
            passes={"text": "Paris", "cost_usd": 0.001},
            fails={"text": "Paris", "cost_usd": 0.01},
        ),
    ),
)
_LATENCY = ScorerInfo(
    type="latency",
    summary="The model calls of the output took at most so long.",
    threshold=ThresholdInfo(meaning="most milliseconds", high=math.inf),
    measure="milliseconds",
    deviation=(
        "An answer from the cache counts with the time it took when it was called, so a cached run decides as the first"
        " one did; promptfoo refuses. " + _MEASURES_ONLY
    ),
    examples=(
        ScorerExample(
            scorer={"type": "latency", "threshold": 500},
            passes={"text": "Paris", "latency_s": 0.2},
            fails={"text": "Paris", "latency_s": 2.0},
        ),
    ),
)
_PERPLEXITY = ScorerInfo(
    type="perplexity",
    summary="The model was sure enough of its own answer: the perplexity is at most so much.",
    threshold=ThresholdInfo(meaning="largest perplexity", high=math.inf),
    measure="perplexity, the exponential of minus the mean log-probability per token",
    params=_RATER_PARAM,
    deviation=_MEASURES_ONLY,
    examples=(
        ScorerExample(
            scorer={"type": "perplexity", "threshold": 1.5},
            passes={"text": "Paris", "logprob_mean": -0.1},
            fails={"text": "Paris", "logprob_mean": -1.0},
        ),
    ),
)
_PERPLEXITY_SCORE_INFO = ScorerInfo(
    type="perplexity-score",
    summary="The same as a figure between 0 and 1, more being better.",
    threshold=ThresholdInfo(meaning="least score"),
    score="1 / (1 + perplexity)",
    measure="perplexity",
    definition=_PERPLEXITY_SCORE,
    params=_RATER_PARAM,
    deviation="Without a threshold it only measures and no case needs it; promptfoo passes such a case.",
    examples=(
        ScorerExample(
            scorer={"type": "perplexity-score", "threshold": 0.4},
            passes={"text": "Paris", "logprob_mean": -0.1},
            fails={"text": "Paris", "logprob_mean": -1.0},
        ),
    ),
)
_FINISH_REASON = ScorerInfo(
    type="finish-reason",
    summary="The model stopped for this reason.",
    value=f"one of {', '.join(_REASONS)}, or a list of them",
    value_is="compared",
    deviation="A reason that does not exist is an error before the run, since no answer could pass. Lists are taken.",
    examples=(
        ScorerExample(
            scorer={"type": "finish-reason", "value": "stop"},
            passes={"text": "Paris", "finish_reason": "stop"},
            fails={"text": "Par", "finish_reason": "length"},
        ),
    ),
)

SCORERS: Mapping[str, ScorerFactory] = {
    "cost": ScorerFactory(
        info=_COST,
        build=partial(
            _build_at_most, read=lambda output: output.cost_usd, unit="USD", unknown="no price of the model is known"
        ),
    ),
    "latency": ScorerFactory(
        info=_LATENCY,
        build=partial(
            _build_at_most, read=lambda output: output.latency_s * _MS, unit="ms", unknown="no time is known"
        ),
    ),
    "perplexity": ScorerFactory(info=_PERPLEXITY, build=_build_perplexity),
    "perplexity-score": ScorerFactory(info=_PERPLEXITY_SCORE_INFO, build=_build_perplexity_score),
    "finish-reason": ScorerFactory(info=_FINISH_REASON, build=_build_finish_reason),
}
