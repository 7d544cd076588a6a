"""Where a registry is: the path of a SQLite file, or the URL of a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from promptship.errors import UsageError

__all__ = ["hide_password", "parse_address", "sqlite_path"]

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_HINT = "write a path, sqlite:///PATH, or postgresql+psycopg://USER@HOST:PORT/DATABASE"


def parse_address(address: str) -> URL:
    """Parse a path or URL.

    Raises:
        UsageError: It is neither, or of a database that is not supported.
    """
    if "://" not in address:
        return URL.create("sqlite", database=str(Path(address)))
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # The text may hold a password, so it is not repeated.
        raise UsageError("the registry's URL cannot be read", hint=_HINT) from None
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        return url
    if url.drivername == "postgresql+psycopg":
        return url
    raise UsageError(f"a registry cannot live in {url.render_as_string(hide_password=True)!r}", hint=_HINT)


def sqlite_path(address: str) -> Path | None:
    """Return the file that an address names; None for a PostgreSQL database.

    Raises:
        UsageError: It is neither a path nor a URL that is supported.
    """
    url = parse_address(address)
    return Path(url.database or "") if url.drivername == "sqlite" else None


def hide_password(address: str) -> str:
    """Return an address as messages may show it.

    Example:
        >>> hide_password("postgresql://app:secret@db/registry")
        'postgresql+psycopg://app:***@db/registry'
    """
    url = parse_address(address)
    return url.database or "" if url.drivername == "sqlite" else url.render_as_string(hide_password=True)
