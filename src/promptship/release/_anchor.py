"""Anchors: the ledger's head, written down where the database's owner cannot rewrite it.

A hash chain shows a changed event, but not a chain that was made anew from the changed event on. An anchor does: the
event that it names must still have the hash that it had.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

from promptship.errors import Problem, SourceError, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptship.registry import LogEntry

__all__ = ["Anchor", "check_anchors", "load_anchors", "save_anchor", "send_anchor"]

_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The head of a ledger at a time: number, hash and time (ISO 8601 UTC) of its last event."""

    seq: int
    hash: str
    at: str


def save_anchor(path: Path, anchor: Anchor) -> None:
    """Add an anchor as a line of a file; one that is its last line already is not added again.

    Raises:
        SourceError: The file holds what is no anchor.
        StorageError: It cannot be written.
    """
    known = load_anchors(path) if path.exists() else []
    if known and known[-1] == anchor:
        return
    try:
        with path.open("ab") as file:
            file.write(orjson.dumps(asdict(anchor)) + b"\n")
    except OSError as error:
        raise StorageError(f"cannot write {str(path)!r}: {error.strerror}") from None


def send_anchor(url: str, anchor: Anchor) -> None:
    """Post an anchor as JSON to whoever keeps it: a log, a chat, a time-stamping service.

    Args:
        url: `https://…` or `http://…`; it is sent nowhere else, so a redirect is an error.
        anchor: The head; it tells no name and no content.

    Raises:
        UsageError: The URL is none.
        StorageError: It was not taken, as far as is known.
    """
    import httpx

    try:
        answer = httpx.post(
            url, content=orjson.dumps(asdict(anchor)), headers={"content-type": "application/json"}, timeout=_TIMEOUT_S
        )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise UsageError(f"{url!r} is not a URL", hint="write it like https://log.example.org/anchors") from None
    except httpx.HTTPError as error:
        raise StorageError(f"{url!r} did not take the anchor: {str(error) or type(error).__name__}") from None
    if not answer.is_success:
        raise StorageError(f"{url!r} did not take the anchor: it answered {answer.status_code}")


def load_anchors(path: Path) -> list[Anchor]:
    """Read the anchors of a file.

    Raises:
        SourceError: A line is no anchor; all such lines are named.
        StorageError: The file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StorageError(f"cannot read {str(path)!r}: {error.strerror}", hint="promptctl anchor FILE") from None
    found, problems = [], []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(Anchor(**orjson.loads(line)))
        except (orjson.JSONDecodeError, TypeError):
            problems.append(Problem(message="this is no anchor", path=path, line=number))
    if problems:
        raise SourceError(problems)
    return found


def check_anchors(anchors: Sequence[Anchor], entries: Sequence[LogEntry]) -> list[str]:
    """Return what contradicts the anchors; [] where the ledger is still the one that was anchored.

    Args:
        anchors: What was written down.
        entries: The ledger's events.
    """
    hashes = {entry.seq: entry.hash for entry in entries}
    found = []
    for anchor in anchors:
        now = hashes.get(anchor.seq)
        if now is None:
            found.append(f"event {anchor.seq}, anchored on {anchor.at[:19]}, is gone")
        elif now != anchor.hash:
            said = f"had the hash {anchor.hash[:19]}… and has {now[:19]}…"
            found.append(f"event {anchor.seq}, anchored on {anchor.at[:19]}, {said}: the chain was made anew")
    return found
