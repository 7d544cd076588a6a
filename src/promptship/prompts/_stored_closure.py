"""A closure from the canonical JSON that its digest was made of."""

from __future__ import annotations

from typing import Any

import orjson

from promptship.domain import CLOSURE_FORMAT, Closure, ModelConfig, OutputContract
from promptship.errors import StorageError

__all__ = ["parse_closure"]


def parse_closure(content: bytes, *, model_name: str, ref: str) -> Closure:
    """Parse a closure that a registry or a lock keeps. Nothing in it is looked up on the disk or in the environment.

    Args:
        content: Canonical JSON of `Closure.as_json()`.
        model_name: What its model config was called.
        ref: The version, as messages name it.

    Returns:
        A closure with the same digest. Its model config has no address, price or limits: those are no part of it.

    Raises:
        StorageError: It is of a newer format, or no closure.
    """
    try:
        value = orjson.loads(content)
        if (found := value["closure"]) != CLOSURE_FORMAT:
            message = f"{ref} is a closure of format {found}; this version of Promptship reads {CLOSURE_FORMAT}"
            raise StorageError(message, hint="pip install --upgrade promptship")
        return _build(value, model_name)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"the stored closure of {ref} is damaged: {error}", hint="promptctl verify") from None


def _build(value: dict[str, Any], model_name: str) -> Closure:
    output = value.get("output", {})
    return Closure(
        template=value["template"],
        model=_build_model(value["model"], model_name),
        partials=value.get("partials", {}),
        input_schema=value.get("input", {}),
        defaults=value.get("defaults", {}),
        trust=value.get("trust", {}),
        examples=tuple(value.get("examples", ())),
        output=OutputContract(**{**output, "choices": tuple(output.get("choices", ()))}),
        tools=tuple(value.get("tools", ())),
    )


def _build_model(identity: dict[str, Any], name: str) -> ModelConfig:
    fallbacks = tuple(_build_model(fallback, fallback["model"]) for fallback in identity.get("fallbacks", ()))
    return ModelConfig(**{**identity, "name": name, "fallbacks": fallbacks})
