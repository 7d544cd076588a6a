"""Scorers: from an output and a case to a score. Text, structure, tools, operations, functions of one's own.

Here live the types, those that measure with a model among them, and the road by which plug-ins add theirs: an entry
point of the group `promptship.scorers` that names a module with a mapping `SCORERS` of types to `ScorerFactory`. How
scorers are written in an evalset belongs to `promptship.evalsets`, when they are called to `promptship.runner`, and the
models themselves to `promptship.models`: scorers get them through `ScorerContext.instruments`.

Metric libraries are imported when a scorer that needs them is built, never before.
"""

from promptship.domain import Score, ScoreInput
from promptship.scorers._build import CheckedScorer, build_scorer
from promptship.scorers._criterion import (
    PASSED,
    UNJUDGED,
    Comparison,
    Criterion,
    InstrumentsNeededError,
    ScorerContext,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    UnjudgedError,
    fail,
    require_instruments,
    text_of,
)
from promptship.scorers._judging.identity import JudgeSpec
from promptship.scorers._judging.members import panel_votes
from promptship.scorers._judging.orders import OrderBias, measure_order_bias
from promptship.scorers._judging.prompts import JUDGE_PROMPTS_FOLDER, packaged_prompts
from promptship.scorers._reference import render_reference
from promptship.scorers._registry import list_scorers
from promptship.scorers._score import ascore, score
from promptship.scorers._trained.features import VECTOR, FeaturePlan, FeatureTools, compute_features
from promptship.scorers._trained.model import (
    Boosted,
    HeldOut,
    Linear,
    TrainedModel,
    Tree,
    load_trained_model,
    sureness,
    trained_digest,
)
from promptship.scorers.trained import open_feature_tools

__all__ = [
    "JUDGE_PROMPTS_FOLDER",
    "PASSED",
    "UNJUDGED",
    "VECTOR",
    "Boosted",
    "CheckedScorer",
    "Comparison",
    "Criterion",
    "FeaturePlan",
    "FeatureTools",
    "HeldOut",
    "InstrumentsNeededError",
    "JudgeSpec",
    "Linear",
    "OrderBias",
    "Score",
    "ScoreInput",
    "ScorerContext",
    "ScorerExample",
    "ScorerFactory",
    "ScorerInfo",
    "ThresholdInfo",
    "TrainedModel",
    "Tree",
    "UnjudgedError",
    "ascore",
    "build_scorer",
    "compute_features",
    "fail",
    "list_scorers",
    "load_trained_model",
    "measure_order_bias",
    "open_feature_tools",
    "packaged_prompts",
    "panel_votes",
    "render_reference",
    "require_instruments",
    "score",
    "sureness",
    "text_of",
    "trained_digest",
]
