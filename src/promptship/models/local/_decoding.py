"""Token by token: each row ends by its own rules and leaves the batch, which goes on without it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from promptship.models.local._jobs import Generated
from promptship.models.local._roomy import make_room
from promptship.models.local._sampling import describe_token, pick_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from promptship.domain import FinishReason, TokenLogprob
    from promptship.models.local._jobs import Job

__all__ = ["Row", "decode_rows"]


class Row:
    """One answer in the making.

    Args:
        job: What was asked.
        tokenizer: Turns tokens to text.
        end_tokens: Tokens that end an answer.
        room: Tokens that may be generated.
        started: When the batch began, by `time.perf_counter`.
        cached: Prompt tokens known from before.
    """

    def __init__(
        self, job: Job, tokenizer: Any, end_tokens: frozenset[int], *, room: int, started: float, cached: int
    ) -> None:
        import torch

        self._job = job
        self._tokenizer = tokenizer
        self._end_tokens = end_tokens
        self._room = room
        self._started = started
        self._tokens: list[int] = []
        self._logprobs: list[TokenLogprob] = []
        self._watches = bool(job.sampling.stop) or job.on_text is not None
        self._generator = torch.Generator().manual_seed(job.sampling.seed) if job.sampling.temperature else None
        self.result = Generated(cached_tokens=cached, finish_reason="length")

    def take(self, logits: Tensor) -> int | None:
        """Choose the next token.

        Args:
            logits: Shape (vocabulary,).

        Returns:
            The token, or None when the answer has ended and `result` is final.
        """
        sampling = self._job.sampling
        values = logits.float().cpu()
        token = pick_token(values, sampling, self._generator)
        if token in self._end_tokens:
            self._finish("stop")
            return None
        self._tokens.append(token)
        if sampling.top_logprobs is not None:
            self._logprobs.append(describe_token(values, token, sampling.top_logprobs, self._text_of))
        if self._watches and self._watch():
            return None
        if len(self._tokens) >= self._room:
            self._finish("length")
            return None
        return token

    def _watch(self) -> bool:
        """Look for a stop text, and tell who listens; True when the answer has ended."""
        text = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        places = [place for stop in self._job.sampling.stop if (place := text.find(stop)) >= 0]
        if places:
            text = text[: min(places)]
        if self._job.on_text:
            self._job.on_text(text)
        if places:
            self._finish("stop", text)
        return bool(places)

    def _finish(self, reason: FinishReason, text: str | None = None) -> None:
        decoded = self._tokenizer.decode(self._tokens, skip_special_tokens=True) if text is None else text
        self.result.text = decoded
        self.result.tokens = len(self._tokens)
        self.result.finish_reason = reason
        self.result.logprobs = tuple(self._logprobs)
        self.result.latency_s = time.perf_counter() - self._started

    def _text_of(self, token: int) -> str:
        return str(self._tokenizer.decode([token]))


def decode_rows(model: Any, rows: Sequence[Row], cache: Any, mask: Tensor, logits: Tensor) -> None:
    """Generate until every row has ended.

    Args:
        model: The causal language model.
        rows: One per row of the batch.
        cache: Its keys and values after the prompts.
        mask: Attention mask of the prompts; shape (rows, tokens).
        logits: Logits after the last prompt token; shape (rows, vocabulary).
    """
    import torch

    make_room(cache)
    active = list(rows)
    while active:
        chosen = [row.take(logits[index]) for index, row in enumerate(active)]
        staying = [index for index, token in enumerate(chosen) if token is not None]
        if not staying:
            return
        if len(staying) < len(active):
            kept = torch.tensor(staying, device=mask.device)
            cache.batch_select_indices(kept)
            mask = mask[kept]
            active = [active[index] for index in staying]
        ids = torch.tensor([[chosen[index]] for index in staying], device=mask.device)
        mask = torch.cat([mask, mask.new_ones((len(staying), 1))], dim=1)
        positions = (mask.sum(-1, keepdim=True) - 1).long()
        output = model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache)
        cache, logits = output.past_key_values, output.logits[:, -1]
