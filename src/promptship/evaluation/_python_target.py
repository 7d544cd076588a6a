"""A Python callable as the target: `target: python:package.module:function`."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import CompletionRequest, Message, Output, Step, Usage, VersionUsed, digest_of
from promptship.errors import PromptshipError, UsageError
from promptship.prompts import Renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from promptship.domain import Case, CompletionModel, Digest, JsonObject, PromptVersion, Response

__all__ = ["PythonTarget", "TargetContext", "load_callable", "source_digest"]


class TargetContext:
    """What a callable may ask for while it answers a case, by declaring a parameter called `context`.

    Attributes:
        case: The case.
        repeat: 0-based index of this sample.
    """

    def __init__(
        self, case: Case, repeat: int, version: PromptVersion | None, open_model: Callable[[], CompletionModel]
    ) -> None:
        self.case = case
        self.repeat = repeat
        self._version = version
        self._open_model = open_model
        self.responses: list[Response] = []
        self.resolved = False

    def messages(self, **inputs: Any) -> tuple[Message, ...]:
        """Render the prompt under test.

        Raises:
            UsageError: The evalset names no prompt.
            InputError: The inputs do not fit the prompt.
            RenderError: The template cannot be rendered with them.
        """
        version = self._require_version()
        return Renderer(version.closure, name=version.label).render(inputs).messages

    async def complete(self, messages: Sequence[Message | JsonObject], **params: Any) -> Response:
        """Call the model of the prompt under test; the call is metered, cached and budgeted like any other.

        Args:
            messages: Messages, or objects of the chat protocol.
            params: Sampling parameters that override the prompt's.

        Raises:
            ModelError: No usable answer.
            BudgetExceededError: The call could cost too much and was not sent.
        """
        closure = self._require_version().closure
        request = CompletionRequest(
            messages=tuple(item if isinstance(item, Message) else Message.from_json(item) for item in messages),
            params={**closure.model.params, **params},
            tools=closure.tools,
            repeat=self.repeat,
        )
        response = await self._open_model().complete(request)
        self.responses.append(response)
        return response

    def _require_version(self) -> PromptVersion:
        if self._version is None:
            raise UsageError("this evalset names no prompt", hint="add `prompt: NAME` to the evalset")
        self.resolved = True
        return self._version


class PythonTarget:
    """Calls a Python function for each case.

    The function takes the inputs as a dict and, if it declares one, a parameter `context` (`TargetContext`). It may be
    async; a plain function runs in a thread. It returns text, JSON data, or an `Output`.

    Args:
        function: What to call.
        location: `package.module:function`, for messages.
        version: The prompt under test; None where the evalset names none.
        open_model: Opens the model of that prompt.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        location: str,
        version: PromptVersion | None,
        open_model: Callable[[], CompletionModel],
    ) -> None:
        self._function = function
        self._location = location
        self._version = version
        self._open_model = open_model
        self._wants_context = "context" in inspect.signature(function).parameters

    async def run(self, case: Case, *, repeat: int) -> Output:
        """See `Target.run`."""
        context = TargetContext(case, repeat, self._version, self._open_model)
        started = time.perf_counter()
        answer = await self._call(dict(case.inputs), context)
        if self._version is not None and not context.resolved:
            raise UsageError(
                f"{self._location} answered without the prompt under test, {self._version.label!r}",
                hint="take it from the parameter `context`: context.messages(...), context.complete(...)",
            )
        return self._output(answer, context, time.perf_counter() - started)

    async def _call(self, inputs: JsonObject, context: TargetContext) -> Any:
        keywords = {"context": context} if self._wants_context else {}
        try:
            if inspect.iscoroutinefunction(self._function):
                return await self._function(inputs, **keywords)
            return await asyncio.to_thread(self._function, inputs, **keywords)
        except PromptshipError:
            raise
        except Exception as error:
            raise UsageError(f"{self._location} raised {type(error).__name__}: {error}") from error

    def _output(self, answer: Any, context: TargetContext, elapsed_s: float) -> Output:
        version = self._version
        used = (VersionUsed(name=version.name, digest=version.digest),) if version else ()
        if isinstance(answer, Output):
            output = answer
        elif isinstance(answer, str):
            output = Output(text=answer)
        else:
            output = Output(text=self._as_text(answer), data=answer)
        return replace(_with_calls(output, context.responses, elapsed_s), versions=output.versions or used)

    def _as_text(self, answer: Any) -> str:
        try:
            return orjson.dumps(answer).decode()
        except TypeError as error:
            kind = type(answer).__name__
            raise UsageError(
                f"{self._location} returned a {kind}: {error}", hint="return text, JSON data, or an Output"
            ) from None


def load_callable(location: str, root: Path) -> Callable[..., Any]:
    """Import `package.module:function` with the project's folder first on the path.

    Raises:
        UsageError: No such module or function, it is not callable, or importing it failed.
    """
    module_name, colon, name = location.partition(":")
    if not colon or not name:
        raise UsageError(f"target {location!r}: expected python:package.module:function")
    with _on_path(root):
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            raise UsageError(f"cannot import {module_name!r}: {type(error).__name__}: {error}") from error
    function: object = getattr(module, name, None)
    if not callable(function):
        raise UsageError(f"{module_name!r} has no function {name!r}")
    return function


def source_digest(function: Callable[..., Any]) -> Digest:
    """Digest of the file that `function` stands in, so that a run is not resumed by other code."""
    try:
        source = inspect.getsource(inspect.getmodule(function) or function)
    except (OSError, TypeError):
        source = repr(function)
    return digest_of(source)


def _with_calls(output: Output, responses: Sequence[Response], elapsed_s: float) -> Output:
    if not responses:
        return output if output.latency_s else replace(output, latency_s=elapsed_s)
    costs = [response.cost_usd for response in responses]
    called = sum(response.provenance == "called" for response in responses)
    return replace(
        output,
        steps=output.steps or tuple(map(_step, responses)),
        usage=Usage(
            prompt_tokens=sum(response.usage.prompt_tokens for response in responses),
            completion_tokens=sum(response.usage.completion_tokens for response in responses),
            cached_tokens=sum(response.usage.cached_tokens for response in responses),
        ),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        latency_s=sum(response.latency_s for response in responses),
        finish_reason=responses[-1].finish_reason,
        served_model=responses[-1].served_model,
        provenance="called" if called else responses[-1].provenance,
        calls=called,
        cached_calls=len(responses) - called,
    )


def _step(response: Response) -> Step:
    return Step(
        kind="model",
        name=response.served_model,
        output=response.text,
        usage=response.usage,
        latency_s=response.latency_s,
    )


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    """Put a folder first on the import path for a while."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
