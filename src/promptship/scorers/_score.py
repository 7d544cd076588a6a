"""One text, one scorer, one score: for notebooks, tests and the command line."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from promptship.domain import Case, Output, Score, ScoreInput, ScorerSpec, Step
from promptship.errors import UsageError
from promptship.scorers._build import build_scorer
from promptship.scorers._criterion import ScorerContext

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from promptship.domain import Instruments, JsonObject, JsonValue, PromptSource

__all__ = ["ascore", "score"]

_Found = TypeVar("_Found")


def score(
    type: str,  # noqa: A002 - the key of the YAML
    output: str | JsonValue | Output,
    *,
    expected: JsonValue = None,
    value: JsonValue = None,
    threshold: float | None = None,
    inputs: JsonObject | None = None,
    contexts: Sequence[JsonObject | str] | None = None,
    messages: Sequence[JsonObject] | None = None,
    steps: Sequence[Step | JsonObject] | None = None,
    instruments: Instruments | None = None,
    prompts: PromptSource | None = None,
    **params: Any,
) -> Score:
    """Score one output as a scorer of an evalset would.

    Args:
        type: Type of the scorer, `not-` included.
        output: Text; or JSON data; or an `Output` with cost, latency and the rest.
        expected: What the case expects; scorers without a `value` compare with it.
        value: The scorer's `value`; None for none.
        threshold: The scorer's `threshold`; None for its default.
        inputs: Inputs of the case.
        contexts: Retrieved passages, texts or `{"id", "text"}`.
        messages: Messages of the answer in the protocol's shape, tool calls included.
        steps: Steps on the way, `Step` or its keys.
        instruments: Opens models, for types that ask one; None where none may be opened.
        prompts: Where judge prompts of one's own are; None for those of the package.
        params: Every other key of the type; and `tools` and `output_schema` of the prompt, where the type asks the
            prompt for them.

    Returns:
        The score; `passed` is None where the scorer abstains or only measures.

    Raises:
        ScorerSetupError: The scorer cannot be built, or there is nothing to compare with.
        ScorerError: A function of one's own failed.
        UsageError: A step, context or output has the wrong shape.

    Example:
        >>> score("levenshtein", output="abc", expected="abd", threshold=5).measure
        1.0
        >>> score("not-contains", "Of course.", value="As an AI").passed
        True
    """
    found = _begin(
        type,
        output,
        expected=expected,
        value=value,
        threshold=threshold,
        inputs=inputs,
        contexts=contexts,
        messages=messages,
        steps=steps,
        instruments=instruments,
        prompts=prompts,
        **params,
    )
    return found if isinstance(found, Score) else _wait(found)


async def ascore(
    type: str,  # noqa: A002 - as for `score`
    output: str | JsonValue | Output,
    **options: Any,
) -> Score:
    """Score one output in the caller's event loop.

    Args:
        type: Type of the scorer, `not-` included.
        output: Text; or JSON data; or an `Output`.
        options: What `score` takes.

    Returns:
        What `score` returns; it raises what `score` raises.
    """
    found = _begin(type, output, **options)
    return found if isinstance(found, Score) else await found


def _begin(
    kind: str,
    output: str | JsonValue | Output,
    *,
    expected: JsonValue = None,
    value: JsonValue = None,
    threshold: float | None = None,
    inputs: JsonObject | None = None,
    contexts: Sequence[JsonObject | str] | None = None,
    messages: Sequence[JsonObject] | None = None,
    steps: Sequence[Step | JsonObject] | None = None,
    instruments: Instruments | None = None,
    prompts: PromptSource | None = None,
    **params: Any,
) -> Score | Awaitable[Score]:
    context = ScorerContext(
        output_schema=params.pop("output_schema", None),
        tools=tuple(params.pop("tools", None) or ()),
        instruments=instruments,
        prompts=prompts,
    )
    spec = ScorerSpec(
        type=kind, name=kind, value=value, threshold=threshold, params=params, has_value=value is not None
    )
    passages = tuple(map(_read_context, enumerate(contexts or ())))
    case = Case(id="score", inputs=inputs or {}, expected=expected, contexts=passages)
    item = ScoreInput(output=_read_output(output, passages, messages, steps), case=case)
    scorer = build_scorer(spec, context)
    # Said as a mistake of set-up here too, not as a failed score.
    scorer.check(case)
    return scorer.score(item)


def _read_output(
    output: JsonValue | Output,
    contexts: tuple[JsonObject, ...],
    messages: Sequence[JsonObject] | None,
    steps: Sequence[Step | JsonObject] | None,
) -> Output:
    if not isinstance(output, Output):
        output = Output(text=output) if isinstance(output, str) else _from_data(output)
    return replace(
        output,
        contexts=contexts or output.contexts,
        messages=tuple(messages) if messages else output.messages,
        steps=tuple(map(_read_step, steps)) if steps else output.steps,
    )


def _from_data(data: JsonValue) -> Output:
    try:
        return Output(text="" if data is None else orjson.dumps(data).decode(), data=data)
    except TypeError as error:
        raise UsageError(f"the output is neither text nor JSON: {error}") from None


def _read_step(step: Step | JsonObject) -> Step:
    if isinstance(step, Step):
        return step
    try:
        return Step(**step)  # type: ignore[arg-type]  # a wrong key raises; scorers read what is there
    except TypeError as error:
        raise UsageError(
            f"{step!r} is no step: {error}", hint="write {'kind': 'tool', 'name': 'search', 'input': {…}}"
        ) from None


def _read_context(numbered: tuple[int, JsonObject | str]) -> JsonObject:
    number, context = numbered
    return {"id": str(number), "text": context} if isinstance(context, str) else context


def _wait(found: Awaitable[_Found]) -> _Found:
    """Wait for an awaitable in a thread of its own, since the caller's may be running a loop."""
    results: list[_Found] = []
    errors: list[BaseException] = []

    async def finish() -> _Found:
        return await found

    def work() -> None:
        try:
            results.append(asyncio.run(finish()))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=work, name="promptship-score")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
