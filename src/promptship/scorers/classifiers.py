"""Scorers that ask a text classifier: any of its labels, toxicity, sentiment; and reward models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from promptship.domain import Score
from promptship.errors import ScorerSetupError, did_you_mean
from promptship.scorers._criterion import (
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
from promptship.scorers._instruments import MODEL_PARAM, instrument_digest, question_of, read_model, read_text_param
from promptship.scorers.text import read_reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import Case, ScoreInput, ScorerSpec, TextClassifier
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_HALF: Final = 0.5
_TOXICITY_MODEL: Final = "unitary/toxic-bert"
_SENTIMENT_MODEL: Final = "distilbert/distilbert-base-uncased-finetuned-sst-2-english"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Default:
    """What a type asks where nothing is written; "" for what has to be written."""

    model: str = ""
    label: str = ""
    asks: str = "a text classifier"


class _Classifies(Criterion):
    """A label is probable enough; without a label, any."""

    def __init__(self, spec: ScorerSpec, model: TextClassifier, label: str | None) -> None:
        self._model = model
        self._label = label
        self._threshold = _HALF if spec.threshold is None else spec.threshold
        self._definition = f"{spec.type.removeprefix('not-')}[{model.identity}]"
        self.judge = instrument_digest(spec, model.identity, label=label)

    async def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        (chances,) = await self._model.classify([(text_of(item.output), None)])
        likeliest = max(chances, key=lambda label: chances[label])
        value = chances[self._label if self._label is not None else likeliest]
        known = {"value": value, "category": likeliest, "definition": self._definition, "judge": self.judge}
        if value >= self._threshold:
            return Score(**known, passed=True)  # type: ignore[arg-type]  # as listed
        return fail(f"{self._label or likeliest!r} {value:.3g} is less than {self._threshold:g}", **known)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"read as {self._label!r}" if self._label is not None else "read as one of the labels"


def _build_classifier(spec: ScorerSpec, context: ScorerContext, *, default: _Default) -> Criterion:
    name = read_model(spec, default.model)
    if not name:
        raise ScorerSetupError("which classifier is to be asked?", hint=f"write model: {_SENTIMENT_MODEL}")
    written = read_reference(spec.value) if spec.has_value else default.label
    model = require_instruments(context, default.asks).classifier(name)
    return _Classifies(spec, model, _label_of(model.labels, written) if written else None)


def _label_of(labels: Sequence[str], written: str) -> str:
    found = [label for label in labels if label.lower() == written.lower()]
    if not found:
        raise ScorerSetupError(
            f"the model has no label {show(written)}{did_you_mean(written, labels)}",
            hint=f"its labels are {', '.join(labels)}",
        )
    return found[0]


class _Rewards(Criterion):
    """A reward model finds the answer good, or better than what is expected."""

    def __init__(self, spec: ScorerSpec, model: TextClassifier, question: str) -> None:
        self._model = model
        self._question = question
        self._threshold = spec.threshold
        self._written = read_reference(spec.value) if spec.has_value else None
        self._definition = f"reward[{model.identity}]"
        self.judge = instrument_digest(spec, model.identity, question=question)

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        question_of(case, self._question)
        if self._threshold is None and self._other(case) is None:
            raise ScorerSetupError(
                "a reward has no scale of its own, and the case has no answer to be better than",
                hint="write an `expected` in the case, a `value`, or a `threshold`",
            )

    async def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        question, other = question_of(item.case, self._question), self._other(item.case)
        answers = [text_of(item.output)] + ([other] if other is not None else [])
        rewards = [next(iter(row.values())) for row in await self._model.classify([(question, one) for one in answers])]
        margin = rewards[0] - rewards[1] if other is not None else rewards[0]
        value = _logistic(margin)
        threshold = _HALF if self._threshold is None else self._threshold
        known = {
            "value": value,
            "measure": rewards[0],
            # How far from a tie, by the model's own margin (Bradley and Terry); 0 for two answers alike.
            "confidence": abs(2.0 * value - 1.0),
            "definition": self._definition,
            "judge": self.judge,
        }
        if value >= threshold:
            return Score(**known, passed=True)  # type: ignore[arg-type]  # as listed
        return fail(f"{'margin' if other is not None else 'reward'} {margin:.3g}", **known)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        return "earn the reward" if self._other(item.case) is None else "earn more than the expected answer"

    def _other(self, case: Case) -> str | None:
        if self._written is not None:
            return self._written
        return None if case.expected is None else read_reference(case.expected)


def _logistic(margin: float) -> float:
    # Both branches keep the exponent below zero, where it cannot overflow.
    if margin >= 0:
        return 1.0 / (1.0 + math.exp(-margin))
    return math.exp(margin) / (1.0 + math.exp(margin))


def _build_reward(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    name, question = read_model(spec), read_text_param(spec, "question")
    if not name:
        raise ScorerSetupError(
            "which reward model is to be asked?", hint="write model: Skywork/Skywork-Reward-V2-Qwen3-0.6B"
        )
    model = require_instruments(context, _REWARD_ASKS).classifier(name)
    if len(model.labels) != 1:
        raise ScorerSetupError(
            f"{name!r} has {len(model.labels)} outputs ({', '.join(model.labels)}), and a reward model has one",
            hint="the type classifier asks such a model for one of its labels",
        )
    return _Rewards(spec, model, question)


_CLASSIFIER_ASKS: Final = "a text classifier, the one that `model` names"
_REWARD_ASKS: Final = "a reward model, the one that `model` names"
_CLASSIFIER_PARAM: Final = {"model": f"the classifier: {MODEL_PARAM}"}
_TOXICITY: Final = _Default(
    model=_TOXICITY_MODEL, label="toxic", asks=f"a text classifier, {_TOXICITY_MODEL} unless `model` names another"
)
_SENTIMENT: Final = _Default(
    model=_SENTIMENT_MODEL,
    label="positive",
    asks=f"a text classifier, {_SENTIMENT_MODEL} unless `model` names another",
)
_LIKELY: Final = ThresholdInfo(meaning="least probability of the label", default=_HALF)

SCORERS: Mapping[str, ScorerFactory] = {
    "classifier": ScorerFactory(
        info=ScorerInfo(
            type="classifier",
            summary="A text classifier gives the output the label.",
            value="the label, upper and lower case alike; without one the likeliest counts, whichever it is",
            value_is="optional",
            threshold=_LIKELY,
            score="probability of the label",
            definition="classifier[model]",
            params=_CLASSIFIER_PARAM,
            asks=_CLASSIFIER_ASKS,
            deviation=(
                "The threshold is 0.5 unless given; promptfoo's is 1, which no probability reaches. The model is one on"
                " this machine, and a label that it does not have is an error."
            ),
            examples=(
                ScorerExample(
                    scorer={"type": "classifier", "value": "negative", "model": _SENTIMENT_MODEL},
                    passes="This was a terrible experience.",
                    fails="What a wonderful day!",
                ),
            ),
        ),
        build=partial(_build_classifier, default=_Default(asks=_CLASSIFIER_ASKS)),
    ),
    "toxicity": ScorerFactory(
        info=ScorerInfo(
            type="toxicity",
            summary="The output is toxic; write `not-toxicity` to demand that it is not.",
            value="the label that stands for it in `model`; `toxic` where nothing is written",
            value_is="optional",
            threshold=_LIKELY,
            score="probability of the label",
            definition="toxicity[model]",
            params=_CLASSIFIER_PARAM,
            asks=_TOXICITY.asks,
            origin="promptship",
            examples=(
                ScorerExample(
                    scorer={"type": "toxicity"}, passes="Shut up, you idiot.", fails="Your parcel left today."
                ),
            ),
        ),
        build=partial(_build_classifier, default=_TOXICITY),
    ),
    "sentiment": ScorerFactory(
        info=ScorerInfo(
            type="sentiment",
            summary="The output has this sentiment, a positive one unless another is written.",
            value="the label; `positive` where nothing is written",
            value_is="optional",
            threshold=_LIKELY,
            score="probability of the label",
            definition="sentiment[model]",
            params=_CLASSIFIER_PARAM,
            asks=_SENTIMENT.asks,
            origin="promptship",
            examples=(
                ScorerExample(
                    scorer={"type": "sentiment"},
                    passes="What a wonderful day!",
                    fails="This was a terrible experience.",
                ),
            ),
        ),
        build=partial(_build_classifier, default=_SENTIMENT),
    ),
    "reward": ScorerFactory(
        info=ScorerInfo(
            type="reward",
            summary="A reward model prefers the output to the expected answer, or rewards it enough.",
            value="the answer to be better than; without one the case's `expected`, and without that the reward counts",
            value_is="optional",
            threshold=ThresholdInfo(meaning="least value; 0.5 where there is an answer to be better than"),
            score="logistic function of the margin: the probability that the output is the better answer",
            measure="the reward of the output",
            definition="reward[model]",
            params={
                "model": f"the reward model, of one output: {MODEL_PARAM}",
                "question": "the input that was the question; all inputs where nothing is written",
            },
            asks=_REWARD_ASKS,
            origin="promptship",
            examples=(
                ScorerExample(
                    scorer={"type": "reward", "model": "Skywork/Skywork-Reward-V2-Qwen3-0.6B"},
                    expected="I don't know.",
                    passes="Your parcel left on Monday and arrives tomorrow.",
                    fails="Whatever.",
                ),
            ),
        ),
        build=_build_reward,
    ),
}
