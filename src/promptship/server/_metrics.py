"""Counters in Prometheus' text format. They hold routes and statuses, never a name of a prompt or a token."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter

__all__ = ["Metrics"]

_BOUNDS_S = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5)


class Metrics:
    """What one worker did since it started."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets = [0] * (len(_BOUNDS_S) + 1)
        self._seconds = 0.0
        self.streams = 0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests[method, route, status] += 1
        self._buckets[bisect_left(_BOUNDS_S, seconds)] += 1
        self._seconds += seconds

    def render(self, *, head: int | None) -> str:
        """Return all figures.

        Args:
            head: Number of the ledger's last event; None where it is not known.
        """
        worker = f'worker="{os.getpid()}"'
        lines = ["# TYPE promptship_requests_total counter"]
        lines += [
            f'promptship_requests_total{{{worker},method="{method}",route="{route}",status="{status}"}} {count}'
            for (method, route, status), count in sorted(self._requests.items())
        ]
        lines += ["# TYPE promptship_request_seconds histogram", *self._histogram(worker)]
        lines += ["# TYPE promptship_streams gauge", f"promptship_streams{{{worker}}} {self.streams}"]
        if head is not None:
            lines += ["# TYPE promptship_ledger_events gauge", f"promptship_ledger_events {head}"]
        return "\n".join([*lines, ""])

    def _histogram(self, worker: str) -> list[str]:
        lines, total = [], 0
        for bound, count in zip((*_BOUNDS_S, "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'promptship_request_seconds_bucket{{{worker},le="{bound}"}} {total}')
        lines.append(f"promptship_request_seconds_sum{{{worker}}} {self._seconds:.6f}")
        return [*lines, f"promptship_request_seconds_count{{{worker}}} {total}"]
