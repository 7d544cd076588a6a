"""One case of an evalset: inputs, what is expected, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain.evalsets import ScorerSpec
    from promptship.domain.json_types import JsonObject, JsonValue

__all__ = ["Case", "Turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One user turn of a conversation case and the scorers of its answer."""

    user: str
    scorers: tuple[ScorerSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case.

    Attributes:
        id: Unique in its evalset: as given, or `c-` and twelve hex digits of the digest of the inputs.
        inputs: Inputs of the prompt or the target.
        expected: What scorers compare with; None where nothing is expected.
        references: Further texts that are as good as `expected`.
        turns: Turns of a conversation; empty for a single call.
        contexts: Retrieved passages, `{"id", "text"}` each.
        expected_contexts: Ids of the passages that should have been retrieved.
        tools: Canned tool results by tool name, `{"returns": …}` or `{"raises": …}`.
        tags: Slice names and values, such as `{"language": "de"}`.
        cluster: Cases that share an origin share it; None for a case of its own.
        scorers: Scorers of this case alone, in addition to the set's.
        source: Lineage: where the case came from.
        note: For people.
        path: File the case stands in, as a person would name it.
        line: 1-based line there.
    """

    id: str
    inputs: JsonObject
    expected: JsonValue = None
    references: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    contexts: tuple[JsonObject, ...] = ()
    expected_contexts: tuple[str, ...] = ()
    tools: Mapping[str, JsonObject] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None
    scorers: tuple[ScorerSpec, ...] = ()
    source: JsonObject = field(default_factory=dict)
    note: str = ""
    path: str = ""
    line: int = 0
