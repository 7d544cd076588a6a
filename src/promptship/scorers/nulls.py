"""Null judges: scorers that know nothing of quality. What a judge says is worth what it adds to them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from promptship.domain import Score
from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import (
    PASSED,
    Comparison,
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    fail,
    show,
    text_of,
)
from promptship.scorers.text import read_references

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import Output, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_WORD: Final = re.compile(r"\w+")
_HALF: Final = 0.5


def _build_length(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    threshold = _HALF if spec.threshold is None else spec.threshold

    def compare(output: Output, references: tuple[str, ...]) -> Score:
        own = len(_WORD.findall(text_of(output)))
        other = max(len(_WORD.findall(reference)) for reference in references)
        value = own / (own + other) if own + other else _HALF
        if value >= threshold:
            return Score(value=value, passed=True, measure=float(own), unit="words")
        return fail(
            f"{own} words, and the longest reference has {other}", value=value, measure=float(own), unit="words"
        )

    return Comparison(spec, prepare=read_references, compare=compare, claim=lambda _: "be long enough")


def _build_overlap(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    threshold = _HALF if spec.threshold is None else spec.threshold

    def prepare(value: object, references: tuple[str, ...]) -> tuple[Counter[str], ...]:
        return tuple(_words(text) for text in read_references(value, references))  # type: ignore[arg-type]  # checked there

    def compare(output: Output, references: tuple[Counter[str], ...]) -> Score:
        own = _words(text_of(output))
        value = max(_f1(own, reference) for reference in references)
        if value >= threshold:
            return Score(value=value, passed=True)
        return fail(f"{value:.3g} is less than {threshold:g}", value=value)

    return Comparison(spec, prepare=prepare, compare=compare, claim=lambda _: "share enough words")


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def _f1(one: Counter[str], other: Counter[str]) -> float:
    shared = (one & other).total()
    return 2 * shared / (one.total() + other.total()) if shared else 0.0


class _Majority(Criterion):
    """Says the same of everything."""

    def __init__(self, *, passes: bool) -> None:
        self._score = PASSED if passes else fail("the majority fails")

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        del item
        return self._score


def _build_majority(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    if spec.has_value and spec.value not in ("pass", "fail"):
        raise ScorerSetupError(f"value: {show(spec.value)}; expected pass or fail")
    return _Majority(passes=spec.value != "fail")


_WHY: Final = "Nothing but a measure: a judge that is no better than this one has learnt nothing about quality."
_TEXTS: Final = "a text or a list of texts; of several, the {}"

SCORERS: Mapping[str, ScorerFactory] = {
    "null:length": ScorerFactory(
        info=ScorerInfo(
            type="null:length",
            summary=f"The output is at least as long as the reference. {_WHY}",
            value=_TEXTS.format("longest counts"),
            value_is="compared",
            threshold=ThresholdInfo(meaning="least share of the words of both", default=_HALF),
            score="words of the output / words of output and reference",
            measure="words of the output",
            origin="promptship",
            examples=(
                ScorerExample(
                    scorer={"type": "null:length", "value": "It leaves today."},
                    passes="It leaves today, as we told you.",
                    fails="Today.",
                ),
            ),
        ),
        build=_build_length,
    ),
    "null:overlap": ScorerFactory(
        info=ScorerInfo(
            type="null:overlap",
            summary=f"The output and the reference share enough words. {_WHY}",
            value=_TEXTS.format("nearest counts"),
            value_is="compared",
            threshold=ThresholdInfo(meaning="least F1 of the words", default=_HALF),
            score="F1 of the words, in lower case, each as often as it stands there",
            origin="promptship",
            examples=(
                ScorerExample(
                    scorer={"type": "null:overlap", "value": "It leaves today."},
                    passes="It does not leave today: it leaves never.",
                    fails="The parcel is sent this evening.",
                ),
            ),
        ),
        build=_build_overlap,
    ),
    "null:majority": ScorerFactory(
        info=ScorerInfo(
            type="null:majority",
            summary=f"Always, whatever the output. {_WHY}",
            value="pass or fail: what most outputs deserve; pass where nothing is written",
            value_is="optional",
            origin="promptship",
            examples=(ScorerExample(scorer={"type": "null:majority"}, passes="Anything.", fails=None),),
        ),
        build=_build_majority,
    ),
}
