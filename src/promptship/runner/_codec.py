"""Rows of a run's files: short keys, nothing that stands at its default, one JSON object per line.

An output row is `{"k": [case, variant, repeat], "w": ms, "o": {…} | "e": {…}, "c": {…}}`: which cell, milliseconds
since the attempt began, the output or the error, and what is known of the case, which only its first row carries.
A score row is `{"k": […], "r": "p" | "f" | "u" | "e", "s": […], "x": {…}, "e": {…}}`: the outcome's first letter, the
set's scores in the order of the file's first line, the case's own scores by name, and why a scorer failed; `"n"` is how
many answers judges were asked for, and how many came from the cache.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.domain import CellError, Output, Score, Step, Usage, VersionUsed, Vote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import Case, CaseOutcome, JsonObject, JsonValue, JudgeCalls

__all__ = [
    "OUTCOME_OF_LETTER",
    "CaseFacts",
    "decode_case",
    "decode_error",
    "decode_output",
    "decode_scores",
    "digest_material",
    "dump_row",
    "encode_case",
    "encode_error",
    "encode_output",
    "encode_scores",
    "parse_row",
]

OUTCOME_OF_LETTER: Final[dict[str, CaseOutcome]] = {"p": "passed", "f": "failed", "e": "error", "u": "unscored"}

_LONGEST_MESSAGE = 2000
_BY_PYTHON = b" \n"
"""How lines end that Python's own JSON wrote and has to read: orjson would make floats of their integers."""
_PASSED = Score(value=1.0, passed=True)
_FAILED = Score(value=0.0, passed=False)
_NO_USAGE = Usage()
_MATERIAL_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """What a run keeps of a case: everything a report shows of it."""

    id: str
    inputs: JsonObject
    expected: JsonValue
    tags: Mapping[str, str]
    cluster: str | None
    place: str
    material: str = ""


def dump_row(row: Mapping[str, Any]) -> bytes:
    """Render a row as one line.

    Raises:
        TypeError: It holds what JSON cannot.
        ValueError: Likewise.
    """
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Lone surrogates and integers beyond 64 bits are legal in Python's JSON and can come out of a model or a case.
        return json.dumps(row, default=_plain, separators=(",", ":")).encode() + _BY_PYTHON


def parse_row(line: bytes) -> dict[str, Any] | None:
    """Parse one line; None where it is no whole row, as after a kill or a power failure."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line) if line.endswith(_BY_PYTHON) else orjson.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def encode_case(case: Case) -> dict[str, Any]:
    """Return what a run keeps of `case`."""
    row: dict[str, Any] = {"id": case.id, "in": case.inputs}
    if case.expected is not None:
        row["x"] = case.expected
    if case.tags:
        row["g"] = dict(case.tags)
    if case.cluster is not None:
        row["u"] = case.cluster
    if case.path:
        row["p"] = f"{case.path}:{case.line}" if case.line else case.path
    if material := digest_material(case):
        row["d"] = material
    return row


def digest_material(case: Case) -> str:
    """Return a digest of what scorers may read of a case that a run does not keep; "" where it has nothing of it."""
    read = [list(case.references), list(case.contexts), list(case.expected_contexts)]
    if not any(read):
        return ""
    # A passage may hold what canonical JSON refuses, such as half a surrogate pair.
    return hashlib.sha256(dump_row({"": read})).hexdigest()[:_MATERIAL_DIGITS]


def decode_case(row: dict[str, Any]) -> CaseFacts:
    """Undo `encode_case`."""
    return CaseFacts(
        id=row["id"],
        inputs=row["in"],
        expected=row.get("x"),
        tags=row.get("g", {}),
        cluster=row.get("u"),
        place=row.get("p", ""),
        material=row.get("d", ""),
    )


def encode_error(error: CellError) -> dict[str, Any]:
    """Return the row of an error; its message is cut where it is very long."""
    message = error.message
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + " …"
    row = {"t": error.kind, "m": message}
    return {**row, "s": error.scorer} if error.scorer else row


def decode_error(row: dict[str, Any]) -> CellError:
    """Undo `encode_error`."""
    return CellError(kind=row["t"], message=row["m"], scorer=row.get("s", ""))


def encode_output(output: Output) -> dict[str, Any]:
    """Return the row of an output."""
    row: dict[str, Any] = {"t": output.text, "l": round(output.latency_s, 6)}
    if output.cost_usd is not None:
        row["$"] = output.cost_usd
    if output.served_model:
        row["m"] = output.served_model
    if output.calls:
        row["n"] = output.calls
    if output.cached_calls:
        row["h"] = output.cached_calls
    usage = output.usage
    if usage is not _NO_USAGE and usage != _NO_USAGE:
        row["u"] = [usage.prompt_tokens, usage.completion_tokens]
        if usage.cached_tokens:
            row["u"].append(usage.cached_tokens)
    if output.finish_reason != "stop":
        row["f"] = output.finish_reason
    if output.provenance != "called":
        row["p"] = output.provenance
    _encode_rare(output, row)
    return row


def _encode_rare(output: Output, row: dict[str, Any]) -> None:
    """Add what most outputs do not have."""
    if output.data is not None:
        if _is_parsed_text(output):
            row["j"] = 1
        else:
            row["d"] = output.data
    if output.messages:
        row["M"] = output.messages
    if output.steps:
        row["S"] = output.steps
    if output.contexts:
        row["C"] = output.contexts
    if output.versions:
        row["V"] = [[version.name, version.digest] for version in output.versions]
    if output.logprob_mean is not None:
        row["L"] = output.logprob_mean
    if output.choice_logprobs:
        row["Q"] = output.choice_logprobs


def _is_parsed_text(output: Output) -> bool:
    """Whether `data` is the JSON that `text` holds; compared as text, since 1 == True in Python."""
    try:
        return orjson.dumps(output.data) == orjson.dumps(orjson.loads(output.text))
    except (TypeError, ValueError):
        return False


def decode_output(row: dict[str, Any]) -> Output:
    """Undo `encode_output`."""
    usage = row.get("u")
    data = row.get("d")
    return Output(
        text=row["t"],
        data=orjson.loads(row["t"]) if "j" in row else data,
        messages=tuple(row.get("M", ())),
        steps=tuple(map(_decode_step, row.get("S", ()))),
        contexts=tuple(row.get("C", ())),
        versions=tuple(VersionUsed(name=name, digest=digest) for name, digest in row.get("V", ())),
        usage=_decode_usage(usage) if usage else _NO_USAGE,
        cost_usd=row.get("$"),
        latency_s=row["l"],
        finish_reason=row.get("f", "stop"),
        served_model=row.get("m", ""),
        provenance=row.get("p", "called"),
        calls=row.get("n", 0),
        cached_calls=row.get("h", 0),
        logprob_mean=row.get("L"),
        choice_logprobs=row.get("Q", {}),
    )


def encode_scores(
    outcome: CaseOutcome,
    scores: Mapping[str, Score],
    names: Sequence[str],
    error: CellError | None,
    calls: JudgeCalls | None = None,
) -> dict[str, Any]:
    """Return the row of a cell's scores, `names` being those that every cell has."""
    row: dict[str, Any] = {"r": outcome[0]}
    if calls is not None and (calls.called or calls.cached):
        row["n"] = [calls.called, calls.cached]
    if names:
        row["s"] = [_encode_score(scores[name]) if name in scores else None for name in names]
    own = {name: _encode_score(score) for name, score in scores.items() if name not in names}
    if own:
        row["x"] = own
    if error is not None:
        row["e"] = encode_error(error)
    return row


def decode_scores(row: dict[str, Any], names: Sequence[str]) -> dict[str, Score]:
    """Undo `encode_scores`."""
    found = {
        name: _decode_score(value) for name, value in zip(names, row.get("s", ()), strict=False) if value is not None
    }
    for name, value in row.get("x", {}).items():
        found[name] = _decode_score(value)
    return found


def _encode_score(score: Score) -> int | dict[str, Any]:
    row = _encode_details(score)
    value, passed = score.value, score.passed
    if not row and passed is not None and value == passed:
        return int(passed)
    if value is not None:
        row["v"] = value
    if passed is not None:
        row["p"] = passed
    return row


def _encode_details(score: Score) -> dict[str, Any]:
    """Return what a plain pass or fail does not have."""
    row: dict[str, Any] = {}
    if score.reason:
        row["r"] = score.reason
    if score.measure is not None:
        row["m"] = score.measure
    if score.unit:
        row["u"] = score.unit
    if score.category is not None:
        row["c"] = score.category
    if score.confidence is not None:
        row["f"] = score.confidence
    if score.cost_usd:
        row["$"] = score.cost_usd
    if score.definition:
        row["d"] = score.definition
    if score.judge:
        row["j"] = score.judge
    if score.votes:
        row["V"] = [_encode_vote(vote) for vote in score.votes]
    return row


def _encode_vote(vote: Vote) -> list[Any]:
    return [vote.criterion, vote.value, vote.category, vote.confidence, vote.raw]


def _decode_score(row: int | dict[str, Any]) -> Score:
    if not isinstance(row, dict):
        return _PASSED if row else _FAILED
    return Score(
        value=row.get("v"),
        passed=row.get("p"),
        reason=row.get("r", ""),
        measure=row.get("m"),
        unit=row.get("u", ""),
        category=row.get("c"),
        confidence=row.get("f"),
        cost_usd=row.get("$", 0.0),
        definition=row.get("d", ""),
        judge=row.get("j", ""),
        votes=tuple(map(_decode_vote, row["V"])) if "V" in row else (),
    )


def _decode_vote(row: list[Any]) -> Vote:
    criterion, value, category, confidence, raw = row
    return Vote(criterion=criterion, value=value, category=category, confidence=confidence, raw=raw)


def _decode_usage(row: list[int]) -> Usage:
    return Usage(prompt_tokens=row[0], completion_tokens=row[1], cached_tokens=row[2] if len(row) > 2 else 0)  # noqa: PLR2004 - the third is optional


def _decode_step(row: dict[str, Any]) -> Step:
    usage = row.get("usage")
    return Step(**{**row, "usage": Usage(**usage) if usage else None})


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is not JSON: {value!r}")
