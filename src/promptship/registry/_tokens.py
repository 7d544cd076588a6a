"""A registry's tokens: made, revoked and checked. The ledger says of each who made it and what it may do."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from promptship.domain import StoredToken, parse_scope
from promptship.errors import ReferenceNotFoundError, UsageError
from promptship.registry._texts import check_text, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from promptship.domain import Actor, ActorKind
    from promptship.registry._change import Change
    from promptship.store import Store

__all__ = ["NewToken", "TokenDesk", "match_token"]

_TOKEN = re.compile(r"ps_([0-9a-f]{12})_([\w-]{43})")
_LONGEST_LIFE_S = 3650 * 86_400
_MOST_SCOPES = 50
_NOBODY = hashlib.sha256(b"no token has this hash").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token just made. `text` is the whole of it, which nobody can find out again."""

    token: StoredToken
    text: str


class TokenDesk:
    """The tokens of one registry. Every change is one transaction and an event of the ledger."""

    def __init__(
        self, store: Store, begin: Callable[[Actor], AbstractContextManager[Change]], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._begin = begin
        self._clock = clock

    def list_all(self) -> list[StoredToken]:
        """Return all tokens, the revoked and expired ones too, in the order they were made."""
        with self._store.read() as unit:
            return unit.tokens.all()

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        actor: Actor,
        kind: ActorKind = "human",
        lifetime_s: float | None = None,
    ) -> NewToken:
        """Make a token.

        Args:
            name: Whose it is; what is done with it is done by an actor of this name.
            scopes: What it may do, such as `read` or `promote:payments/*:production`.
            actor: Who makes it.
            kind: Whose it is: a person's, a CI job's, or a service's.
            lifetime_s: Seconds until it expires; None for never.

        Raises:
            UsageError: The name, a scope or the time is wrong.
        """
        kept = check_text("name", name)
        if not kept or "\n" in kept:
            raise UsageError("a token has a name of one line", hint="name who or what uses it: ci-main, ada")
        chosen = tuple(dict.fromkeys(map(parse_scope, scopes)))
        if not 0 < len(chosen) <= _MOST_SCOPES:
            raise UsageError(f"a token has 1 to {_MOST_SCOPES} scopes, not {len(chosen)}", hint="--scope read")
        if lifetime_s is not None and not 0 < lifetime_s <= _LONGEST_LIFE_S:
            raise UsageError(f"a token lives for up to ten years, not {lifetime_s:g} s")
        token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        expires_at = None if lifetime_s is None else format_time(self._clock() + timedelta(seconds=lifetime_s))
        with self._begin(actor) as change:
            token = StoredToken(
                id=token_id,
                name=kept,
                kind=kind,
                # 256 random bits cannot be guessed, so a slow hash, which protects what people think up, would only
                # make each request slow.
                hash=_hash(secret),
                scopes=chosen,
                created_at=change.at,
                created_by=actor.name,
                expires_at=expires_at,
            )
            self._record(change, token)
        return NewToken(token=token, text=f"ps_{token_id}_{secret}")

    def revoke(self, token_id: str, *, actor: Actor, reason: str = "") -> StoredToken:
        """Let a token be good no longer; once.

        Raises:
            ReferenceNotFoundError: There is no such token.
        """
        with self._begin(actor) as change:
            token = change.unit.tokens.find(token_id)
            if token is None:
                raise ReferenceNotFoundError(f"there is no token {token_id!r}", hint="promptctl token list")
            if token.revoked_at is None:
                said = {"id": token.id, "name": token.name, "reason": check_text("reason", reason)}
                change.record("untoken", facts=dict(said))
                change.unit.tokens.revoke(token.id, at=change.at)
                token = replace(token, revoked_at=change.at)
            return token

    def _record(self, change: Change, token: StoredToken) -> None:
        event = change.record(
            "token",
            facts={
                "id": token.id,
                "name": token.name,
                "kind_of_bearer": token.kind,
                "scopes": " ".join(map(str, token.scopes)),
                "hash": token.hash,
                "expires_at": token.expires_at,
            },
        )
        change.unit.tokens.add(token, seq=event.seq)


def match_token(text: str, known: dict[str, StoredToken], *, now: str) -> StoredToken | None:
    """Return the token that a bearer presents; None where it is none that is good.

    Args:
        text: What was presented.
        known: All tokens by id.
        now: ISO 8601 UTC.
    """
    match = _TOKEN.fullmatch(text)
    found = known.get(match[1]) if match else None
    # Compared whether there is one or not, so that the time taken does not tell which ids exist.
    same = hmac.compare_digest(_hash(match[2] if match else ""), found.hash if found else _NOBODY)
    if not same or found is None or found.revoked_at is not None:
        return None
    return None if found.expires_at is not None and found.expires_at <= now else found


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
