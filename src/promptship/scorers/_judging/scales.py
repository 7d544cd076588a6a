"""The verdicts that a judge may give, and what each is worth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from promptship.domain import JsonObject

__all__ = ["UNSURE", "YES_NO", "Level", "Scale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One verdict.

    Attributes:
        label: How the judge writes it.
        value: What it is worth, 0 to 1; None where the judge abstains by it.
        meaning: When it holds.
    """

    label: str
    value: float | None
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Scale:
    """All verdicts on one question, from the lowest; labels are unique.

    Example:
        >>> YES_NO.labels
        ('no', 'yes')
    """

    levels: tuple[Level, ...]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Every label."""
        return tuple(level.label for level in self.levels)

    @cached_property
    def by_label(self) -> dict[str, Level]:
        """Levels by label."""
        return {level.label: level for level in self.levels}

    @cached_property
    def is_numeric(self) -> bool:
        """Whether labels are whole numbers."""
        return all(label.isdecimal() and label.isascii() for label in self.labels)

    @cached_property
    def lines(self) -> str:
        """The levels as a judge reads them, one a line."""
        return "\n".join(f"{level.label}: {level.meaning}" for level in self.levels)

    def with_unsure(self) -> Scale:
        """Return the same scale with a verdict by which the judge abstains."""
        return Scale(levels=(*self.levels, UNSURE))

    def as_json(self) -> list[JsonObject]:
        """Return what a digest is made of."""
        return [{"label": level.label, "value": level.value, "meaning": level.meaning} for level in self.levels]


UNSURE: Final = Level(label="unsure", value=None, meaning="what is shown does not suffice to tell")
YES_NO: Final = Scale(
    levels=(
        Level(label="no", value=0.0, meaning="the criterion is not met, or only in part"),
        Level(label="yes", value=1.0, meaning="the criterion is met"),
    )
)
