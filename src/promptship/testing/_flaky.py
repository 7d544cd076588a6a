"""A test that samples a prompt several times and may fail in some of them."""

from __future__ import annotations

import functools
import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["current_sample", "flaky_budget"]

F = TypeVar("F", bound="Callable[..., Any]")

_SAMPLE: ContextVar[int] = ContextVar("promptship_sample", default=0)
_FAILURES = (AssertionError, pytest.fail.Exception)
_SHOWN_FAILURES = 3


def current_sample() -> int:
    """Return which sample of a `flaky_budget` is being taken, from 0."""
    return _SAMPLE.get()


def flaky_budget(k: int, n: int) -> Callable[[F], F]:
    """Run a test on `n` samples of its prompts and let at most `k` of them fail.

    Each sample is another one to the model and to the cache, so that a second session is answered from the cache. It
    stops as soon as the outcome is certain. An exception that is no failed assertion ends it at once: an error is no
    answer.

    Args:
        k: Samples that may fail, at least 0.
        n: Samples, more than `k`.

    Raises:
        UsageError: The numbers do not fit.

    Example:
        >>> @flaky_budget(1, 3)
        ... def test_three_times():
        ...     assert current_sample() != 1
        >>> test_three_times()
    """
    if not 0 <= k < n:
        raise UsageError(f"flaky_budget({k}, {n}): expected 0 <= k < n", hint="flaky_budget(1, 5): 1 of 5 may fail")

    def decorate(function: F) -> F:
        run = _sample_async(function, k, n) if inspect.iscoroutinefunction(function) else _sample(function, k, n)
        return functools.wraps(function)(run)  # type: ignore[return-value]  # it takes what `function` takes

    return decorate


def _sample(function: Callable[..., Any], k: int, n: int) -> Callable[..., None]:
    def run(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        tally = _Tally(k, n)
        for sample in range(n):
            token = _SAMPLE.set(sample)
            try:
                function(*args, **kwargs)
            except _FAILURES as failure:
                tally.fail(sample, failure)
            finally:
                _SAMPLE.reset(token)
            if tally.is_certain(sample):
                return

    return run


def _sample_async(function: Callable[..., Any], k: int, n: int) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        tally = _Tally(k, n)
        for sample in range(n):
            token = _SAMPLE.set(sample)
            try:
                await function(*args, **kwargs)
            except _FAILURES as failure:
                tally.fail(sample, failure)
            finally:
                _SAMPLE.reset(token)
            if tally.is_certain(sample):
                return

    return run


class _Tally:
    """Counts failures, and raises when there are too many."""

    def __init__(self, k: int, n: int) -> None:
        self._k, self._n = k, n
        self._failures: list[tuple[int, BaseException]] = []

    def fail(self, sample: int, failure: BaseException) -> None:
        """Note a failure.

        Raises:
            AssertionError: It is one too many.
        """
        __tracebackhide__ = True
        self._failures.append((sample, failure))
        if len(self._failures) <= self._k:
            return
        said = f"{len(self._failures)} of {sample + 1} samples failed; at most {self._k} of {self._n} may"
        shown = [f"sample {number + 1}: {error}" for number, error in self._failures[:_SHOWN_FAILURES]]
        raise AssertionError("\n".join([said, *shown])) from failure

    def is_certain(self, sample: int) -> bool:
        """Whether all that are left may fail."""
        return self._n - sample - 1 <= self._k - len(self._failures)
