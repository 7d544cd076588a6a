"""Rows to cases: one table says what a case may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from promptship.domain import Case, Turn, canonical_json, digest_of
from promptship.errors import CanonicalError, SourceError
from promptship.evalsets._scorers import SCORERS, build_scorer_specs
from promptship.evalsets._shapes import Anything, Flaw, Listed, Mapped, Record, Shape, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptship.domain import JsonObject, JsonValue, ScorerSpec
    from promptship.evalsets._places import Keys, Spot

__all__ = ["CASE", "CaseBuilder", "CaseDefaults", "case_content"]

_OBJECT = Mapped(Anything())
_TEXTS = Listed(Text(empty=True))
_ID = Text("an id without control characters", pattern=re.compile(r"[^\x00-\x1f\x7f]+"), longest=200)
_EXAMPLE = 'write {"inputs": {"question": "Capital of France?"}, "expected": "Paris"}'


class _CannedTool:
    """`{"returns": …}` or `{"raises": "text"}`."""

    _both = Record('a canned tool result ({"returns": …} or {"raises": …})', {"returns": Anything(), "raises": Text()})

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return self._both.accepts(value) and ("returns" in value) != (value.get("raises") is not None)

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        found = list(self._both.flaws(value, keys))
        yield from found
        if not found and not self.accepts(value):
            yield Flaw(keys, "a canned tool result has either 'returns' or 'raises'")

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        returns: JsonObject = {"required": ["returns"]}
        raises: JsonObject = {"required": ["raises"], "properties": {"raises": {"type": "string"}}}
        return {**self._both.schema(), "oneOf": [returns, raises]}


_FIELDS: Final[dict[str, Shape]] = {
    "id": _ID,
    "inputs": _OBJECT,
    "expected": Anything(),
    "references": _TEXTS,
    "turns": Listed(Record("a turn", {"user": Text(empty=True), "scorers": SCORERS}, required=frozenset({"user"}))),
    "contexts": Listed(Record("a passage", {"id": Text(), "text": Text(empty=True)}, required=frozenset({"text"}))),
    "expected_contexts": _TEXTS,
    "tools": Mapped(_CannedTool()),
    "tags": Mapped(Text(empty=True)),
    "cluster": Text(),
    "scorers": SCORERS,
    "source": _OBJECT,
    "note": Text(empty=True),
}
_ELSEWHERE = {
    "vars": "promptfoo's `vars` is `inputs` here",
    "input": "inputs are a mapping: {inputs: {question: ...}}",
    "assert": "promptfoo's `assert` is `scorers` here",
    "description": "what is for people goes into `note`",
    "metadata": "what slices the results goes into `tags`, where a case came from into `source`",
    "output": "what the answer should be is `expected`",
    "answer": "what the answer should be is `expected`",
}
CASE = Record("a case", _FIELDS, required=frozenset({"inputs"}), elsewhere=_ELSEWHERE, example=_EXAMPLE)


@dataclass(frozen=True, kw_only=True)
class CaseDefaults:
    """What an evalset says for its cases.

    Attributes:
        inputs: Inputs of every case that does not give them itself.
        tags: Tags of every case, likewise.
        scorers: Scorers of the cases that have no `scorers` of their own.
        scorer: Keys of every scorer that does not state them.
        taken: Names of the set's own scorers, which a case's may not repeat.
    """

    inputs: JsonObject = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    scorers: tuple[ScorerSpec, ...] = ()
    scorer: Mapping[str, JsonValue] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()


class CaseBuilder:
    """Builds the cases of one evalset."""

    def __init__(self, defaults: CaseDefaults) -> None:
        self._defaults = defaults

    def check(self, row: Any, spot: Spot) -> Case:
        """Build a case from a row that nobody has looked at.

        Raises:
            SourceError: The row is no case; with everything that is wrong in it.
        """
        if not CASE.accepts(row):
            raise SourceError(flaw.at(spot) for flaw in CASE.flaws(row, ()))
        return self.build(row, spot)

    def build(self, row: Any, spot: Spot) -> Case:
        """Build a case from a row that `check` has accepted before."""
        defaults = self._defaults
        inputs = {**defaults.inputs, **row["inputs"]} if defaults.inputs else row["inputs"]
        get, path, line = row.get, spot.path, spot.line
        written = get("scorers")
        tags = get("tags") or {}
        return Case(
            id=get("id") or _derive_id(inputs, spot),
            inputs=inputs,
            expected=get("expected"),
            references=tuple(get("references") or ()),
            turns=self._turns(row, spot) if get("turns") else (),
            contexts=tuple(get("contexts") or ()),
            expected_contexts=tuple(get("expected_contexts") or ()),
            tools=get("tools") or {},
            tags={**defaults.tags, **tags} if defaults.tags else tags,
            cluster=get("cluster"),
            scorers=defaults.scorers if written is None else self._scorers(written, ("scorers",), spot),
            source=get("source") or {},
            note=get("note") or "",
            path=path,
            line=line,
        )

    def _scorers(self, values: Any, keys: Keys, spot: Spot) -> tuple[ScorerSpec, ...]:
        specs = build_scorer_specs(values, path=spot.path, line=spot.line, defaults=self._defaults.scorer)
        again = [(index, spec.name) for index, spec in enumerate(specs) if spec.name in self._defaults.taken]
        if again:
            hint = "give one of them a `name`; it is the name of its metric"
            said = "the evalset has a scorer called {!r} for every case already"
            raise SourceError(Flaw((*keys, index), said.format(name), hint).at(spot) for index, name in again)
        return specs

    def _turns(self, row: Any, spot: Spot) -> tuple[Turn, ...]:
        return tuple(
            Turn(
                user=turn["user"],
                scorers=self._scorers(turn.get("scorers") or (), ("turns", index, "scorers"), spot),
            )
            for index, turn in enumerate(row["turns"])
        )


def case_content(case: Case) -> bytes:
    """Return the canonical bytes of what decides a case's outputs and scores; one line of the evalset's digest.

    Left out are `note` and `source`, which are for people, and the place in a file.

    Raises:
        CanonicalError: A value that has no canonical form.
    """
    # What is empty is left out, so that a field that a later version adds does not change old digests.
    content: dict[str, Any] = {"id": case.id, "inputs": case.inputs}
    if case.expected is not None:
        content["expected"] = case.expected
    if case.tags:
        content["tags"] = case.tags
    if case.cluster is not None:
        content["cluster"] = case.cluster
    if case.scorers:
        content["scorers"] = [spec.as_json() for spec in case.scorers]
    if case.references:
        content["references"] = list(case.references)
    if case.turns:
        content["turns"] = [
            {"user": turn.user, "scorers": [spec.as_json() for spec in turn.scorers]} for turn in case.turns
        ]
    if case.contexts:
        content["contexts"] = list(case.contexts)
    if case.expected_contexts:
        content["expected_contexts"] = list(case.expected_contexts)
    if case.tools:
        content["tools"] = case.tools
    return canonical_json(content)


def _derive_id(inputs: JsonObject, spot: Spot) -> str:
    try:
        return "c-" + digest_of(inputs)[7:19]
    except CanonicalError as error:
        raise SourceError([Flaw(("inputs",), f"inputs: {error}").at(spot)]) from None
