"""Variants of one run at a glance: prompts down, models across."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.report._figures import MISSING, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import Comparison

__all__ = ["matrix_of"]

_ALPHA = 0.05
_LEAST = 2


def matrix_of(comparisons: Sequence[Comparison]) -> tuple[str, list[tuple[str, ...]]] | None:
    """Arrange pass rates by prompt and model.

    Args:
        comparisons: Of each further variant of a run with its first.

    Returns:
        A title, and rows with the head first; None where fewer than three variants are compared, or several runs.
    """
    baselines = {(one.baseline.run_id, one.baseline.label) for one in comparisons}
    if len(comparisons) < _LEAST or len(baselines) > 1 or any(one.p_of_many is None for one in comparisons):
        return None
    first = comparisons[0]
    cells = {_place(first.baseline.label): percent(first.metrics[0].baseline)}
    cells |= {_place(one.candidate.label): _cell(one) for one in comparisons}
    prompts = list(dict.fromkeys(prompt for prompt, _ in cells))
    models = list(dict.fromkeys(model for _, model in cells))
    rows = [("pass rate", *(model or "its own model" for model in models))]
    rows += [(prompt, *(cells.get((prompt, model), MISSING) for model in models)) for prompt in prompts]
    return f"against {first.baseline.label}, corrected for {len(comparisons)} comparisons (Holm)", rows


def _place(label: str) -> tuple[str, str]:
    prompt, _, model = label.partition("+")
    return prompt, model


def _cell(comparison: Comparison) -> str:
    change, p_value = comparison.metrics[0], comparison.p_of_many
    if change.difference is None or p_value is None:
        return percent(change.candidate)
    word = "not shown" if p_value > _ALPHA else "better" if change.difference > 0 else "WORSE"
    if change.finding == "same":
        word = "same"
    return f"{percent(change.candidate)} ({100 * change.difference:+.1f}, {word})"
