"""The default target: render the prompt with the case's inputs and call its model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson

from promptship.domain import CompletionRequest, Output, RecallingModel
from promptship.errors import PromptshipError
from promptship.prompts import Renderer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import (
        BegunOutput,
        Case,
        CompletionModel,
        JsonObject,
        JsonValue,
        PromptVersion,
        Response,
    )

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
        self._parses = version.closure.output.format == "json"

    async def run(self, case: Case, *, repeat: int) -> Output:
        """See `Target.run`."""
        return await self._ask(build_request(self._version, self.renderer, case.inputs, repeat=repeat))

    def begin(self, cells: Sequence[tuple[Case, int]]) -> list[BegunOutput]:
        """See `EagerTarget.begin`."""
        # Stage by stage and not cell by cell: the code of a stage stays in the processor's cache, and an answer that
        # is known takes two thirds of the time.
        built = [self._try_build(case, repeat) for case, repeat in cells]
        known = iter(self._recall([request for request in built if request is not None]))
        return [
            self._begun(request, next(known)) if request is not None else partial(self.run, case, repeat=repeat)
            for (case, repeat), request in zip(cells, built, strict=True)
        ]

    def _try_build(self, case: Case, repeat: int) -> CompletionRequest | None:
        """Return the request; None for a case whose inputs `run` will refuse."""
        try:
            return build_request(self._version, self.renderer, case.inputs, repeat=repeat)
        except PromptshipError:
            return None

    def _recall(self, requests: Sequence[CompletionRequest]) -> Sequence[Response | None]:
        return self._model.recall(requests) if isinstance(self._model, RecallingModel) else [None] * len(requests)

    def _begun(self, request: CompletionRequest, response: Response | None) -> BegunOutput:
        return partial(self._ask, request) if response is None else output_of(response, parse_json=self._parses)

    async def _ask(self, request: CompletionRequest) -> Output:
        return output_of(await self._model.complete(request), parse_json=self._parses)


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
