"""Instructions of a template, and templates without one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Mutation", "list_mutations"]

MutationKind = Literal["dropped", "negated"]

_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", re.DOTALL)
_BLOCK = re.compile(r"\{[%#]")
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?]+(?=\s|$)|$)|[^.!?\n]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_LEAST_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A template with one instruction gone or turned round.

    Attributes:
        line: Line of the template, from 1, on which the instruction stands.
        instruction: Its text.
        kind: What was done to it.
        template: The whole template after that.
    """

    line: int
    instruction: str
    kind: MutationKind
    template: str


def list_mutations(template: str) -> list[Mutation]:
    """Drop and negate each sentence of a template's own text, one at a time.

    A sentence is text of at least three words that ends with its line, a full stop, or a block tag; placeholders in it
    go with it. Tags themselves are never touched.

    Example:
        >>> found = list_mutations("{% system %} Be very brief. {{ x }} is all you know.")
        >>> [one.instruction for one in found if one.kind == "dropped"]
        ['Be very brief.', '{{ x }} is all you know.']
    """
    found: list[Mutation] = []
    for start, end in _sentences(template):
        text = template[start:end]
        line = template.count("\n", 0, start) + 1
        dropped = template[:start] + template[end:].removeprefix(" ")
        negated = f"{template[:start]}Do the opposite of this: {text}{template[end:]}"
        found.append(Mutation(line=line, instruction=text, kind="dropped", template=dropped))
        found.append(Mutation(line=line, instruction=text, kind="negated", template=negated))
    return found


def _sentences(template: str) -> list[tuple[int, int]]:
    """Return where each sentence begins and ends."""
    # Tags are covered by letters that end no sentence, so that places stay places; blocks by line ends, which do.
    covered = _TAG.sub(lambda tag: ("\n" if _BLOCK.match(tag[0]) else "\x00") * len(tag[0]), template)
    found = []
    for match in _SENTENCE.finditer(covered):
        text = match[0]
        start = match.start() + len(text) - len(text.lstrip())
        end = match.end() - (len(text) - len(text.rstrip()))
        if end > start and len(_WORD.findall(covered[start:end])) >= _LEAST_WORDS:
            found.append((start, end))
    return found
