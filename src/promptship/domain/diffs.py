"""What changed between two versions of a prompt, and in the evidence that judges them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from promptship.domain.comparisons import Comparison
    from promptship.domain.gates import Verdict

__all__ = [
    "BehaviourDiff",
    "ContractChange",
    "DiffLine",
    "EvidenceChange",
    "FieldChange",
    "PromptDiff",
    "RenderedGroup",
    "SemverLevel",
    "TextDiff",
    "TokenChange",
]

SemverLevel = Literal["none", "patch", "minor", "major"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """A line of a diff: kept (` `), gone (`-`) or new (`+`), in pieces of which some are marked as changed."""

    sign: Literal[" ", "-", "+"]
    pieces: tuple[tuple[bool, str], ...]

    @property
    def text(self) -> str:
        """The whole line."""
        return "".join(piece for _, piece in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDiff:
    """One text that changed, the template or a partial by its name, as runs of lines with what surrounds them."""

    name: str
    hunks: tuple[tuple[DiffLine, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A setting that changed, by its path (`model.params.temperature`); JSON as text, None for absent."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractChange:
    """A change of what callers meet: inputs, outputs, tools."""

    level: SemverLevel
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChange:
    """Tokens of one message, rendered with the same inputs; None where that side has no such message."""

    message: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedGroup:
    """Cases whose messages changed in the same way."""

    case_ids: tuple[str, ...]
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceChange:
    """A change of an evalset, by what it does to the evidence."""

    evalset: str
    effect: Literal["weakened", "strengthened", "changed"]
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourDiff:
    """Both versions evaluated on one evalset.

    Attributes:
        evalset: Its name.
        comparison: Case by case; None where the baseline cannot be evaluated on it.
        verdict: What its gates say of the candidate.
        base_verdict: What the evalset of the base revision says of it; None where that is the same, or does not apply.
        base_reason: Why it does not apply; "" otherwise.
        uncompared: Why there is no comparison; "" otherwise.
    """

    evalset: str
    comparison: Comparison | None
    verdict: Verdict
    base_verdict: Verdict | None = None
    base_reason: str = ""
    uncompared: str = ""


@dataclass(frozen=True, kw_only=True)
class PromptDiff:
    """Everything that changed between two versions; a level that was not asked for is empty.

    Attributes:
        name: The prompt's name.
        baseline: Label of the one side; "" where the prompt is new.
        candidate: Label of the other; "" where it was removed.
        is_same: Whether both are one version, by digest.
        texts: Template and partials.
        fields: Settings: the model config, inputs, output, trust, examples, tools.
        level: The contract's semantic version step.
        contract: Why.
        tokens: By message.
        prefix_tokens: Tokens that all cases begin with alike, which providers cache; (before, after).
        rendered: Changed messages over the golden inputs, alike ones once.
        rendered_cases: How many cases were rendered.
        unrenderable: Case ids that only one side renders, with what the other says.
        evidence: Changes of the evalsets.
        behaviour: One entry for each evalset that applies.
        notes: What could not be done, and why.
    """

    name: str
    baseline: str
    candidate: str
    is_same: bool = False
    texts: tuple[TextDiff, ...] = ()
    fields: tuple[FieldChange, ...] = ()
    level: SemverLevel = "none"
    contract: tuple[ContractChange, ...] = ()
    tokens: tuple[TokenChange, ...] = ()
    prefix_tokens: tuple[int, int] | None = None
    rendered: tuple[RenderedGroup, ...] = ()
    rendered_cases: int = 0
    unrenderable: tuple[tuple[str, str], ...] = ()
    evidence: tuple[EvidenceChange, ...] = ()
    behaviour: tuple[BehaviourDiff, ...] = ()
    notes: tuple[str, ...] = ()
