"""Token buckets: how often somebody may ask."""

from __future__ import annotations

import time

__all__ = ["Buckets"]

_MOST = 10_000


class Buckets:
    """One bucket for each caller, that fills at a rate and holds two seconds' worth, or one whole request.

    Args:
        per_s: Requests a second.
    """

    def __init__(self, per_s: float, *, holds: float | None = None) -> None:
        self._per_s = per_s
        self._holds = max(1.0, per_s * 2 if holds is None else holds)
        self._left: dict[str, tuple[float, float]] = {}

    def wait_s(self, caller: str) -> float:
        """Take one request; return 0, or the seconds after which it may come again."""
        now = time.monotonic()
        left, at = self._left.get(caller, (self._holds, now))
        left = min(self._holds, left + (now - at) * self._per_s)
        if left < 1:
            self._left[caller] = (left, now)
            return (1 - left) / self._per_s
        if len(self._left) >= _MOST:
            # Whoever makes up callers must not fill the memory. The rest begin anew, which is no more than they had.
            self._left.clear()
        self._left[caller] = (left - 1, now)
        return 0.0

    def is_empty(self, caller: str) -> bool:
        """Whether the next request would have to wait; takes none."""
        left, at = self._left.get(caller, (self._holds, 0.0))
        return left + (time.monotonic() - at) * self._per_s < 1
