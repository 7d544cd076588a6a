"""Every exception that Promptship raises on purpose, and the exit code each one means.

PromptshipError
├── UsageError                    2  what the user wrote, asked for, or forgot
│   ├── SourceError                  one or more places in files, each with line and column
│   ├── ReferenceNotFoundError       no such prompt, label, revision, evalset or run
│   ├── InputError                   inputs that do not fit a prompt's schema
│   ├── RenderError                  a template that cannot be rendered with these inputs
│   ├── CanonicalError               a value that has no canonical JSON form
│   ├── ScorerSetupError             a scorer that cannot be built from its parameters
│   ├── ScorerError                  a scorer of the user's own that failed while it scored
│   ├── PriceUnknownError            a budget that cannot be kept, since a model's price is not known
│   ├── UnpairedScoresError          figures of two sides that do not belong to the same cases
│   ├── PromotionRefusedError     1  a label that may not move yet, with everything that is missing
│   ├── SignatureError               a signature that is missing, wrong, or of a key that nobody trusts
│   ├── StatisticsError              figures that leave what is asked of them undetermined
│   └── MissingExtraError            an optional dependency that is not installed
├── InfrastructureError           3  network, provider, disk
│   ├── ModelError                   a call that got no usable answer
│   │   ├── AuthenticationError          401, 403
│   │   ├── RateLimitError               429
│   │   ├── CallTimeoutError             no answer in time
│   │   ├── ConnectionFailedError        no connection, or it broke
│   │   ├── ServerError                  5xx
│   │   ├── BadResponseError             an answer that is not of the protocol
│   │   └── BadRequestError              any other 4xx
│   ├── CassetteMissError            a frozen run asks for a call that was never recorded
│   └── StorageError                 a full disk, a read-only folder, a damaged file
├── BudgetExceededError           5  the next call would cost more than allowed
└── RunInterruptedError         130  a run was told to stop; what is done is kept
```
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "BadResponseError",
    "BudgetExceededError",
    "CallTimeoutError",
    "CanonicalError",
    "CassetteMissError",
    "ConnectionFailedError",
    "ExitCode",
    "InfrastructureError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "PriceUnknownError",
    "Problem",
    "PromotionRefusedError",
    "PromptshipError",
    "RateLimitError",
    "ReferenceNotFoundError",
    "RenderError",
    "RunInterruptedError",
    "ScorerError",
    "ScorerSetupError",
    "ServerError",
    "SignatureError",
    "SourceError",
    "StatisticsError",
    "StorageError",
    "UnpairedScoresError",
    "UsageError",
    "did_you_mean",
]


class ExitCode(IntEnum):
    """What the process says to its caller; the same for every command."""

    PASS = 0
    GATE_FAILED = 1
    USAGE = 2
    INFRASTRUCTURE = 3
    INCONCLUSIVE = 4
    OVER_BUDGET = 5
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong at one place in a file.

    Attributes:
        message: What is wrong, with the offending value and what was expected.
        path: The file, as the user would name it; None for text that is in no file.
        line: 1-based; None where no line can be named (an unreadable file).
        column: 1-based, in characters; None for a whole line.
        hint: What to do about it, if there is something to say.
    """

    message: str
    path: str | Path | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
        return f"{place}: {self.message}" if place else self.message


class PromptshipError(Exception):
    """Base of the tree. `hint` says what to do, on a line of its own."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(PromptshipError):
    """Something the user wrote or asked for is wrong."""


class SourceError(UsageError):
    """One or more problems in files; all that were found, not the first alone."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        hints = dict.fromkeys(problem.hint for problem in self.problems if problem.hint)
        super().__init__("\n".join(map(str, self.problems)), hint="\n".join(hints) or None)

    @classmethod
    def at(
        cls, path: str | Path | None, line: int | None, column: int | None, message: str, *, hint: str | None = None
    ) -> SourceError:
        """Build the error for a single place."""
        return cls([Problem(message=message, path=path, line=line, column=column, hint=hint)])


class ReferenceNotFoundError(UsageError):
    """A prompt, revision, evalset, model or run that does not exist."""


class InputError(UsageError):
    """Inputs that do not fit the prompt: missing, extra or of the wrong type."""


class RenderError(UsageError):
    """A template that cannot be rendered: undefined name, limit passed, untrusted text in a system message."""


class CanonicalError(UsageError):
    """A value without a canonical JSON form (NaN, a date, an integer beyond 2^53 - 1 …)."""


class ScorerSetupError(UsageError):
    """A scorer that cannot be built: unknown type, bad regular expression, bad schema, missing value."""


class ScorerError(UsageError):
    """A scorer of the user's own raised, or returned what is no score; the cell is an error, never a zero."""


class PriceUnknownError(UsageError):
    """A budget is set, and the price of a model is not known."""


class UnpairedScoresError(UsageError):
    """Two columns of figures that are compared pair by pair, and are not of the same cases."""


class PromotionRefusedError(UsageError):
    """A label may not move to a version yet. `missing` names everything that it takes, a sentence each."""

    exit_code = ExitCode.GATE_FAILED

    def __init__(self, message: str, missing: Iterable[str], *, hint: str | None = None) -> None:
        self.missing = tuple(missing)
        super().__init__("\n".join([message, *(f"- {one}" for one in self.missing)]), hint=hint)


class SignatureError(UsageError):
    """A signature that is missing, wrong, or made with a key that nobody trusts here."""


class StatisticsError(UsageError):
    """Figures that leave what is asked of them undetermined: no amount of arithmetic gives an answer."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, *, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package {package!r}, which is not installed",
            hint=f'pip install "promptship[{extra}]"',
        )
        self.extra = extra


class InfrastructureError(PromptshipError):
    """Network, provider or disk failed; nothing is wrong with what the user wrote."""

    exit_code = ExitCode.INFRASTRUCTURE


class ModelError(InfrastructureError):
    """A model call that got no usable answer.

    Attributes:
        retryable: True where the same call may succeed later.
        status: HTTP status, where there was one.
        retry_after_s: Seconds that the server asked to wait, if it said so.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after_s = retry_after_s


class AuthenticationError(ModelError):
    """The provider did not accept the key, or the key may not use the model (401, 403)."""


class RateLimitError(ModelError):
    """The provider asks to slow down (429)."""

    retryable = True


class CallTimeoutError(ModelError):
    """No answer within the time allowed for one call."""

    retryable = True


class ConnectionFailedError(ModelError):
    """No connection could be made, or it broke before the answer was whole."""

    retryable = True


class ServerError(ModelError):
    """The provider failed (5xx)."""

    retryable = True


class BadResponseError(ModelError):
    """The answer is not what the protocol says: not JSON, cut off, without choices."""

    retryable = True


class BadRequestError(ModelError):
    """The provider refused the request itself (a 4xx that is none of the above)."""


class CassetteMissError(InfrastructureError):
    """A frozen run needs a call that is not in its cassette."""


class StorageError(InfrastructureError):
    """The disk is full, the folder is read-only, or a file of ours is damaged."""


class BudgetExceededError(PromptshipError):
    """The next call would cost more than `--max-cost` allows."""

    exit_code = ExitCode.OVER_BUDGET


class RunInterruptedError(PromptshipError):
    """A run was told to stop before it was finished; what is done is kept and the same command resumes it."""

    exit_code = ExitCode.INTERRUPTED


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message that names the known word nearest to `word`; "" where none is near.

    Example:
        >>> did_you_mean("custmer", ["customer", "order"])
        "; did you mean 'customer'?"
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
