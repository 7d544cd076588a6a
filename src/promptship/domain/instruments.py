"""Models that measure: embedders, classifiers and language models whose figures become scores, and who opens them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from promptship.domain.completions import CompletionModel
    from promptship.domain.model_configs import ModelConfig
    from promptship.domain.prompts import PromptVersion

__all__ = [
    "Embedder",
    "Instruments",
    "LanguageModel",
    "PromptSource",
    "SnapshotSource",
    "TextClassifier",
    "TextLikelihood",
    "TokenMatch",
    "TokenMatcher",
]


class Embedder(Protocol):
    """Turns texts into vectors. Texts of all callers in a process share its batches."""

    @property
    def identity(self) -> str:
        """Names the model and its weights."""
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row per text, shape (texts, dimensions), of unit length where the model makes them so.

        Raises:
            ModelError: The model cannot be loaded or run.
        """
        ...


class TextClassifier(Protocol):
    """Gives each of its labels a probability for a text, or for a pair such as premise and hypothesis."""

    @property
    def identity(self) -> str:
        """Names the model and its weights."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels, as its configuration spells and orders them."""
        ...

    async def classify(self, items: Sequence[tuple[str, str | None]]) -> list[Mapping[str, float]]:
        """Return the probability of every label for each item, in order; a model of one output gives a raw figure.

        Raises:
            ModelError: The model cannot be loaded or run.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLikelihood:
    """Log-probability of a text, natural, summed over its `tokens` after the first."""

    logprob: float
    tokens: int


class LanguageModel(Protocol):
    """Says how likely a text is."""

    @property
    def identity(self) -> str:
        """Names the model and its weights."""
        ...

    async def likelihood(self, texts: Sequence[str]) -> list[TextLikelihood]:
        """Return the log-probability of each text, in order.

        Raises:
            ModelError: The model cannot be loaded or run.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMatch:
    """How far the tokens of two texts find near ones in each other; each figure at most 1, 0 where one is empty."""

    precision: float
    recall: float
    f1: float


class TokenMatcher(Protocol):
    """Compares texts token by token."""

    @property
    def identity(self) -> str:
        """Names the model, its weights, and the layer whose vectors are compared."""
        ...

    async def match(self, pairs: Sequence[tuple[str, str]]) -> list[TokenMatch]:
        """Return how each candidate matches its reference, in order.

        Raises:
            ModelError: The model cannot be loaded or run.
        """
        ...


class Instruments(Protocol):
    """Opens what scorers measure with; whoever gives it closes what it opened.

    A name that cannot be opened is a `UsageError` or `MissingExtraError` that says what to place where; weights are
    loaded at the first use.
    """

    def completion(self, name: str) -> tuple[CompletionModel, ModelConfig]:
        """Open a named model config or `provider/model` for judges, behind cache, budget and cassette."""
        ...

    def embedder(self, name: str) -> Embedder:
        """Open an embedder; "" for the default."""
        ...

    def token_matcher(self, name: str) -> TokenMatcher:
        """Open an encoder that compares texts token by token; "" for the default embedder."""
        ...

    def classifier(self, name: str) -> TextClassifier:
        """Open a text classifier or cross-encoder by hub id or folder."""
        ...

    def language_model(self, name: str) -> LanguageModel:
        """Open a causal language model that rates texts; "" for the default."""
        ...


@runtime_checkable
class SnapshotSource(Protocol):
    """Instruments that can tell two models of one name apart. Others need not."""

    def snapshot(self, config: ModelConfig) -> str:
        """Name the weights of a model whose own name says nothing of them; "" where it does."""
        ...


class PromptSource(Protocol):
    """Where a judge's prompt comes from when a project has its own."""

    def find_prompt(self, name: str) -> PromptVersion | None:
        """Load and close the prompt of that name; None where the project has none.

        Raises:
            SourceError: It is there and wrong.
        """
        ...
