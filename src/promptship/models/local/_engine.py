"""The model itself: batches of token rows in, texts or log-probabilities out. Runs in one thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from promptship.models.local._convert import quiet_transformers
from promptship.models.local._decoding import Row, decode_rows
from promptship.models.local._encoding import Encoder
from promptship.models.local._jobs import Generated
from promptship.models.local._prefixes import PrefixStore, select_rows
from promptship.models.local._weights import load_weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from promptship.domain import CompletionRequest
    from promptship.models.local._jobs import Job

__all__ = ["Engine"]

_MOST_CHOICE_TOKENS = 16_384


class Engine:
    """A loaded causal language model.

    Args:
        folder: Its weights and tokenizer.
        dtype: See `load_weights`; answers depend on it.
    """

    def __init__(self, folder: Path, dtype: str = "float32") -> None:
        from transformers import AutoTokenizer

        with quiet_transformers():
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self._model = load_weights(folder, dtype)
        self._device = self._model.device
        self.context_tokens = int(getattr(self._model.config, "max_position_embeddings", 2048))
        ends = self._model.generation_config.eos_token_id
        listed = ends if isinstance(ends, list) else [ends]
        self.end_tokens = frozenset({*listed, self.tokenizer.eos_token_id} - {None})
        self._prefixes = PrefixStore(self._compute_prefix)
        self._encoder = Encoder(self.tokenizer)

    def encode(self, request: CompletionRequest) -> Job:
        """Turn a request into tokens.

        Raises:
            UsageError: A parameter or a message that this model does not take.
            BadResponseError: The model's chat template cannot render the messages.
        """
        return self._encoder.encode(request)

    def run(self, jobs: Sequence[Job]) -> list[Generated]:
        """Answer jobs of one kind (all with choices, or none) in one batch.

        Returns:
            One answer per job, in order.
        """
        import torch

        started = time.perf_counter()
        with torch.inference_mode():
            return self._choose(jobs) if jobs[0].choices else self._generate(jobs, started)

    def _generate(self, jobs: Sequence[Job], started: float) -> list[Generated]:
        cached, cache, mask, logits = self._prefill([job.tokens for job in jobs])
        rows = [
            Row(job, self.tokenizer, self.end_tokens, room=self._room(job), started=started, cached=cached)
            for job in jobs
        ]
        decode_rows(self._model, rows, cache, mask, logits)
        return [row.result for row in rows]

    def _choose(self, jobs: Sequence[Job]) -> list[Generated]:
        """Score every choice of every job: log P(choice | prompt), summed over the choice's tokens."""
        started = time.perf_counter()
        cached, cache, mask, logits = self._prefill([job.tokens for job in jobs])
        first = logits.float().log_softmax(-1)
        scores = [[float(first[index, choice[0]]) for choice in job.choices] for index, job in enumerate(jobs)]
        self._add_later_tokens(jobs, scores, cache, mask)
        elapsed = time.perf_counter() - started
        return [
            Generated(
                choice_logprobs=row,
                tokens=max(len(choice) for choice in job.choices),
                cached_tokens=cached,
                latency_s=elapsed,
            )
            for job, row in zip(jobs, scores, strict=True)
        ]

    def _add_later_tokens(self, jobs: Sequence[Job], scores: list[list[float]], cache: Any, mask: Tensor) -> None:
        """Add the log-probabilities of the second and later tokens of choices that have them."""
        pairs = [
            (index, place, choice)
            for index, job in enumerate(jobs)
            for place, choice in enumerate(job.choices)
            if len(choice) > 1
        ]
        # Each pair takes a copy of its prompt's keys and values, so many pairs of long prompts go in several turns.
        at_once = max(1, _MOST_CHOICE_TOKENS // mask.shape[1])
        for start in range(0, len(pairs), at_once):
            part = pairs[start : start + at_once]
            for (index, place, _), added in zip(part, self._score_later(part, cache, mask), strict=True):
                scores[index][place] += added

    def _score_later(self, pairs: Sequence[tuple[int, int, list[int]]], cache: Any, mask: Tensor) -> list[float]:
        import torch

        width = max(len(choice) for _, _, choice in pairs) - 1
        owners = torch.tensor([index for index, _, _ in pairs], device=self._device)
        ids = torch.zeros((len(pairs), width), dtype=torch.long, device=self._device)
        present = torch.zeros_like(ids)
        for row, (_, _, choice) in enumerate(pairs):
            ids[row, : len(choice) - 1] = torch.tensor(choice[:-1])
            present[row, : len(choice) - 1] = 1
        whole = torch.cat([mask[owners], present], dim=1)
        positions = (whole.cumsum(-1) - 1).clamp(min=0)[:, -width:]
        own = select_rows(cache, owners)
        output = self._model(input_ids=ids, attention_mask=whole, position_ids=positions, past_key_values=own)
        logprobs = output.logits.float().log_softmax(-1)
        return [
            sum(float(logprobs[row, step, token]) for step, token in enumerate(choice[1:]))
            for row, (_, _, choice) in enumerate(pairs)
        ]

    def _prefill(self, rows: Sequence[Sequence[int]]) -> tuple[int, Any, Tensor, Tensor]:
        """Read prompts of any lengths: shared beginning from the store, the rest padded on the left.

        Returns:
            Length of the shared beginning, cache, attention mask (rows, tokens), logits after the last token.
        """
        import torch

        cached, cache = self._prefixes.find(rows)
        rests = [row[cached:] for row in rows]
        width = max(len(rest) for rest in rests)
        ids = torch.tensor([[0] * (width - len(rest)) + list(rest) for rest in rests], device=self._device)
        present = [[1] * cached + [0] * (width - len(rest)) + [1] * len(rest) for rest in rests]
        mask = torch.tensor(present, device=self._device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -width:]
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return cached, output.past_key_values, mask, output.logits[:, -1]

    def _compute_prefix(self, tokens: Sequence[int]) -> Any:
        import torch

        ids = torch.tensor([list(tokens)], device=self._device)
        return self._model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values

    def _room(self, job: Job) -> int:
        return min(job.sampling.max_tokens, self.context_tokens - len(job.tokens))
