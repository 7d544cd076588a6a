"""What an answer costs: the config's own price, or the list that litellm ships, read without importing litellm."""

from __future__ import annotations

import functools
import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from promptship.domain import ModelConfig, Usage

__all__ = ["FREE", "OWN_PROVIDERS", "Rates", "resolve_rates", "split_model"]

OWN_PROVIDERS = ("local", "fake", "replay")
"""Providers that are ours: they run here and cost nothing."""

_PRICE_LIST = "model_prices_and_context_window_backup.json"
_PER_MILLION = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """USD per token.

    Attributes:
        input: A prompt token.
        output: A generated token.
        cached_input: A prompt token that the provider had in its prefix cache.
        most_output: Tokens that the model generates at most; None where not known.
    """

    input: float
    output: float
    cached_input: float
    most_output: int | None = None

    def cost(self, usage: Usage) -> float:
        """Return the price of `usage` in USD."""
        # Some servers count cached tokens beside the prompt's and not among them.
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        fresh = usage.prompt_tokens - cached
        return fresh * self.input + cached * self.cached_input + usage.completion_tokens * self.output

    def worst(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the price in USD with nothing cached."""
        return prompt_tokens * max(self.input, self.cached_input) + completion_tokens * self.output


FREE = Rates(input=0.0, output=0.0, cached_input=0.0)


def split_model(model: str) -> tuple[str, str]:
    """Split `provider/model`; the provider is "" where there is none.

    Example:
        >>> split_model("openai/gpt-4o-mini")
        ('openai', 'gpt-4o-mini')
    """
    provider, slash, name = model.partition("/")
    return (provider, name) if slash else ("", model)


def resolve_rates(config: ModelConfig) -> Rates | None:
    """Return the prices of a model; None where nobody states them.

    Args:
        config: Its `price` decides; else our own providers are free, else litellm's list, where litellm is installed.
    """
    if config.price is not None:
        price = config.price
        cached = (
            price.input_usd_per_mtok if price.cached_input_usd_per_mtok is None else price.cached_input_usd_per_mtok
        )
        return Rates(
            input=price.input_usd_per_mtok * _PER_MILLION,
            output=price.output_usd_per_mtok * _PER_MILLION,
            cached_input=cached * _PER_MILLION,
        )
    provider, name = split_model(config.model)
    if provider in OWN_PROVIDERS:
        return FREE
    return _rates_of(_find_entry(config.model, provider, name))


def _find_entry(model: str, provider: str, name: str) -> dict[str, Any] | None:
    text = _read_price_list()
    # Parsing the list takes 15 ms and 10 MB, and a model of one's own server stands nowhere in it.
    if orjson.dumps(model) not in text and orjson.dumps(name) not in text:
        return None
    prices = _parse_price_list(text)
    entry: dict[str, Any] | None = prices.get(model)
    if entry is None:
        # The same name may cost something else at another provider.
        entry = prices.get(name)
        if entry is not None and entry.get("litellm_provider") != provider:
            return None
    return entry


def _rates_of(entry: dict[str, Any] | None) -> Rates | None:
    if entry is None:
        return None
    fresh, output = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if not isinstance(fresh, int | float) or not isinstance(output, int | float):
        return None
    cached = entry.get("cache_read_input_token_cost")
    most = entry.get("max_output_tokens")
    return Rates(
        input=float(fresh),
        output=float(output),
        cached_input=float(cached) if isinstance(cached, int | float) else float(fresh),
        most_output=math.ceil(most) if isinstance(most, int | float) else None,
    )


def _read_price_list() -> bytes:
    """Read litellm's price list from its folder: 1 ms, where importing litellm takes seconds."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return b""
    try:
        return (Path(spec.origin).parent / _PRICE_LIST).read_bytes()
    except OSError:
        return b""


@functools.lru_cache(maxsize=1)
def _parse_price_list(text: bytes) -> dict[str, Any]:
    try:
        prices: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return prices
