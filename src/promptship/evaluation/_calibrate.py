"""Fit the prior of a classification prompt on a calibration split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from promptship.errors import UsageError
from promptship.evaluation._prompt_target import build_request
from promptship.prompts import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptship.domain import Case, PromptVersion
    from promptship.models import ModelHub

__all__ = ["fit_prior_for", "render_prior"]


async def fit_prior_for(version: PromptVersion, cases: Iterable[Case], hub: ModelHub) -> dict[str, float]:
    """Fit the prior of a prompt with `output.choices` on unlabelled cases; write it to `output.prior` by hand or tool.

    Args:
        version: A prompt that chooses, on a model that decides by likelihood.
        cases: Inputs set aside for this; an evaluation on the same cases would flatter the prompt.
        hub: Opens the model.

    Returns:
        Mean log-probability of each choice, in the order of the choices.

    Raises:
        UsageError: The prompt has no choices, or its model does not decide by likelihood.
        ModelError: No usable answer.
    """
    if not version.closure.output.choices:
        raise UsageError(f"{version.label!r} has no output.choices, so it has no prior to fit")
    renderer = Renderer(version.closure, name=version.label)
    requests = [build_request(version, renderer, case.inputs) for case in cases]
    return await hub.fit_prior(version.closure.model, requests)


def render_prior(prior: Mapping[str, float]) -> str:
    """Render a prior as the lines of frontmatter that state it.

    Args:
        prior: Log-probability of each choice.

    Example:
        >>> print(render_prior({"yes": -1.5}))
        output:
          prior:
            "yes": -1.5000
    """
    # In quotes: YAML would read the choices true and 1 as something else than text.
    rows = (f"    {orjson.dumps(choice).decode()}: {value:.4f}" for choice, value in prior.items())
    return "\n".join(["output:", "  prior:", *rows])
