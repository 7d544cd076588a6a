"""How a server is run."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ServerOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What whoever runs a server decides; nothing of it comes from a client.

    Attributes:
        hosts: Names that a request's `Host` may have, without port; empty for any.
        anonymous_reads: Whether reading takes no token.
        largest_body: Bytes of a body, those of runs and evalsets apart.
        largest_record: Bytes of a body that is a run or an evalset.
        reads_per_s: What one token may read, per worker.
        writes_per_s: What one token may write, per worker.
        failures_per_min: Wrong tokens that one address may present, per worker.
        body_timeout_s: Seconds that a sender may pause within a body.
        streams: Change streams that a worker serves at once.
        policy: The policy file, as clients may read it.
    """

    hosts: tuple[str, ...] = ()
    anonymous_reads: bool = False
    largest_body: int = 2_000_000
    largest_record: int = 64_000_000
    reads_per_s: float = 5_000
    writes_per_s: float = 200
    failures_per_min: float = 20
    body_timeout_s: float = 20
    streams: int = 200
    policy: bytes = b""
