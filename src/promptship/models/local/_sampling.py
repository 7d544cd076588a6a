"""From logits to the next token, each row by its own rules and its own random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.domain import TokenLogprob

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from promptship.models.local._jobs import Sampling

__all__ = ["describe_token", "pick_token"]


def pick_token(logits: Tensor, sampling: Sampling, generator: Generator | None) -> int:
    """Choose the next token of one row.

    Args:
        logits: Shape (vocabulary,), float32.
        sampling: The row's rules.
        generator: The row's random numbers; unused at temperature 0.

    Source:
        Nucleus sampling: Holtzman et al. (2020), The Curious Case of Neural Text Degeneration.
    """
    import torch

    if sampling.temperature == 0:
        return int(logits.argmax())
    ordered, indices = torch.softmax(logits.double() / sampling.temperature, dim=-1).sort(descending=True)
    if sampling.top_k:
        ordered, indices = ordered[: sampling.top_k], indices[: sampling.top_k]
    if sampling.top_p < 1:
        # The token that crosses the threshold still belongs to the nucleus.
        keep = int((ordered.cumsum(-1) < sampling.top_p * ordered.sum()).sum()) + 1
        ordered, indices = ordered[:keep], indices[:keep]
    return int(indices[torch.multinomial(ordered, 1, generator=generator)])


def describe_token(logits: Tensor, token: int, most: int, text_of: Callable[[int], str]) -> TokenLogprob:
    """Return a chosen token's log-probability under the model itself, with the likeliest alternatives.

    Args:
        logits: Shape (vocabulary,), float32.
        token: The chosen token.
        most: How many alternatives.
        text_of: Gives a token's text.
    """
    import torch

    logprobs = torch.log_softmax(logits, dim=-1)
    values, indices = logprobs.topk(most) if most else (logprobs[:0], logprobs[:0])
    top = tuple((text_of(int(index)), float(value)) for index, value in zip(indices, values, strict=True))
    return TokenLogprob(token=text_of(token), logprob=float(logprobs[token]), top=top)
