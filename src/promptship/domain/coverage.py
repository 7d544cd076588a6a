"""Which parts of a prompt a set of cases reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Branch", "InputDomain", "PromptCoverage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A way through a template.

    Attributes:
        template: Name of the partial; "" for the prompt's own template.
        line: Line of the template, from 1.
        kind: `if`, `elif`, `else` (also one that is not written), `loop` and `empty` (a loop over nothing), and the two
            arms of an inline if.
        hits: How often cases took it.
    """

    template: str
    line: int
    kind: Literal["if", "elif", "else", "loop", "empty", "then", "otherwise"]
    hits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDomain:
    """A kind of value that an input can have (`given`, `absent`, `empty`, one value of an enumeration …)."""

    name: str
    value: str
    hits: int = 0


@dataclass(frozen=True, kw_only=True)
class PromptCoverage:
    """What the cases of a prompt's evalsets reach.

    Attributes:
        prompt: Its name.
        evalsets: Whose cases were rendered.
        cases: How many.
        branches: Every branch of the template and its partials.
        inputs: Every domain of every input.
    """

    prompt: str
    evalsets: tuple[str, ...]
    cases: int
    branches: tuple[Branch, ...]
    inputs: tuple[InputDomain, ...]

    @property
    def reached(self) -> tuple[int, int]:
        """How many branches and input domains at least one case reaches, and how many there are."""
        hits = [branch.hits for branch in self.branches] + [domain.hits for domain in self.inputs]
        return sum(map(bool, hits)), len(hits)

    @property
    def share(self) -> float:
        """Share of branches and input domains that at least one case reaches; 1.0 where there is nothing to reach."""
        reached, whole = self.reached
        return reached / whole if whole else 1.0
