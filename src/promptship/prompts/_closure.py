"""Closing a prompt: the document and everything it needs, as one value with a digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from promptship.domain import Closure
from promptship.prompts._analysis import analyse
from promptship.prompts._source import normalise_newlines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import JsonObject, JsonValue, ModelConfig
    from promptship.prompts._document import PromptDocument

__all__ = ["build_closure", "implicit_schema"]


def build_closure(
    document: PromptDocument,
    *,
    partials: Mapping[str, str],
    examples: Sequence[JsonObject],
    model: ModelConfig,
) -> Closure:
    """Close a prompt over its partials, examples and model.

    Args:
        document: The parsed prompt.
        partials: Text of every partial that it reaches, by name (`collect_partials`).
        examples: Its few-shot rows, read from their file where `document.examples` names one.
        model: Its model config with fallbacks resolved; the document's `config` overrides its `params` key by key.

    Returns:
        The closure. Newlines are line feeds; of the trust only what is not `plain` is kept; a model whose params stay
        as they are is kept as it is.
    """
    texts = {name: normalise_newlines(text) for name, text in partials.items()}
    schema = document.input_schema if document.declares_inputs else implicit_schema(document.body, texts)
    params = {**model.params, **document.config}
    return Closure(
        template=normalise_newlines(document.body),
        model=model.model_copy(update={"params": params}) if document.config else model,
        partials=texts,
        input_schema=schema,
        defaults=document.defaults,
        trust={name: trust for name, trust in document.trust.items() if trust != "plain"},
        examples=tuple(examples),
        output=document.output,
        tools=document.tools,
    )


def implicit_schema(body: str, partials: Mapping[str, str]) -> JsonObject:
    """Return the schema of a prompt that declares none: every name that it uses, required, as text.

    A name of which items or attributes are read, or that is looped over, is not text: it may be any value.

    Example:
        >>> implicit_schema("Hello {{ name }}", {})["required"]
        ['name']
    """
    use = analyse(body, partials)
    names = sorted(name for name in use.inputs if name != "history")
    properties: dict[str, JsonValue] = {name: {} if name in use.structured else {"type": "string"} for name in names}
    schema: JsonObject = {"type": "object", "properties": properties}
    required = {"required": cast("JsonValue", names)} if names else {}
    return {**schema, **required, "additionalProperties": False}
