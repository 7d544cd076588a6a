"""What a trained judge looks at: counts, other scores, and embeddings, as one row of figures per answer."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from promptship.domain import Score, ScoreInput
from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import text_of
from promptship.scorers._trained.surface import SURFACE_NAMES, surface_features

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy import ndarray

    from promptship.domain import Embedder, JsonObject, JsonValue, JudgedItem, Output, Scorer

__all__ = ["VECTOR", "FeaturePlan", "FeatureTools", "compute_features", "compute_surface"]

_FIELDS: Final = re.compile(r"output|expected|contexts|inputs(\.[^\W\d][\w-]*)?")
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_MOST_SENTENCES: Final = 40
_NO_SCORE: Final = 0.5
VECTOR: Final = "vector"
"""Begins the names of figures of which there are hundreds, and which a learner may do without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePlan:
    """What is looked at.

    Attributes:
        embed: Texts that are embedded: `output` first, then what it is held against; empty for none.
        embedder: Name of the embedder; "" for the project's default.
        scorers: Scorers whose values are figures, as evalsets write them.
    """

    embed: tuple[str, ...] = ()
    embedder: str = ""
    scorers: tuple[JsonValue, ...] = ()

    def __post_init__(self) -> None:
        for field in self.embed:
            if not _FIELDS.fullmatch(field):
                raise ScorerSetupError(
                    f"embed: {field!r}; expected output, expected, contexts, inputs or inputs.NAME",
                    hint="write embed: [output, inputs.question]",
                )

    def as_json(self) -> JsonObject:
        """Return the plan as a model's file holds it."""
        return {"embed": list(self.embed), "embedder": self.embedder, "scorers": list(self.scorers)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FeaturePlan:
        """Read what `as_json` gave, or `train` of a judge's file."""
        return cls(
            embed=tuple(value.get("embed") or ()),
            embedder=value.get("embedder") or "",
            scorers=tuple(value.get("scorers") or ()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTools:
    """What a plan is carried out with: an embedder where it embeds, and its scorers, built."""

    embedder: Embedder | None = None
    scorers: tuple[Scorer, ...] = ()


async def compute_features(
    items: Sequence[JudgedItem], plan: FeaturePlan, tools: FeatureTools
) -> tuple[tuple[str, ...], ndarray]:
    """Return the names of the figures and one row for each item.

    Of an item with a second answer the row is that of the first minus that of the second: a judge of such rows says
    the opposite where the two change places.

    Args:
        items: The answers.
        plan: What is looked at.
        tools: What it is looked at with.

    Returns:
        Names, and figures of shape (items, names).

    Raises:
        ModelError: The embedder or a scorer's model failed.
    """
    import numpy as np

    answers = _answers(items)
    names, rows = _surface_block(answers)
    blocks = [rows]
    if tools.scorers:
        names += [f"scorer:{scorer.name}" for scorer in tools.scorers]
        blocks.append(np.asarray(await asyncio.gather(*(_scores(tools.scorers, *one) for one in answers))))
    if plan.embed and tools.embedder is not None:
        more, block = await _embedded(answers, plan, tools.embedder)
        names += more
        blocks.append(block)
    return tuple(names), _paired(items, np.concatenate(blocks, axis=1))


def compute_surface(items: Sequence[JudgedItem]) -> tuple[tuple[str, ...], ndarray]:
    """Return what `compute_features` does for a plan that neither embeds nor scores, without an event loop."""
    names, rows = _surface_block(_answers(items))
    return tuple(names), _paired(items, rows)


def _answers(items: Sequence[JudgedItem]) -> list[tuple[JudgedItem, Output]]:
    firsts = [(item, item.output) for item in items]
    return [*firsts, *((item, item.versus) for item in items if item.versus is not None)]


def _surface_block(answers: Sequence[tuple[JudgedItem, Output]]) -> tuple[list[str], ndarray]:
    import numpy as np

    rows = np.asarray([_surface(item, output) for item, output in answers], dtype=float)
    return [f"surface:{name}" for name in SURFACE_NAMES], rows.reshape(len(answers), len(SURFACE_NAMES))


def _paired(items: Sequence[JudgedItem], rows: ndarray) -> ndarray:
    """Take the rows of second answers from those of the first."""
    import numpy as np

    found = rows[: len(items)].copy()
    found[np.asarray([item.versus is not None for item in items], dtype=bool)] -= rows[len(items) :]
    return found


def _surface(item: JudgedItem, output: Output) -> list[float]:
    case = item.case
    # The second answer of a pair stands in `expected`, and there it is no model of a good one.
    expected = [] if item.versus is not None else [*_texts(case.expected), *case.references]
    return surface_features(text_of(output), _texts([case.inputs, list(case.contexts)]), expected)


async def _scores(scorers: Sequence[Scorer], item: JudgedItem, output: Output) -> list[float]:
    found = []
    for scorer in scorers:
        score = scorer.score(ScoreInput(output=output, case=item.case))
        value = (score if isinstance(score, Score) else await score).value
        found.append(_NO_SCORE if value is None else value)
    return found


async def _embedded(
    answers: Sequence[tuple[JudgedItem, Output]], plan: FeaturePlan, embedder: Embedder
) -> tuple[list[str], ndarray]:
    """Return vectors of the fields, and how near the first is to the others and to their nearest sentence."""
    import numpy as np

    fields = [[_field(field, item, output) for item, output in answers] for field in plan.embed]
    vectors = [_unit(await embedder.embed(texts)) for texts in fields]
    first, others = vectors[0], list(zip(plan.embed[1:], vectors[1:], fields[1:], strict=True))
    names, columns = [], []
    for name, vector, texts in others:
        nearest = await _nearest_sentence(first, texts, embedder)
        names += [f"cosine:{name}", f"nearest:{name}"]
        columns += [(first * vector).sum(axis=1, keepdims=True), nearest[:, None]]
    for name, block in [("output", first), *((f"product:{name}", first * vector) for name, vector, _ in others)]:
        names += [f"{VECTOR}:{name}:{place}" for place in range(block.shape[1])]
        columns.append(block)
    return names, np.concatenate(columns, axis=1)


async def _nearest_sentence(first: ndarray, texts: Sequence[str], embedder: Embedder) -> ndarray:
    import numpy as np

    split = [[one for one in _SENTENCE.split(text) if one.strip()][:_MOST_SENTENCES] or [text] for text in texts]
    vectors = _unit(await embedder.embed([sentence for sentences in split for sentence in sentences]))
    ends = np.cumsum([len(sentences) for sentences in split])
    parts = np.split(vectors, ends[:-1])
    return np.asarray([float((part @ one).max()) for part, one in zip(parts, first, strict=True)])


def _unit(vectors: ndarray) -> ndarray:
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: ndarray = np.asarray(vectors, dtype=float) / np.where(lengths > 0, lengths, 1.0)
    return found


def _field(field: str, item: JudgedItem, output: Output) -> str:
    if field == "output":
        return text_of(output)
    if field == "expected":
        return " ".join(_texts(item.case.expected))
    if field == "contexts":
        return "\n".join(_texts(list(item.case.contexts)))
    _, _, name = field.partition(".")
    return "\n".join(_texts(item.case.inputs.get(name) if name else item.case.inputs))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, one in value.items() if key != "id" for text in _texts(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    return [] if value is None or isinstance(value, bool) else [str(value)]
