"""Scorers in one cell of a table, as promptfoo's `__expected` columns write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import orjson

from promptship.errors import UsageError

if TYPE_CHECKING:
    from promptship.domain import JsonObject, JsonValue

__all__ = ["parse_shorthand"]

_LISTS: Final = frozenset({"contains-all", "contains-any", "icontains-all", "icontains-any"})
_SCHEMAS: Final = frozenset({"contains-json", "is-json"})
_ALONE: Final = _SCHEMAS | {
    "contains-html",
    "contains-sql",
    "contains-xml",
    "is-html",
    "is-refusal",
    "is-sql",
    "is-valid-function-call",
    "is-valid-openai-function-call",
    "is-valid-openai-tools-call",
    "is-xml",
}
_FIGURES: Final = frozenset({"cost", "latency", "perplexity", "perplexity-score"})
_WITH_VALUE: Final = frozenset(
    {
        "answer-relevance",
        "bleu",
        "classifier",
        "contains",
        "context-faithfulness",
        "context-recall",
        "context-relevance",
        "ends-with",
        "equals",
        "factuality",
        "finish-reason",
        "g-eval",
        "gleu",
        "icontains",
        "levenshtein",
        "llm-rubric",
        "meteor",
        "model-graded-closedqa",
        "model-graded-factuality",
        "python",
        "regex",
        "rouge-n",
        "similar",
        "starts-with",
        "word-count",
    }
)
_SYNONYMS: Final = {"grade": "llm-rubric"}
_FOREIGN: Final = re.compile(r"(?:not-)?(javascript|fn|eval|ruby|webhook)(?:\(.*\))?:|(file)://", re.DOTALL)
_FORM: Final = re.compile(
    r"(?P<inverted>not-)?(?P<type>[a-z][a-z-]*)(?:\((?P<threshold>\d+(?:\.\d+)?)\))?(?::(?P<value>.*))?", re.DOTALL
)


def parse_shorthand(text: str) -> JsonObject:
    """Parse `contains: refund`, `not-icontains-any: a, b`, `levenshtein(5): Paris`, `is-json` …; other text is equals.

    Returns:
        The scorer as a mapping, as evalsets write it.

    Raises:
        UsageError: Code in another language or a file, which cannot be carried over.

    Source:
        https://www.promptfoo.dev/docs/configuration/expected-outputs/#load-assertions-from-csv

    Example:
        >>> parse_shorthand("levenshtein(5): Paris")
        {'type': 'levenshtein', 'value': 'Paris', 'threshold': 5.0}
    """
    if foreign := _FOREIGN.match(text):
        raise UsageError(
            f"{text[:60]!r}: scorers by `{foreign[1] or foreign[2]}` cannot be read from a table",
            hint="write a scorer in Python: {type: python, value: package.module:function}",
        )
    match = _FORM.fullmatch(text.strip())
    name = _SYNONYMS.get(match["type"], match["type"]) if match else ""
    if match is None or not _is_scorer(name, match):
        return {"type": "equals", "value": text}
    found: JsonObject = {"type": f"{match['inverted'] or ''}{name}"}
    if match["value"] is not None and match["value"].strip():
        found["value"] = _value(name, match["value"].strip())
    if match["threshold"] is not None:
        found["threshold"] = float(match["threshold"])
    return found


def _is_scorer(name: str, match: re.Match[str]) -> bool:
    """Tell a scorer from an expected text that happens to begin with the word for one."""
    if name in _ALONE:
        return True
    if name in _FIGURES:
        return match["threshold"] is not None or match["value"] is not None
    return name in _WITH_VALUE | _LISTS and match["value"] is not None


def _value(name: str, text: str) -> JsonValue:
    if name in _LISTS:
        return [part.strip() for part in text.split(",")]
    if name in _SCHEMAS:
        try:
            found: JsonValue = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise UsageError(f"{name}: the schema is not JSON: {error.msg}, at character {error.pos + 1}") from None
        return found
    return text
