"""The scorer `trained-judge`: a small judge fitted to a project's own labels by `promptctl judge train`."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from promptship.domain import JudgedItem, Output, Score
from promptship.errors import ScorerSetupError, UsageError
from promptship.scorers._criterion import (
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    require_instruments,
    shorten,
)
from promptship.scorers._trained.features import FeatureTools, compute_features, compute_surface
from promptship.scorers._trained.model import load_trained_model, parse_trained_model, trained_digest

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from numpy import ndarray

    from promptship.domain import Case, JsonObject, ScoreInput, ScorerSpec
    from promptship.scorers._criterion import ScorerContext
    from promptship.scorers._trained.features import FeaturePlan
    from promptship.scorers._trained.model import TrainedModel

__all__ = ["SCORERS", "open_feature_tools"]


class _TrainedJudge(Criterion):
    """A trained judge at work; without a threshold of the evalset's own it abstains where it was trained to."""

    def __init__(self, model: TrainedModel, tools: FeatureTools, threshold: float | None) -> None:
        self._model = model
        self._tools = tools
        self._threshold = threshold
        self._digest = self.judge = trained_digest(model, threshold)

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        if self._model.is_pairwise and not isinstance(case.expected, str):
            raise ScorerSetupError(
                f"the trained judge {self._model.name!r} compares two answers, and the case has no second one",
                hint="write the other answer into the case's `expected`",
            )

    def score(self, item: ScoreInput) -> Score | Awaitable[Score]:
        """See `Criterion.score`."""
        judged = self._judged(item)
        if self._model.plan.embed or self._tools.scorers:
            return self._score(judged)
        return self._decide(*compute_surface([judged]))

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return f"convince the trained judge {self._model.name!r}"

    async def _score(self, judged: JudgedItem) -> Score:
        return self._decide(*await compute_features([judged], self._model.plan, self._tools))

    def _judged(self, item: ScoreInput) -> JudgedItem:
        versus = Output(text=str(item.case.expected)) if self._model.is_pairwise else None
        return JudgedItem(case=item.case, output=item.output, digest="", versus=versus)

    def _decide(self, names: tuple[str, ...], rows: ndarray) -> Score:
        chance = float(self._model.chances(names, rows)[0])
        good, sure = self._model.decide(chance)
        if self._threshold is not None:
            good = chance >= self._threshold
        reason = "" if good else f"{chance:.0%} likely to be good, by the labels of {self._model.name!r}"
        if good is None:
            reason = f"{reason}: too unsure to be wrong in at most {self._model.error:.0%}"
        definition = f"trained-judge[{self._model.labels_digest[7:19] or self._model.name}]"
        return Score(
            value=chance,
            passed=good,
            reason=shorten(reason),
            confidence=sure,
            definition=definition,
            judge=self._digest,
        )


def open_feature_tools(plan: FeaturePlan, context: ScorerContext) -> FeatureTools:
    """Open what a plan is carried out with.

    Raises:
        ScorerSetupError: It embeds, and no embedder may be opened; or one of its scorers is wrong.
    """
    # Here and not above: YAML comes with it, and a scorer of any type loads this module.
    from promptship.evalsets import parse_scorer
    from promptship.scorers._build import build_scorer

    embedder = None
    if plan.embed:
        instruments = require_instruments(context, "an embedder")
        embedder = instruments.embedder(plan.embedder)
    built = tuple(build_scorer(parse_scorer(one), context) for one in plan.scorers)
    return FeatureTools(embedder=embedder, scorers=built)


def _build(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    model = _load(spec, context)
    tools = open_feature_tools(model.plan, context)
    if tools.embedder is not None and tools.embedder.identity != model.embedder:
        raise ScorerSetupError(
            f"the judge {model.name!r} was trained with the embedder {model.embedder!r}; "
            f"this project's is {tools.embedder.identity!r}",
            hint=f"train it anew: promptctl judge train {model.name}",
        )
    return _TrainedJudge(model, tools, spec.threshold)


def _load(spec: ScorerSpec, context: ScorerContext) -> TrainedModel:
    try:
        if isinstance(spec.value, dict):
            return parse_trained_model(spec.value)
        if isinstance(spec.value, str):
            path = _find_model(spec.value, spec, context)
            return load_trained_model(path, shown=path.name)
    except UsageError as error:
        raise ScorerSetupError(str(error), hint=error.hint) from None
    raise ScorerSetupError(f"value: {spec.value!r}; expected the name of a judge", hint="write value: NAME")


def _find_model(name: str, spec: ScorerSpec, context: ScorerContext) -> Path:
    """Return the model's file: in `judges/` beside the evalset, or in that of the project."""
    from promptship.evalsets import JUDGES_FOLDER, MODEL_ENDING

    root = context.project_root or Path()
    beside = root / PurePosixPath(spec.path).parent if spec.path else root / "evalsets"
    folders = [beside / JUDGES_FOLDER, beside, root / "evalsets" / JUDGES_FOLDER]
    for folder in folders:
        path = folder / f"{name}{MODEL_ENDING}"
        if path.is_file():
            return path
    raise ScorerSetupError(
        f"there is no trained judge {name!r}: looked for {name}{MODEL_ENDING} in {JUDGES_FOLDER}/",
        hint=f"promptctl judge train {name}",
    )


_BRIEF: JsonObject = {
    "trained_judge": 1,
    "name": "brief",
    "columns": ["surface:words"],
    "mean": [2.4],
    "scale": [1.0],
    "learner": {"kind": "logistic", "weights": [-4.0], "intercept": 0.0},
    "calibration": {"method": "platt", "slope": 1.0, "offset": 0.0},
    "threshold": 0.5,
}
"""A judge small enough to be shown: its raters liked answers of up to ten words."""

SCORERS = {
    "trained-judge": ScorerFactory(
        info=ScorerInfo(
            type="trained-judge",
            summary="A judge fitted to a project's own labels calls the output good.",
            value="the name of a judge that `promptctl judge train` has trained, or what its file holds",
            value_is="required",
            threshold=ThresholdInfo(
                meaning="the least probability of good; without one the judge's own, and it abstains"
            ),
            score="the probability that people call the output good",
            definition="trained-judge",
            origin="promptship",
            examples=(
                ScorerExample(
                    scorer={"type": "trained-judge", "value": _BRIEF},
                    passes="It leaves today.",
                    fails="Well, as you may know, there is much to be said about parcels and the days they take.",
                ),
            ),
        ),
        build=_build,
    )
}
