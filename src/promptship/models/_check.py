"""One tiny call that shows whether a model answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.domain import CompletionRequest, Message
from promptship.errors import PromptshipError

if TYPE_CHECKING:
    from promptship.domain import ModelConfig
    from promptship.models._hub import ModelHub

__all__ = ["ModelCheck", "check_model"]

_QUESTION = "Reply with the single word OK."
_UNKNOWN_ORIGIN = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheck:
    """How a tiny call went.

    Attributes:
        name: The config's name.
        model: `provider/model`.
        origin: Where the call went; "?" where the config does not say.
        ok: True where an answer came.
        latency_s: Seconds it took.
        served_model: The model that answered, as the provider names it.
        prompt_tokens: Tokens sent.
        completion_tokens: Tokens answered.
        cost_usd: Its price; None where unknown.
        error_kind: Name of the error's class; "" where there was none.
        error: What went wrong; "" where nothing did.
        hint: What to do about it; None where there is nothing to say.
    """

    name: str
    model: str
    origin: str
    ok: bool
    latency_s: float = 0.0
    served_model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    error_kind: str = ""
    error: str = ""
    hint: str | None = None


async def check_model(hub: ModelHub, config: ModelConfig) -> ModelCheck:
    """Ask a model for one word, past cache, cassette and fallbacks.

    Args:
        hub: Opens the model.
        config: The model.

    Returns:
        How it went; an error is part of the answer and is not raised.
    """
    request = CompletionRequest(messages=(Message(role="user", content=_QUESTION),), params=config.params)
    origin = _UNKNOWN_ORIGIN
    try:
        origin = hub.origin(config)
        response = await hub.open(config, fresh=True).complete(request)
    except PromptshipError as error:
        kind = type(error).__name__
        return ModelCheck(
            name=config.name,
            model=config.model,
            origin=origin,
            ok=False,
            error_kind=kind,
            error=str(error),
            hint=error.hint,
        )
    return ModelCheck(
        name=config.name,
        model=config.model,
        origin=origin,
        ok=True,
        latency_s=response.latency_s,
        served_model=response.served_model,
        prompt_tokens=response.usage.prompt_tokens,
        completion_tokens=response.usage.completion_tokens,
        cost_usd=response.cost_usd,
    )
