"""Gates as written, and verdicts as decided."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from promptship.errors import UsageError

if TYPE_CHECKING:
    from promptship.domain.json_types import JsonValue

__all__ = ["Finding", "GateSpec", "GateVerdict", "OnInconclusive", "Outcome", "Verdict", "parse_gate"]

Finding = Literal["pass", "fail", "inconclusive"]
"""What the figures say."""
Outcome = Literal["pass", "warn", "fail"]
"""What the process does about it; the exit code reads this."""
Decide = Literal["bound", "observed"]
OnInconclusive = Literal["observed", "pass", "warn", "fail"]
"""What an inconclusive gate does: let the observed figure decide, or an outcome of its own."""

_SUGAR = re.compile(
    r"\s*(?:observed\(\s*(?P<observed>[\w.:/-]+)\s*\)|(?P<metric>[\w.:/-]+))\s*(?P<op>>=|<=|>|<|==)\s*"
    r"(?P<figure>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
)
_SLICE = re.compile(r"(?P<tag>[^=\s]+)=(?P<value>.+)")
_MARGINS = ("not_worse_by", "better_by", "equivalent_within")
_ALIASES = {">=": "at_least", "<=": "at_most", "non_inferior_by": "not_worse_by"}
_KEYS = {"metric", "slice", "each", "at_least", "at_most", "decide", "versus", "no_new_failures", "alpha"}
_KEYS |= {"on_inconclusive", "no_baseline", *_MARGINS, *_ALIASES}
_ON_INCONCLUSIVE = ("observed", "pass", "warn", "fail")
_NO_BASELINE = ("pass", "warn", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """A condition on one metric of one run, by itself or against a baseline.

    Attributes:
        text: As written, for reports.
        metric: `pass_rate`, `error_rate`, `scored_share`, `cost_usd`, `cost_usd_per_case`, `latency_p50_s`,
            `latency_p95_s`, or a scorer's name; against a baseline also `latency_s`.
        at_least: Passing figures are at or above it.
        at_most: Passing figures are at or below it.
        tag: `(name, value)` of the slice; None for all cases.
        each: Name of a tag, each value of which is judged; None for none.
        decide: On the confidence bound or on the observed figure.
        versus: What the run is compared with: `base`, a git revision, a label, a run; None for nothing.
        not_worse_by: Passes where the candidate is shown to be worse by less than this.
        better_by: Passes where the candidate is shown to be better by more than this.
        equivalent_within: Passes where the two are shown to differ by less than this.
        no_new_failures: Fails where a case that passed in all repeats now fails in all.
        alpha: Level of the tests and, as 1 - alpha, of the bounds.
        on_inconclusive: What follows where the figures decide nothing; None for the default, the observed figure for a
            threshold and a warning against a baseline.
        no_baseline: What follows where there is nothing to compare with.
    """

    text: str
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    tag: tuple[str, str] | None = None
    each: str | None = None
    decide: Decide = "bound"
    versus: str | None = None
    not_worse_by: float | None = None
    better_by: float | None = None
    equivalent_within: float | None = None
    no_new_failures: bool = False
    alpha: float = 0.05
    on_inconclusive: OnInconclusive | None = None
    no_baseline: Outcome = "warn"

    @property
    def has_margin(self) -> bool:
        """Whether candidate and baseline are compared by a margin, and not by a test for worse alone."""
        return any(margin is not None for margin in (self.not_worse_by, self.better_by, self.equivalent_within))


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
        decided_by: `observed`, `bound`, `baseline`, `no_baseline`, `early`, `card` (of a judge) or `policy`.
        evalset: The evalset the gate belongs to.
        subject: Prompt and model that were judged, where a run has more than one.
        needed: Cases that would decide an inconclusive gate if the figures stay as they are; None where none would, or
            nothing is open.
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
    needed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What all gates say together; terminal, reports and exit code read this one object.

    Attributes:
        finding: The worst of the gates' findings.
        outcome: The worst of their outcomes.
        gates: In order.
        reason: One sentence.
        notes: What a reader must know beside it: cases in quarantine, a run that was ended early.
        looks: How many versions have been judged on this very evalset, this one included; each further look makes it
            likelier that one passes by luck. 0 where nobody counted.
    """

    finding: Finding
    outcome: Outcome
    gates: tuple[GateVerdict, ...]
    reason: str = ""
    notes: tuple[str, ...] = ()
    looks: int = 0


def parse_gate(value: JsonValue) -> GateSpec:
    """Parse a gate.

    `pass_rate >= 0.9` and `observed(pass_rate) >= 0.9` are short for `{metric, at_least | at_most, slice | each,
    decide}`; against a baseline it is `{metric, versus, not_worse_by | better_by | equivalent_within}`, without a
    margin "not shown to be worse", or `{no_new_failures: true | TAG=VALUE, versus}`.

    Raises:
        UsageError: The value is not a gate; the message says what was expected.

    Example:
        >>> parse_gate("cost_usd_per_case <= 0.002").at_most
        0.002
        >>> parse_gate({"metric": "pass_rate", "versus": "base", "not_worse_by": 0.03}).text
        'pass_rate not worse than base by 0.03'
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


def _parse_mapping(given: dict[str, JsonValue]) -> GateSpec:
    value = _without_aliases(given)
    if unknown := sorted(value.keys() - _KEYS):
        msg = f"unknown key {unknown[0]!r} in a gate; known are {', '.join(sorted(_KEYS))}"
        raise UsageError(msg)
    if "slice" in value and "each" in value:
        raise UsageError("a gate has either `slice: TAG=VALUE` or `each: TAG`, not both")
    no_new_failures, tag = _parse_no_new_failures(value)
    tag = _parse_slice(value["slice"]) if "slice" in value else tag
    metric = value.get("metric", "pass_rate" if no_new_failures else None)
    if not isinstance(metric, str) or not metric:
        msg = f"the gate {given!r} names no metric"
        raise UsageError(msg, hint="write {metric: pass_rate, at_least: 0.9}")
    spec = GateSpec(
        text="",
        metric=metric,
        at_least=_figure(value, "at_least"),
        at_most=_figure(value, "at_most"),
        tag=tag,
        each=_parse_text(value, "each"),
        decide=_parse_one_of(value, "decide", ("bound", "observed"), "bound"),
        versus=_parse_text(value, "versus"),
        not_worse_by=_parse_margin(value, "not_worse_by"),
        better_by=_parse_margin(value, "better_by", least=0.0),
        equivalent_within=_parse_margin(value, "equivalent_within"),
        no_new_failures=no_new_failures,
        alpha=_parse_alpha(value),
        on_inconclusive=_parse_one_of(value, "on_inconclusive", _ON_INCONCLUSIVE, None),
        no_baseline=_parse_one_of(value, "no_baseline", _NO_BASELINE, "warn"),
    )
    _refuse_contradictions(spec)
    return replace(spec, text=_describe(spec))


def _without_aliases(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, item in value.items():
        name = _ALIASES.get(key, key)
        if name in found:
            raise UsageError(f"{key}: {item!r} in a gate: {name!r} is there already")
        found[name] = item
    return found


def _refuse_contradictions(spec: GateSpec) -> None:
    margins = [name for name in _MARGINS if getattr(spec, name) is not None]
    thresholds = [name for name in ("at_least", "at_most") if getattr(spec, name) is not None]
    if spec.versus is None:
        if margins or spec.no_new_failures:
            name = margins[0] if margins else "no_new_failures"
            raise UsageError(f"the gate on {spec.metric!r} has {name} and no `versus`", hint="write versus: base")
        if len(thresholds) != 1:
            raise UsageError(f"the gate on {spec.metric!r} needs either at_least (>=) or at_most (<=)")
    elif thresholds:
        raise UsageError(f"the gate on {spec.metric!r} has both {thresholds[0]} and `versus`", hint="write two gates")
    elif len(margins) + spec.no_new_failures > 1:
        raise UsageError(f"the gate on {spec.metric!r} has several of {', '.join(_MARGINS)}; expected one")


def _describe(spec: GateSpec) -> str:
    where = f" [{spec.tag[0]}={spec.tag[1]}]" if spec.tag else f" [each {spec.each}]" if spec.each else ""
    if spec.versus is None:
        comparison = f">= {spec.at_least:g}" if spec.at_least is not None else f"<= {spec.at_most:g}"
        return f"{spec.metric} {comparison}{where}"
    if spec.no_new_failures:
        return f"no new failures versus {spec.versus}{where}"
    if spec.not_worse_by is not None:
        return f"{spec.metric} not worse than {spec.versus} by {spec.not_worse_by:g}{where}"
    if spec.better_by is not None:
        return f"{spec.metric} better than {spec.versus} by {spec.better_by:g}{where}"
    if spec.equivalent_within is not None:
        return f"{spec.metric} within {spec.equivalent_within:g} of {spec.versus}{where}"
    return f"{spec.metric} not shown worse than {spec.versus}{where}"


def _parse_no_new_failures(value: dict[str, JsonValue]) -> tuple[bool, tuple[str, str] | None]:
    given = value.get("no_new_failures", False)
    if isinstance(given, bool):
        return given, None
    return True, _parse_slice(given)


def _parse_text(value: dict[str, JsonValue], key: str) -> str | None:
    if key not in value:
        return None
    given = value[key]
    if not isinstance(given, str) or not given.strip():
        raise UsageError(f"{key}: {given!r} in a gate; expected text")
    return given.strip()


def _parse_margin(value: dict[str, JsonValue], key: str, *, least: float | None = None) -> float | None:
    figure = _figure(value, key)
    if figure is not None and (figure < least if least is not None else figure <= 0):
        raise UsageError(f"{key}: {figure!r} in a gate; expected more than 0")
    return figure


def _parse_alpha(value: dict[str, JsonValue]) -> float:
    figure = _figure(value, "alpha")
    if figure is not None and not 0 < figure < 0.5:  # noqa: PLR2004 - a coin is no evidence
        raise UsageError(f"alpha: {figure!r} in a gate; expected a share between 0 and 0.5")
    return 0.05 if figure is None else figure


def _parse_one_of(value: dict[str, JsonValue], key: str, known: tuple[str, ...], default: str | None) -> Any:
    given = value.get(key, default)
    if given is not default and given not in known:
        raise UsageError(f"{key}: {given!r} in a gate; expected {_join(known)}")
    return given


def _join(names: tuple[str, ...]) -> str:
    quoted = [repr(name) for name in names]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _figure(value: dict[str, JsonValue], key: str) -> float | None:
    if key not in value:
        return None
    given = value[key]
    if isinstance(given, bool) or not isinstance(given, int | float):
        msg = f"{key}: {given!r} in a gate; expected one number"
        raise UsageError(msg)
    return float(given)


def _parse_slice(value: JsonValue) -> tuple[str, str]:
    match = _SLICE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        msg = f"slice: {value!r} in a gate; expected tag=value"
        raise UsageError(msg, hint='write {slice: "language=de", metric: pass_rate, at_least: 0.85}')
    return match["tag"], match["value"]
