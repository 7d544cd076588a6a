"""What can be counted in an answer and in what it answers, without a model."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["SURFACE_NAMES", "surface_features"]

_WORD: Final = re.compile(r"\w+")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_NAME: Final = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w-]+")
_SENTENCE_END: Final = re.compile(r"[.!?]+(?:\s|$)")
_MARKUP: Final = re.compile(r"^(?:\s*[-*#>]|\s*\d+\.)\s|\*\*|`", re.MULTILINE)
_LONG_WORD: Final = 4

SURFACE_NAMES: Final = (
    "words", "sentences", "words_per_sentence", "precision", "recall", "f1", "long_precision", "bigram_precision",
    "unknown_numbers", "unknown_names", "numbers", "questions", "exclamations", "markup", "variety", "upper",
    "finished", "expected_f1", "negations",
)  # fmt: skip
_ENGLISH_NEGATIONS: Final = {"no", "not", "never", "none", "nothing", "cannot", "without", "nor"}
_NEGATIONS: Final = _ENGLISH_NEGATIONS | {"kein", "keine", "nicht", "nie", "ohne", "nunca", "sin", "ningún"}


def surface_features(text: str, references: Sequence[str], expected: Sequence[str]) -> list[float]:
    """Return the figures that `SURFACE_NAMES` names.

    Args:
        text: The answer.
        references: What it answers: inputs and passages.
        expected: Answers that are known to be good; [] for none.
    """
    words = [word.lower() for word in _WORD.findall(text)]
    source = [word.lower() for one in references for word in _WORD.findall(one)]
    have, given = Counter(words), Counter(source)
    joined = "\n".join(references)
    sentences = max(1, len(_SENTENCE_END.findall(text)))
    numbers = _NUMBER.findall(text)
    return [
        math.log1p(len(words)),
        math.log1p(sentences),
        len(words) / sentences / 20,
        _share(words, given),
        _share(source, have),
        _f1(have, given),
        _share([word for word in words if len(word) > _LONG_WORD], given),
        _share(list(pairwise(words)), Counter(pairwise(source))),
        _unknown(numbers, set(_NUMBER.findall(joined))),
        _unknown(_NAME.findall(text), set(_WORD.findall(joined))),
        math.log1p(len(numbers)),
        math.log1p(text.count("?")),
        math.log1p(text.count("!")),
        math.log1p(len(_MARKUP.findall(text))),
        len(have) / len(words) if words else 0.0,
        sum(character.isupper() for character in text) / max(1, len(text)),
        float(text.rstrip()[-1:] in {".", "!", "?"}),
        max((_f1(have, Counter(word.lower() for word in _WORD.findall(one))) for one in expected), default=0.0),
        math.log1p(sum(word in _NEGATIONS for word in words)),
    ]


def _share(words: Sequence[object], known: Counter[object] | Counter[str] | Counter[tuple[str, str]]) -> float:
    return sum(word in known for word in words) / len(words) if words else 0.0


def _unknown(found: Iterable[str], known: set[str]) -> float:
    return math.log1p(sum(one not in known for one in found))


def _f1(one: Counter[str], other: Counter[str]) -> float:
    shared = (one & other).total()
    return 2 * shared / (one.total() + other.total()) if shared else 0.0
