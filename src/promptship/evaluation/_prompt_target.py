"""The default target: render the prompt with the case's inputs and call its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from promptship.domain import CompletionRequest, Output
from promptship.prompts import Renderer

if TYPE_CHECKING:
    from promptship.domain import Case, CompletionModel, JsonObject, JsonValue, PromptVersion, Response

__all__ = ["PromptTarget", "build_request", "output_of"]


class PromptTarget:
    """Renders one prompt version and completes it with one model.

    Args:
        version: What is rendered.
        model: What answers.
    """

    def __init__(self, version: PromptVersion, model: CompletionModel) -> None:
        self.renderer = Renderer(version.closure, name=version.label)
        self._version = version
        self._model = model

    async def run(self, case: Case, *, repeat: int) -> Output:
        """See `Target.run`."""
        request = build_request(self._version, self.renderer, case.inputs, repeat=repeat)
        response = await self._model.complete(request)
        return output_of(response, parse_json=self._version.closure.output.format == "json")


def build_request(
    version: PromptVersion, renderer: Renderer, inputs: JsonObject, *, repeat: int = 0
) -> CompletionRequest:
    """Render `inputs` into the request that the version's model is sent.

    Raises:
        InputError: The inputs do not fit the prompt.
        RenderError: The template cannot be rendered with them.
    """
    closure = version.closure
    contract = closure.output
    return CompletionRequest(
        messages=renderer.render(inputs).messages,
        params=closure.model.params,
        tools=closure.tools,
        output_schema=contract.schema if contract.format == "json" else None,
        choices=contract.choices,
        prior=contract.prior,
        repeat=repeat,
    )


def output_of(response: Response, *, parse_json: bool = False) -> Output:
    """Turn a model's answer into an output."""
    called = response.provenance == "called"
    logprobs = response.logprobs
    return Output(
        text=response.text,
        data=_parse(response.text) if parse_json else None,
        messages=_messages(response) if response.tool_calls else (),
        usage=response.usage,
        cost_usd=response.cost_usd,
        latency_s=response.latency_s,
        finish_reason=response.finish_reason,
        served_model=response.served_model,
        provenance=response.provenance,
        calls=1 if called else 0,
        cached_calls=0 if called else 1,
        logprob_mean=sum(token.logprob for token in logprobs) / len(logprobs) if logprobs else None,
        choice_logprobs=dict(response.choice_logprobs),
    )


def _parse(text: str) -> JsonValue:
    try:
        parsed: JsonValue = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed


def _messages(response: Response) -> tuple[JsonObject, ...]:
    calls: list[JsonValue] = [call.as_json() for call in response.tool_calls]
    return ({"role": "assistant", "content": response.text or None, "tool_calls": calls},)
