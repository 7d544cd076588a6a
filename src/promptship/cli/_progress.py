"""A live progress bar on stderr, or a line now and then where stderr is no terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from promptship.evalsets import Evalset
    from promptship.models import PullProgress
    from promptship.runner import Progress as RunProgress

__all__ = ["CountProgress", "EvalProgress", "open_count", "open_progress"]

_SECONDS_BETWEEN_LINES = 10.0


class EvalProgress:
    """Shows how far an evaluation is: cells, ETA, money, errors.

    Args:
        evalsets: How many evalsets there are.
    """

    def __init__(self, evalsets: int) -> None:
        self._evalsets = evalsets
        self._started = 0
        self._name = ""
        self._task: TaskID | None = None
        self._pulling: TaskID | None = None
        self._last_line = 0.0
        self._bar = _make_bar() if sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, evalset: Evalset, cells: int) -> None:
        """Begin the next evalset."""
        self._started += 1
        self._name = f"[{self._started}/{self._evalsets}] {evalset.spec.name}"
        if self._bar is None:
            self._print_line(f"{self._name}: {cells} cells")
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(self._name, total=cells, said="")

    def update(self, progress: RunProgress) -> None:
        """Show how far the current evalset is."""
        said = _say(progress)
        if self._bar is not None:
            if self._task is not None:
                self._bar.update(self._task, completed=progress.done, total=progress.total, said=said)
            return
        due = time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES
        if due or progress.done == progress.total:
            self._print_line(f"{self._name}: {progress.done}/{progress.total} {said}{_eta(progress)}")

    def pull(self, progress: PullProgress) -> None:
        """Show a model that is being fetched or converted."""
        if self._bar is None:
            self._print_line(progress.message)
            return
        if self._pulling is None:
            self._pulling = self._bar.add_task("", total=None, said="")
        self._bar.update(self._pulling, description=progress.message, completed=progress.done, total=progress.total)
        if progress.finished:
            self._bar.remove_task(self._pulling)
            self._pulling = None

    def _print_line(self, text: str) -> None:
        self._last_line = time.monotonic()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def open_progress(evalsets: int) -> EvalProgress:
    """Return a progress display to be used as a context manager."""
    return EvalProgress(evalsets)


def _make_bar() -> Progress:
    # Importing rich takes longer than a small evaluation does, and only a terminal shows what it draws.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}", markup=False),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _say(progress: RunProgress) -> str:
    parts = [f"{progress.passed} passed", f"{progress.failed} failed"]
    if progress.errors:
        parts.append(f"{progress.errors} errors")
    if progress.cached:
        parts.append(f"{progress.cached} cached")
    if progress.cost_usd:
        parts.append(f"${progress.cost_usd:.4f}")
    return " · ".join(parts)


def _eta(progress: RunProgress) -> str:
    made = progress.done - progress.resumed
    if made <= 0 or progress.done >= progress.total:
        return ""
    left = progress.elapsed_s / made * (progress.total - progress.done)
    return f" · ETA {left:.0f} s"


class CountProgress:
    """Counts what is done of work whose amount may not be known.

    Args:
        name: What is being done.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._done = 0
        self._last_line = time.monotonic()
        self._bar = _make_bar() if sys.stderr.isatty() else None
        self._task = self._bar.add_task(name, total=None, said="") if self._bar is not None else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, more: int) -> None:
        """Count `more`."""
        self.reach(self._done + more, None)

    def reach(self, done: int, total: int | None) -> None:
        """Show that so much is done, of `total` where that is known."""
        self._done = done
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)
        elif time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            sys.stderr.write(f"{self._name}: {done}{f'/{total}' if total else ''}\n")
            sys.stderr.flush()


def open_count(name: str) -> CountProgress:
    """Return a display of a count to be used as a context manager."""
    return CountProgress(name)
