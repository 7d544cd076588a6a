"""Scorers that look for text in the answer, or compare the answer with text character by character."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache, partial
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

from promptship.domain import Score
from promptship.errors import MissingExtraError, ScorerSetupError, did_you_mean
from promptship.scorers._criterion import (
    PASSED,
    Comparison,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    UnjudgedError,
    fail,
    show,
    text_of,
)
from promptship.scorers._json import parse_json, same_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptship.domain import JsonValue, Output, ScorerSpec
    from promptship.scorers._criterion import Criterion, ScorerContext

__all__ = ["SCORERS", "read_reference", "read_references"]

_Texts: TypeAlias = "tuple[str, ...]"

_REGEX_TIMEOUT_S = 1.0
_LONG = 10_000
_MOST_CELLS = 5_000_000_000
"""Products of lengths up to which a full edit distance takes well under a second."""


def read_reference(value: JsonValue) -> str:
    """Read a text to compare with: text, or a number as one writes it.

    Raises:
        ScorerSetupError: It is neither.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ScorerSetupError(f"cannot compare with {show(value)}: expected text or a number")


def read_references(value: JsonValue, references: _Texts) -> _Texts:
    """Read one text or a list of texts that are equally good.

    Raises:
        ScorerSetupError: An empty list, or something that is no text.
    """
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ScorerSetupError("the list of texts to compare with is empty")
    return (*map(read_reference, values), *references)


def _read_sought(value: JsonValue, references: _Texts) -> _Texts:
    if isinstance(value, list):
        raise ScorerSetupError(
            f"cannot look for the list {show(value)}: expected text or a number",
            hint="contains-any and contains-all take lists",
        )
    found = (read_reference(value), *references)
    if "" in found:
        raise ScorerSetupError("cannot look for an empty text: every output contains it")
    return found


def _read_sought_list(value: JsonValue, references: _Texts, *, split: bool) -> _Texts:
    # Commas separate as in promptfoo, or `not-contains-any: "a, b"` carried over would pass for ever.
    if isinstance(value, str) and split:
        value = [part.strip() for row in csv.reader(value.splitlines(), skipinitialspace=True) for part in row]
    found = read_references(value, references)
    if "" in found:
        raise ScorerSetupError("cannot look for an empty text: every output contains it")
    return found


def _build_seek(spec: ScorerSpec, context: ScorerContext, *, test: Callable[[str, str], bool], verb: str) -> Criterion:
    del context

    def compare(output: Output, texts: _Texts) -> Score:
        text = text_of(output)
        for sought in texts:
            if test(text, sought):
                return PASSED
        return _lacks(verb, texts)

    return Comparison(spec, prepare=_read_sought, compare=compare, claim=lambda texts: f"{verb} {_any_of(texts)}")


@lru_cache(maxsize=1024)
def _lacks(verb: str, texts: _Texts) -> Score:
    # Kept, since a scorer of a set says the same of every output that fails it.
    return fail(f"does not {verb} {_any_of(texts)}")


def _build_seek_list(spec: ScorerSpec, context: ScorerContext, *, fold: bool, every: bool) -> Criterion:
    del context

    def compare(output: Output, texts: _Texts) -> Score:
        text = text_of(output).lower() if fold else text_of(output)
        missing = [sought for sought in texts if (sought.lower() if fold else sought) not in text]
        if not missing or (len(missing) < len(texts) and not every):
            return PASSED
        return fail(f"does not contain {', '.join(map(show, missing)) if every else _any_of(texts)}")

    def claim(texts: _Texts) -> str:
        return f"contain {'all of ' + ', '.join(map(show, texts)) if every else _any_of(texts)}"

    prepare = partial(_read_sought_list, split=spec.has_value)
    return Comparison(spec, prepare=prepare, compare=compare, claim=claim)


def _any_of(texts: _Texts) -> str:
    return show(texts[0]) if len(texts) == 1 else f"any of {', '.join(map(show, texts))}"


@dataclass(frozen=True, slots=True)
class _Equal:
    """What an output has to equal: one of some texts, or data."""

    texts: _Texts
    data: JsonValue = None

    def __str__(self) -> str:
        return _any_of(self.texts) if self.texts else show(self.data)


def _read_equal(value: JsonValue, references: _Texts) -> _Equal:
    if isinstance(value, dict | list):
        return _Equal(references, value)
    if isinstance(value, bool):
        return _Equal((str(value).lower(), *references))
    return _Equal((read_reference(value), *references))


def _compare_equal(output: Output, against: _Equal) -> Score:
    text = text_of(output)
    if text in against.texts or (against.data is not None and _is_data(text, against.data)):
        return PASSED
    return fail(f"{show(text)} does not equal {against}")


def _is_data(text: str, data: JsonValue) -> bool:
    try:
        return same_json(parse_json(text), data)
    except ValueError:
        return False


def _build_equals(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    return Comparison(spec, prepare=_read_equal, compare=_compare_equal, claim=lambda against: f"equal {against}")


# Patterns may stand in every case; a run compiles each once.
@lru_cache(maxsize=4096)
def _compile(pattern: str) -> Any:
    try:
        import regex
    except ImportError:
        raise MissingExtraError("regex", extra="eval", needed_for="the scorer regex") from None
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ScorerSetupError(f"the regular expression {show(pattern)} is broken: {error}") from None


def _read_patterns(value: JsonValue, references: _Texts) -> tuple[Any, ...]:
    return tuple(map(_compile, _read_sought(value, references)))


def _compare_regex(output: Output, patterns: tuple[Any, ...]) -> Score:
    text = text_of(output)
    for pattern in patterns:
        try:
            # Without the GIL every search of a short text is followed by a wait for another thread to give it back.
            if pattern.search(text, timeout=_REGEX_TIMEOUT_S, concurrent=len(text) > _LONG):
                return PASSED
        except TimeoutError:
            raise UnjudgedError(
                f"the regular expression {show(pattern.pattern)} takes more than {_REGEX_TIMEOUT_S:g} s on this output"
            ) from None
    return _lacks("match", tuple(pattern.pattern for pattern in patterns))


def _build_regex(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    return Comparison(
        spec,
        prepare=_read_patterns,
        compare=_compare_regex,
        claim=lambda patterns: f"match {_any_of(tuple(pattern.pattern for pattern in patterns))}",
    )


def _build_levenshtein(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        raise MissingExtraError("rapidfuzz", extra="eval", needed_for="the scorer levenshtein") from None
    allowed = 5.0 if spec.threshold is None else spec.threshold
    distance = Levenshtein.distance

    def compare(output: Output, texts: _Texts) -> Score:
        text = text_of(output)
        if len(text) > _LONG and len(text) * max(map(len, texts)) > _MOST_CELLS:
            return _bounded(distance, text, texts, allowed)
        nearest = texts[0] if len(texts) == 1 else min(texts, key=partial(distance, text))
        edits = distance(text, nearest)
        value = 1.0 - edits / max(len(text), len(nearest), 1)
        return _edits_score(value, edits, allowed)

    return Comparison(
        spec,
        prepare=read_references,
        compare=compare,
        claim=lambda texts: f"stand within {allowed:g} edits of {_any_of(texts)}",
    )


# Making a score costs more than counting the edits, and most answers are a few edits away.
@lru_cache(maxsize=4096)
def _edits_score(value: float, edits: int, allowed: float) -> Score:
    if edits <= allowed:
        return Score(value=value, passed=True, measure=float(edits), unit="edits")
    return fail(f"{edits} edits away; {allowed:g} allowed", value=value, measure=float(edits), unit="edits")


def _bounded(distance: Callable[..., int], text: str, texts: _Texts, allowed: float) -> Score:
    """Decide about very long texts without counting all edits: the verdict is exact, the value 1 or 0."""
    # With a cutoff the library reads a band around the diagonal alone.
    cutoff = int(min(allowed, 1000))
    if any(distance(text, reference, score_cutoff=cutoff) <= allowed for reference in texts):
        return PASSED
    if allowed > cutoff:
        raise UnjudgedError(f"{len(text)} characters are too many to count more than {cutoff} edits")
    return fail(f"more than {allowed:g} edits away from {_any_of(texts)}")


def _read_word_count(value: JsonValue, references: _Texts) -> tuple[float, float]:
    del references
    if not isinstance(value, dict):
        exact = _read_count(value)
        return exact, exact
    unknown = [key for key in value if key not in {"min", "max"}]
    if unknown:
        near = did_you_mean(unknown[0], ["min", "max"])
        raise ScorerSetupError(f"a word count has no {unknown[0]!r}; expected min, max or both{near}")
    low = _read_count(value["min"]) if "min" in value else 0.0
    high = _read_count(value["max"]) if "max" in value else inf
    if not value or low > high:
        raise ScorerSetupError(f"no number of words fits {show(value)}")
    return low, high


def _read_count(value: JsonValue) -> float:
    try:
        count = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
    except ValueError:
        count = -1.0
    if not 0 <= count < inf or count != int(count):
        raise ScorerSetupError(f"{show(value)} is not a number of words", hint="write value: 50, or {min: 20, max: 50}")
    return count


def _compare_word_count(output: Output, bounds: tuple[float, float]) -> Score:
    count = len(text_of(output).split())
    low, high = bounds
    if low <= count <= high:
        return Score(value=1.0, passed=True, measure=float(count), unit="words")
    return fail(f"{count} words; expected {_span(bounds)}", measure=float(count), unit="words")


def _span(bounds: tuple[float, float]) -> str:
    low, high = bounds
    if low == high:
        return f"{low:g}"
    if high == inf:
        return f"{low:g} or more"
    return f"{low:g} to {high:g}"


def _build_word_count(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    return Comparison(
        spec,
        prepare=_read_word_count,
        compare=_compare_word_count,
        claim=lambda bounds: f"have {_span(bounds)} words",
    )


def _seek(
    name: str, summary: str, test: Callable[[str, str], bool], verb: str, example: tuple[str, str, str]
) -> ScorerFactory:
    value, passes, fails = example
    is_ours = name == "ends-with"
    deviation = "With no value it takes the case's `expected`, or any of its `references`: one scorer for all cases."
    info = ScorerInfo(
        type=name,
        summary=summary,
        value="text or a number",
        value_is="compared",
        origin="promptship" if is_ours else "promptfoo",
        deviation="" if is_ours else deviation,
        examples=(ScorerExample(scorer={"type": name, "value": value}, passes=passes, fails=fails),),
    )
    return ScorerFactory(info=info, build=partial(_build_seek, test=test, verb=verb))


def _seek_list(name: str, summary: str, *, fold: bool, every: bool, example: tuple[str, str]) -> ScorerFactory:
    passes, fails = example
    info = ScorerInfo(
        type=name,
        summary=summary,
        value="a list of texts or numbers; one text is split at its commas, quotes respected",
        value_is="compared",
        deviation="A text in the case's `expected` is not split: an answer is a sentence, and its commas are commas.",
        examples=(ScorerExample(scorer={"type": name, "value": ["refund", "parcel"]}, passes=passes, fails=fails),),
    )
    return ScorerFactory(info=info, build=partial(_build_seek_list, fold=fold, every=every))


_EQUALS = ScorerInfo(
    type="equals",
    summary="The output is exactly the value; against an object or a list, the output read as JSON is.",
    value="text, a number, true or false, an object or a list",
    value_is="compared",
    deviation="1 and 1.0 are equal, as in JSON and JavaScript; any of the case's `references` will do too, since more"
    " than one answer may be right.",
    examples=(
        ScorerExample(scorer={"type": "equals"}, expected="refund", passes="refund", fails="Refund"),
        ScorerExample(scorer={"type": "equals", "value": {"a": 1, "b": 2}}, passes='{"b": 2, "a": 1}', fails="{}"),
    ),
)

_REGEX = ScorerInfo(
    type="regex",
    summary="The regular expression matches somewhere in the output.",
    value="a regular expression of the Python package `regex`",
    value_is="compared",
    definition="",
    deviation=(
        r"Python's dialect instead of JavaScript's: `\d` and `\w` match the digits and letters of every script, flags"
        " are written `(?i)`. A broken pattern is an error before the run, not a failed case. A pattern that takes more"
        " than a second on an output fails it, with `not-` too."
    ),
    examples=(ScorerExample(scorer={"type": "regex", "value": r"\d{4}"}, passes="order 1234", fails="order 12"),),
)

_LEVENSHTEIN = ScorerInfo(
    type="levenshtein",
    summary="At most so many characters have to be inserted, deleted or replaced to make the output the value.",
    value="text, or a list of texts of which the nearest counts",
    value_is="compared",
    threshold=ThresholdInfo(meaning="edits allowed", default=5.0, high=inf),
    score="1 - edits / length of the longer text",
    measure="edits",
    deviation=(
        "The score is graded where promptfoo's is 1 or 0, so that a report can plot it; lists are taken. Texts of"
        " millions of characters get the exact verdict and the score 1 or 0."
    ),
    examples=(
        ScorerExample(scorer={"type": "levenshtein", "value": "kitten", "threshold": 3}, passes="sitting", fails="dog"),
    ),
)

_WORD_COUNT = ScorerInfo(
    type="word-count",
    summary="The output has so many words, separated by white space.",
    value="a number, or {min, max} with one of them or both, inclusive",
    value_is="compared",
    measure="words",
    examples=(
        ScorerExample(
            scorer={"type": "word-count", "value": {"min": 2, "max": 4}}, passes="three words here", fails=""
        ),
        ScorerExample(scorer={"type": "word-count", "value": 2}, passes="two words", fails="now three words"),
    ),
)


def _icontains(text: str, sought: str) -> bool:
    return sought.lower() in text.lower()


SCORERS: Mapping[str, ScorerFactory] = {
    factory.info.type: factory
    for factory in (
        _seek(
            "contains",
            "The output contains the value.",
            str.__contains__,
            "contain",
            ("refund", "Your refund is on its way.", "Your Refund is on its way."),
        ),
        _seek(
            "icontains",
            "The output contains the value, upper and lower case alike.",
            _icontains,
            "contain",
            ("refund", "Your Refund is on its way.", "Your parcel is on its way."),
        ),
        _seek(
            "starts-with",
            "The output begins with the value.",
            str.startswith,
            "start with",
            ("Yes", "Yes, we can.", "No. Yes."),
        ),
        _seek(
            "ends-with",
            "The output ends with the value.",
            str.endswith,
            "end with",
            ("regards", "Kind regards", "Kind regards,"),
        ),
        _seek_list(
            "contains-any",
            "The output contains at least one of the texts.",
            fold=False,
            every=False,
            example=("Your parcel left.", "Your letter left."),
        ),
        _seek_list(
            "contains-all",
            "The output contains all of the texts.",
            fold=False,
            every=True,
            example=("A refund for the parcel.", "Your parcel left."),
        ),
        _seek_list(
            "icontains-any",
            "The output contains at least one of the texts, upper and lower case alike.",
            fold=True,
            every=False,
            example=("PARCEL", "letter"),
        ),
        _seek_list(
            "icontains-all",
            "The output contains all of the texts, upper and lower case alike.",
            fold=True,
            every=True,
            example=("PARCEL, Refund", "PARCEL"),
        ),
        ScorerFactory(info=_EQUALS, build=_build_equals),
        ScorerFactory(info=_REGEX, build=_build_regex),
        ScorerFactory(info=_LEVENSHTEIN, build=_build_levenshtein),
        ScorerFactory(info=_WORD_COUNT, build=_build_word_count),
    )
}
