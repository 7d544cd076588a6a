"""Training: a small judge from labels, chosen and measured by nested cross-validation that keeps families together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptship.domain import digest_of
from promptship.errors import UsageError
from promptship.judges._calibrate import find_threshold, fit_map
from promptship.judges._folds import folds_of
from promptship.judges._gather import require_usable
from promptship.judges._learn import Candidate
from promptship.scorers import VECTOR, FeaturePlan, HeldOut, TrainedModel, compute_features, sureness
from promptship.stats import split_conformal_threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy import ndarray

    from promptship.domain import JudgeFile
    from promptship.judges._calibrate import MapName
    from promptship.judges._gather import LabelSet
    from promptship.scorers import Boosted, FeatureTools, Linear

__all__ = ["Training", "TrainingData", "TrainingPlan", "plan_of", "train_judge", "train_on"]

_OUTER = 5
_INNER = 5
_NEVER = 2.0
_SAME = 1e-9
_LOGISTIC = (0.01, 0.1, 1.0)
_WITH_VECTORS = (0.0003, 0.003, 0.03)
_ROUNDS = (30, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What is trained.

    Attributes:
        features: What the judge looks at.
        learner: `logistic`, `boosting`, or `best` for whichever does better within the training folds.
        calibrate: The map from log-odds to probabilities.
        error: Share of answered items that may be wrong; None for a judge that always answers.
    """

    features: FeaturePlan = field(default_factory=FeaturePlan)
    learner: str = "best"
    calibrate: MapName = "platt"
    error: float | None = None

    def candidates(self, *, has_vectors: bool) -> list[Candidate]:
        """Return the learners among which each fold chooses."""
        found = []
        if self.learner in {"best", "logistic"}:
            found += [Candidate(kind="logistic", strength=one) for one in _LOGISTIC]
            if has_vectors:
                found += [Candidate(kind="logistic", strength=one, vectors=True) for one in _WITH_VECTORS]
        if self.learner in {"best", "boosting"}:
            found += [Candidate(kind="boosting", strength=one) for one in _ROUNDS]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """Figures and labels, row by row.

    Attributes:
        names: Names of the figures.
        rows: Shape (n, figures).
        human: 1 for good; shape (n,).
        weights: Shape (n,).
        clusters: Case family of each.
        is_pairwise: Whether rows are differences of two answers.
    """

    names: tuple[str, ...]
    rows: ndarray
    human: ndarray
    weights: ndarray
    clusters: tuple[str, ...]
    is_pairwise: bool = False

    def at(self, places: ndarray) -> TrainingData:
        """Return the rows at `places`, a mask of shape (n,)."""
        return TrainingData(
            names=self.names,
            rows=self.rows[places],
            human=self.human[places],
            weights=self.weights[places],
            clusters=tuple(name for name, kept in zip(self.clusters, places, strict=True) if kept),
            is_pairwise=self.is_pairwise,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What training made.

    Attributes:
        model: The judge, fitted on all labels.
        chances: Probability of good of each item, by models that had not seen its family; shape (n,).
        verdicts: Their verdicts, None where they abstain.
        chosen: What each outer fold chose, then the final model.
    """

    model: TrainedModel
    chances: ndarray
    verdicts: tuple[bool | None, ...]
    chosen: tuple[str, ...]


def plan_of(judge: JudgeFile) -> TrainingPlan:
    """Read what a judge's file says of its training.

    Raises:
        UsageError: The file has no `train`.
        ScorerSetupError: It embeds a text that there is not.
    """
    if judge.train is None:
        raise UsageError(
            f"{judge.path} does not say what to train on",
            hint="write `train: {embed: [output], error: 0.1}`; `train: {}` looks at words alone",
        )
    train: dict[str, Any] = judge.train
    return TrainingPlan(
        features=FeaturePlan.from_json(train),
        learner=train.get("learner") or "best",
        calibrate=train.get("calibrate") or "platt",
        error=train.get("error") or None,
    )


async def train_judge(
    judge: JudgeFile,
    labels: LabelSet,
    tools: FeatureTools,
    *,
    seed: int = 0,
    on_fold: Callable[[int, int], None] | None = None,
) -> Training:
    """Train a judge on its labels.

    Args:
        judge: Its file, with `train`.
        labels: Gathered for `train`.
        tools: Embedder and scorers of the plan.
        seed: Of the folds.
        on_fold: Told after each outer fold how many are done, and of how many.

    Raises:
        UsageError: The labels are too few or of one class, or pairs and single answers are mixed.
        ModelError: The embedder failed.
    """
    import numpy as np

    require_usable(labels)
    plan = plan_of(judge)
    pairs = sum(one.item.versus is not None for one in labels.items)
    if pairs not in {0, len(labels.items)}:
        message = f"{pairs} of {len(labels.items)} labelled outputs have a second answer in `versus`; all have, or none"
        raise UsageError(message, hint="train one judge on pairs and one on single answers")
    names, rows = await compute_features([one.item for one in labels.items], plan.features, tools)
    data = TrainingData(
        names=names,
        rows=rows,
        human=np.asarray([one.good for one in labels.items], dtype=float),
        weights=np.asarray([one.weight for one in labels.items]),
        clusters=tuple(one.cluster for one in labels.items),
        is_pairwise=pairs > 0,
    )
    keys = [one.item.key for one in labels.items]
    known = {
        "name": judge.name,
        "embedder": tools.embedder.identity if tools.embedder is not None else "",
        "labels_digest": labels.digest,
        "policy_digest": digest_of(judge.policy),
    }
    return train_on(data, plan, keys=keys, seed=seed, on_fold=on_fold, **known)


def train_on(
    data: TrainingData,
    plan: TrainingPlan,
    *,
    keys: Sequence[tuple[str, str]] = (),
    seed: int = 0,
    on_fold: Callable[[int, int], None] | None = None,
    **known: str,
) -> Training:
    """Train on figures that are computed already.

    Learner, map, threshold and the confidence from which it answers are chosen within each outer fold's training part,
    by folds of its own; the outer fold sees the result once. The model that is kept is chosen and fitted likewise on
    all items.

    Args:
        data: Figures and labels.
        plan: What is trained.
        keys: Case and output of each row, for what the model keeps of rows it was trained on.
        seed: Of the folds.
        on_fold: See `train_judge`.
        **known: Further fields of the model: `name`, `embedder`, `labels_digest`, `policy_digest`.
    """
    import numpy as np

    chances, verdicts, chosen = np.full(len(data.human), 0.5), [None] * len(data.human), []
    held_by_fold = list(folds_of(data.clusters, _OUTER, seed=seed))
    answers: list[bool | None] = list(verdicts)
    for done, held in enumerate(held_by_fold, start=1):
        model, choice = _fit(data.at(~held), plan, seed=seed + done, **known)
        chances[held] = model.chances(data.names, data.rows[held])
        for place in np.flatnonzero(held):
            answers[place] = model.decide(float(chances[place]))[0]
        chosen.append(choice.describe())
        if on_fold:
            on_fold(done, len(held_by_fold) + 1)
    held_out = {key: HeldOut(chance=float(chances[place]), good=answers[place]) for place, key in enumerate(keys)}
    model, choice = _fit(data, plan, seed=seed, held_out=held_out, **known)
    if on_fold:
        on_fold(len(held_by_fold) + 1, len(held_by_fold) + 1)
    return Training(model=model, chances=chances, verdicts=tuple(answers), chosen=(*chosen, choice.describe()))


def _fit(data: TrainingData, plan: TrainingPlan, *, seed: int, **known: Any) -> tuple[TrainedModel, Candidate]:
    """Choose a learner by inner folds, fit it on all rows, and map its log-odds by what the inner folds said."""
    folds = list(folds_of(data.clusters, _INNER, seed=seed))
    has_vectors = any(name.startswith(f"{VECTOR}:") for name in data.names)
    found = [
        (_held_out_margins(data, candidate, folds), candidate) for candidate in plan.candidates(has_vectors=has_vectors)
    ]
    # By log-loss and not by hits: of some hundred labels hits are a coarse figure that ties.
    margins, candidate = min(found, key=lambda one: _log_loss(one[0], data))
    # The map is fitted to margins of folds, not of the model itself, which is sure of what it has seen.
    calibration = fit_map(plan.calibrate, margins, data.human, data.weights)
    chances = calibration.apply(margins)
    # Of two answers neither is the better one by its place, so the threshold of a pair is fixed.
    threshold = 0.5 if data.is_pairwise else find_threshold(chances, data.human, data.weights)
    columns, mean, scale, learner = _fit_candidate(data, candidate)
    model = TrainedModel(
        plan=plan.features,
        columns=tuple(data.names[place] for place in columns),
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        learner=learner,
        calibration=calibration,
        threshold=threshold,
        error=plan.error,
        confidence=_least_confidence(chances, data.human, threshold, plan.error),
        is_pairwise=data.is_pairwise,
        **known,
    )
    return model, candidate


def _held_out_margins(data: TrainingData, candidate: Candidate, folds: Sequence[ndarray]) -> ndarray:
    import numpy as np

    margins = np.zeros(len(data.human))
    for held in folds:
        rest = data.at(~held)
        # A fold that holds all of one class leaves nothing to fit: its items keep even odds.
        if len(np.unique(rest.human)) == 1:
            continue
        columns, mean, scale, learner = _fit_candidate(rest, candidate)
        margins[held] = learner.margin((data.rows[held][:, columns] - mean) / scale)
    return margins


def _fit_candidate(data: TrainingData, candidate: Candidate) -> tuple[ndarray, ndarray, ndarray, Linear | Boosted]:
    """Return the columns it uses, their mean and scale, and what it learnt of them."""
    import numpy as np

    wanted = [candidate.vectors or not name.startswith(f"{VECTOR}:") for name in data.names]
    # Equal figures differ by rounding, and would be blown up to a spread of 1.
    columns = np.flatnonzero(np.asarray(wanted) & (data.rows.std(axis=0) > _SAME))
    picked = data.rows[:, columns]
    # Differences of two answers keep their zero, which says that the two are alike.
    mean = np.zeros(len(columns)) if data.is_pairwise else picked.mean(axis=0)
    scale = np.sqrt(((picked - mean) ** 2).mean(axis=0))
    scaled = (picked - mean) / scale
    learner = candidate.fit(scaled, data.human, data.weights, has_intercept=not data.is_pairwise)
    return columns, mean, scale, learner


def _log_loss(margins: ndarray, data: TrainingData) -> float:
    import numpy as np

    return float(data.weights @ (np.logaddexp(0, margins) - data.human * margins)) / float(data.weights.sum())


def _least_confidence(chances: ndarray, human: ndarray, threshold: float, error: float | None) -> float:
    """Return the confidence from which answers keep the error; beyond 1 where none do."""
    import numpy as np

    if error is None:
        return 0.0
    sure = np.asarray([sureness(float(chance), threshold) for chance in chances])
    right = ((chances >= threshold) == (human > 0)).astype(float)
    found = split_conformal_threshold(sure, right, error=error)
    return _NEVER if found is None else found
