"""Models: one interface to complete, whether over HTTP, through litellm, on this machine, recorded or scripted.

Here live the hub that opens models by config, the layers around each call (cassette, cache, fallbacks, retries, pace,
budget), the transport for OpenAI-compatible APIs, and the only door to litellm, aiohttp and torch. Not here: reading
`models.yaml` (`project`), rendering prompts (`prompts`), and what is done with an answer (`runner`, `scorers`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from promptship.models._budget import Budget
from promptship.models._cache import CacheWarning, ResponseCache
from promptship.models._cassette import Cassette
from promptship.models._check import ModelCheck, check_model
from promptship.models._fake import FakeModel
from promptship.models._hub import ModelHub
from promptship.models._vectors import VectorCache

if TYPE_CHECKING:
    from promptship.models.local import (
        PulledModel,
        PullProgress,
        list_pulled,
        open_classifier,
        open_embedder,
        open_language_model,
        open_token_matcher,
        pull_model,
        snapshot_of,
    )

__all__ = [
    "Budget",
    "CacheWarning",
    "Cassette",
    "FakeModel",
    "ModelCheck",
    "ModelHub",
    "PullProgress",
    "PulledModel",
    "ResponseCache",
    "VectorCache",
    "check_model",
    "list_pulled",
    "open_classifier",
    "open_embedder",
    "open_language_model",
    "open_token_matcher",
    "pull_model",
    "snapshot_of",
]

_LOCAL = frozenset(
    {"PullProgress", "PulledModel", "list_pulled", "open_classifier", "open_embedder", "open_language_model"}
    | {"open_token_matcher", "pull_model", "snapshot_of"}
)


def __getattr__(name: str) -> Any:
    if name in _LOCAL:
        return getattr(importlib.import_module("promptship.models.local"), name)
    raise AttributeError(f"module 'promptship.models' has no attribute {name!r}")
