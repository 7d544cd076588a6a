"""Ask the next model where one gives no usable answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptship.errors import ModelError
from promptship.models._middleware import OpenStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from promptship.domain import CompletionModel, CompletionRequest, JsonObject, ModelConfig, Response

__all__ = ["WithFallbacks"]


class WithFallbacks:
    """Models in the order in which they are asked. Which one answered stands in the response's `served_model`.

    Args:
        models: Each config with its model, the preferred one first; the first one's params are those of requests.
    """

    def __init__(self, models: Sequence[tuple[ModelConfig, CompletionModel]]) -> None:
        self._models = models
        self._own_params = models[0][0].params

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`; when all fail, the first model's error is raised."""
        failures: list[tuple[str, ModelError]] = []
        for config, model in self._models:
            try:
                return await model.complete(self._fit(request, config))
            except ModelError as error:
                failures.append((config.name, error))
        raise _explain(failures)

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`; an answer that has begun is not begun again elsewhere."""
        failures: list[tuple[str, ModelError]] = []
        for config, model in self._models:
            begun = False
            try:
                async with OpenStream(model.stream(self._fit(request, config))) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            except ModelError as error:
                # Half an answer of one model and half of another would be nobody's.
                if begun:
                    raise
                failures.append((config.name, error))
            else:
                return
        raise _explain(failures)

    async def aclose(self) -> None:
        """Close every model."""
        for _, model in self._models:
            await model.aclose()

    def _fit(self, request: CompletionRequest, config: ModelConfig) -> CompletionRequest:
        """Give a fallback its own params; what the request changed on the first model's it keeps."""
        if config is self._models[0][0]:
            return request
        own = self._own_params
        changed: JsonObject = {
            key: value for key, value in request.params.items() if key not in own or own[key] != value
        }
        return replace(request, params={**config.params, **changed})


def _explain(failures: list[tuple[str, ModelError]]) -> ModelError:
    (_, first), *others = failures
    told = [f"fallback {name!r} failed too: {error}" for name, error in others]
    first.hint = "\n".join([first.hint, *told] if first.hint else told) or None
    return first
