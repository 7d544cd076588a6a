"""Scorers that ask a model: rubrics, facts, contexts, conversations, pairs, panels and cascades of judges.

How they judge stands in `promptship.scorers._judging`, their prompts in `judge_prompts/` beside this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.scorers._judging.fact_types import FACT_TYPES
from promptship.scorers._judging.geval import GEVAL_TYPES
from promptship.scorers._judging.member_types import MEMBER_TYPES
from promptship.scorers._judging.pair_types import PAIR_TYPES
from promptship.scorers._judging.ready_types import READY_TYPES
from promptship.scorers._judging.relevance import RELEVANCE_TYPES
from promptship.scorers._judging.rubric_types import RUBRIC_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.scorers._criterion import ScorerFactory

__all__ = ["SCORERS"]

SCORERS: Mapping[str, ScorerFactory] = {
    **RUBRIC_TYPES,
    **GEVAL_TYPES,
    **READY_TYPES,
    **FACT_TYPES,
    **RELEVANCE_TYPES,
    **PAIR_TYPES,
    **MEMBER_TYPES,
}
