"""Embeddings that were computed before, kept in one SQLite file that any number of processes may share."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from promptship.models._cache import BlobCache

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["VectorCache", "vector_key"]


class VectorCache(BlobCache):
    """Vectors of texts, by model and text."""

    called = "cache of embeddings"

    def get(self, keys: Iterable[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Return the vector kept under each of the keys that have one, shape (dimensions,)."""
        import numpy as np

        # Little-endian whatever the machine, so that a cache may be carried to another.
        return {
            key: np.frombuffer(body, dtype="<f4") for key, body in self.read_all(keys).items() if len(body) % 4 == 0
        }

    def put(self, key: bytes, vector: NDArray[np.float32]) -> None:
        """Keep a vector."""
        self.write(key, vector.astype("<f4").tobytes())


def vector_key(identity: str, text: str) -> bytes:
    """Return the key of a text's vector by the model called `identity`: 32 bytes."""
    digest = _begin(identity).copy()
    # Half of a surrogate pair is no text, but an output may hold one, and it has a key like any other.
    digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.digest()


# Two lookups for each pair of a run: what all keys of a model begin with is digested once.
@lru_cache(maxsize=16)
def _begin(identity: str) -> hashlib._Hash:
    return hashlib.sha256(f"promptship-vector-1\n{identity}\n".encode())
