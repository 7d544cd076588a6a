"""Scorers: from an output and a case to a score. Text, structure, tools, operations, functions of one's own.

Here live the types that need no model, and the road by which plug-ins add theirs: an entry point of the group
`promptship.scorers` that names a module with a mapping `SCORERS` of types to `ScorerFactory`. How scorers are written
in an evalset belongs to `promptship.evalsets`, when they are called to `promptship.runner`.

Metric libraries are imported when a scorer that needs them is built, never before.
"""

from promptship.domain import Score, ScoreInput
from promptship.scorers._build import CheckedScorer, build_scorer
from promptship.scorers._criterion import (
    PASSED,
    UNJUDGED,
    Comparison,
    Criterion,
    ScorerContext,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    UnjudgedError,
    fail,
    text_of,
)
from promptship.scorers._reference import render_reference
from promptship.scorers._registry import list_scorers
from promptship.scorers._score import score

__all__ = [
    "PASSED",
    "UNJUDGED",
    "CheckedScorer",
    "Comparison",
    "Criterion",
    "Score",
    "ScoreInput",
    "ScorerContext",
    "ScorerExample",
    "ScorerFactory",
    "ScorerInfo",
    "ThresholdInfo",
    "UnjudgedError",
    "build_scorer",
    "fail",
    "list_scorers",
    "render_reference",
    "score",
    "text_of",
]
