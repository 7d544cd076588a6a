"""Names of models and their parameters: what other tools call what litellm calls `provider/model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from promptship.converters._ledger import Ledger
    from promptship.domain import JsonObject, JsonValue

__all__ = ["PARAMETERS", "SECRETS", "foreign_parameter", "read_parameters"]

PARAMETERS: Final[dict[str, str]] = {
    "maxOutputTokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "maxTokens": "max_tokens",
    "max_completion_tokens": "max_completion_tokens",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "top_p": "top_p",
    "topK": "top_k",
    "top_k": "top_k",
    "stopSequences": "stop",
    "stop_sequences": "stop",
    "stop": "stop",
    "seed": "seed",
    "frequencyPenalty": "frequency_penalty",
    "frequency_penalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "presence_penalty": "presence_penalty",
    "reasoning_effort": "reasoning_effort",
    "n": "n",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "parallel_tool_calls",
    "logit_bias": "logit_bias",
    "user": "user",
}
"""Names of sampling parameters elsewhere, and in the chat protocol."""

SECRETS: Final = frozenset(
    {"apiKey", "api_key", "apikey", "accessToken", "access_token", "token", "secret", "password"}
)


def read_parameters(
    values: JsonObject, ledger: Ledger, *, line: int | None, where: str
) -> tuple[JsonObject, dict[str, JsonValue]]:
    """Sort what another tool says of a model.

    Returns:
        Parameters by the protocol's names, and what is none.
    """
    known: JsonObject = {}
    rest: dict[str, JsonValue] = {}
    for key, value in values.items():
        name = PARAMETERS.get(key)
        if key in SECRETS:
            message = f"{where}: {key} is a secret and was not carried over"
            hint = "name its variable: api_key_env in prompts/models.yaml"
            ledger.add("lost", "secret", message, line=line, hint=hint)
        elif name is None:
            rest[key] = value
        elif name in known and known[name] != value:
            ledger.add("lost", "parameter", f"{where}: {key} is given twice in different words", line=line)
        else:
            known[name] = value
    return known, rest


def foreign_parameter(name: str, names: dict[str, str]) -> str:
    """Return what another tool calls a parameter of the protocol; the same word where it has none of its own."""
    return names.get(name, name)
