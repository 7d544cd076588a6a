"""Counting tokens with a model's own tokenizer, without loading the model."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from promptship.models.local._folders import default_cache_dir, find_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

    from promptship.domain import ModelConfig

__all__ = ["count_tokens"]

_CHARACTERS_PER_TOKEN = 4


def count_tokens(config: ModelConfig, text: str, *, cache_dir: Path | None = None) -> int:
    """Count the tokens of `text`; a quarter of its characters, rounded up, where the model is not on this machine.

    Raises:
        UsageError: The config names no local model.
    """
    folder = find_folder(config.model.removeprefix("local/"), cache_dir or default_cache_dir())
    tokenizer = None if folder is None else _open_tokenizer(folder)
    if tokenizer is None:
        return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


@functools.lru_cache(maxsize=4)
def _open_tokenizer(folder: Path) -> Tokenizer | None:
    path = folder / "tokenizer.json"
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    return Tokenizer.from_file(str(path)) if path.is_file() else None
