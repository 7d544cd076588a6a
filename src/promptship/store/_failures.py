"""What databases say when they fail, as errors of ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from promptship.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["storage_errors"]

_RULES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("database is locked", "lock timeout", "canceling statement due to lock"),
        "another process holds it; run the command again, and end the other process if it hangs",
    ),
    (
        ("malformed", "not a database", "invalid page", "disk i/o error"),
        "the file is damaged: promptctl db restore BACKUP",
    ),
    (("disk is full", "no space left"), "free some space; nothing of this command was written"),
    (("readonly", "read-only", "unable to open"), "the registry's folder must exist and be writable"),
    (
        ("password authentication", "no password supplied"),
        "check user and password of the registry's URL, or ~/.pgpass",
    ),
    (("permission denied",), "the role may not do this; the owner grants it: promptctl db upgrade --grant ROLE"),
    (
        ("append-only", "never replaced", "follows the last one", "may be erased"),
        "the registry keeps what it has; a label moves and a version is withdrawn by commands of their own",
    ),
    (
        ("connection refused", "could not connect", "connection failed", "server closed", "terminating connection"),
        "is PostgreSQL running, and reachable from here? Commands may be repeated: a push is done once",
    ),
)


@contextmanager
def storage_errors(doing: str, place: str) -> Iterator[None]:
    """Turn what a database says within the block into a StorageError.

    Args:
        doing: What was tried, `read`, `write`.
        place: The registry, without a password.
    """
    try:
        yield
    except SQLAlchemyError as error:
        reason = _reason(error)
        raise StorageError(f"cannot {doing} {place!r}: {reason}", hint=_hint(reason)) from error


def _reason(error: SQLAlchemyError) -> str:
    """Return the database's own words, on one line."""
    said = str(error.orig) if isinstance(error, DBAPIError) and error.orig else str(error)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("CONTEXT")), type(error).__name__)


def _hint(reason: str) -> str | None:
    said = reason.casefold()
    return next((hint for words, hint in _RULES if any(word in said for word in words)), None)
