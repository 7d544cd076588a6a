"""A trained judge as its file holds it: JSON, read with checks, and needing numpy alone to predict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import digest_of
from promptship.errors import SourceError, UsageError
from promptship.scorers._trained.features import FeaturePlan
from promptship.stats import Calibration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy import ndarray

    from promptship.domain import Digest, JsonObject

__all__ = [
    "Boosted",
    "HeldOut",
    "Linear",
    "TrainedModel",
    "Tree",
    "load_trained_model",
    "parse_trained_model",
    "sureness",
    "trained_digest",
]

_LARGEST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Log-odds as a weighted sum."""

    weights: tuple[float, ...]
    intercept: float

    def margin(self, rows: ndarray) -> ndarray:
        """Return the log-odds of each row; shape (n,)."""
        import numpy as np

        found: ndarray = rows @ np.asarray(self.weights) + self.intercept
        return found

    def as_json(self) -> JsonObject:
        """Return it as a file holds it."""
        return {"kind": "logistic", "weights": list(self.weights), "intercept": self.intercept}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree as arrays: node 0 is the root; a row goes left where its figure is at most the threshold.

    Attributes:
        feature: Figure that a node looks at; -1 for a leaf.
        threshold: What it is compared with.
        left: Next node, greater than this one.
        right: Likewise.
        value: What a leaf adds.
    """

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]

    def leaf(self, row: Sequence[float]) -> float:
        """Return the leaf's value for one row."""
        node = 0
        while self.feature[node] >= 0:
            goes_left = row[self.feature[node]] <= self.threshold[node]
            node = self.left[node] if goes_left else self.right[node]
        return self.value[node]

    def margin(self, rows: ndarray) -> ndarray:
        """Return the leaf's value for each row; shape (n,)."""
        import numpy as np

        node = np.zeros(len(rows), dtype=int)
        feature, threshold = np.asarray(self.feature), np.asarray(self.threshold)
        left, right = np.asarray(self.left), np.asarray(self.right)
        everyone = np.arange(len(rows))
        # Children come after their parents, so no row takes more steps than there are nodes.
        for _ in range(len(self.feature)):
            inner = feature[node] >= 0
            if not inner.any():
                break
            goes_left = rows[everyone, np.maximum(feature[node], 0)] <= threshold[node]
            node = np.where(inner, np.where(goes_left, left[node], right[node]), node)
        return np.asarray(self.value)[node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """Log-odds as a sum over trees."""

    base: float
    trees: tuple[Tree, ...]

    def margin(self, rows: ndarray) -> ndarray:
        """Return the log-odds of each row; shape (n,)."""
        import numpy as np

        if len(rows) == 1:
            # One answer is scored at a time in a run, and numpy would take a thousand small steps for it.
            row = rows[0].tolist()
            return np.asarray([self.base + sum(tree.leaf(row) for tree in self.trees)])
        found = np.full(len(rows), self.base)
        for tree in self.trees:
            found += tree.margin(rows)
        return found

    def as_json(self) -> JsonObject:
        """Return it as a file holds it."""
        names = ("feature", "threshold", "left", "right", "value")
        trees: list[Any] = [{name: list(getattr(tree, name)) for name in names} for tree in self.trees]
        return {"kind": "boosting", "base": self.base, "trees": trees}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What a model that had not seen an item says of it."""

    chance: float
    good: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A trained judge.

    Attributes:
        name: Of the judge.
        plan: What it looks at.
        embedder: Identity of the embedder it was trained with; "" for none.
        columns: The figures it uses, by name.
        mean: Of each, in training.
        scale: Of each, in training.
        learner: What it learnt.
        calibration: From log-odds to probabilities.
        threshold: Probability from which an answer is good.
        error: Share of the answered that may be wrong; None where it always answers.
        confidence: Confidence from which it answers; above 1 where it never may.
        is_pairwise: Whether it compares two answers.
        labels_digest: Digest of the labels it was trained on.
        policy_digest: Digest of the policy they were given under.
        held_out: By case and output, what models say that had not seen them.
    """

    name: str
    plan: FeaturePlan
    columns: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    learner: Linear | Boosted
    calibration: Calibration
    threshold: float
    embedder: str = ""
    error: float | None = None
    confidence: float = 0.0
    is_pairwise: bool = False
    labels_digest: str = ""
    policy_digest: str = ""
    held_out: Mapping[tuple[str, str], HeldOut] = field(default_factory=dict)

    def chances(self, names: tuple[str, ...], rows: ndarray) -> ndarray:
        """Return the probability of good for each row.

        Args:
            names: Names of the figures in `rows`.
            rows: Shape (n, names).

        Raises:
            UsageError: A figure that it uses is missing: the embedder has other dimensions than in training.
        """
        import numpy as np

        places = {name: place for place, name in enumerate(names)}
        missing = [name for name in self.columns if name not in places]
        if missing:
            raise UsageError(
                f"the trained judge {self.name!r} needs {missing[0]!r}, which is not computed",
                hint=f"train it anew: promptctl judge train {self.name}",
            )
        picked = rows[:, [places[name] for name in self.columns]]
        margins = self.learner.margin((picked - np.asarray(self.mean)) / np.asarray(self.scale))
        return self.calibration.apply(margins)

    def decide(self, chance: float) -> tuple[bool | None, float]:
        """Return the verdict, None where it abstains, and how sure it is of it, 0 to 1."""
        good = chance >= self.threshold
        sure = sureness(chance, self.threshold)
        return (good if self.error is None or sure >= self.confidence else None), sure

    def as_json(self) -> JsonObject:
        """Return it as its file holds it."""
        held_out: list[Any] = [[*key, one.chance, one.good] for key, one in self.held_out.items()]
        return {
            "trained_judge": 1,
            "name": self.name,
            "plan": self.plan.as_json(),
            "embedder": self.embedder,
            "columns": list(self.columns),
            "mean": list(self.mean),
            "scale": list(self.scale),
            "learner": self.learner.as_json(),
            "calibration": self.calibration.as_json(),
            "threshold": self.threshold,
            "error": self.error,
            "confidence": self.confidence,
            "is_pairwise": self.is_pairwise,
            "labels_digest": self.labels_digest,
            "policy_digest": self.policy_digest,
            "held_out": held_out,
        }


def trained_digest(model: TrainedModel, threshold: float | None = None) -> Digest:
    """Return the digest of a trained judge: all that decides a verdict, and the policy of its labels.

    Args:
        model: The judge.
        threshold: One that an evalset puts in the place of its own; None for its own.
    """
    # What it says of single training items is no part of what it is.
    content: JsonObject = {key: value for key, value in model.as_json().items() if key not in {"held_out", "name"}}
    if threshold is not None:
        content["threshold"] = float(threshold)
    return digest_of(content)


def sureness(chance: float, threshold: float) -> float:
    """Return how far a probability is from the threshold, on the way to certainty on its side, 0 to 1."""
    room = 1 - threshold if chance >= threshold else threshold
    return abs(chance - threshold) / room if room > 0 else 0.0


def load_trained_model(path: Path, *, shown: str) -> TrainedModel:
    """Read a trained judge's file.

    Raises:
        SourceError: It cannot be read, or is no trained judge.
    """
    hint = "train it: promptctl judge train NAME"
    try:
        data = path.read_bytes()[: _LARGEST_BYTES + 1]
        return parse_trained_model(orjson.loads(data))
    except OSError as error:
        raise SourceError.at(shown, None, None, f"cannot be read: {error.strerror}", hint=hint) from None
    except orjson.JSONDecodeError as error:
        raise SourceError.at(shown, error.lineno, error.colno, f"not valid JSON: {error.msg}", hint=hint) from None
    except UsageError as error:
        raise SourceError.at(shown, None, None, str(error), hint=hint) from None


def parse_trained_model(value: Any) -> TrainedModel:
    """Read what `TrainedModel.as_json` gave.

    Raises:
        UsageError: It is no trained judge of this format, or its parts do not fit each other.
    """
    try:
        if value["trained_judge"] != 1:
            raise UsageError(f"format {value['trained_judge']!r} of a trained judge; expected 1")
        columns, error = tuple(map(str, value["columns"])), value.get("error")
        model = TrainedModel(
            name=str(value["name"]),
            plan=FeaturePlan.from_json(value.get("plan") or {}),
            embedder=str(value.get("embedder") or ""),
            columns=columns,
            mean=_numbers(value["mean"], len(columns)),
            scale=_numbers(value["scale"], len(columns)),
            learner=_learner(value["learner"], len(columns)),
            calibration=Calibration.from_json(value["calibration"]),
            threshold=float(value["threshold"]),
            error=None if error is None else float(error),
            confidence=float(value.get("confidence") or 0.0),
            is_pairwise=bool(value.get("is_pairwise")),
            labels_digest=str(value.get("labels_digest") or ""),
            policy_digest=str(value.get("policy_digest") or ""),
            held_out={(str(a), str(b)): HeldOut(chance=c, good=d) for a, b, c, d in value.get("held_out") or ()},
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UsageError(f"this is no trained judge: {type(error).__name__}: {error}") from None
    return model


def _learner(value: Any, width: int) -> Linear | Boosted:
    if value["kind"] == "logistic":
        return Linear(weights=_numbers(value["weights"], width), intercept=float(value["intercept"]))
    return Boosted(base=float(value["base"]), trees=tuple(_tree(one, width) for one in value["trees"]))


def _tree(value: Any, width: int) -> Tree:
    size = len(value["feature"])
    feature, left, right = (tuple(map(int, value[name])) for name in ("feature", "left", "right"))
    tree = Tree(
        feature=feature,
        threshold=_numbers(value["threshold"], size),
        left=left,
        right=right,
        value=_numbers(value["value"], size),
    )
    for node in range(size):
        # A link backwards would never end, one beyond the arrays would read what is not there.
        inner = feature[node] >= 0
        if feature[node] >= width or (inner and not (node < left[node] < size and node < right[node] < size)):
            raise UsageError("this is no trained judge: a tree whose nodes lead nowhere")
    return tree


def _numbers(values: Any, size: int) -> tuple[float, ...]:
    found = tuple(map(float, values))
    if len(found) != size:
        raise UsageError(f"this is no trained judge: {len(found)} figures where {size} are expected")
    return found
