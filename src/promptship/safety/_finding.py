"""What a detector found, told without repeating it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from promptship.safety._views import Road

__all__ = ["Finding", "drop_overlaps", "mask"]

_SHOWN_FROM: Final = 12
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found in a text.

    Attributes:
        kind: What it is: `email`, `iban`, `github-token`, `override` …
        shown: A masked form for reports and logs, which never holds the whole.
        start: Where it begins in the view named by `road`; of an ASCII text the canonical view is the text itself,
            its control characters apart.
        end: Where it ends there.
        road: How the text had to be read to see it.
        weight: How sure the detector is of this finding alone, 0 to 1.
    """

    kind: str
    shown: str
    start: int
    end: int
    road: Road
    weight: float = 1.0


def mask(text: str) -> str:
    """Return a form that tells two secrets apart and gives neither away.

    Example:
        >>> mask("ghp_16C7e42F292c6912E7710c838347Ae178B4a"), mask("12345678")
        ('ghp_…(40 characters)', '…(8 characters)')
    """
    return f"{text[:_SHOWN] if len(text) >= _SHOWN_FROM else ''}…({len(text)} characters)"


def drop_overlaps(findings: list[Finding]) -> list[Finding]:
    """Keep, of findings in one view that overlap, the one that begins first and reaches furthest."""
    kept: list[Finding] = []
    for found in sorted(findings, key=lambda finding: (finding.start, -finding.end)):
        if not kept or found.start >= kept[-1].end:
            kept.append(found)
    return kept
