"""What a run tells while it goes on, and how it is told to stop."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Progress", "StopSignal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        total: Planned cells.
        done: Cells that are finished, those of earlier attempts included.
        passed: Of these, by outcome.
        failed: Of these, by outcome.
        errors: Of these, by outcome.
        unscored: Of these, by outcome.
        cached: Model calls of this attempt that were answered without a call.
        cost_usd: What this attempt has paid as far as prices are known.
        in_flight: Cells that are being answered or scored.
        elapsed_s: Seconds since this attempt began.
        resumed: Cells that an earlier attempt had finished.
    """

    total: int
    done: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0
    unscored: int = 0
    cached: int = 0
    cost_usd: float = 0.0
    in_flight: int = 0
    elapsed_s: float = 0.0
    resumed: int = 0


class StopSignal:
    """Asks a run to stop: once to let calls in flight finish, twice to drop them. May be used from any thread.

    Args:
        tell: Told the level at each request that a run listens to; called where a signal handler is.
    """

    def __init__(self, tell: Callable[[int], None] | None = None) -> None:
        self._tell = tell
        self._level = 0
        self._listeners: list[Callable[[int], None]] = []

    @property
    def level(self) -> int:
        """How often a stop was requested."""
        return self._level

    @property
    def is_attended(self) -> bool:
        """Whether a run listens; without one nobody else ends what is going on."""
        return bool(self._listeners)

    def request(self) -> None:
        """Ask once more."""
        self._level += 1
        if self._tell is not None and self._listeners:
            self._tell(self._level)
        for listener in tuple(self._listeners):
            listener(self._level)

    @contextmanager
    def listening(self, listener: Callable[[int], None]) -> Iterator[None]:
        """Tell `listener` the level at each request, in the thread that makes it, while the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)
