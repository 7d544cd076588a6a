"""What a spreadsheet has for a person who rates outputs in it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from promptship.domain import digest_of
from promptship.report._reading import output_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.domain import CellRecord, JsonValue
    from promptship.report._run_like import RunLike

__all__ = ["RATING_COLUMNS", "RatingSheet"]

RATING_COLUMNS: Final = ("rating", "note", "correction", "rater", "guideline_digest", "source", "propensity")
"""What a rater fills in, and why the row is there; with `case_id`, `output_digest` and `run_id` it makes a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingSheet:
    """Which outputs a person is to rate, and by what.

    Attributes:
        policy: What the rater is told; "" where nobody wrote it down.
        sample: How many outputs to draw at random, each once; None for every cell.
        seed: Seed of the draw.
    """

    policy: str = ""
    sample: int | None = None
    seed: int = 0

    @property
    def guideline(self) -> str | None:
        """Digest of the policy; None without one."""
        return digest_of(self.policy) if self.policy else None

    def records(self, run: RunLike) -> Iterator[tuple[CellRecord, dict[str, JsonValue]]]:
        """Yield cells, each with the rating columns that are filled in beforehand."""
        if self.sample is None:
            filled = self._filled(1.0)
            for record in run.records():
                yield record, filled if record.output else {}
            return
        # Each output once: a rater need not say the same of every repeat.
        keys = list(dict.fromkeys(_key(record) for record in run.records() if record.output))
        count = min(self.sample, len(keys))
        waiting = set(random.Random(self.seed).sample(keys, count))  # noqa: S311 - a draw, no secret
        filled = self._filled(count / len(keys) if keys else 1.0)
        for record in run.records():
            if (key := _key(record)) in waiting:
                waiting.remove(key)
                yield record, filled

    def _filled(self, propensity: float) -> dict[str, JsonValue]:
        return {"guideline_digest": self.guideline, "source": "sample", "propensity": propensity}


def _key(record: CellRecord) -> tuple[str, str | None]:
    return record.key.case_id, output_digest(record)
