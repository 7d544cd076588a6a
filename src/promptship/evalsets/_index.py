"""A compact multimap from hashes to numbers: 24 bytes an entry where a dict would take some 200."""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PackedIndex", "hash_key"]

_ENTRY = Struct("<16sQ")
_NUMBER = Struct("<Q")
_KEY_SIZE = 16
_BUCKETS = 1024


def hash_key(*parts: str) -> bytes:
    """Return 16 bytes that stand for `parts`; two lists of parts share them by chance once in 2^64 entries."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=_KEY_SIZE).digest()


class PackedIndex:
    """Numbers by key; a key may have several."""

    def __init__(self) -> None:
        self._buckets = [bytearray() for _ in range(_BUCKETS)]
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, key: bytes, number: int) -> None:
        """Add an entry.

        Args:
            key: From `hash_key`.
            number: 0 to 2^64 - 1.
        """
        self._buckets[(key[0] << 2) | (key[1] & 3)] += _ENTRY.pack(key, number)
        self._size += 1

    def find(self, key: bytes) -> int | None:
        """Return the first number added for `key`; None where there is none."""
        bucket = self._buckets[(key[0] << 2) | (key[1] & 3)]
        at = bucket.find(key)
        while at % _ENTRY.size:
            # A match across two entries, or the end (-1): look on from there.
            if at < 0:
                return None
            at = bucket.find(key, at + 1)
        found: int = _NUMBER.unpack_from(bucket, at + _KEY_SIZE)[0]
        return found

    def repeated(self) -> Iterator[tuple[int, int]]:
        """Yield (first number, later number) for each later entry of a key, by bucket."""
        for bucket in self._buckets:
            first: dict[bytes, int] = {}
            for key, number in _ENTRY.iter_unpack(bucket):
                if key in first:
                    yield first[key], number
                else:
                    first[key] = number
