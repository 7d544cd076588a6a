"""`promptctl run`: one call of one prompt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptship.cli._console import note, open_workspace, parse_inputs, print_json

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.domain import PromptVersion
    from promptship.evaluation import CallResult

__all__ = ["run"]


def run(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REF", help="name, name@git:REV, or path to a .prompt file")],
    inputs: Annotated[list[str] | None, typer.Option("-i", "--input", metavar="K=V", help="K=V, or K:=JSON.")] = None,
    inputs_file: Annotated[
        Path | None, typer.Option("--inputs", metavar="FILE", help="JSON or YAML; - reads stdin.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model config, or provider/model.")] = None,
    max_cost: Annotated[
        float | None, typer.Option(metavar="USD", help="Refuse the call if it could cost more.")
    ] = None,
    *,
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer while it is generated.")] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Call the model even where the answer is known.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Call a prompt once and print the answer; tokens and cost go to stderr."""
    import asyncio

    from promptship.assembly import ModelOptions

    workspace = open_workspace(context, ModelOptions(use_cache=not no_cache, max_cost_usd=max_cost))
    version = workspace.project.load_prompt(reference, model=model).version
    result = asyncio.run(
        _call(workspace, version, parse_inputs(inputs or [], inputs_file), stream=stream, quiet=as_json)
    )
    if as_json:
        print_json(_as_json(result))
        return
    note(_summary(result))


async def _call(
    workspace: Workspace, version: PromptVersion, inputs: dict[str, Any], *, stream: bool, quiet: bool
) -> CallResult:
    from promptship.evaluation import CallResult, call_prompt, stream_prompt
    from promptship.report import escape_terminal

    async with workspace:
        hub = workspace.open_hub()
        if quiet or not stream:
            result = await call_prompt(version, inputs, hub)
            if not quiet:
                sys.stdout.write(escape_terminal(result.response.text) + "\n")
            return result
        async for piece in stream_prompt(version, inputs, hub):
            if isinstance(piece, CallResult):
                result = piece
            else:
                sys.stdout.write(escape_terminal(piece))
                sys.stdout.flush()
        sys.stdout.write("\n")
    return result


def _as_json(result: CallResult) -> dict[str, Any]:
    response = result.response
    return {
        "prompt": result.version.label,
        "digest": result.version.digest,
        "model": result.version.closure.model.model,
        "served_model": response.served_model,
        "text": response.text,
        "tool_calls": [call.as_json() for call in response.tool_calls],
        "finish_reason": response.finish_reason,
        "usage": {
            "prompt_tokens": response.usage.prompt_tokens,
            "completion_tokens": response.usage.completion_tokens,
            "cached_tokens": response.usage.cached_tokens,
        },
        "cost_usd": response.cost_usd,
        "latency_s": response.latency_s,
        "provenance": response.provenance,
        "choice_logprobs": dict(response.choice_logprobs),
    }


def _summary(result: CallResult) -> str:
    response, usage = result.response, result.response.usage
    cost = "cost unknown" if response.cost_usd is None else f"${response.cost_usd:.6f}"
    tokens = f"{usage.prompt_tokens} + {usage.completion_tokens} tokens"
    return f"[{response.served_model} · {tokens} · {cost} · {response.latency_s:.2f} s · {response.provenance}]"
