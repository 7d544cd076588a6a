"""What people write into a registry: messages, reasons, labels, tags, times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from promptship.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptship.domain import LedgerHead

__all__ = ["LATEST", "check_label", "check_tags", "check_text", "format_time", "next_time", "parse_time"]

LATEST = "latest"
"""Stands for the largest number that was not withdrawn; no label may be called so."""

_LABEL = re.compile(r"[a-z][a-z0-9-]{0,62}")
_TAG = re.compile(r"\w[\w.:/+-]{0,62}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|[\ud800-\udfff]")
_LONGEST = 10_000
# Clocks of machines that keep time by NTP differ by less; what a writer waits for the ledger's lock is in it.
_TOLERANCE = timedelta(seconds=5)


def check_text(name: str, text: str) -> str:
    """Return a text as it will be kept: without white space at its ends.

    Raises:
        UsageError: It is too long, or holds control characters.
    """
    kept = text.replace("\r\n", "\n").strip()
    if len(kept) > _LONGEST:
        raise UsageError(f"{name}: {len(kept):,} characters; at most {_LONGEST:,} are kept")
    if found := _CONTROL.search(kept):
        raise UsageError(f"{name}: holds the control character {found[0]!r}", hint="write plain text")
    return kept


def check_label(label: str) -> str:
    """Return a label's name.

    Raises:
        UsageError: It is no name, or stands for something else.
    """
    if not _LABEL.fullmatch(label):
        raise UsageError(f"{label!r} is not a label", hint="a label is like 'production': a-z, 0-9 and '-', 63 at most")
    if label == LATEST:
        raise UsageError(f"{label!r} always stands for the newest version", hint="choose another label")
    return label


def check_tags(tags: Iterable[str]) -> list[str]:
    """Return tags, each once, sorted.

    Raises:
        UsageError: One is none.
    """
    found = sorted(set(tags))
    for tag in found:
        if not _TAG.fullmatch(tag):
            hint = "a tag is one word of letters, digits and '_.:/+-', 63 at most"
            raise UsageError(f"{tag!r} is not a tag", hint=hint)
    return found


def format_time(time: datetime) -> str:
    """Return a time as the ledger writes it: UTC, always to the microsecond, so that texts sort as times do."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str) -> str:
    """Read an ISO 8601 date or time; without a zone it is UTC, and a date is its beginning.

    Raises:
        UsageError: It is none.

    Example:
        >>> parse_time("2026-11-23T10:00+01:00")
        '2026-11-23T09:00:00.000000Z'
    """
    try:
        time = datetime.fromisoformat(text)
        return format_time(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        hint = "write it like 2026-11-23 or 2026-11-23T09:30:00+01:00"
        raise UsageError(f"{text!r} is not a date or time", hint=hint) from None


def next_time(head: LedgerHead, now: datetime) -> str:
    """Return the time of the next event: now, or that of the last event where a clock is a little behind.

    Raises:
        StorageError: The clock is further behind the last event than clocks differ.
    """
    if not head.at or format_time(now) >= head.at:
        return format_time(now)
    last = datetime.fromisoformat(head.at)
    if last - now > _TOLERANCE:
        raise StorageError(
            f"this machine's clock says {format_time(now)}, but the ledger's last event is of {head.at}",
            hint="set the clock; nothing was written",
        )
    return head.at
