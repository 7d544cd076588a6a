"""Which cases are set aside: cases of one origin together, by what they are and not by where they stand."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from promptship.domain import digest_of

if TYPE_CHECKING:
    from promptship.domain import Case

__all__ = ["is_held_out"]


def is_held_out(case: Case, share: float) -> bool:
    """Tell whether a case belongs to the share that is set aside.

    A case stays where it is when others are added, moved or removed, and when its id or its expected output changes.

    Args:
        case: The case.
        share: 0 to 1.
    """
    # Cases of one origin answer alike: one of them seen would tell of the others.
    origin = f"cluster\0{case.cluster}" if case.cluster else f"case\0{digest_of(case.inputs)}"
    drawn = hashlib.sha256(f"holdout\0{origin}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(drawn[:8]) < share * 2**64
