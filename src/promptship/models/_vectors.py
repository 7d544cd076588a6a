"""Embeddings that were computed before, kept in one SQLite file that any number of processes may share."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from promptship.models._cache import BlobCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["VectorCache", "vector_key"]


class VectorCache(BlobCache):
    """Vectors of texts, by model and text."""

    called = "cache of embeddings"

    def get(self, key: bytes) -> NDArray[np.float32] | None:
        """Return the vector kept under `key`, shape (dimensions,); None where there is none."""
        import numpy as np

        body = self.read(key)
        # Little-endian whatever the machine, so that a cache may be carried to another.
        return None if body is None or len(body) % 4 else np.frombuffer(body, dtype="<f4")

    def put(self, key: bytes, vector: NDArray[np.float32]) -> None:
        """Keep a vector."""
        self.write(key, vector.astype("<f4").tobytes())


def vector_key(identity: str, text: str) -> bytes:
    """Return the key of a text's vector by the model called `identity`: 32 bytes."""
    digest = hashlib.sha256(f"promptship-vector-1\n{identity}\n".encode())
    # Half of a surrogate pair is no text, but an output may hold one, and it has a key like any other.
    digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.digest()
