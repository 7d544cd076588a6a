"""Which branches and inputs of a prompt its evalsets reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.domain import PromptCoverage
from promptship.errors import PromptshipError, SourceError
from promptship.evaluation._base_evidence import evalsets_of
from promptship.prompts import ProbedRenderer

if TYPE_CHECKING:
    from promptship.project import Project

__all__ = ["compute_coverage"]


def compute_coverage(project: Project, name: str) -> PromptCoverage:
    """Render every case of every evalset that evaluates a prompt, and count what is reached. Nothing is called.

    Args:
        project: The working tree.
        name: The prompt.

    Raises:
        ReferenceNotFoundError: There is no such prompt.
        SourceError: The prompt or an evalset is wrong, or a case cannot be rendered.
    """
    version = project.load_prompt(name).version
    renderer = ProbedRenderer(version.closure, name=version.label)
    evalsets = evalsets_of(project, version.name)
    cases = 0
    for evalset in evalsets:
        for case in evalset.cases():
            try:
                renderer.observe(case.inputs)
            except PromptshipError as error:
                raise SourceError.at(
                    case.path, case.line, None, f"case {case.id!r}: {error}", hint=error.hint
                ) from None
            cases += 1
    return PromptCoverage(
        prompt=version.name,
        evalsets=tuple(evalset.spec.name for evalset in evalsets),
        cases=cases,
        branches=renderer.branches,
        inputs=renderer.inputs,
    )
