"""What the engine is asked and what it answers, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptship.domain import CompletionRequest, FinishReason, TokenLogprob

__all__ = ["Generated", "Job", "Sampling", "parse_sampling", "parse_template"]

_DEFAULT_TOKENS = 256
_KNOWN = {
    "dtype",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "seed",
    "stop",
    "temperature",
    "template",
    "top_k",
    "top_logprobs",
    "top_p",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are chosen.

    Attributes:
        max_tokens: Tokens generated at most.
        temperature: 0 takes the likeliest token; above, the distribution is flattened by it.
        top_p: Smallest set of likeliest tokens whose probability reaches it; 1 for all.
        top_k: That many likeliest tokens; 0 for all.
        seed: Of this sample alone, whatever else is in the batch.
        stop: Texts that end the answer and are not part of it.
        top_logprobs: Alternatives reported per token; None for no log-probabilities at all.
    """

    max_tokens: int = _DEFAULT_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One request as tokens.

    Attributes:
        tokens: The prompt.
        sampling: How to answer, where there are no choices.
        choices: Tokens of each choice as it would go on after the prompt; empty to generate.
        on_text: Told the text so far after each token; None for nobody.
    """

    tokens: list[int]
    sampling: Sampling = field(default_factory=Sampling)
    choices: list[list[int]] = field(default_factory=list)
    on_text: Callable[[str], None] | None = None


@dataclass(slots=True, kw_only=True)
class Generated:
    """What came of a job.

    Attributes:
        text: The answer; "" for choices.
        tokens: How many tokens were generated or scored.
        finish_reason: Why it ended.
        logprobs: One entry per token, where asked for.
        choice_logprobs: Log-probability of each choice in the job's order.
        cached_tokens: Prompt tokens whose keys and values were known from before.
        latency_s: Seconds from the beginning of its batch to its own end.
    """

    text: str = ""
    tokens: int = 0
    finish_reason: FinishReason = "stop"
    logprobs: tuple[TokenLogprob, ...] = ()
    choice_logprobs: list[float] = field(default_factory=list)
    cached_tokens: int = 0
    latency_s: float = 0.0


def parse_sampling(request: CompletionRequest) -> Sampling:
    """Read a request's parameters; a repeat has a seed of its own.

    Raises:
        UsageError: A parameter that local models do not have, or a value out of range.
    """
    params = request.params
    if unknown := sorted(params.keys() - _KNOWN):
        raise UsageError(f"local models have no parameter {unknown[0]!r}", hint=f"known: {', '.join(sorted(_KNOWN))}")
    return Sampling(
        max_tokens=int(_number(params, "max_tokens", params.get("max_completion_tokens", _DEFAULT_TOKENS), 1, 100_000)),
        temperature=_number(params, "temperature", 0.0, 0.0, 100.0),
        top_p=_number(params, "top_p", 1.0, 0.0, 1.0),
        top_k=int(_number(params, "top_k", 0, 0, 1_000_000)),
        seed=int(_number(params, "seed", 0, -(2**53), 2**53)) + request.repeat,
        stop=_parse_stop(params.get("stop")),
        top_logprobs=int(_number(params, "top_logprobs", 0, 0, 50)) if params.get("logprobs") else None,
    )


def parse_template(params: Mapping[str, Any]) -> str:
    """Return how messages become text: `chat` (the model's own template) or `plain` (their texts, line by line).

    Raises:
        UsageError: Any other value.
    """
    template = params.get("template", "chat")
    if template not in {"chat", "plain"}:
        raise UsageError(f"template: {template!r}; expected chat or plain")
    return str(template)


def _number(params: Mapping[str, Any], name: str, default: Any, low: float, high: float) -> float:
    value = params.get(name, default)
    if value is None:
        value = default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UsageError(f"{name}: {value!r}; expected a number from {low:g} to {high:g}")
    return value


def _parse_stop(value: Any) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else (value or [])
    if not isinstance(listed, list) or not all(isinstance(text, str) and text for text in listed):
        raise UsageError(f"stop: {value!r}; expected a text or a list of texts")
    return tuple(listed)
