"""One call of one prompt, as `promptctl run` makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.domain import Response
from promptship.evaluation._prompt_target import build_request, output_of
from promptship.prompts import Renderer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from promptship.domain import CompletionRequest, JsonObject, Output, PromptVersion
    from promptship.models import ModelHub

__all__ = ["CallResult", "call_prompt", "prepare_call", "stream_prompt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """An answer, and the version that gave it."""

    version: PromptVersion
    request: CompletionRequest
    response: Response

    @property
    def output(self) -> Output:
        """The answer as scorers take it."""
        return output_of(self.response, parse_json=self.version.closure.output.format == "json")


def prepare_call(version: PromptVersion, inputs: JsonObject, *, repeat: int = 0) -> CompletionRequest:
    """Render what would be sent.

    Args:
        version: The prompt.
        inputs: Its inputs.
        repeat: 0-based; another repeat is another sample.

    Raises:
        InputError: The inputs do not fit the prompt.
        RenderError: The template cannot be rendered with them.
    """
    return build_request(version, Renderer(version.closure, name=version.label), inputs, repeat=repeat)


async def call_prompt(version: PromptVersion, inputs: JsonObject, hub: ModelHub, *, repeat: int = 0) -> CallResult:
    """Render the prompt and call its model once.

    Args:
        version: The prompt.
        inputs: Its inputs.
        hub: Opens the model.
        repeat: 0-based; another repeat is another sample.

    Raises:
        UsageError: The inputs do not fit, or the model is not set up.
        ModelError: No usable answer.
    """
    request = prepare_call(version, inputs, repeat=repeat)
    response = await hub.open(version.closure.model).complete(request)
    return CallResult(version=version, request=request, response=response)


async def stream_prompt(version: PromptVersion, inputs: JsonObject, hub: ModelHub) -> AsyncIterator[str | CallResult]:
    """Like `call_prompt`, but yield the answer piece by piece before the result.

    Raises:
        UsageError: The inputs do not fit, or the model is not set up.
        ModelError: No usable answer.
    """
    request = prepare_call(version, inputs)
    async for piece in hub.open(version.closure.model).stream(request):
        if isinstance(piece, Response):
            yield CallResult(version=version, request=request, response=piece)
        else:
            yield piece
