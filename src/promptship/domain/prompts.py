"""A prompt version: the closure that its digest is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from promptship.domain.canonical import Digest, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain.json_types import JsonObject, JsonValue
    from promptship.domain.messages import Message
    from promptship.domain.model_configs import ModelConfig

__all__ = ["CLOSURE_FORMAT", "Closure", "OutputContract", "PromptVersion", "RenderedPrompt", "Trust"]

CLOSURE_FORMAT = 1
"""Fixes every rule from closure and inputs to messages; a changed rule is another number."""

Trust = Literal["plain", "untrusted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputContract:
    """What an answer must be.

    Attributes:
        format: `text` or `json`.
        schema: JSON Schema of the answer; None for any.
        choices: The answers allowed; empty for free ones.
        prior: Log-probability of each choice without an input, fitted once on a calibration split.
    """

    format: Literal["text", "json"] = "text"
    schema: JsonObject | None = None
    choices: tuple[str, ...] = ()
    prior: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> JsonObject:
        """Return the contract without keys that stand at their default."""
        found: JsonObject = {}
        if self.format != "text":
            found["format"] = self.format
        if self.schema is not None:
            found["schema"] = self.schema
        if self.choices:
            found["choices"] = list(self.choices)
        if self.prior:
            found["prior"] = dict(self.prior)
        return found


@dataclass(frozen=True, kw_only=True)
class Closure:
    """Everything that decides what a model is sent, and nothing that does not. Nothing in it is late-bound.

    Attributes:
        template: The body with line feeds as its only newlines.
        partials: Text of every partial that the template reaches, by its path below the prompts folder.
        input_schema: JSON Schema of the inputs, an object schema.
        defaults: Values of inputs that were not given.
        trust: Inputs whose trust is stated and not `plain`.
        examples: Few-shot rows, available to the template as `examples`.
        output: What an answer must be.
        tools: Tool definitions in the protocol's shape.
        model: The resolved model config; only its `identity()` enters the digest.
    """

    template: str
    model: ModelConfig
    partials: Mapping[str, str] = field(default_factory=dict)
    input_schema: JsonObject = field(default_factory=dict)
    defaults: JsonObject = field(default_factory=dict)
    trust: Mapping[str, Trust] = field(default_factory=dict)
    examples: tuple[JsonObject, ...] = ()
    output: OutputContract = field(default_factory=OutputContract)
    tools: tuple[JsonObject, ...] = ()

    def as_json(self) -> JsonObject:
        """Return what is digested: keys at their default are left out."""
        whole: dict[str, JsonValue] = {
            "partials": dict(self.partials),
            "input": self.input_schema,
            "defaults": self.defaults,
            "trust": dict(self.trust),
            "examples": list(self.examples),
            "output": self.output.as_json(),
            "tools": list(self.tools),
        }
        kept = {key: value for key, value in whole.items() if value}
        return {"closure": CLOSURE_FORMAT, "template": self.template, "model": self.model.identity(), **kept}

    @cached_property
    def digest(self) -> Digest:
        """The identity of the version."""
        return digest_of(self.as_json())


@dataclass(frozen=True, kw_only=True)
class PromptVersion:
    """A closed prompt under a name.

    Attributes:
        name: The prompt's name, or the path it was read from.
        closure: What it is.
        origin: The reference it was resolved from, as a person would write it; never part of the identity.
        label: What reports call it: the name, `name@git:REV`, or `name+MODEL` where the model was replaced.
    """

    name: str
    closure: Closure
    origin: str
    label: str

    @property
    def digest(self) -> Digest:
        """The digest of the closure."""
        return self.closure.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPrompt:
    """Messages made from a version and inputs; equal inputs render to equal messages on every machine."""

    messages: tuple[Message, ...]
