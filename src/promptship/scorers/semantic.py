"""Scorers of meaning by vectors: how near an answer is to a reference, as a whole or token by token."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from promptship.domain import Score
from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import (
    Comparison,
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    fail,
    require_instruments,
    text_of,
)
from promptship.scorers._instruments import MODEL_PARAM, instrument_digest, read_model
from promptship.scorers.text import read_references

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from promptship.domain import JsonValue, Output, ScorerSpec
    from promptship.scorers._criterion import ScorerContext

    Vectors = NDArray[np.floating]

__all__ = ["SCORERS"]

_EMBEDDER: Final = "an embedder, all-MiniLM-L6-v2 unless `model` names another"
_DEFAULT_THRESHOLD: Final = 0.75
# The last bits of a figure depend on the batch in which it was computed, and must not decide.
_ROUNDING: Final = 1e-6
_TOKEN_MEASURES: Final = ("f1", "precision", "recall")


def _build_similar(
    spec: ScorerSpec,
    context: ScorerContext,
    *,
    measure: Callable[[Vectors, Vectors], float],
    metric: str,
    value_of: Callable[[float], float],
    nearer_is: int,
) -> Criterion:
    threshold = _DEFAULT_THRESHOLD if spec.threshold is None else spec.threshold
    name = _read(spec)
    embedder = require_instruments(context, _EMBEDDER).embedder(name)
    definition = f"{metric}[{embedder.identity}]"
    judge = instrument_digest(spec, embedder.identity)

    async def compare(output: Output, references: tuple[str, ...]) -> Score:
        rows = await embedder.embed([text_of(output), *references])
        own, *others = rows.astype(float)
        # Of several references the nearest counts.
        figure = nearer_is * max(nearer_is * measure(own, other) for other in others)
        known = {"value": value_of(figure), "measure": figure, "definition": definition, "judge": judge}
        if nearer_is * (figure - threshold) >= -_ROUNDING:
            return Score(**known, passed=True)  # type: ignore[arg-type]  # as listed
        than = "less" if nearer_is > 0 else "more"
        return fail(f"{metric} {figure:.3g} is {than} than {threshold:g}", **known)

    return _comparison(spec, compare, judge, claim=f"come as near as {metric} {threshold:g}")


def _build_bertscore(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    threshold = _DEFAULT_THRESHOLD if spec.threshold is None else spec.threshold
    kind = spec.params.get("measure", "f1")
    if kind not in _TOKEN_MEASURES:
        raise ScorerSetupError(f"measure: {kind!r}; expected one of {', '.join(_TOKEN_MEASURES)}")
    name = _read(spec)
    matcher = require_instruments(context, _EMBEDDER).token_matcher(name)
    definition = f"bertscore-{kind}[{matcher.identity}]"
    judge = instrument_digest(spec, matcher.identity, measure=kind)

    async def compare(output: Output, references: tuple[str, ...]) -> Score:
        text = text_of(output)
        matches = await matcher.match([(text, reference) for reference in references])
        figure = max(float(getattr(match, str(kind))) for match in matches)
        known = {"value": _within_unit(figure), "measure": figure, "definition": definition, "judge": judge}
        if figure >= threshold - _ROUNDING:
            return Score(**known, passed=True)  # type: ignore[arg-type]  # as listed
        return fail(f"{figure:.3g} is less than {threshold:g}", **known)

    return _comparison(spec, compare, judge, claim=f"reach a BERTScore of {threshold:g}")


def _comparison(
    spec: ScorerSpec,
    compare: Callable[[Output, tuple[str, ...]], Awaitable[Score]],
    judge: str,
    *,
    claim: str,
) -> Criterion:
    criterion = Comparison(spec, prepare=_prepare, compare=compare, claim=lambda _: claim)
    criterion.judge = judge
    return criterion


def _read(spec: ScorerSpec) -> str:
    """Return the model's name, all that is written having been found right."""
    if spec.has_value:
        _prepare(spec.value, ())
    return read_model(spec)


def _prepare(value: JsonValue, references: tuple[str, ...]) -> tuple[str, ...]:
    found = read_references(value, references)
    if not all(map(str.strip, found)):
        raise ScorerSetupError("cannot compare with an empty text")
    return found


def _dot(one: Vectors, other: Vectors) -> float:
    # Not `@`, which takes longer to find this product than to compute it.
    return float(one.dot(other))


def _cosine(one: Vectors, other: Vectors) -> float:
    length = math.sqrt(_dot(one, one) * _dot(other, other))
    return max(-1.0, min(1.0, _dot(one, other) / length)) if length else 0.0


def _distance(one: Vectors, other: Vectors) -> float:
    between = one - other
    return math.sqrt(_dot(between, between))


def _within_unit(figure: float) -> float:
    return max(0.0, min(1.0, figure))


_MODEL: Final = f"the embedder: {MODEL_PARAM}"
_LOCAL: Final = (
    "The embedder is one on this machine, not an API's, and another one's similarities are another scale: choose the"
    " threshold anew."
)
_PASSES: Final = "Your parcel will be delivered within two days."
_FAILS: Final = "We like to paint mountains."


def _info(kind: str, summary: str, **fields: object) -> ScorerInfo:
    scorer: JsonValue = {"type": kind, "value": "The parcel is delivered in two days."}
    known = {
        "type": kind,
        "summary": summary,
        "value": "a text or a list of texts, of which the nearest counts",
        "value_is": "compared",
        "threshold": ThresholdInfo(meaning="least similarity", default=_DEFAULT_THRESHOLD),
        "score": "the similarity; 0 where it is below",
        "measure": "the similarity",
        "params": {"model": _MODEL},
        "asks": _EMBEDDER,
        "deviation": _LOCAL,
        "examples": (ScorerExample(scorer=scorer, passes=_PASSES, fails=_FAILS),),  # type: ignore[arg-type]  # an object
    }
    return ScorerInfo(**{**known, **fields})  # type: ignore[arg-type]  # fields of ScorerInfo by name


_NEAR: Final = "The output means what the text means, by the {} of their vectors."
_COSINE: Final = partial(_build_similar, measure=_cosine, metric="cosine", value_of=_within_unit, nearer_is=1)

SCORERS: Mapping[str, ScorerFactory] = {
    "similar": ScorerFactory(info=_info("similar", _NEAR.format("cosine")), build=_COSINE),
    "similar:cosine": ScorerFactory(info=_info("similar:cosine", _NEAR.format("cosine")), build=_COSINE),
    "similar:dot": ScorerFactory(
        info=_info(
            "similar:dot",
            _NEAR.format("dot product"),
            threshold=ThresholdInfo(meaning="least dot product", default=_DEFAULT_THRESHOLD, high=math.inf),
            score="the dot product, cut to 0 to 1",
            measure="the dot product",
        ),
        build=partial(_build_similar, measure=_dot, metric="dot product", value_of=_within_unit, nearer_is=1),
    ),
    "similar:euclidean": ScorerFactory(
        info=_info(
            "similar:euclidean",
            _NEAR.format("distance"),
            threshold=ThresholdInfo(meaning="largest distance", default=_DEFAULT_THRESHOLD, high=math.inf),
            score="1 / (1 + distance)",
            measure="the Euclidean distance",
        ),
        build=partial(
            _build_similar, measure=_distance, metric="distance", value_of=lambda far: 1.0 / (1.0 + far), nearer_is=-1
        ),
    ),
    "bertscore": ScorerFactory(
        info=_info(
            "bertscore",
            "Each token of the output has a near one in the reference, and the other way round.",
            score="the F1 of greedy matches, cut to 0 to 1",
            measure="the same before the cut",
            params={
                "model": f"the encoder: {MODEL_PARAM}",
                "measure": "f1, precision or recall; f1 where nothing is written",
            },
            origin="promptship",
            deviation="",
            definition="bertscore-f1[model], without idf and without rescaling to a baseline",
        ),
        build=_build_bertscore,
    ),
}
