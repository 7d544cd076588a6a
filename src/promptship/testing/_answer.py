"""An answer of a prompt, as a Python test compares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptship.domain import JsonObject, JsonValue, Output

__all__ = ["Answer"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Answer:
    """What a prompt answered. It equals its text, and its data where that is JSON; `in` looks into the text.

    Attributes:
        output: The answer as scorers take it, with cost, latency and usage.
        prompt: Label of the prompt.
        model: `provider/model`.
        inputs: What it was asked with.
        sample: 0-based; another number is another sample.
    """

    output: Output
    prompt: str
    model: str
    inputs: JsonObject
    sample: int = 0

    @property
    def text(self) -> str:
        """The answer as text."""
        return self.output.text

    @property
    def data(self) -> JsonValue:
        """The answer as data; None where the prompt's contract is no JSON, or the text is none."""
        return self.output.data

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Answer):
            return (self.text, self.data) == (other.text, other.data)
        return self.text == other if isinstance(other, str) else self.data == other

    def __hash__(self) -> int:
        return hash(self.text)

    def __contains__(self, item: Any) -> bool:
        return item in self.text

    def __repr__(self) -> str:
        return f"<Answer of {self.prompt!r} by {self.model!r}: {self.text!r}>"
