"""Rows that come in from outside the store, without anything of SQL."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BlobRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRow:
    """A row of the table `blob`; see there."""

    digest: str
    media_type: str
    size: int
    content: bytes | None
    salt: bytes | None = None
    subject: str | None = None
    created_at: str
    erased_at: str | None = None
