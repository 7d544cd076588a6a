"""The reference page of scorer types, written from their own descriptions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import orjson

from promptship.scorers._registry import ELSEWHERE, list_scorers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import JsonValue
    from promptship.scorers._criterion import ScorerExample, ScorerInfo

__all__ = ["render_reference"]

_HEAD = """\
# Scorers

A scorer looks at one output and says how good it is, from 0 to 1, and whether that is enough. An evalset names them by
type: `{type: levenshtein, value: Paris, threshold: 2}`, or `levenshtein` alone, which compares with the `expected` of
each case. Types that ask a model say so. Names follow promptfoo's vocabulary; where a type of that name means something
else here, its section says so and why.

What holds for all of them:

- `not-` before a type inverts value and verdict: `not-contains`. It never inverts an error: a broken regular
  expression, schema or threshold, an unknown key or a missing value stop the run before anything is paid, with file and
  line.
- `threshold` is what the value or the figure has to reach; `name` is the name of the metric; `required: false` measures
  without deciding.
- What a model may have written never raises an error. An output that cannot be judged (too large, too deep, a pattern
  that takes too long) fails with a reason, with `not-` and without, under the category `unjudged`.
- A scorer that knows nothing (no price, no log-probabilities) abstains: the case is unscored, not passed, not failed.
- Without a `value`, types that compare take the case's `expected` and, where they compare text, its `references`; the
  best counts.
- The score names the definition where libraries differ, since one pair of texts has a BLEU of .25 or .38 by library.

In Python: `promptship.scorers.score("levenshtein", "Pariss", expected="Paris").measure` is `1.0`. On the command line:
`promptctl score levenshtein --output Pariss --expected Paris`.

Types of your own: a package declares an entry point in the group `promptship.scorers` that names a module with a
mapping `SCORERS` of type names to `promptship.scorers.ScorerFactory`. The types below come in by the same road. For a
single project, the type `python` calls any function.
"""


def render_reference() -> str:
    """Render `docs/reference/scorers.md`: a table of all types, then a section for each, with its examples.

    Types of plug-ins that are installed are in it too.
    """
    infos = list_scorers()
    parts = [_HEAD, "\n".join(_table(infos)), *("\n".join(_section(info)) for info in infos)]
    parts.append("\n".join(_deviations(infos)))
    parts.append("\n".join(_missing()))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _table(infos: Sequence[ScorerInfo]) -> Iterator[str]:
    yield "| type | passes when | threshold | score |"
    yield "|---|---|---|---|"
    for info in infos:
        anchor = info.type.replace(":", "")
        cells = (f"[`{info.type}`](#{anchor})", info.summary, _threshold(info), info.score)
        yield f"| {' | '.join(map(_cell, cells))} |"


def _threshold(info: ScorerInfo) -> str:
    if info.threshold is None:
        return "none"
    default = info.threshold.default
    return f"{info.threshold.meaning}; {'no default' if default is None else f'{default:g}'}"


def _section(info: ScorerInfo) -> Iterator[str]:
    yield f"## {info.type}"
    yield ""
    yield info.summary
    yield ""
    if info.value:
        needed = {"compared": "the case's `expected` unless given", "required": "required"}.get(
            info.value_is, "optional"
        )
        yield f"- `value` ({needed}): {info.value}"
    if info.threshold:
        high = info.threshold.high
        span = f"{info.threshold.low:g} to {high:g}" if math.isfinite(high) else f"{info.threshold.low:g} or more"
        yield f"- `threshold`, {span}: {_threshold(info)}"
    yield from (f"- `{key}`: {meaning}" for key, meaning in info.params.items())
    yield f"- score: {info.score}"
    if info.measure:
        yield f"- measure: {info.measure}"
    if info.asks:
        yield f"- asks {info.asks}"
    if info.definition:
        yield f"- definition: `{info.definition}`"
    yield f"- {_origin(info)}"
    for example in info.examples:
        yield from _example(example)


def _origin(info: ScorerInfo) -> str:
    if info.origin == "promptship":
        return "a type of ours; promptfoo has none of this name"
    return f"as in promptfoo, but: {info.deviation}" if info.deviation else "as in promptfoo"


def _example(example: ScorerExample) -> Iterator[str]:
    rows = {"scorer": example.scorer, "expected": example.expected, "passes": example.passes, "fails": example.fails}
    shown = {key: item for key, item in rows.items() if item is not None}
    if "passes" in shown:
        yield ""
        yield "```json"
        yield "\n".join(f"{_json(key)}: {_json(item)}" for key, item in shown.items())
        yield "```"


def _deviations(infos: Sequence[ScorerInfo]) -> Iterator[str]:
    yield "## Where types of promptfoo mean something else here"
    yield ""
    yield "Everything else about a type of promptfoo is as there, defaults included: a test holds 5,404 verdicts that"
    yield "promptfoo 0.123 gave against ours."
    yield ""
    yield "| types | what differs, and why |"
    yield "|---|---|"
    types: dict[str, list[str]] = {}
    for info in infos:
        if info.origin == "promptfoo" and info.deviation:
            types.setdefault(info.deviation, []).append(f"`{info.type}`")
    yield from (f"| {', '.join(names)} | {_cell(deviation)} |" for deviation, names in types.items())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _missing() -> Iterator[str]:
    yield "## Types of promptfoo that are not here"
    yield ""
    yield from (f"- `{name}`: {why}" for name, why in sorted(ELSEWHERE.items()))


def _json(value: JsonValue) -> str:
    return orjson.dumps(value).decode()
