"""What an evaluation would cost, before the first call."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.evaluation._prompt_target import PromptTarget

if TYPE_CHECKING:
    from promptship.domain import Closure
    from promptship.evaluation._evaluate import PreparedEvaluation
    from promptship.models import ModelHub

__all__ = ["PlanEstimate", "estimate_plan"]

_SAMPLED_CASES = 200
_DEFAULT_ANSWER_TOKENS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEstimate:
    """Upper estimate of one evaluation, as if nothing were cached.

    Attributes:
        evalset: Name.
        variants: Labels.
        cases: Selected cases.
        repeats: Samples per case and variant.
        cells: Calls, if each cell makes one.
        prompt_tokens: Tokens sent, counted on up to 200 cases and scaled; 0 where no prompt is rendered.
        completion_tokens: Tokens answered at most.
        cost_usd: USD at most; None where a price is unknown.
    """

    evalset: str
    variants: tuple[str, ...]
    cases: int
    repeats: int
    cells: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None


def estimate_plan(prepared: PreparedEvaluation, hub: ModelHub) -> PlanEstimate:
    """Estimate tokens and money of a prepared evaluation by rendering up to 200 of its cases.

    Args:
        prepared: What would be run.
        hub: Knows tokenizers and prices.
    """
    plan = prepared.plan
    prompt_tokens = completion_tokens = 0
    cost_usd: float | None = 0.0
    for target, version in zip(prepared.targets, prepared.versions, strict=True):
        if not isinstance(target, PromptTarget) or version is None:
            continue
        sent, answered = _tokens_per_case(prepared, target, version.closure, hub)
        sent, answered = round(sent * plan.case_count * plan.repeats), answered * plan.case_count * plan.repeats
        price = hub.estimate_cost(version.closure.model, sent, answered)
        prompt_tokens, completion_tokens = prompt_tokens + sent, completion_tokens + answered
        cost_usd = None if price is None or cost_usd is None else cost_usd + price
    return PlanEstimate(
        evalset=plan.spec.name,
        variants=tuple(variant.label for variant in plan.variants),
        cases=plan.case_count,
        repeats=plan.repeats,
        cells=plan.cells,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost_usd=cost_usd,
    )


def _tokens_per_case(
    prepared: PreparedEvaluation, target: PromptTarget, closure: Closure, hub: ModelHub
) -> tuple[float, int]:
    """Mean tokens sent and most tokens answered for one case."""
    counts = []
    for case in itertools.islice(prepared.plan.cases(), _SAMPLED_CASES):
        messages = target.renderer.render(case.inputs).messages
        counts.append(sum(hub.count_tokens(closure.model, message.text) for message in messages))
    most = closure.model.params.get("max_tokens", _DEFAULT_ANSWER_TOKENS)
    answered = 1 if closure.output.choices else int(most) if isinstance(most, int | float) else _DEFAULT_ANSWER_TOKENS
    return sum(counts) / max(1, len(counts)), answered
