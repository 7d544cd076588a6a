"""From a scorer as written to one that scores: all set-up, and nothing of it later."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from promptship.domain import Score, Scorer
from promptship.errors import PromptshipError, ScorerSetupError, did_you_mean
from promptship.scorers._criterion import (
    UNJUDGED,
    Criterion,
    InstrumentsNeededError,
    ScorerContext,
    UnjudgedError,
    fail,
    shorten,
)
from promptship.scorers._registry import find_factory

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from promptship.domain import Case, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerFactory, ScorerInfo, ThresholdInfo

__all__ = ["CheckedScorer", "build_scorer"]

_NOT = "not-"


class CheckedScorer(Scorer, Protocol):
    """A scorer that can say before a run whether a case gives it what it needs."""

    def check(self, case: Case) -> None:
        """Check what the case gives to compare with. Cheap; nothing is scored.

        Raises:
            ScorerSetupError: A missing or unusable `expected`, such as a broken regular expression.
        """
        ...

    @property
    def judge(self) -> str:
        """Digest of the judge that its scores cite; "" for a scorer that asks no model."""
        ...

    @property
    def asked(self) -> str:
        """Digest of what is asked: votes of scorers with the same one can be exchanged; "" where there are no votes."""
        ...

    def rescore(self, score: Score) -> Score | None:
        """Make a stored score anew from its votes under this scorer's threshold and weights; nothing is called.

        Returns:
            The score; None where it was not made of votes.
        """
        ...


def build_scorer(spec: ScorerSpec, context: ScorerContext | None = None) -> CheckedScorer:
    """Build a scorer; whatever can be wrong with it is found here, before anything is paid.

    Args:
        spec: The scorer as written; a leading `not-` of its type inverts value and verdict, never an error.
        context: What it may know of the prompt and the project; None for nothing.

    Returns:
        A scorer whose `required` is False where it has no threshold to decide by.

    Raises:
        ScorerSetupError: Unknown type, key or value, a threshold out of range, a broken regular expression or
            schema, a function that cannot be imported. The message begins with `path:line`.
        InstrumentsNeededError: All is well but that it asks a model and `context` opens none.
        MissingExtraError: The library of a metric is not installed.

    Example:
        >>> from promptship.domain import Case, Output, ScoreInput, ScorerSpec
        >>> scorer = build_scorer(ScorerSpec(type="not-contains", name="polite", value="As an AI", has_value=True))
        >>> scorer.score(ScoreInput(output=Output(text="Of course."), case=Case(id="1", inputs={}))).passed
        True
    """
    place = f"{spec.path}:{spec.line}: " if spec.path else ""
    try:
        return _build(spec, context or ScorerContext())
    except InstrumentsNeededError as error:
        raise InstrumentsNeededError(f"{place}scorer {spec.name!r}: {error}", hint=error.hint) from error
    except ScorerSetupError as error:
        raise ScorerSetupError(f"{place}scorer {spec.name!r}: {error}", hint=error.hint) from error


def _build(spec: ScorerSpec, context: ScorerContext) -> CheckedScorer:
    base = spec.type.removeprefix(_NOT)
    factory = find_factory(base)
    # `value:` with nothing after it, as a template of a file leaves it.
    if spec.has_value and spec.value is None and factory.info.value_is == "optional":
        spec = replace(spec, has_value=False)
    _check_spec(spec, factory.info)
    criterion = _build_criterion(factory, spec, context)
    if base != spec.type:
        if criterion.measures_only:
            raise ScorerSetupError(
                f"{spec.type} needs a threshold: without one {base} only measures", hint="write a `threshold`"
            )
        criterion = _Negated(criterion, base)
    return _BoundScorer(name=spec.name, required=spec.required and not criterion.measures_only, criterion=criterion)


def _build_criterion(factory: ScorerFactory, spec: ScorerSpec, context: ScorerContext) -> Criterion:
    try:
        return factory.build(spec, context)
    except PromptshipError:
        raise
    except Exception as error:
        # A plug-in's factory may raise anything; all of it means the same to the user.
        message = f"{factory.info.type} could not be set up: {type(error).__name__}: {shorten(str(error))}"
        raise ScorerSetupError(message) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _BoundScorer:
    """A criterion under a name."""

    name: str
    required: bool
    criterion: Criterion

    def score(self, item: ScoreInput) -> Score | Awaitable[Score]:
        """Score one output. What cannot be judged fails, whichever way round it was asked."""
        try:
            found = self.criterion.score(item)
        except UnjudgedError as error:
            # Caught out here, around a negation, so that `not-` has no say in it.
            return _unjudged(str(error))
        except RecursionError:
            return _unjudged("the output is nested too deeply to be judged")
        return found if isinstance(found, Score) else _awaited(found)

    def check(self, case: Case) -> None:
        """See `CheckedScorer.check`."""
        try:
            self.criterion.check(case)
        except ScorerSetupError as error:
            raise ScorerSetupError(f"scorer {self.name!r}: {error}", hint=error.hint) from error

    @property
    def judge(self) -> str:
        """See `CheckedScorer.judge`."""
        return self.criterion.judge

    @property
    def asked(self) -> str:
        """See `CheckedScorer.asked`."""
        return self.criterion.asked

    def rescore(self, score: Score) -> Score | None:
        """See `CheckedScorer.rescore`."""
        return self.criterion.rescore(score) if score.votes else None


class _Negated(Criterion):
    """The opposite of a criterion: value and verdict inverted, abstentions and errors left alone."""

    def __init__(self, inner: Criterion, base: str) -> None:
        self._inner = inner
        self._base = base
        self.judge = inner.judge
        self.asked = inner.asked

    def score(self, item: ScoreInput) -> Score | Awaitable[Score]:
        """See `Criterion.score`."""
        found = self._inner.score(item)
        if not isinstance(found, Score):
            return self._invert_later(found, item)
        return _invert(found, self._inner.claim(item) if found.passed else "")

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        self._inner.check(case)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        return f"not {self._inner.claim(item)}"

    def rescore(self, score: Score) -> Score | None:
        """See `Criterion.rescore`."""
        found = self._inner.rescore(score)
        return None if found is None else _invert(found, "what it must not")

    async def _invert_later(self, found: Awaitable[Score], item: ScoreInput) -> Score:
        score = await found
        return _invert(score, self._inner.claim(item) if score.passed else "")


def _invert(found: Score, claim: str) -> Score:
    if found.passed is None or found.category == UNJUDGED:
        return found
    value = None if found.value is None else 1.0 - found.value
    reason = shorten(f"the output does {claim}") if found.passed else ""
    return replace(found, value=value, passed=not found.passed, reason=reason)


async def _awaited(found: Awaitable[Score]) -> Score:
    try:
        return await found
    except UnjudgedError as error:
        return _unjudged(str(error))


def _unjudged(reason: str) -> Score:
    return fail(reason, category=UNJUDGED)


def _check_spec(spec: ScorerSpec, info: ScorerInfo) -> None:
    unknown = [key for key in spec.params if key not in info.params]
    if unknown:
        known = ["value", "threshold", "name", "weight", "required", *info.params]
        takes = f"it takes {', '.join(info.params)}" if info.params else "it takes no keys of its own"
        raise ScorerSetupError(
            f"{info.type} does not know the key {unknown[0]!r}{did_you_mean(unknown[0], known)}", hint=takes
        )
    if spec.has_value and info.value_is == "none":
        raise ScorerSetupError(f"{info.type} takes no value, got {spec.value!r}")
    if spec.has_value and spec.value is None:
        raise ScorerSetupError(f"the value is null; expected {info.value}", hint="leave `value` out or fill it in")
    if not spec.has_value and info.value_is == "required":
        raise ScorerSetupError(f"{info.type} needs a `value`: {info.value}")
    if spec.threshold is not None:
        _check_threshold(spec.threshold, info.type, info.threshold)


def _check_threshold(threshold: object, name: str, info: ThresholdInfo | None) -> None:
    if info is None:
        raise ScorerSetupError(f"{name} takes no threshold, got {threshold!r}")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
        raise ScorerSetupError(f"the threshold {threshold!r} is not a number")
    if not info.low <= threshold <= info.high:
        span = f"{info.low:g} to {info.high:g}" if math.isfinite(info.high) else f"{info.low:g} or more"
        raise ScorerSetupError(f"the threshold {threshold:g} is out of range; expected {info.meaning}, {span}")
