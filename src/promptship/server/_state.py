"""What a worker keeps between requests: good tokens, resolved references, and how far the ledger was then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

from promptship.registry import match_token
from promptship.server._limits import Buckets
from promptship.server._metrics import Metrics

if TYPE_CHECKING:
    from promptship.domain import StoredToken
    from promptship.registry import Registry
    from promptship.server._options import ServerOptions
    from promptship.store import HeadWatch

__all__ = ["Resolved", "ServerState", "etag_of"]

_MOST_RESOLVED = 100_000
_MOST_EVENTS = 1_000


@dataclass(frozen=True, slots=True)
class Resolved:
    """An answer to `resolve`, ready to be sent."""

    prompt: str
    etag: bytes
    body: bytes


def etag_of(body: bytes) -> str:
    """Return a strong validator of an answer."""
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


class ServerState:
    """One worker's memory. It belongs to the thread of the event loop.

    Whatever is kept follows from the ledger, so the number of its last event, asked before each request, says whether
    it still holds. Events that came since name the prompts whose answers do not.

    Attributes:
        registry: What is served.
        options: How.
        metrics: What was done.
        reads: How often a token may read.
        writes: How often a token may write.
        failures: How often an address may present a wrong token.
        seq: Number of the last event that was looked at; None where the ledger cannot be watched.
        is_stopped: Whether the server is going away.
    """

    def __init__(self, registry: Registry, options: ServerOptions) -> None:
        self.registry = registry
        self.options = options
        self.metrics = Metrics()
        self.reads = Buckets(options.reads_per_s)
        self.writes = Buckets(options.writes_per_s)
        self.failures = Buckets(options.failures_per_min / 60, holds=options.failures_per_min)
        self.seq: int | None = None
        self.is_stopped = False
        self._watch: HeadWatch | None = None
        self._tokens: dict[str, StoredToken] = {}
        self._resolved: dict[str, dict[bytes, Resolved]] = {}
        self._prompts: dict[bytes, str] = {}

    def start(self) -> None:
        """Begin to watch the ledger."""
        self._watch = self.registry.feed.watch()

    def stop(self) -> None:
        """Stop watching, and let streams end."""
        self.is_stopped = True
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def refresh(self) -> None:
        """Forget what no longer holds.

        Raises:
            StorageError: The registry cannot be read.
        """
        seq = self._watch.seq() if self._watch is not None else None
        if seq is not None and seq == self.seq:
            return
        self._catch_up(seq)
        self.seq = seq

    def _catch_up(self, seq: int | None) -> None:
        behind = self.seq
        if seq is None or behind is None or not 0 < seq - behind < _MOST_EVENTS:
            self._load_tokens()
            self._forget_all()
            return
        events = self.registry.feed.after(behind, limit=_MOST_EVENTS)
        if any(event.kind in {"token", "untoken"} for event in events):
            self._load_tokens()
        for prompt in {event.prompt for event in events if event.prompt}:
            for query in self._resolved.pop(prompt, {}):
                self._prompts.pop(query, None)
        if any(event.kind == "release" for event in events):
            # A release moves labels of prompts that its own event does not name in a column.
            self._forget_all()

    def _load_tokens(self) -> None:
        self._tokens = {token.id: token for token in self.registry.tokens.list_all()}

    def _forget_all(self) -> None:
        self._resolved.clear()
        self._prompts.clear()

    def match(self, text: str) -> StoredToken | None:
        """Return the good token that a bearer presents; None where it is none."""
        return match_token(text, self._tokens, now=_now())

    def is_good(self, token: StoredToken) -> bool:
        """Whether a token that was good is neither revoked nor expired by now."""
        found = self._tokens.get(token.id)
        return (
            found is not None and found.revoked_at is None and (found.expires_at is None or found.expires_at > _now())
        )

    def find_resolved(self, query: bytes) -> Resolved | None:
        """Return the answer to a query string, where it is known and holds."""
        prompt = self._prompts.get(query)
        return None if prompt is None or self.seq is None else self._resolved[prompt][query]

    def keep_resolved(self, query: bytes, answer: Resolved, *, seq: int | None) -> None:
        """Keep an answer that was read after event `seq`, unless something has happened since."""
        if seq is None or seq != self.seq:
            return
        if len(self._prompts) >= _MOST_RESOLVED:
            self._forget_all()
        self._prompts[query] = answer.prompt
        self._resolved.setdefault(answer.prompt, {})[query] = answer


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
