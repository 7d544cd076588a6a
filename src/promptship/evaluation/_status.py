"""Where each prompt stands: what changed since a commit, and what its last evaluation said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptship.errors import PromptshipError, ReferenceNotFoundError, UsageError
from promptship.evalsets import discover_evalsets, load_evalset
from promptship.runner import Run, list_runs

if TYPE_CHECKING:
    from promptship.domain import RunManifest
    from promptship.project import Project

__all__ = ["PromptStatus", "compute_status"]

Change = Literal["unchanged", "changed", "new", "no git"]
Evidence = Literal["pass", "fail", "inconclusive", "stale", "missing", "no evalset"]
_WORST_FIRST: tuple[Evidence, ...] = ("fail", "inconclusive", "missing", "stale", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptStatus:
    """One prompt's state.

    Attributes:
        name: The prompt.
        digest: Digest of its version in the working tree; "" where it does not load.
        change: Against `since`.
        evidence: Verdict of the newest finished, complete run of this very digest on each of its evalsets, the worst
            of them; `stale` where only other digests of it were evaluated on one, or parts of one, `missing` where
            none was.
        evalsets: Evalsets that evaluate it.
        run_id: The run that the evidence is from; "" for none.
        problem: Why it does not load; "" where it does.
    """

    name: str
    digest: str
    change: Change
    evidence: Evidence
    evalsets: tuple[str, ...] = ()
    run_id: str = ""
    problem: str = ""


def compute_status(project: Project, *, since: str = "HEAD") -> list[PromptStatus]:
    """Return the state of every prompt of the working tree, by name.

    Args:
        project: Whose prompts.
        since: Git revision that `change` compares with.

    Raises:
        ReferenceNotFoundError: Git has no such revision.
        SourceError: An evalset is wrong.
    """
    evalsets = _evalsets_by_prompt(project)
    finished = [run for run in list_runs(project.runs_dir) if run.finished is not None]
    return [_status_of(project, name, since, evalsets.get(name, ()), finished) for name in project.prompt_names()]


def _evalsets_by_prompt(project: Project) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for path in discover_evalsets(project.evalsets_dir):
        spec = load_evalset(path, root=project.root).spec
        for pattern in spec.prompts:
            for name in project.match_prompts(pattern):
                found[name] = (*found.get(name, ()), spec.name)
    return found


def _status_of(
    project: Project, name: str, since: str, evalsets: tuple[str, ...], finished: list[RunManifest]
) -> PromptStatus:
    try:
        digest = project.load_prompt(name).version.digest
    except PromptshipError as error:
        evidence: Evidence = "missing" if evalsets else "no evalset"
        return PromptStatus(
            name=name, digest="", change="changed", evidence=evidence, evalsets=evalsets, problem=str(error)
        )
    evidence, run_id = _evidence(project, name, digest, evalsets, finished)
    return PromptStatus(
        name=name,
        digest=digest,
        change=_change(project, name, digest, since),
        evidence=evidence,
        evalsets=evalsets,
        run_id=run_id,
    )


def _change(project: Project, name: str, digest: str, since: str) -> Change:
    try:
        before = project.load_prompt(f"{name}@git:{since}").version.digest
    except ReferenceNotFoundError:
        return "new"
    except UsageError as error:
        return "no git" if "git" in str(error) else "changed"
    return "unchanged" if before == digest else "changed"


def _evidence(
    project: Project, name: str, digest: str, evalsets: tuple[str, ...], finished: list[RunManifest]
) -> tuple[Evidence, str]:
    """Return the worst of what the evalsets of the prompt say, and the run that says so."""
    if not evalsets:
        return "no evalset", ""
    found = [_evidence_on(project, name, digest, evalset, finished) for evalset in evalsets]
    return min(found, key=lambda evidence: _WORST_FIRST.index(evidence[0]))


def _evidence_on(
    project: Project, name: str, digest: str, evalset: str, finished: list[RunManifest]
) -> tuple[Evidence, str]:
    of_prompt = [run for run in finished if run.evalset == evalset and any(one.prompt == name for one in run.variants)]
    for run in of_prompt:
        if run.complete and any(variant.digest == digest for variant in run.variants):
            verdict = Run.load(project.runs_dir / run.run_id).verdict
            if verdict is not None:
                return verdict.finding, run.run_id
    return ("stale" if of_prompt else "missing"), ""
