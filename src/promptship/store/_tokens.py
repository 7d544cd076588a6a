"""Tokens of a server, and the requests that may be done once only."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update

from promptship.domain import StoredToken, parse_scope
from promptship.store._models import METADATA

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection, Row

__all__ = ["Requests", "Tokens"]

_TOKEN = METADATA.tables["token"]
_REQUEST = METADATA.tables["request_key"]
_OF_KEY = (_REQUEST.c.token_id == bindparam("of_token"), _REQUEST.c.key == bindparam("of_key"))
_FIND = select(_REQUEST.c.fingerprint, _REQUEST.c.status, _REQUEST.c.body).where(*_OF_KEY)


class Tokens:
    """Tokens by their id. One that is there is revoked, never changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: StoredToken, *, seq: int) -> None:
        """Add a token, made by event `seq`."""
        row = {**asdict(token), "scopes": " ".join(map(str, token.scopes)), "event_seq": seq}
        self._connection.execute(insert(_TOKEN).values(row))

    def all(self) -> list[StoredToken]:
        """Return all tokens, the revoked ones too, in the order they were made."""
        return [_as_token(row) for row in self._connection.execute(select(*_TOKEN.c).order_by(_TOKEN.c.event_seq))]

    def find(self, token_id: str) -> StoredToken | None:
        """Return a token; None where there is none of that id."""
        row = self._connection.execute(select(*_TOKEN.c).where(_TOKEN.c.id == token_id)).one_or_none()
        return None if row is None else _as_token(row)

    def revoke(self, token_id: str, *, at: str) -> None:
        """Let a token be good no longer."""
        chosen = (_TOKEN.c.id == token_id, _TOKEN.c.revoked_at.is_(None))
        self._connection.execute(update(_TOKEN).where(*chosen).values(revoked_at=at))


class Requests:
    """Requests with a key of their sender, so that none is done twice."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, token_id: str, key: str) -> tuple[str, int | None, bytes | None] | None:
        """Return fingerprint, status and body of the answer (None before there is one); None where the key is new."""
        row = self._connection.execute(_FIND, {"of_token": token_id, "of_key": key}).one_or_none()
        return None if row is None else (row.fingerprint, row.status, row.body)

    def claim(self, token_id: str, key: str, *, fingerprint: str, at: str) -> None:
        """Note that a request is done in this unit."""
        self._connection.execute(
            insert(_REQUEST).values(token_id=token_id, key=key, fingerprint=fingerprint, created_at=at)
        )

    def answer(self, token_id: str, key: str, *, status: int, body: bytes) -> None:
        """Keep what a request was answered."""
        named = {"of_token": token_id, "of_key": key}
        self._connection.execute(update(_REQUEST).where(*_OF_KEY).values(status=status, body=body), named)

    def forget(self, before: str) -> None:
        """Forget requests made before a time, ISO 8601 UTC."""
        self._connection.execute(delete(_REQUEST).where(_REQUEST.c.created_at < before))


def _as_token(row: Row[Any]) -> StoredToken:
    facts = {name: value for name, value in row._mapping.items() if name != "event_seq"}  # noqa: SLF001 - SQLAlchemy's way
    return StoredToken(**{**facts, "scopes": tuple(map(parse_scope, row.scopes.split()))})
