"""What the page's script reads: runs as columns, because columns compress and parse faster than objects."""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.domain import digest_of
from promptship.report._reading import as_text, case_order, output_digest

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from promptship.domain import CellRecord, JsonObject, JsonValue, Output, Step
    from promptship.report._run_like import RunLike

__all__ = ["PAGE_FORMAT", "encode_page_data", "page_data"]

PAGE_FORMAT: Final = 1
"""Version of the data in a page; the script in the page reads exactly this one."""

_OUTCOMES = ("passed", "failed", "error", "unscored")
_COMPRESS_ABOVE = 2_000_000
# Microseconds and a tenth of a nanodollar: below what is measured, and digits cost bytes.
_TIME_DIGITS = 6
_COST_DIGITS = 10


def page_data(runs: Sequence[RunLike], *, policy: str = "") -> JsonObject:
    """Return what the page shows of `runs`, in columns; equal runs give equal data, whatever their journal's order.

    Args:
        runs: The runs.
        policy: What people who rate outputs in the page are told; "" where nobody wrote it down.
    """
    return {
        "format": PAGE_FORMAT,
        "outcomes": list(_OUTCOMES),
        "policy": {"text": policy, "digest": digest_of(policy)} if policy else None,
        "runs": [_run(run) for run in runs],
    }


def encode_page_data(data: JsonObject) -> tuple[str, str]:
    """Encode page data for a script element: plain JSON up to 2 MB, gzip in base64 above.

    Returns:
        The encoding, `plain` or `gzip`, and text in which no `<` occurs.
    """
    raw = _dump(data)
    # Below that, unpacking costs a reader more than it saves, and plain JSON can be read in the file.
    if len(raw) > _COMPRESS_ABOVE:
        # mtime=0: equal runs give equal bytes.
        return "gzip", base64.b64encode(gzip.compress(raw, compresslevel=6, mtime=0)).decode()
    text = raw.decode().replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return "plain", text


class _Coded:
    """A column of values of which many are equal: each once, and an index per row; -1 is a missing value."""

    def __init__(self) -> None:
        self.of: list[int] = []
        self._codes: dict[Hashable, int] = {}

    def add(self, value: str | None) -> None:
        self.of.append(-1 if value is None else self._codes.setdefault(value, len(self._codes)))

    def as_json(self) -> JsonObject:
        return {"values": [str(value) for value in self._codes], "of": list(self.of)}


def _run(run: RunLike) -> JsonObject:
    manifest = run.manifest
    records = sorted(run.records(), key=case_order)
    first: dict[str, CellRecord] = {}
    for record in records:
        first.setdefault(record.key.case_id, record)
    # What belongs to a case is stored once, however many variants and repeats answered it.
    places = {case_id: index for index, case_id in enumerate(first)}
    extra = sorted({name for record in records for name in record.scores} - set(manifest.scorers))
    scorers = [*manifest.scorers, *extra]
    required = set(manifest.required) | set(extra)
    return {
        "id": manifest.run_id,
        "evalset": manifest.evalset,
        "repeats": manifest.repeats,
        "variants": [{"label": item.label, "model": item.model_id} for item in manifest.variants],
        "scorers": [{"name": name, "required": name in required} for name in scorers],
        "tags": _tags(list(first.values())),
        "cases": _cases(first.values()),
        "cells": _cells(records, places),
        "scores": [_scores(records, name) for name in scorers],
        "details": {str(index): detail for index, record in enumerate(records) if (detail := _details(record))},
    }


def _tags(cases: Sequence[CellRecord]) -> JsonObject:
    names = sorted({name for record in cases for name in record.tags})
    found: JsonObject = {}
    for name in names:
        column = _Coded()
        for record in cases:
            column.add(record.tags.get(name))
        found[name] = column.as_json()
    return found


def _cases(cases: Iterable[CellRecord]) -> JsonObject:
    rows = list(cases)
    return {
        "id": [record.key.case_id for record in rows],
        "place": [record.case_place for record in rows],
        "cluster": [record.cluster for record in rows],
        "inputs": [record.inputs for record in rows],
        "expected": [record.expected for record in rows],
    }


def _cells(records: Sequence[CellRecord], places: dict[str, int]) -> JsonObject:
    coded = {name: _Coded() for name in ("provenance", "finish", "served")}
    for record in records:
        output = record.output
        coded["provenance"].add(output.provenance if output else None)
        coded["finish"].add(output.finish_reason if output else None)
        coded["served"].add(output.served_model or None if output else None)
    outputs = [record.output for record in records]
    return {
        "case": [places[record.key.case_id] for record in records],
        "variant": [record.key.variant for record in records],
        "repeat": [record.key.repeat for record in records],
        "outcome": [_OUTCOMES.index(record.outcome) for record in records],
        "text": [_shown_text(output) for output in outputs],
        # Of outputs, not of cells that failed: it is what a rating cites, and its prefix says the same in every row.
        "digest": [(output_digest(record) or "").removeprefix("sha256:") or None for record in records],
        "latency_s": [round(output.latency_s, _TIME_DIGITS) if output else None for output in outputs],
        "cost_usd": [_cost(output) for output in outputs],
        "tokens_in": [output.usage.prompt_tokens if output else None for output in outputs],
        "tokens_out": [output.usage.completion_tokens if output else None for output in outputs],
        **{name: column.as_json() for name, column in coded.items()},
    }


def _shown_text(output: Output | None) -> str | None:
    if output is None:
        return None
    return output.text if output.text or output.data is None else as_text(output.data)


def _cost(output: Output | None) -> float | None:
    return None if output is None or output.cost_usd is None else round(output.cost_usd, _COST_DIGITS)


def _scores(records: Sequence[CellRecord], name: str) -> JsonObject:
    reasons, categories = _Coded(), _Coded()
    values: list[JsonValue] = []
    passed: list[JsonValue] = []
    measures: JsonObject = {}
    for index, record in enumerate(records):
        score = record.scores.get(name)
        values.append(None if score is None or score.value is None else round(score.value, 6))
        passed.append(-1 if score is None or score.passed is None else int(score.passed))
        reasons.add(score.reason or None if score else None)
        categories.add(score.category if score else None)
        if score is not None and score.measure is not None:
            measures[str(index)] = f"{score.measure:.6g} {score.unit}".rstrip()
    return {
        "value": values,
        "passed": passed,
        "reason": reasons.as_json(),
        "category": categories.as_json(),
        "measure": measures,
    }


def _details(record: CellRecord) -> JsonObject:
    """Return what few cells have; a key is there only where there is something."""
    found: dict[str, JsonValue] = {}
    if record.error is not None:
        found["error"] = {"kind": record.error.kind, "message": record.error.message, "scorer": record.error.scorer}
    if output := record.output:
        found["messages"] = list(output.messages)
        found["steps"] = [_step(step) for step in output.steps]
        found["contexts"] = list(output.contexts)
        found["choices"] = dict(output.choice_logprobs)
        found["versions"] = [{"name": item.name, "digest": item.digest} for item in output.versions]
    return {key: value for key, value in found.items() if value}


def _step(step: Step) -> JsonValue:
    found: JsonObject = {"kind": step.kind, "name": step.name, "input": step.input, "output": step.output}
    if step.error is not None:
        found["error"] = step.error
    if step.latency_s is not None:
        found["latency_s"] = step.latency_s
    return found


def _dump(data: Any) -> bytes:
    try:
        return orjson.dumps(data)
    except TypeError:
        # A lone surrogate or an integer beyond 64 bits, which our own JSON writer refuses.
        return json.dumps(data, ensure_ascii=True, separators=(",", ":")).encode()
