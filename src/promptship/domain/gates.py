"""Gates as written, and verdicts as decided."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptship.errors import UsageError

if TYPE_CHECKING:
    from promptship.domain.json_types import JsonValue

__all__ = ["Finding", "GateSpec", "GateVerdict", "Outcome", "Verdict", "parse_gate"]

Finding = Literal["pass", "fail", "inconclusive"]
"""What the figures say."""
Outcome = Literal["pass", "warn", "fail"]
"""What the process does about it; the exit code reads this."""
Decide = Literal["bound", "observed"]

_SUGAR = re.compile(
    r"\s*(?:observed\(\s*(?P<observed>[\w.:/-]+)\s*\)|(?P<metric>[\w.:/-]+))\s*(?P<op>>=|<=|>|<|==)\s*"
    r"(?P<figure>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
)
_SLICE = re.compile(r"(?P<tag>[^=\s]+)=(?P<value>.+)")
_KEYS = {"metric", "slice", "at_least", "at_most", ">=", "<=", "decide"}
_LATER = {"versus", "non_inferior_by", "not_worse_by", "better_by", "equivalent_within"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """A threshold on one metric of one run.

    Attributes:
        text: As written, for reports.
        metric: `pass_rate`, `error_rate`, `scored_share`, `cost_usd`, `cost_usd_per_case`, `latency_p50_s`,
            `latency_p95_s`, or a scorer's name.
        at_least: Passing figures are at or above it.
        at_most: Passing figures are at or below it.
        tag: `(name, value)` of the slice; None for all cases.
        decide: On the confidence bound or on the observed figure.
    """

    text: str
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    tag: tuple[str, str] | None = None
    decide: Decide = "bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What one gate says of one run.

    Attributes:
        gate: The gate as written.
        finding: What the figure says.
        outcome: What follows from it.
        value: The observed figure; None where there is nothing to observe.
        low: Lower end of the 95 % interval; None where none was computed.
        high: Upper end.
        n: Cases that the figure rests on.
        reason: One sentence.
        decided_by: `observed`, `bound` or `policy`.
        evalset: The evalset the gate belongs to.
        subject: Prompt and model that were judged, where a run has more than one.
    """

    gate: str
    finding: Finding
    outcome: Outcome
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""
    decided_by: str = "observed"
    evalset: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What all gates say together; terminal, reports and exit code read this one object."""

    finding: Finding
    outcome: Outcome
    gates: tuple[GateVerdict, ...]
    reason: str = ""


def parse_gate(value: JsonValue) -> GateSpec:
    """Parse a gate: `pass_rate >= 0.9`, `observed(pass_rate) >= 0.9`, or `{metric, at_least | at_most, slice, decide}`.

    Raises:
        UsageError: The value is not a gate; the message says what was expected.

    Example:
        >>> parse_gate("cost_usd_per_case <= 0.002").at_most
        0.002
    """
    if isinstance(value, str):
        return _parse_sugar(value)
    if isinstance(value, dict):
        return _parse_mapping(value)
    msg = f"{value!r} is not a gate"
    raise UsageError(msg, hint="write 'pass_rate >= 0.9' or {metric: pass_rate, at_least: 0.9, slice: language=de}")


def _parse_sugar(text: str) -> GateSpec:
    match = _SUGAR.fullmatch(text)
    if match is None:
        msg = f"{text!r} is not a gate"
        raise UsageError(msg, hint="write it like 'pass_rate >= 0.9' or 'observed(latency_p95_s) <= 4'")
    if match["op"] not in {">=", "<="}:
        msg = f"the gate {text!r} uses {match['op']!r}; gates know >= and <="
        raise UsageError(msg)
    figure = float(match["figure"])
    return GateSpec(
        text=text.strip(),
        metric=match["observed"] or match["metric"],
        at_least=figure if match["op"] == ">=" else None,
        at_most=figure if match["op"] == "<=" else None,
        decide="observed" if match["observed"] else "bound",
    )


def _parse_mapping(value: dict[str, JsonValue]) -> GateSpec:
    if later := sorted(_LATER & value.keys()):
        msg = f"gates versus a baseline ({', '.join(later)}) are not available in this version"
        raise UsageError(msg, hint="use a threshold: {metric: pass_rate, at_least: 0.9}")
    if unknown := sorted(value.keys() - _KEYS):
        msg = f"unknown key {unknown[0]!r} in a gate; known are {', '.join(sorted(_KEYS))}"
        raise UsageError(msg)
    metric = value.get("metric")
    if not isinstance(metric, str) or not metric:
        msg = f"the gate {value!r} names no metric"
        raise UsageError(msg, hint="write {metric: pass_rate, at_least: 0.9}")
    at_least = _figure(value, "at_least", ">=")
    at_most = _figure(value, "at_most", "<=")
    if (at_least is None) == (at_most is None):
        msg = f"the gate on {metric!r} needs either at_least (>=) or at_most (<=)"
        raise UsageError(msg)
    decide = value.get("decide", "bound")
    if decide not in {"bound", "observed"}:
        msg = f"decide: {decide!r} in a gate; expected 'bound' or 'observed'"
        raise UsageError(msg)
    tag = _parse_slice(value["slice"]) if "slice" in value else None
    comparison = f">= {at_least:g}" if at_least is not None else f"<= {at_most:g}"
    text = f"{metric} {comparison}" + (f" [{tag[0]}={tag[1]}]" if tag else "")
    observed: Decide = "observed" if decide == "observed" else "bound"
    return GateSpec(text=text, metric=metric, at_least=at_least, at_most=at_most, tag=tag, decide=observed)


def _figure(value: dict[str, JsonValue], *keys: str) -> float | None:
    found = [value[key] for key in keys if key in value]
    if not found:
        return None
    if len(found) > 1 or isinstance(found[0], bool) or not isinstance(found[0], int | float):
        msg = f"{' / '.join(keys)}: {found[0]!r} in a gate; expected one number"
        raise UsageError(msg)
    return float(found[0])


def _parse_slice(value: JsonValue) -> tuple[str, str]:
    match = _SLICE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        msg = f"slice: {value!r} in a gate; expected tag=value"
        raise UsageError(msg, hint='write {slice: "language=de", metric: pass_rate, at_least: 0.85}')
    return match["tag"], match["value"]
