"""What every scorer type is made of: its description, its factory, and the criterion with its parameters bound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

import orjson

from promptship.domain import Score
from promptship.errors import ScorerSetupError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from promptship.domain import (
        Case,
        Instruments,
        JsonObject,
        JsonValue,
        Output,
        PromptSource,
        ScoreInput,
        ScorerSpec,
    )

__all__ = [
    "PASSED",
    "UNJUDGED",
    "Comparison",
    "Criterion",
    "InstrumentsNeededError",
    "ScorerContext",
    "ScorerExample",
    "ScorerFactory",
    "ScorerInfo",
    "ThresholdInfo",
    "UnjudgedError",
    "fail",
    "require_instruments",
    "shorten",
    "show",
    "text_of",
]

_Against = TypeVar("_Against")

_LONGEST_REASON = 200
_LONGEST_SHOWN = 60

UNJUDGED: Final = "unjudged"
"""Category of a score that fails because the output could not be judged; `not-` does not invert it."""

PASSED: Final = Score(value=1.0, passed=True)
"""The score of everything that either holds or does not, where it holds. Shared, since scores are immutable."""


class UnjudgedError(Exception):
    """The output cannot be judged (too large, too deep, too slow): it fails, with `not-` and without."""


class InstrumentsNeededError(ScorerSetupError):
    """The scorer is written well, and asks a model where none may be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerContext:
    """What scorers may know of the prompt under test and its project.

    Attributes:
        output_schema: JSON Schema of the prompt's output contract; `{$ref: output}` means it.
        tools: Tool definitions of the prompt, in the protocol's shape.
        project_root: Folder from which `python` scorers import; None for the import path alone.
        instruments: Opens the models that scorers measure with; None where none may be called.
        prompts: Where a project keeps judge prompts of its own; None for those of the package alone.
    """

    output_schema: JsonObject | None = None
    tools: tuple[JsonObject, ...] = ()
    project_root: Path | None = None
    instruments: Instruments | None = None
    prompts: PromptSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdInfo:
    """What a type's threshold means, its default (None: the type only measures without one), and its range."""

    meaning: str
    default: float | None = None
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerExample:
    """A scorer as an evalset writes it, an output that passes, and one that fails.

    Attributes:
        scorer: The scorer.
        passes: Text, or keys of an `Output`.
        fails: Likewise; None for a type that never fails by itself.
        expected: What the case expects; None for nothing.
    """

    scorer: JsonObject
    passes: JsonValue
    fails: JsonValue = None
    expected: JsonValue = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerInfo:
    """What a person has to know of a scorer type, and what set-up checks about every use of it.

    Attributes:
        type: Name in evalsets, without `not-`.
        summary: When it passes, in one sentence.
        value: What `value` may be; "" where the type takes none.
        value_is: `compared`: without it the case's `expected` is used; `optional`; `required`; `none`.
        threshold: Its threshold; None where it takes none.
        score: What the value of the score is, 0 to 1.
        measure: What the measure is and its unit; "" for none.
        definition: The definition computed, as the score names it; "" where there is but one.
        params: Further keys and what each means.
        asks: Which model it asks, as a noun phrase; "" where it asks none and needs no `ScorerContext.instruments`.
        origin: Whose name and meaning the type has.
        deviation: Where it means something else than in promptfoo, and why; "" for nowhere.
        examples: Examples, executed by tests.
    """

    type: str
    summary: str
    value: str = ""
    value_is: Literal["compared", "optional", "required", "none"] = "none"
    threshold: ThresholdInfo | None = None
    score: str = "1 or 0"
    measure: str = ""
    definition: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    asks: str = ""
    origin: Literal["promptfoo", "promptship"] = "promptfoo"
    deviation: str = ""
    examples: tuple[ScorerExample, ...] = ()


class Criterion(ABC):
    """What one scorer decides, its parameters bound. Safe to share among cases and threads."""

    measures_only: bool = False
    """True where `passed` is always None, so that no case can need it."""
    judge: str = ""
    """Digest of the judge that its scores cite; "" for a criterion that asks no model."""

    asked: str = ""
    """Digest of what is asked, whatever becomes of the votes; "" for a criterion whose scores have none."""

    @abstractmethod
    def score(self, item: ScoreInput) -> Score | Awaitable[Score]:
        """Score one output.

        Raises:
            UnjudgedError: The output cannot be judged; it fails.
            ScorerError: The scorer itself failed; the cell is an error.
        """

    def check(self, case: Case) -> None:  # noqa: B027 - most criteria take nothing from the case
        """Check what is compared with where the case gives it; cheap, and called before anything is paid.

        Raises:
            ScorerSetupError: The case gives nothing that can be compared with.
        """

    def claim(self, item: ScoreInput) -> str:
        """Say what the output does where the criterion holds, as a verb phrase: `contain 'refund'`."""
        del item
        return "pass"

    def rescore(self, score: Score) -> Score | None:
        """Make a stored score anew from its votes, without a call; None for a criterion whose scores have none."""
        del score
        return None


class Comparison(Criterion, Generic[_Against]):
    """A criterion that compares with the scorer's `value`, or with what each case expects.

    Args:
        spec: The scorer; without a value the case's `expected` and `references` are taken.
        prepare: Makes what is compared with out of a value and further references, raising `ScorerSetupError`.
        compare: Scores an output.
        claim: A verb phrase for what is compared with: `contain 'refund'`.
    """

    def __init__(
        self,
        spec: ScorerSpec,
        *,
        prepare: Callable[[JsonValue, tuple[str, ...]], _Against],
        compare: Callable[[Output, _Against], Score | Awaitable[Score]],
        claim: Callable[[_Against], str],
    ) -> None:
        self._prepare = prepare
        self._compare = compare
        self._claim = claim
        self._written = prepare(spec.value, ()) if spec.has_value else None
        self._has_value = spec.has_value

    def score(self, item: ScoreInput) -> Score | Awaitable[Score]:
        """See `Criterion.score`."""
        return self._compare(item.output, self._against(item.case))

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        self._against(case)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        return self._claim(self._against(item.case))

    def _against(self, case: Case) -> _Against:
        # A flag and not `is None`: what was prepared may itself be None, as JSON's null is.
        if self._has_value:
            return self._written  # type: ignore[return-value]  # prepared whenever a value was written
        if case.expected is not None:
            return self._prepare(case.expected, case.references)
        if case.references:
            return self._prepare(case.references[0], case.references[1:])
        raise ScorerSetupError(
            "there is nothing to compare with: the scorer has no `value` and the case no `expected`",
            hint="write a `value` in the scorer or an `expected` in the case",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerFactory:
    """How one type is described and built. A plug-in module lists its own in `SCORERS`, by type.

    Attributes:
        info: The description; `build_scorer` checks value, threshold and keys against it before `build` is called.
        build: Makes the criterion. All set-up happens here; what is wrong is raised as `ScorerSetupError`.
    """

    info: ScorerInfo
    build: Callable[[ScorerSpec, ScorerContext], Criterion]


def require_instruments(context: ScorerContext, asks: str) -> Instruments:
    """Return what opens models; the last thing that a factory does, after all that is written was found right.

    Raises:
        InstrumentsNeededError: None may be opened here.
    """
    if context.instruments is None:
        raise InstrumentsNeededError(
            f"it asks {asks}, and no model may be opened here",
            hint="`promptctl eval` and `promptctl score` open models; in Python: score(..., instruments=...)",
        )
    return context.instruments


def fail(reason: str, **fields: Any) -> Score:
    """Make a failing score with a short reason; the value is 0 unless given.

    Example:
        >>> fail("does not contain 'refund'").passed
        False
    """
    return Score(**{"value": 0.0, **fields}, passed=False, reason=shorten(reason))


def shorten(text: str, length: int = _LONGEST_REASON) -> str:
    """Put text on one line of at most `length` characters that any terminal and file can hold."""
    if len(text) <= length and text.isascii() and text.isprintable():
        return text
    # Cut before splitting: what is quoted may be a million characters of a model in a loop.
    line = " ".join(text[: length * 4].split())
    line = line.encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= length else line[: length - 1] + "…"


def show(value: object) -> str:
    """Return a short `repr` for a message."""
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        return repr(value[: _LONGEST_SHOWN - 1] + "…")
    return shorten(repr(value), _LONGEST_SHOWN)


def text_of(output: Output) -> str:
    """Return an output's text; where there is none but data, the data as JSON; "" where there is neither."""
    return output.text or ("" if output.data is None else _data_text(output.data))


def _data_text(data: JsonValue) -> str:
    try:
        return orjson.dumps(data).decode()
    except (TypeError, ValueError, RecursionError):
        return ""
