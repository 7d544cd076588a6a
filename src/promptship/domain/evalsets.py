"""What an evalset file says, its cases apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from promptship.domain.canonical import Digest, digest_of

if TYPE_CHECKING:
    from promptship.domain.gates import GateSpec
    from promptship.domain.json_types import JsonObject, JsonValue

__all__ = ["EvalsetKind", "EvalsetSpec", "QuarantinedCase", "ScorerSpec", "TargetSpec"]

EvalsetKind = Literal["golden", "synthetic", "adversarial", "fairness", "regression"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerSpec:
    """A scorer as written: `{type: contains, value: refund}`, or the bare name `contains`.

    Attributes:
        type: Type name; a leading `not-` inverts the verdict, never an error.
        name: Its metric; defaults to the type.
        value: What to compare with; `has_value` False means: compare with the case's `expected`.
        threshold: Passing value or figure; None for the type's default.
        required: Whether a case needs it to pass.
        weight: Share in an `assert-set`.
        params: Every other key of the type.
        has_value: True where `value` was written, also as null.
        path: File it stands in.
        line: 1-based line there.
    """

    type: str
    name: str
    value: JsonValue = None
    threshold: float | None = None
    required: bool = True
    weight: float = 1.0
    params: JsonObject = field(default_factory=dict)
    has_value: bool = False
    path: str = ""
    line: int = 0

    def as_json(self) -> JsonObject:
        """Return what decides a score, for digests; places in files are left out."""
        found: JsonObject = {"type": self.type, "name": self.name, **self.params}
        if self.has_value:
            found["value"] = self.value
        if self.threshold is not None:
            found["threshold"] = self.threshold
        if not self.required:
            found["required"] = False
        if self.weight != 1.0:
            found["weight"] = self.weight
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """What turns a case into an output: the prompt, `python:package.module:function`, or a file of outputs."""

    kind: Literal["prompt", "python", "outputs"] = "prompt"
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedCase:
    """A case that is run but does not count for a while.

    Attributes:
        case_id: Which.
        until: The last day on which it does not count, as ISO 8601 (`2026-12-31`).
        reason: For people.
    """

    case_id: str
    until: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class EvalsetSpec:
    """An evalset without its cases.

    Attributes:
        name: File name without its ending, or the `name` written in it.
        path: The file, as a person would name it.
        prompts: References or globs, as written; empty where the target needs none.
        kind: What the cases are for.
        scorers: Scorers of every case.
        gates: What decides; empty means that every case must pass.
        target: What turns a case into an output.
        description: For people.
        tags: Labels of the set itself, for people and for picking sets.
        quarantine: Cases that do not count for a while.
        holdout: Share of the cases, 0 to 1, that is set aside for the last look before a promotion; None for none.
        data: How confidential the cases are, as written; None where nothing is said. Nothing is enforced by it yet.
        format: Version of the file format.
    """

    name: str
    path: str
    prompts: tuple[str, ...] = ()
    kind: EvalsetKind = "golden"
    scorers: tuple[ScorerSpec, ...] = ()
    gates: tuple[GateSpec, ...] = ()
    target: TargetSpec = field(default_factory=TargetSpec)
    description: str = ""
    tags: tuple[str, ...] = ()
    quarantine: tuple[QuarantinedCase, ...] = ()
    holdout: float | None = None
    data: Literal["public", "internal", "confidential"] | None = None
    format: int = 1

    def scoring_digest(self) -> Digest:
        """Digest of the scorers; runs scored alike share it."""
        scorers: list[Any] = [scorer.as_json() for scorer in self.scorers]
        return digest_of({"scoring": 1, "scorers": scorers})
