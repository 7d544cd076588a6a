"""A parsed prompt file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptship.domain import OutputContract

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import JsonObject, JsonValue, Trust
    from promptship.prompts._yaml import YamlDocument

__all__ = ["PromptDocument"]


@dataclass(frozen=True, kw_only=True)
class PromptDocument:
    """What a `.prompt` file says, before anything outside it is read.

    Attributes:
        path: The file, as messages name it.
        body: The template, with line feeds as newlines.
        body_line: Line of the file on which the template begins.
        has_frontmatter: Whether the file begins with frontmatter.
        declares_inputs: Whether `input.schema` is given; without it the inputs are those that the template uses.
        model: Name of a model config, or `provider/model`.
        config: Sampling parameters that override the model config's, key by key.
        input_schema: JSON Schema of the inputs, an object schema. Where none is declared, that of the names in the body
            alone; `build_closure` looks into partials too.
        defaults: Values of inputs that are not given.
        trust: Trust as stated, `plain` included.
        examples: Few-shot rows, or the name of a file beside the prompt that holds them; None for none.
        output: What an answer must be.
        tools: Tool definitions in the protocol's shape.
        description: For people, as the keys that follow; none of them changes the digest.
        owner: Who answers for the prompt.
        tags: Words to find it by.
        links: Where to read more.
        data: What the author says of the data that the prompt sees.
        extra: Keys that begin with `x-`.
        frontmatter: The parsed frontmatter; None without one.
    """

    path: str
    body: str
    body_line: int
    has_frontmatter: bool = False
    declares_inputs: bool = False
    model: str = "default"
    config: JsonObject = field(default_factory=dict)
    input_schema: JsonObject = field(default_factory=dict)
    defaults: JsonObject = field(default_factory=dict)
    trust: Mapping[str, Trust] = field(default_factory=dict)
    examples: tuple[JsonObject, ...] | str | None = None
    output: OutputContract = field(default_factory=OutputContract)
    tools: tuple[JsonObject, ...] = ()
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    links: JsonValue = None
    data: JsonValue = None
    extra: JsonObject = field(default_factory=dict)
    frontmatter: YamlDocument | None = None

    def place(self, path: Sequence[str | int]) -> tuple[int, int]:
        """Return line and column, both 1-based, of a key of the frontmatter; the file's start without frontmatter.

        Args:
            path: Keys from the top, such as `("input", "schema", "order?")`.
        """
        return self.frontmatter.place(path) if self.frontmatter is not None else (1, 1)
