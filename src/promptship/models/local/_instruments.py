"""Embedders, classifiers and causal language models of this machine, one of each in a process, in shared batches."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from promptship.domain import TextLikelihood
from promptship.errors import MissingExtraError
from promptship.models._vectors import vector_key
from promptship.models.local._batches import Batcher
from promptship.models.local._convert import quiet_transformers
from promptship.models.local._folders import find_folder, folder_of
from promptship.models.local._pull import pull_model, require_local_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from promptship.models._vectors import VectorCache
    from promptship.models.local._pull import PullProgress

    Pair = tuple[str, str | None]

__all__ = [
    "DEFAULT_EMBEDDER",
    "DEFAULT_LANGUAGE_MODEL",
    "LocalClassifier",
    "LocalEmbedder",
    "LocalLanguageModel",
    "open_classifier",
    "open_embedder",
    "open_language_model",
]

DEFAULT_EMBEDDER = "all-minilm-l6-v2"
DEFAULT_LANGUAGE_MODEL = "smollm2-135m-instruct"

_EMBEDDED_AT_ONCE = 64
_RATED_AT_ONCE = 8
_LONGEST_TOKENS = 1_024
_ONE_OUTPUT = 1


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where an instrument's weights are.

    Attributes:
        name: A name of the catalog, a hub repository, or a folder.
        cache_dir: Where fetched models lie.
        on_pull: Told what is being done when it has to be fetched.
    """

    name: str
    cache_dir: Path
    on_pull: Callable[[PullProgress], None] | None

    def find(self) -> Path:
        """Return its folder, fetching it if need be."""
        found = find_folder(self.name, self.cache_dir)
        return found or pull_model(self.name, cache_dir=self.cache_dir, on_progress=self.on_pull).path

    @cached_property
    def identity(self) -> str:
        """Its name; of a folder a digest of the weights, since another may lie in its place tomorrow."""
        folder = find_folder(self.name, self.cache_dir)
        if folder is None or folder == folder_of(self.name, self.cache_dir):
            return self.name
        digest = hashlib.sha256()
        for path in sorted(folder.glob("*.safetensors")):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return f"sha256:{digest.hexdigest()}"


class LocalEmbedder:
    """A sentence-transformers model.

    Args:
        source: Its weights.
        vectors: Embeddings that were computed before; None to compute all.
    """

    def __init__(self, source: _Source, vectors: VectorCache | None) -> None:
        self._source = source
        self._batches = _embedder_batches(source)
        self._vectors = vectors

    @property
    def identity(self) -> str:
        """See `Embedder.identity`."""
        return f"sentence-transformers:{self._source.identity}"

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder.embed`."""
        import numpy as np

        identity, vectors = self.identity, self._vectors
        keys = [vector_key(identity, text) for text in texts]
        wanted = dict(zip(keys, texts, strict=True))
        known = {} if vectors is None else {key: found for key in wanted if (found := vectors.get(key)) is not None}
        missing = {key: text for key, text in wanted.items() if key not in known}
        for key, vector in zip(missing, await self._batches.run(list(missing.values())), strict=True):
            known[key] = vector
            if vectors is not None:
                vectors.put(key, vector)
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, 0), dtype=np.float32)


class LocalClassifier:
    """A transformers model that classifies texts or pairs of them.

    Args:
        source: Its weights.
    """

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._batches = _classifier_batches(source)

    @property
    def identity(self) -> str:
        """See `TextClassifier.identity`."""
        return f"transformers:{self._source.identity}"

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """See `TextClassifier.labels`; the model is fetched for them if need be."""
        from transformers import AutoConfig

        with quiet_transformers():
            return _labels_of(AutoConfig.from_pretrained(self._source.find(), local_files_only=True))

    async def classify(self, items: Sequence[Pair]) -> list[Mapping[str, float]]:
        """See `TextClassifier.classify`."""
        return await self._batches.run(items)


class LocalLanguageModel:
    """A causal transformers model that says how likely texts are.

    Args:
        source: Its weights.
    """

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._batches = _language_batches(source)

    @property
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
    """Open an embedder; it is fetched and loaded when it is first used.

    Args:
        name: A name of the catalog, a hub repository, or a folder; "" for all-MiniLM-L6-v2.
        cache_dir: Where fetched models lie.
        vectors: Embeddings that were computed before.
        on_pull: Told what is being done when the model has to be fetched.

    Raises:
        UsageError: No such model.
        MissingExtraError: The packages for local models are not installed.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise MissingExtraError("sentence-transformers", extra="local", needed_for="embeddings")
    return LocalEmbedder(_source_of(name or DEFAULT_EMBEDDER, cache_dir, on_pull), vectors)


def open_classifier(
    name: str, *, cache_dir: Path, on_pull: Callable[[PullProgress], None] | None = None
) -> LocalClassifier:
    """Open a text classifier or cross-encoder; likewise.

    Raises:
        UsageError: No such model.
        MissingExtraError: The packages for local models are not installed.
    """
    return LocalClassifier(_source_of(name, cache_dir, on_pull))


def open_language_model(
    name: str, *, cache_dir: Path, on_pull: Callable[[PullProgress], None] | None = None
) -> LocalLanguageModel:
    """Open a causal language model that rates texts; "" for the default local model.

    Raises:
        UsageError: No such model.
        MissingExtraError: The packages for local models are not installed.
    """
    return LocalLanguageModel(_source_of(name or DEFAULT_LANGUAGE_MODEL, cache_dir, on_pull))


def _source_of(name: str, cache_dir: Path, on_pull: Callable[[PullProgress], None] | None) -> _Source:
    require_local_packages()
    source = _Source(name=name.removeprefix("local/"), cache_dir=cache_dir, on_pull=on_pull)
    # Said now where there is no such model, before anything is paid for the cases that it is to score.
    find_folder(source.name, cache_dir)
    return source


# One model in a process, whoever opens it: the folder a name means does not change while the process lives.
_BATCHES: dict[tuple[str, str, Path], Batcher[Any, Any]] = {}


def _shared(kind: str, source: _Source, batcher: Batcher[Any, Any]) -> Batcher[Any, Any]:
    return _BATCHES.setdefault((kind, source.name, source.cache_dir), batcher)


def _embedder_batches(source: _Source) -> Batcher[str, NDArray[np.float32]]:
    def load() -> Callable[[Sequence[str]], Sequence[NDArray[np.float32]]]:
        from sentence_transformers import SentenceTransformer

        with quiet_transformers():
            model = SentenceTransformer(str(source.find()), local_files_only=True, trust_remote_code=False)

        def run(texts: Sequence[str]) -> Sequence[NDArray[np.float32]]:
            found = model.encode(list(texts), batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True)
            rows: list[NDArray[np.float32]] = list(found)
            return rows

        return run

    return _shared("embed", source, Batcher(load, size_of=len, most_rows=_EMBEDDED_AT_ONCE))


def _classifier_batches(source: _Source) -> Batcher[Pair, Mapping[str, float]]:
    def load() -> Callable[[Sequence[Pair]], Sequence[Mapping[str, float]]]:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        tokenizer, model = _load_transformer(source, AutoTokenizer, AutoModelForSequenceClassification)
        labels = _labels_of(model.config)
        longest = _longest_of(tokenizer, model.config)

        def classify(firsts: list[str], seconds: list[str] | None) -> list[Mapping[str, float]]:
            encoded = tokenizer(firsts, seconds, padding=True, truncation=True, max_length=longest, return_tensors="pt")
            with torch.inference_mode():
                logits = model(**encoded.to(model.device)).logits.float()
            # One output is a figure of its own, such as a reward; several are scores of labels that exclude each other.
            figures = logits if logits.shape[1] == _ONE_OUTPUT else logits.softmax(-1)
            return [dict(zip(labels, row, strict=True)) for row in figures.tolist()]

        def run(items: Sequence[Pair]) -> Sequence[Mapping[str, float]]:
            # A tokenizer takes texts or pairs, never both in one batch.
            texts = iter(classify(alone, None) if (alone := [one for one, two in items if two is None]) else [])
            paired = [(one, two) for one, two in items if two is not None]
            pairs = iter(classify([one for one, _ in paired], [two for _, two in paired]) if paired else [])
            return [next(texts if two is None else pairs) for _, two in items]

        return run

    return _shared("classify", source, Batcher(load, size_of=_size_of_pair))


def _language_batches(source: _Source) -> Batcher[str, TextLikelihood]:
    def load() -> Callable[[Sequence[str]], Sequence[TextLikelihood]]:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer, model = _load_transformer(source, AutoTokenizer, AutoModelForCausalLM)
        longest = _longest_of(tokenizer, model.config)
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token

        def run(texts: Sequence[str]) -> Sequence[TextLikelihood]:
            options = {"padding": True, "padding_side": "right", "truncation": True, "max_length": longest}
            encoded = tokenizer(list(texts), **options, return_tensors="pt").to(model.device)
            with torch.inference_mode():
                logits = model(**encoded).logits[:, :-1].float()
            ids, kept = encoded["input_ids"][:, 1:], encoded["attention_mask"][:, 1:].bool()
            chosen = logits.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
            sums, counts = (chosen * kept).sum(1).tolist(), kept.sum(1).tolist()
            return [TextLikelihood(logprob=total, tokens=count) for total, count in zip(sums, counts, strict=True)]

        return run

    return _shared("likelihood", source, Batcher(load, size_of=len, most_rows=_RATED_AT_ONCE))


def _load_transformer(source: _Source, tokenizer_class: Any, model_class: Any) -> tuple[Any, Any]:
    import torch

    folder = source.find()
    with quiet_transformers():
        # Never code that came with the weights, and never weights that are code.
        safely = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = tokenizer_class.from_pretrained(folder, **safely)
        model = model_class.from_pretrained(folder, **safely, use_safetensors=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return tokenizer, model.to(device).eval()


def _labels_of(config: Any) -> tuple[str, ...]:
    return tuple(str(config.id2label[index]) for index in range(config.num_labels))


def _longest_of(tokenizer: Any, config: Any) -> int:
    known = [tokenizer.model_max_length, getattr(config, "max_position_embeddings", None), _LONGEST_TOKENS]
    return min(one for one in known if isinstance(one, int) and one > 0)


def _size_of_pair(pair: Pair) -> int:
    return len(pair[0]) + len(pair[1] or "")
