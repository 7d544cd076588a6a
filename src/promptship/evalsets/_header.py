"""The YAML file of an evalset: what it may say, and what that means."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import date
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from promptship.domain import EvalsetSpec, GateSpec, QuarantinedCase, TargetSpec, parse_gate, parse_reference
from promptship.errors import UsageError
from promptship.evalsets._cases import CaseDefaults
from promptship.evalsets._scorers import SCORERS, build_scorer_spec
from promptship.evalsets._shapes import Anything, Choice, Flag, Flaw, Listed, Mapped, Record, Shape, Text, describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import JsonObject, ScorerSpec
    from promptship.evalsets._places import Keys
    from promptship.prompts import YamlDocument

__all__ = ["HEADER", "Header", "find_flaws", "parse_header"]

_GLOB: Final = re.compile(r"[*?\[]")
_PYTHON: Final = re.compile(r"python:[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_NAME: Final = re.compile(r"[^\W_][\w.-]*")
_GATE_HINT: Final = "write 'pass_rate >= 0.9' or {metric: pass_rate, at_least: 0.9, slice: language=de}"
_TARGET_HINT: Final = "leave it out for the prompt itself, or write python:package.module:function or {outputs: FILE}"
_LATER_TARGETS: Final = frozenset({"http", "command"})


class _Prompt:
    """A reference to a prompt, or a glob over names."""

    _text = Text("the name of a prompt")

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return next(self.flaws(value, ()), None) is None

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        yield from self._text.flaws(value, keys)
        if self._text.accepts(value) and not _GLOB.search(value):
            try:
                parse_reference(value)
            except UsageError as error:
                yield Flaw(keys, str(error), error.hint)

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return self._text.schema()


class _OneOrMany:
    """One value of a shape, or a list of them."""

    def __init__(self, item: Shape, *, alone: type) -> None:
        self._item, self._alone, self._list = item, alone, Listed(item, least=1)

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return (self._item if type(value) is self._alone else self._list).accepts(value)

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        yield from (self._item if type(value) is self._alone else self._list).flaws(value, keys)

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"anyOf": [self._item.schema(), self._list.schema()]}


class _Gate:
    """A gate, as `parse_gate` reads it."""

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return next(self.flaws(value, ()), None) is None

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        try:
            parse_gate(value)
        except UsageError as error:
            yield Flaw(keys, str(error), error.hint)

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        sugar: JsonObject = {"type": "string", "pattern": r"^\s*(observed\(\s*)?[\w.:/-]+(\s*\))?\s*(>=|<=)\s*[-+.\d]"}
        number: JsonObject = {"type": "number"}
        text: JsonObject = {"type": "string", "minLength": 1}
        tag: JsonObject = {"type": "string", "pattern": r"^[^=\s]+=.+$"}
        thresholds = ("at_least", "at_most", ">=", "<=")
        margins = ("not_worse_by", "non_inferior_by", "better_by", "equivalent_within")
        properties: JsonObject = {
            "metric": text,
            "slice": tag,
            "each": text,
            "decide": {"enum": ["bound", "observed"]},
            "on_inconclusive": {"enum": ["observed", "pass", "warn", "fail"]},
            "alpha": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
        }
        versus: JsonObject = {"versus": text, "no_baseline": {"enum": ["pass", "warn", "fail"]}}
        versus["no_new_failures"] = {"anyOf": [{"type": "boolean"}, tag]}
        absolute = _one_of_keys({**properties, **dict.fromkeys(thresholds, number)}, thresholds, ["metric"])
        compared = _one_of_keys({**properties, **versus, **dict.fromkeys(margins, number)}, (), ["versus"])
        return {"anyOf": [sugar, absolute, compared]}


def _one_of_keys(properties: JsonObject, keys: Sequence[str], required: Sequence[str]) -> JsonObject:
    schema: JsonObject = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    if keys:
        schema["oneOf"] = [{"required": [key]} for key in keys]
    return schema


class _Target:
    """`python:package.module:function`, or `{outputs: FILE}`."""

    _function = Text("python:package.module:function", pattern=_PYTHON)
    _outputs = Record("a target", {"outputs": Text("a file")}, required=frozenset({"outputs"}), example=_TARGET_HINT)

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return self._function.accepts(value) or self._outputs.accepts(value)

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if type(value) is str:
            if not self._function.accepts(value):
                yield Flaw(keys, f"target: {describe(value)} is not a target", _TARGET_HINT)
        elif type(value) is dict and (later := sorted(_LATER_TARGETS & value.keys())):
            message = f"targets by {later[0]!r} are not available in this version"
            yield Flaw((*keys, later[0]), message, _TARGET_HINT, at_value=False)
        else:
            yield from self._outputs.flaws(value, keys)

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"anyOf": [self._function.schema(), self._outputs.schema()]}


class _Day:
    """A day as ISO 8601 writes it."""

    _text = Text("a day such as 2026-12-31", pattern=re.compile(r"\d{4}-\d{2}-\d{2}"))

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return next(self.flaws(value, ()), None) is None

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        yield from self._text.flaws(value, keys)
        if self._text.accepts(value):
            try:
                date.fromisoformat(value)
            except ValueError as error:
                yield Flaw(keys, f"{keys[-1] if keys else 'day'}: {value!r} is no day: {error}")

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {**self._text.schema(), "format": "date"}


class _Share:
    """A share between 0 and 1, neither included."""

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return type(value) is float and 0 < value < 1

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if not self.accepts(value):
            yield Flaw(keys, f"{keys[-1]}: expected a share between 0 and 1, found {describe(value)}", "write 0.2")

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}


class _CaseOrFile:
    """A case written inline, or a file of cases. What an inline case holds is checked as it is read, like any row."""

    _file = Text("a file of cases, or a case")

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return type(value) is dict or self._file.accepts(value)

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if type(value) is not dict:
            yield from self._file.flaws(value, keys)

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"anyOf": [self._file.schema(), {"$ref": "#/$defs/case"}]}


_DEFAULTS: Final = Record(
    "defaults",
    {"inputs": Mapped(Anything()), "tags": Mapped(Text(empty=True)), "scorers": SCORERS, "required": Flag()},
    example="write {scorers: [icontains], tags: {language: en}}",
)
_QUARANTINED: Final = Record(
    "a case in quarantine",
    {"case": Text("the id of a case"), "until": _Day(), "reason": Text(empty=True)},
    required=frozenset({"case", "until"}),
    example="write {case: ID, until: 2026-12-31, reason: ...}",
)
_FIELDS: Final[dict[str, Shape]] = {
    "promptship": Choice((1,)),
    "name": Text("a name of letters, digits, '_', '-' and '.'", pattern=_NAME, longest=100),
    "description": Text(empty=True),
    "prompt": _OneOrMany(_Prompt(), alone=str),
    "kind": Choice(("golden", "synthetic", "adversarial", "fairness", "regression")),
    "cases": _OneOrMany(_CaseOrFile(), alone=str),
    "defaults": _DEFAULTS,
    "scorers": SCORERS,
    "gates": Listed(_Gate()),
    "target": _Target(),
    "data": Choice(("public", "internal", "confidential")),
    "tags": Listed(Text()),
    "quarantine": Listed(_QUARANTINED),
    "holdout": _Share(),
}
_ELSEWHERE: Final = {
    "tests": "promptfoo's `tests` are `cases` here",
    "prompts": "write `prompt: [one, two]`",
    "assert": "promptfoo's `assert` is `scorers` here",
    "defaultTest": "promptfoo's `defaultTest` is `defaults` here",
    "providers": "models are named in prompts/models.yaml; `promptctl eval --model NAME` picks one",
    "dataset": "cases stand under `cases`",
    "data_set": "cases stand under `cases`",
    "thresholds": "thresholds are `gates`: [pass_rate >= 0.9]",
}
HEADER: Final = Record(
    "an evalset",
    _FIELDS,
    required=frozenset({"cases"}),
    elsewhere=_ELSEWHERE,
    example="write {prompt: hello, scorers: [icontains], cases: [{inputs: {question: ...}, expected: ...}]}",
)


@dataclass(frozen=True, kw_only=True)
class Header:
    """An evalset's file without flaws.

    Attributes:
        spec: What runs and reports need of it.
        cases: `cases` as a list of files and inline rows.
        defaults: What it says for its cases.
        document: For places.
    """

    spec: EvalsetSpec
    cases: tuple[Any, ...]
    defaults: CaseDefaults
    document: YamlDocument

    def case_keys(self, index: int) -> Keys:
        """Return where the item of `cases` stands."""
        value: Any = self.document.value
        return ("cases", index) if isinstance(value["cases"], list) else ("cases",)

    def content(self) -> JsonObject:
        """Return what of the file decides scores and verdicts, for the digest."""
        found: JsonObject = {
            "evalset": 1,
            "kind": self.spec.kind,
            "scorers": [scorer.as_json() for scorer in self.spec.scorers],
            "gates": [_gate_content(gate) for gate in self.spec.gates],
            "target": _target_content(self.spec.target),
        }
        if self.spec.quarantine:
            found["quarantine"] = {one.case_id: one.until for one in self.spec.quarantine}
        if self.spec.holdout is not None:
            found["holdout"] = self.spec.holdout
        return found


def find_flaws(document: YamlDocument) -> list[Flaw]:
    """Return everything that is wrong in the file, its inline cases apart."""
    return list(HEADER.flaws(document.value, ()))


def parse_header(document: YamlDocument) -> Header:
    """Read a file in which `find_flaws` found nothing."""
    value: Any = document.value
    defaults = value.get("defaults") or {}
    scorer = {key: defaults[key] for key in ("required",) if defaults.get(key) is not None}
    scorers = _scorers(value.get("scorers"), ("scorers",), scorer, document)
    spec = EvalsetSpec(
        name=value.get("name") or PurePosixPath(document.path).stem,
        path=document.path,
        prompts=tuple(_listed(value.get("prompt"))),
        kind=value.get("kind") or "golden",
        scorers=scorers,
        gates=tuple(map(parse_gate, value.get("gates") or ())),
        target=_target(value.get("target")),
        description=value.get("description") or "",
        tags=tuple(value.get("tags") or ()),
        quarantine=tuple(
            QuarantinedCase(case_id=one["case"], until=one["until"], reason=one.get("reason") or "")
            for one in value.get("quarantine") or ()
        ),
        holdout=value.get("holdout"),
        data=value.get("data"),
        format=value.get("promptship") or 1,
    )
    case_defaults = CaseDefaults(
        inputs=defaults.get("inputs") or {},
        tags=defaults.get("tags") or {},
        scorers=_scorers(defaults.get("scorers"), ("defaults", "scorers"), scorer, document),
        scorer=scorer,
        taken=frozenset(one.name for one in scorers),
    )
    return Header(spec=spec, cases=tuple(_listed(value["cases"])), defaults=case_defaults, document=document)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _scorers(values: Any, keys: Keys, defaults: JsonObject, document: YamlDocument) -> tuple[ScorerSpec, ...]:
    return tuple(
        build_scorer_spec(value, path=document.path, line=document.place((*keys, index))[0], defaults=defaults)
        for index, value in enumerate(values or ())
    )


def _target(value: Any) -> TargetSpec:
    if value is None:
        return TargetSpec()
    if isinstance(value, str):
        return TargetSpec(kind="python", location=value.removeprefix("python:"))
    return TargetSpec(kind="outputs", location=value["outputs"])


def _gate_content(gate: GateSpec) -> JsonObject:
    # Not its text: `pass_rate >= 0.9` and {metric: pass_rate, at_least: 0.90} are one gate. A key at its default is
    # left out, so that a gate keeps its digest when gates learn something new.
    found: JsonObject = {"metric": gate.metric, "decide": gate.decide}
    if gate.tag is not None:
        found["slice"] = list(gate.tag)
    for field in fields(gate):
        value = getattr(gate, field.name)
        if field.name not in {"text", "metric", "decide", "tag"} and value != field.default:
            found[field.name] = value
    return found


def _target_content(target: TargetSpec) -> JsonObject:
    """Return the target without the name of a file: where outputs lie decides nothing, what they say is in the run."""
    return {"kind": target.kind} if target.kind != "python" else {"kind": target.kind, "location": target.location}
