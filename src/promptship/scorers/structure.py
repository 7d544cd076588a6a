"""Scorers for answers that should be JSON."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

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
from promptship.scorers._json import find_json, parse_json, same_json
from promptship.scorers._schemas import OUTPUT_REFERENCE, compile_schema, resolve_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptship.domain import JsonObject, JsonValue, Output, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

_MISSING = object()
_ALL_RIGHT = 1.0


class _IsJson(Criterion):
    """The output is JSON and, where there is a schema, fits it."""

    def __init__(self, first_error: Callable[[JsonValue], str | None] | None) -> None:
        self._first_error = first_error

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        text = text_of(item.output)
        try:
            value = parse_json(text)
        except ValueError as error:
            return _not_json(str(error) if text else "")
        wrong = self._first_error(value) if self._first_error else None
        return PASSED if wrong is None else fail(f"does not fit the schema: {wrong}")

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return "fit the schema" if self._first_error else "parse as JSON"


# A model that answers in prose does so in every case, and the parser stumbles over the same first letters.
@lru_cache(maxsize=1024)
def _not_json(error: str) -> Score:
    return fail(f"is not JSON: {error}" if error else "is empty, not JSON")


class _ContainsJson(Criterion):
    """Somewhere in the output is JSON and, where there is a schema, it fits."""

    def __init__(self, first_error: Callable[[JsonValue], str | None] | None) -> None:
        self._first_error = first_error

    def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        wrong: str | None = None
        for value in find_json(text_of(item.output), lists=self._first_error is not None):
            error = self._first_error(value) if self._first_error else None
            if error is None:
                return PASSED
            wrong = wrong or error
        return fail(f"contains no JSON that fits the schema: {wrong}" if wrong else "contains no JSON object")

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return "contain JSON that fits the schema" if self._first_error else "contain JSON"


def _build_json(
    spec: ScorerSpec, context: ScorerContext, *, kind: Callable[[Callable[[JsonValue], str | None] | None], Criterion]
) -> Criterion:
    if not spec.has_value:
        return kind(None)
    return kind(compile_schema(resolve_schema(spec.value, context.output_schema)))


def _build_json_schema(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    written = spec.value if spec.has_value else OUTPUT_REFERENCE
    return _IsJson(compile_schema(resolve_schema(written, context.output_schema)))


def _build_json_equals(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    threshold = _ALL_RIGHT if spec.threshold is None else spec.threshold
    fields = _read_fields(spec.params.get("fields"))

    def prepare(value: JsonValue, references: tuple[str, ...]) -> JsonValue:
        del references
        return _read_expected(value, fields)

    def compare(output: Output, expected: JsonValue) -> Score:
        try:
            found = parse_json(text_of(output))
        except ValueError as error:
            return replace(_not_json(str(error) if text_of(output) else ""), measure=0.0, unit="share")
        wrong, count = _find_wrong(found, expected, fields)
        share = (count - len(wrong)) / count
        if share >= threshold:
            return Score(value=share, passed=True, measure=share, unit="share")
        return fail("wrong: " + ", ".join(wrong), value=share, measure=share, unit="share")

    return Comparison(spec, prepare=prepare, compare=compare, claim=lambda expected: f"equal {show(expected)}")


def _read_fields(fields: JsonValue) -> tuple[str, ...]:
    if fields is None:
        return ()
    if not isinstance(fields, list) or not fields or not all(isinstance(field, str) for field in fields):
        raise ScorerSetupError(f"fields is {show(fields)}; expected a list of field names, dots for nested ones")
    return tuple(map(str, fields))


def _read_expected(value: JsonValue, fields: tuple[str, ...]) -> JsonValue:
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError as error:
            raise ScorerSetupError(
                f"{show(value)} is not JSON: {error}", hint="write an object, or JSON as text (in CSV)"
            ) from None
    absent = [field for field in fields if _dig(value, field) is _MISSING]
    if absent:
        raise ScorerSetupError(f"{show(value)} has no field {absent[0]!r} to compare with")
    return value


def _find_wrong(found: JsonValue, expected: JsonValue, fields: tuple[str, ...]) -> tuple[list[str], int]:
    """Return the fields that differ, each with what stands there, and how many were compared."""
    if not isinstance(expected, dict) or (not fields and not isinstance(found, dict)):
        return ([] if same_json(found, expected) else [f"{show(found)} instead of {show(expected)}"]), 1
    # Invented fields are an error of extraction as much as missing ones.
    extra = [name for name in found if name not in expected] if isinstance(found, dict) else []
    names = fields or (*expected, *extra)
    wrong: list[str] = []
    for name in names or ("the object",):
        have, want = (_dig(side, name) if fields else _get(side, name) for side in (found, expected))
        if have is _MISSING and want is _MISSING:
            continue
        if have is _MISSING or want is _MISSING:
            wrong.append(f"{name} ({'missing' if have is _MISSING else 'not expected'})")
        elif not same_json(have, want):  # type: ignore[arg-type]  # both are JSON once neither is missing
            wrong.append(f"{name} ({show(have)} instead of {show(want)})")
    return wrong, max(len(names), 1)


def _get(value: object, name: str) -> object:
    return value.get(name, _MISSING) if isinstance(value, dict) else _MISSING


def _dig(value: object, path: str) -> object:
    """Find a field; a dot leads into an object, unless a field is called so."""
    whole = _get(value, path)
    if whole is not _MISSING or "." not in path:
        return whole
    for name in path.split("."):
        value = _get(value, name)
    return value


_SCHEMA_VALUE = "a JSON Schema, or {$ref: output} for the schema of the prompt's output contract"
_STRICT = (
    "A broken schema is an error before the run. `$ref` stays inside the schema; nothing is fetched. The dialect is"
    " draft 2020-12 unless `$schema` names another, where promptfoo's ajv takes draft 7."
)
_AGE: JsonObject = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}}


_IS_JSON = ScorerInfo(
    type="is-json",
    summary="The output is JSON, and fits the schema if there is one.",
    value=_SCHEMA_VALUE,
    value_is="optional",
    deviation=_STRICT + " JSON of more than 1024 levels and lone surrogates are not taken.",
    examples=(
        ScorerExample(scorer={"type": "is-json"}, passes='{"age": 3}', fails='Here it is: {"age": 3}'),
        ScorerExample(scorer={"type": "is-json", "value": _AGE}, passes='{"age": 3}', fails='{"age": "three"}'),
    ),
)
_CONTAINS_JSON = ScorerInfo(
    type="contains-json",
    summary="A JSON object stands somewhere in the output, and fits the schema if there is one.",
    value=_SCHEMA_VALUE,
    value_is="optional",
    deviation=_STRICT
    + " Only JSON counts, not YAML or JSON with comments, which no JSON parser of a caller reads. With a schema"
    " lists are looked at too.",
    examples=(
        ScorerExample(scorer={"type": "contains-json"}, passes='Here it is: {"age": 3}', fails="See [1]."),
        ScorerExample(
            scorer={"type": "contains-json", "value": _AGE}, passes='Sure: {"age": 3}.', fails='{"age": "x"}'
        ),
    ),
)
_JSON_SCHEMA = ScorerInfo(
    type="json-schema",
    summary="The output is JSON and fits the schema.",
    value=_SCHEMA_VALUE + "; that one unless given",
    value_is="optional",
    origin="promptship",
    examples=(ScorerExample(scorer={"type": "json-schema", "value": _AGE}, passes='{"age": 3}', fails="{}"),),
)
_JSON_EQUALS = ScorerInfo(
    type="json-equals",
    summary="The output is JSON with the expected fields, for prompts that extract data.",
    value="an object (or any JSON), also as text",
    value_is="compared",
    threshold=ThresholdInfo(meaning="least share of fields that are right", default=_ALL_RIGHT),
    score="share of fields that are right; fields too many are wrong",
    measure="the same share",
    params={"fields": "names of the fields to compare, dots for nested ones; all unless given"},
    origin="promptship",
    examples=(
        ScorerExample(
            scorer={"type": "json-equals"},
            expected={"name": "Ada", "age": 36},
            passes='{"age": 36.0, "name": "Ada"}',
            fails='{"name": "Ada", "age": 63}',
        ),
        ScorerExample(
            scorer={"type": "json-equals", "fields": ["order.id"]},
            expected={"order": {"id": 7, "status": "sent"}},
            passes='{"order": {"id": 7}}',
            fails='{"order": {"id": 8, "status": "sent"}}',
        ),
    ),
)

SCORERS: Mapping[str, ScorerFactory] = {
    "is-json": ScorerFactory(info=_IS_JSON, build=partial(_build_json, kind=_IsJson)),
    "contains-json": ScorerFactory(info=_CONTAINS_JSON, build=partial(_build_json, kind=_ContainsJson)),
    "json-schema": ScorerFactory(info=_JSON_SCHEMA, build=_build_json_schema),
    "json-equals": ScorerFactory(info=_JSON_EQUALS, build=_build_json_equals),
}
