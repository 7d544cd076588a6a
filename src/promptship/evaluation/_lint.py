"""Lint the prompts of a project, and the project's files beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from promptship.errors import SourceError
from promptship.prompts import lint_prompt

if TYPE_CHECKING:
    from promptship.errors import Problem
    from promptship.models import ModelHub
    from promptship.project import Project
    from promptship.prompts import LintFinding

__all__ = ["LintReport", "lint_prompts"]


@dataclass(kw_only=True)
class LintReport:
    """What lint found.

    Attributes:
        findings: By reference, in the order asked for.
        unreadable: Problems of files that could not be read as prompts at all.
    """

    findings: dict[str, list[LintFinding]] = field(default_factory=dict)
    unreadable: list[Problem] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        """Whether anything found is an error."""
        rows = (finding for found in self.findings.values() for finding in found)
        return bool(self.unreadable) or any(finding.severity == "error" for finding in rows)


def lint_prompts(project: Project, references: list[str], hub: ModelHub) -> LintReport:
    """Lint each prompt; one that cannot be read does not hide the others.

    Args:
        project: Where they are.
        references: Names, paths or `name@git:REV`; empty for all of the working tree.
        hub: Knows the tokenizers, for the token counts.

    Raises:
        ReferenceNotFoundError: A reference names no prompt.
    """
    report = LintReport()
    for reference in references or project.prompt_names():
        try:
            loaded = project.load_prompt(reference)
        except SourceError as error:
            report.unreadable += error.problems
            continue
        report.findings[reference] = lint_prompt(
            loaded.document,
            partials=loaded.partials,
            examples=loaded.version.closure.examples,
            count_tokens=partial(hub.count_tokens, loaded.version.closure.model),
        )
    return report
