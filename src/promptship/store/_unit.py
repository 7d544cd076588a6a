"""A unit of work: what one command reads or writes, all of it in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.store._blobs import Blobs
from promptship.store._ledger import Ledger
from promptship.store._records import Records
from promptship.store._states import States
from promptship.store._tokens import Requests, Tokens
from promptship.store._versions import Versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from promptship.domain import LedgerHead

__all__ = ["UnitOfWork"]


class UnitOfWork:
    """One transaction. Get it from `Store.read` or `Store.write`.

    Attributes:
        versions: Prompts and their versions.
        states: What follows from the ledger and may change: labels, tags, tombstones.
        ledger: The events.
        blobs: Content by digest.
        records: Evalsets and runs.
        tokens: Tokens of a server.
        requests: Requests that are done once only.
    """

    def __init__(self, connection: Connection) -> None:
        self.versions = Versions(connection)
        self.states = States(connection)
        self.ledger = Ledger(connection)
        self.blobs = Blobs(connection)
        self.records = Records(connection)
        self.tokens = Tokens(connection)
        self.requests = Requests(connection)

    @property
    def head(self) -> LedgerHead:
        """The last event; of a writing unit nobody else can add one before it ends."""
        return self.ledger.head
