"""Named model configs: which model, with which parameters, at which endpoint, at what price and pace."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from promptship.domain.json_types import JsonObject  # noqa: TC001 - pydantic reads it at run time

__all__ = ["Limits", "ModelConfig", "Price"]

NonNegative = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Strict):
    """USD per million tokens."""

    input_usd_per_mtok: NonNegative
    output_usd_per_mtok: NonNegative
    cached_input_usd_per_mtok: NonNegative | None = None


class Limits(_Strict):
    """How hard a model may be pressed.

    Attributes:
        concurrency: Calls in flight at most.
        rpm: Requests a minute; None for no limit.
        tpm: Tokens a minute, prompt and answer together; None for no limit.
        timeout_s: Seconds allowed for one attempt.
        retries: Attempts after the first; 0 switches retrying off.
    """

    concurrency: PositiveInt = 64
    rpm: PositiveInt | None = None
    tpm: PositiveInt | None = None
    timeout_s: PositiveFloat = 60.0
    retries: Annotated[int, Field(ge=0, le=20)] = 3


class ModelConfig(_Strict):
    """One model config with its fallbacks resolved.

    Attributes:
        name: The name in `models.yaml`, or the model string itself for `provider/model`.
        model: `provider/model` as litellm names it; `local/`, `replay/` and `fake/` are ours.
        params: Sampling parameters; what the prompt's `config` overrides key by key.
        endpoint: Name of an endpoint in the settings; None for the provider's own or `base_url`.
        base_url: OpenAI-compatible URL; never digested.
        api_key_env: Name of the environment variable that holds the key; never digested.
        price: Overrides the price list; never digested.
        limits: Operations; never digested.
        fallbacks: Tried in order when this model gives no usable answer.
    """

    name: str
    model: Annotated[str, Field(min_length=1)]
    params: JsonObject = Field(default_factory=dict)
    endpoint: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    price: Price | None = None
    limits: Limits = Field(default_factory=Limits)
    fallbacks: tuple[ModelConfig, ...] = ()

    def identity(self) -> JsonObject:
        """Return what changes an answer, for closure and cache key: model, params, endpoint name, fallbacks."""
        identity: JsonObject = {"model": self.model}
        if self.params:
            identity["params"] = self.params
        if self.endpoint:
            identity["endpoint"] = self.endpoint
        if self.fallbacks:
            identity["fallbacks"] = [fallback.identity() for fallback in self.fallbacks]
        return identity
