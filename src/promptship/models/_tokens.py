"""How many tokens a text has: exactly where a tokenizer is at hand without the network, else by its length."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptship.models._prices import split_model

if TYPE_CHECKING:
    from promptship.domain import CompletionRequest, ModelConfig

__all__ = ["count_tokens", "estimate_prompt_tokens"]

_CHARACTERS_PER_TOKEN = 4
_BYTES_PER_TOKEN_AT_MOST = 2
_TOKENS_PER_MESSAGE = 8
_TOKENS_PER_MEDIA_PART = 2_000
_ENCODING_URL = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
_OPENAI_PROVIDERS = ("", "openai", "azure")


def count_tokens(config: ModelConfig, text: str, *, cache_dir: Path | None = None) -> int:
    """Count the tokens of `text` as the model would.

    Local models count with their own tokenizer and OpenAI's with tiktoken, where litellm's copy of its tables is on
    this machine; everything else is the number of characters divided by four, rounded up.
    """
    provider, name = split_model(config.model)
    if provider == "local":
        from promptship.models.local import count_tokens as count_local

        return count_local(config, text, cache_dir=cache_dir)
    encoding = _find_encoding(name) if provider in _OPENAI_PROVIDERS else None
    if encoding is not None:
        return len(encoding.encode_ordinary(text))
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def estimate_prompt_tokens(request: CompletionRequest) -> int:
    """Return an upper estimate of a request's prompt tokens, without a tokenizer.

    One token per two bytes of UTF-8 is above what tokenizers make of prose and code in every script; content parts
    that are no text count 2,000 each.
    """
    size = parts = 0
    for message in request.messages:
        text = message.text
        size += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if isinstance(message.content, tuple):
            parts += sum(part.get("type") != "text" for part in message.content)
        if message.extra:
            size += len(repr(message.extra))
    for tool in request.tools:
        size += len(repr(tool))
    if request.output_schema is not None:
        size += len(repr(request.output_schema))
    fixed = _TOKENS_PER_MESSAGE * len(request.messages) + _TOKENS_PER_MEDIA_PART * parts
    return math.ceil(size / _BYTES_PER_TOKEN_AT_MOST) + fixed


@functools.cache
def _find_encoding(model: str) -> Any:
    """Return tiktoken's encoding of an OpenAI model; None where its table is not on this machine."""
    folder = _find_tables()
    if folder is None or importlib.util.find_spec("tiktoken") is None:
        return None
    import tiktoken

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    # tiktoken names the file of its cache by the SHA-1 of the address it would fetch.
    table = hashlib.sha1(_ENCODING_URL.format(name=name).encode(), usedforsecurity=False).hexdigest()
    if not (folder / table).is_file():
        return None
    # Its only way to say where the table lies; litellm sets the same variable to the same folder.
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))
    if Path(os.environ["TIKTOKEN_CACHE_DIR"]) != folder:
        return None
    return tiktoken.get_encoding(name)


@functools.cache
def _find_tables() -> Path | None:
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
