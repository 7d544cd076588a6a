"""Which stored version broke a case: known from stored runs where one has the case, evaluated elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptship.errors import InfrastructureError, ReferenceNotFoundError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from promptship.domain import CaseOutcome, PromptVersion, StoredVersion
    from promptship.evalsets import Evalset
    from promptship.project import Project
    from promptship.registry import BisectResult, Registry
    from promptship.runner import Run

__all__ = ["bisect_case"]


async def bisect_case(
    project: Project,
    registry: Registry,
    evalset: Evalset,
    case_id: str,
    *,
    versions: list[StoredVersion],
    evaluate: Callable[[PromptVersion, str], Awaitable[Run]],
) -> BisectResult:
    """Find the version with which a case of an evalset broke.

    Args:
        project: Where models are named.
        registry: Where the versions and their runs are.
        evalset: Whose case.
        case_id: The case.
        versions: By number, the first held for good and the last for bad.
        evaluate: Evaluates a version on one case of the evalset.

    Raises:
        ReferenceNotFoundError: The evalset has no such case.
        UsageError: The first version fails or the last passes; or a version can be neither, since it is not scored.
        InfrastructureError: A call failed; the same command goes on from there.
    """
    known = [case.id for case in evalset.cases()]
    if case_id not in known:
        message = f"{evalset.spec.path} has no case {case_id!r}{did_you_mean(case_id, known)}"
        raise ReferenceNotFoundError(message, hint="name the id of a case, as `runs show` prints it")

    async def passes(version: StoredVersion) -> bool:
        outcome = _stored_outcome(registry, version, evalset, case_id)
        if outcome is None:
            loaded = registry.load(version.ref)
            model = project.models.with_operations(loaded.closure.model)
            run = await evaluate(replace(loaded, closure=replace(loaded.closure, model=model)), case_id)
            outcome = _worst([record.outcome for record in run.records([case_id])])
        return _decide(outcome, version, case_id)

    # Here and not above: no other use case needs the registry.
    from promptship.registry import bisect_versions

    return await bisect_versions(versions, passes)


def _decide(outcome: CaseOutcome | None, version: StoredVersion, case_id: str) -> bool:
    if outcome in {"error", None}:
        raise InfrastructureError(f"case {case_id!r} ended in an error with {version.ref}", hint="promptctl runs show")
    if outcome == "unscored":
        raise UsageError(f"case {case_id!r} is unscored with {version.ref}", hint="promptctl runs show")
    return outcome == "passed"


def _stored_outcome(registry: Registry, version: StoredVersion, evalset: Evalset, case_id: str) -> CaseOutcome | None:
    """Return what a stored run of this version on this very evalset says of the case; None where there is none."""
    for run in registry.runs(version=version.digest, evalset=evalset.digest):
        cells = registry.cells(run.run_id, version=version.digest)
        outcomes = [cell.outcome for cell in cells if cell.key.case_id == case_id]
        if outcomes:
            return _worst(outcomes)
    return None


def _worst(outcomes: list[CaseOutcome]) -> CaseOutcome | None:
    """Return what the repeats of a case come to: it passes where each did."""
    order: tuple[CaseOutcome, ...] = ("error", "unscored", "failed", "passed")
    return min(outcomes, key=order.index) if outcomes else None
