"""The fitted model of English refusals: a multinomial logistic regression, its weights in JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.safety._refusal_features import read_refusal_features

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CLASSES", "RefusalModel", "load_refusal_model"]

CLASSES: Final = ("compliance", "partial", "refusal")
_Pair = tuple[float, float]
_WholePair = tuple[int, int]
_UNIT: Final = 1000
_FIRST: Final = itemgetter(0)
_SECOND: Final = itemgetter(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalModel:
    """Weights of partial refusal and of refusal, each against compliance.

    Attributes:
        bias: Of the two.
        cues: By name of a cue.
        grams: By run of characters anywhere, in thousandths; their sum is divided by the root of how many known
            ones the answer has.
        starts: Likewise, of the beginning.
    """

    bias: _Pair
    cues: Mapping[str, _Pair]
    grams: dict[str, _WholePair]
    starts: dict[str, _WholePair]

    def probabilities(self, text: str) -> tuple[float, float, float]:
        """Return the probabilities of `CLASSES`, which sum to 1.

        Args:
            text: Canonical English text.
        """
        features = read_refusal_features(text)
        partial, refusal = self.bias
        for name, figure in features.cues.items():
            weight = self.cues.get(name)
            if weight is not None:
                partial += weight[0] * figure
                refusal += weight[1] * figure
        for weights, present in ((self.grams, features.grams), (self.starts, features.starts)):
            known = [weights[gram] for gram in present & weights.keys()]
            if known:
                # Whole numbers: a set has no order, and sums of floats would differ in the last place.
                scale = 1.0 / (_UNIT * math.sqrt(len(known)))
                partial += sum(map(_FIRST, known)) * scale
                refusal += sum(map(_SECOND, known)) * scale
        return _softmax(partial, refusal)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RefusalModel:
        """Read a model as `benchmarks/refusals.py` writes it."""
        cues = {name: (float(pair[0]), float(pair[1])) for name, pair in data["cues"].items()}
        grams, starts = (
            {name: (int(pair[0]), int(pair[1])) for name, pair in data[table].items()} for table in ("grams", "starts")
        )
        return cls(bias=(data["bias"][0], data["bias"][1]), cues=cues, grams=grams, starts=starts)


def _softmax(partial: float, refusal: float) -> tuple[float, float, float]:
    top = max(0.0, partial, refusal)
    raw = (math.exp(-top), math.exp(partial - top), math.exp(refusal - top))
    total = sum(raw)
    return raw[0] / total, raw[1] / total, raw[2] / total


@cache
def load_refusal_model() -> RefusalModel:
    """Read the weights that come with the package; once per process."""
    return RefusalModel.from_json(
        orjson.loads(files("promptship.safety").joinpath("refusal_weights.json").read_bytes())
    )
