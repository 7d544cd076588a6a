"""What a report needs of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptship.domain import CellRecord, RunManifest, RunSummary, Verdict

__all__ = ["RunLike"]


class RunLike(Protocol):
    """A finished run: `promptship.runner.Run`, or anything of this shape."""

    @property
    def manifest(self) -> RunManifest:
        """What the run is of."""
        ...

    @property
    def summary(self) -> RunSummary:
        """Its figures."""
        ...

    @property
    def verdict(self) -> Verdict | None:
        """What its gates say; None where they were not asked, as after an interruption."""
        ...

    @property
    def directory(self) -> Path:
        """Where its files are."""
        ...

    def records(self) -> Iterator[CellRecord]:
        """Yield its cells, in any order; each call starts anew."""
        ...
