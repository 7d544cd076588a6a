"""Models of this machine that measure texts, one of each in a process, in shared batches."""

from __future__ import annotations

import importlib.util
import threading
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from promptship.errors import MissingExtraError
from promptship.models._vectors import vector_key
from promptship.models.local._batches import Batcher
from promptship.models.local._measuring import (
    best_layer,
    load_classifier,
    load_embedder,
    load_likelihood,
    load_token_matcher,
    read_config,
    read_labels,
)
from promptship.models.local._sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from promptship.domain import TextLikelihood, TokenMatch
    from promptship.models._vectors import VectorCache
    from promptship.models.local._pull import PullProgress
    from promptship.models.local._sources import Source

    Pair = tuple[str, str | None]

__all__ = [
    "DEFAULT_EMBEDDER",
    "DEFAULT_LANGUAGE_MODEL",
    "LocalClassifier",
    "LocalEmbedder",
    "LocalLanguageModel",
    "LocalTokenMatcher",
    "open_classifier",
    "open_embedder",
    "open_language_model",
    "open_token_matcher",
]

DEFAULT_EMBEDDER = "all-minilm-l6-v2"
DEFAULT_LANGUAGE_MODEL = "smollm2-135m-instruct"

_MOST_ROWS = 32
_EMBEDDED_AT_ONCE = 64
# Of 384 figures each these are 3 MB.
_MOST_RECENT = 2_048


class LocalEmbedder:
    """A sentence-transformers model.

    Args:
        source: Its weights.
        vectors: Embeddings that were computed before; None to compute all.
    """

    def __init__(self, source: Source, vectors: VectorCache | None) -> None:
        self._source = source
        self._batches = _shared(load_embedder, source, size_of=len, most_rows=_EMBEDDED_AT_ONCE)
        self._vectors = vectors
        self._recent: dict[bytes, NDArray[np.float32]] = {}

    @cached_property
    def identity(self) -> str:
        """See `Embedder.identity`."""
        return f"sentence-transformers:{self._source.identity}"

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`."""
        import numpy as np

        identity, vectors = self.identity, self._vectors
        keys = [vector_key(identity, text) for text in texts]
        known = self._recall(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            for key, vector in zip(missing, await self._batches.run(list(missing.values())), strict=True):
                known[key] = vector
                if vectors is not None:
                    vectors.put(key, vector)
        self._remember(known)
        # Not np.stack, which takes longer over two rows than it takes to find them in the cache.
        return np.array([known[key] for key in keys]) if keys else np.zeros((0, 0), dtype=np.float32)

    def _recall(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        recent = self._recent
        known = {key: recent[key] for key in keys if key in recent}
        if self._vectors is not None and len(known) < len(keys):
            known.update(self._vectors.get(key for key in keys if key not in known))
        return known

    def _remember(self, known: Mapping[bytes, NDArray[np.float32]]) -> None:
        # What all cases are compared with comes again with each; what has not come again for so long may go.
        if len(self._recent) >= _MOST_RECENT:
            self._recent.clear()
        self._recent.update(known)


class LocalTokenMatcher:
    """A transformers encoder that compares texts token by token.

    Args:
        source: Its weights.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._batches = _shared(load_token_matcher, source, size_of=_size_of_pair)

    @cached_property
    def identity(self) -> str:
        """See `TokenMatcher.identity`."""
        return f"transformers:{self._source.identity}-L{best_layer(read_config(self._source.folder))}"

    async def match(self, pairs: Sequence[tuple[str, str]]) -> list[TokenMatch]:
        """See `TokenMatcher.match`."""
        return await self._batches.run(pairs)


class LocalClassifier:
    """A transformers model that classifies texts or pairs of them.

    Args:
        source: Its weights.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._batches = _shared(load_classifier, source, size_of=_size_of_pair)

    @cached_property
    def identity(self) -> str:
        """See `TextClassifier.identity`."""
        return f"transformers:{self._source.identity}"

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """See `TextClassifier.labels`."""
        return read_labels(read_config(self._source.folder))

    async def classify(self, items: Sequence[Pair]) -> list[Mapping[str, float]]:
        """See `TextClassifier.classify`."""
        return await self._batches.run(items)


class LocalLanguageModel:
    """A causal transformers model that says how likely texts are.

    Args:
        source: Its weights.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._batches = _shared(load_likelihood, source, size_of=len)

    @cached_property
    def identity(self) -> str:
        """See `LanguageModel.identity`."""
        return f"transformers:{self._source.identity}"

    async def likelihood(self, texts: Sequence[str]) -> list[TextLikelihood]:
        """See `LanguageModel.likelihood`."""
        return await self._batches.run(texts)


def open_embedder(
    name: str,
    *,
    cache_dir: Path,
    vectors: VectorCache | None = None,
    on_pull: Callable[[PullProgress], None] | None = None,
) -> LocalEmbedder:
    """Open an embedder. It is fetched if it is not here, and loaded when it is first used.

    Args:
        name: A name of the catalog, a hub repository, or a folder; "" for all-MiniLM-L6-v2.
        cache_dir: Where fetched models lie.
        vectors: Embeddings that were computed before.
        on_pull: Told what is being done when the model has to be fetched.

    Raises:
        UsageError: No such model, or it is not here and cannot be fetched.
        MissingExtraError: The packages for local models are not installed.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise MissingExtraError("sentence-transformers", extra="local", needed_for="embeddings")
    source = open_source(name or DEFAULT_EMBEDDER, cache_dir=cache_dir, on_pull=on_pull)
    return LocalEmbedder(source, vectors)


def open_token_matcher(
    name: str, *, cache_dir: Path, on_pull: Callable[[PullProgress], None] | None = None
) -> LocalTokenMatcher:
    """Open an encoder that compares texts token by token; "" for all-MiniLM-L6-v2. As `open_embedder` does.

    Raises:
        UsageError: No such model, or it is not here and cannot be fetched.
        MissingExtraError: The packages for local models are not installed.
    """
    return LocalTokenMatcher(open_source(name or DEFAULT_EMBEDDER, cache_dir=cache_dir, on_pull=on_pull))


def open_classifier(
    name: str, *, cache_dir: Path, on_pull: Callable[[PullProgress], None] | None = None
) -> LocalClassifier:
    """Open a text classifier, cross-encoder or reward model. As `open_embedder` does.

    Raises:
        UsageError: No such model, or it is not here and cannot be fetched.
        MissingExtraError: The packages for local models are not installed.
    """
    return LocalClassifier(open_source(name, cache_dir=cache_dir, on_pull=on_pull))


def open_language_model(
    name: str, *, cache_dir: Path, on_pull: Callable[[PullProgress], None] | None = None
) -> LocalLanguageModel:
    """Open a causal language model that rates texts; "" for the default local model. As `open_embedder` does.

    Raises:
        UsageError: No such model, or it is not here and cannot be fetched.
        MissingExtraError: The packages for local models are not installed.
    """
    return LocalLanguageModel(open_source(name or DEFAULT_LANGUAGE_MODEL, cache_dir=cache_dir, on_pull=on_pull))


# One model in a process, whoever opens it: the folder a name means does not change while the process lives.
_BATCHES: dict[tuple[str, Path], Batcher[Any, Any]] = {}
_OPENING = threading.Lock()


def _shared(
    load: Callable[[Path], Callable[[Sequence[Any]], Sequence[Any]]],
    source: Source,
    *,
    size_of: Callable[[Any], int],
    most_rows: int = _MOST_ROWS,
) -> Batcher[Any, Any]:
    key = (load.__name__, source.folder.resolve())
    with _OPENING:
        if key not in _BATCHES:
            _BATCHES[key] = Batcher(partial(load, source.folder), size_of=size_of, most_rows=most_rows)
        return _BATCHES[key]


def _size_of_pair(pair: Pair) -> int:
    return len(pair[0]) + len(pair[1] or "")
