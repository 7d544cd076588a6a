"""Models of this machine: fetching and converting their weights, batching, generating, choosing, measuring.

torch and transformers are imported when a model is loaded, never before. Pace, cache and money are the hub's.
"""

from promptship.models.local._folders import PulledModel, list_pulled
from promptship.models.local._instruments import (
    open_classifier,
    open_embedder,
    open_language_model,
    open_token_matcher,
)
from promptship.models.local._model import LocalModel, open_local
from promptship.models.local._pull import PullProgress, pull_model
from promptship.models.local._sources import snapshot_of
from promptship.models.local._tokenizers import count_tokens

__all__ = [
    "LocalModel",
    "PullProgress",
    "PulledModel",
    "count_tokens",
    "list_pulled",
    "open_classifier",
    "open_embedder",
    "open_language_model",
    "open_local",
    "open_token_matcher",
    "pull_model",
    "snapshot_of",
]
