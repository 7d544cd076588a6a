"""`local/…` as a model like any other."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import TYPE_CHECKING

from promptship.domain import Response, Usage
from promptship.errors import UsageError
from promptship.models.local._folders import find_folder
from promptship.models.local._pull import pull_model, require_local_packages
from promptship.models.local._worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from promptship.domain import CompletionRequest, ModelConfig
    from promptship.models.local._engine import Engine
    from promptship.models.local._jobs import Generated
    from promptship.models.local._pull import PullProgress

__all__ = ["LocalModel", "open_local"]

_DTYPES = ("float32", "bfloat16", "float16", "auto")


class LocalModel:
    """A model of this machine. Requests of everybody in the process share its batches.

    Args:
        name: What follows `local/`; the served model of its answers.
        worker: Runs it.
        release: Called once when it is closed.
    """

    def __init__(self, name: str, worker: Worker, release: Callable[[], None]) -> None:
        self._name = name
        self._worker = worker
        self._release: Callable[[], None] | None = release

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`. `output_schema` is not enforced: the prompt has to ask for the form."""
        prompt_tokens, generated = await self._worker.submit(request)
        return self._respond(request, prompt_tokens, generated)

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`."""
        texts: asyncio.Queue[str | None] = asyncio.Queue()
        task = asyncio.create_task(self._worker.submit(request, texts.put_nowait))
        task.add_done_callback(lambda _: texts.put_nowait(None))
        sent = ""
        while (text := await texts.get()) is not None:
            # A character of several tokens shows as U+FFFD until it is whole.
            ready = text.rstrip("\ufffd")
            if len(ready) > len(sent):
                yield ready[len(sent) :]
                sent = ready
        prompt_tokens, generated = await task
        response = self._respond(request, prompt_tokens, generated)
        if len(response.text) > len(sent):
            yield response.text[len(sent) :]
        yield response

    async def aclose(self) -> None:
        """See `CompletionModel.aclose`; the memory is freed when the last user has closed."""
        if self._release is not None:
            release, self._release = self._release, None
            release()

    def _respond(self, request: CompletionRequest, prompt_tokens: int, generated: Generated) -> Response:
        choices = _after_prior(request, generated) if generated.choice_logprobs else {}
        return Response(
            text=max(choices, key=lambda choice: choices[choice]) if choices else generated.text,
            usage=Usage(
                prompt_tokens=prompt_tokens,
                completion_tokens=generated.tokens,
                cached_tokens=generated.cached_tokens,
            ),
            cost_usd=0.0,
            latency_s=generated.latency_s,
            finish_reason=generated.finish_reason,
            served_model=f"local/{self._name}",
            logprobs=generated.logprobs,
            choice_logprobs=choices,
        )


def open_local(
    config: ModelConfig,
    *,
    cache_dir: Path,
    on_pull: Callable[[PullProgress], None] | None = None,
) -> LocalModel:
    """Open a local model; it is fetched, if need be, and loaded when it is first called.

    Args:
        config: `local/` with a name of the catalog, a hub repository, or a folder. Of its params, `dtype` decides in
            which precision it is loaded and `template` (`chat` or `plain`) how messages become text.
        cache_dir: Where fetched models lie.
        on_pull: Told what is being done when the model has to be fetched; called in another thread.

    Raises:
        UsageError: No such model.
        MissingExtraError: The packages for local models are not installed.
    """
    name = config.model.removeprefix("local/")
    require_local_packages()
    find_folder(name, cache_dir)
    dtype = config.params.get("dtype", "float32")
    if dtype not in _DTYPES:
        raise UsageError(f"dtype: {dtype!r}; expected one of {', '.join(_DTYPES)}")

    def load() -> Engine:
        from promptship.models.local._engine import Engine

        folder = find_folder(name, cache_dir) or pull_model(name, cache_dir=cache_dir, on_progress=on_pull).path
        return Engine(folder, str(dtype))

    key = (name, str(cache_dir), str(dtype))
    return LocalModel(name, _WORKERS.take(key, load), lambda: _WORKERS.give_back(key))


class _Workers:
    """The workers of this process, each shared by all who opened its model."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[tuple[str, str, str], tuple[Worker, int]] = {}

    def take(self, key: tuple[str, str, str], load: Callable[[], Engine]) -> Worker:
        """Return the worker of `key`, one user more."""
        with self._lock:
            worker, users = self._users.get(key) or (Worker(load), 0)
            self._users[key] = (worker, users + 1)
            return worker

    def give_back(self, key: tuple[str, str, str]) -> None:
        """One user less; the last one ends the worker."""
        with self._lock:
            worker, users = self._users.pop(key)
            if users > 1:
                self._users[key] = (worker, users - 1)
            else:
                worker.stop()


_WORKERS = _Workers()


def _after_prior(request: CompletionRequest, generated: Generated) -> dict[str, float]:
    """Subtract the prior and normalise, so that the choices' probabilities sum to one.

    Source:
        Zhou et al. (2023), Batch Calibration: Rethinking Calibration for In-Context Learning and Prompt Engineering.
    """
    raw = dict(zip(request.choices, generated.choice_logprobs, strict=True))
    if request.prior:
        missing = [choice for choice in raw if choice not in request.prior]
        if missing:
            raise UsageError(
                f"output.prior has no value for {missing[0]!r}", hint="fit it again: promptctl models calibrate"
            )
        raw = {choice: value - request.prior[choice] for choice, value in raw.items()}
    top = max(raw.values())
    total = top + math.log(sum(math.exp(value - top) for value in raw.values()))
    return {choice: value - total for choice, value in raw.items()}
