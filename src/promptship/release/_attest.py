"""Evidence from a run: only a complete one, of the very version, says anything about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from promptship.domain import Digest, Evidence, GateEvidence, canonical_json
from promptship.errors import PromptshipError, UsageError
from promptship.evalsets import load_evalset
from promptship.evaluation import judge_run
from promptship.gates import Policy
from promptship.registry import STATEMENT_MEDIA_TYPE
from promptship.runner import find_run, list_runs
from promptship.signing import sign_envelope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import GateSpec, Outcome, RunManifest, Variant, Verdict
    from promptship.project import Project
    from promptship.runner import Run
    from promptship.signing import Envelope, Signer

__all__ = ["evidence_of_run", "find_gaps", "find_runs_for", "sign_evidence"]

_WORST_LAST: tuple[Outcome, ...] = ("pass", "warn", "fail")
# What was replayed or handed in may be of any time and any model; a cached answer was called for by this project.
_COUNTED = frozenset({"called", "cached"})


def evidence_of_run(
    project: Project, run: Run, digest: str, *, gates: Sequence[GateSpec] = (), expires_at: str | None = None
) -> Evidence:
    """Make evidence about one version from a run that evaluated it.

    Args:
        project: Where the run and its evalset are.
        run: The run.
        digest: Digest of the version.
        gates: Gates that are decided beside the evalset's own.
        expires_at: When it stops counting, ISO 8601 UTC; None for never by itself.

    Raises:
        UsageError: The run is no evidence; the message names everything that is wrong with it.
    """
    manifest = run.manifest
    variant = next((one for one in manifest.variants if one.digest == digest), None)
    if variant is None:
        raise UsageError(f"run {manifest.run_id} did not evaluate the version {digest[7:19]}")
    served: set[str] = set()
    if gaps := list(find_gaps(project, run, variant, served)):
        listed = "\n".join(f"- {gap}" for gap in gaps)
        raise UsageError(
            f"run {manifest.run_id} is no evidence of {variant.prompt}:\n{listed}", hint="promptctl eval runs it whole"
        )
    verdict = _decide(project, run, gates)
    decided = tuple(GateEvidence.of_verdict(one) for one in verdict.gates if one.subject in {"", variant.label})
    totals = run.summary.variants[variant.label].totals
    return Evidence(
        prompt=variant.prompt,
        digest=Digest(variant.digest),
        evalset=manifest.evalset,
        evalset_digest=Digest(manifest.evalset_digest),
        run_id=manifest.run_id,
        scoring_digest=manifest.scoring_digest,
        model=variant.model_id,
        served_model=next(iter(served), ""),
        origin=variant.origin,
        outcome=max((one.outcome for one in decided), key=_WORST_LAST.index, default=verdict.outcome),
        gates=decided,
        cells=totals.cases,
        errors=totals.error,
        created_at=_to_microseconds(manifest.finished or ""),
        expires_at=expires_at,
        judges=dict(manifest.judges),
        git_commit=manifest.git_commit,
        made_by=manifest.promptship_version,
    )


def find_gaps(project: Project, run: Run, variant: Variant, served: set[str]) -> Iterator[str]:
    """Yield every reason for which a run says too little about a version to move a label.

    Args:
        project: Where its evalset is.
        run: The run.
        variant: The column of the version.
        served: Gets the names of the models that answered.
    """
    manifest = run.manifest
    if manifest.finished is None:
        yield "it is unfinished"
        return
    if not manifest.complete:
        chosen = ", ".join(f"{key} {value}" for key, value in manifest.selection.items() if value)
        yield f"it is of a part of the evalset ({chosen or 'cases were left out'})"
    if manifest.skipped:
        yield f"it was ended early: {manifest.skipped} of {manifest.cells} cells were not run"
    if not (variant.prompt and manifest.evalset_digest and manifest.scoring_digest):
        yield "its target, evalset or scorers have no digest"
    yield from _evalset_gaps(project, manifest)
    yield from _cell_gaps(project, run, variant, served)


def _evalset_gaps(project: Project, manifest: RunManifest) -> Iterator[str]:
    try:
        now = load_evalset(project.root / manifest.evalset_path, root=project.root).digest
    except PromptshipError as error:
        yield f"its evalset cannot be read any more: {error}"
        return
    if now != manifest.evalset_digest:
        yield f"evalset {manifest.evalset!r} was changed since: {manifest.evalset_digest[7:19]} is {now[7:19]} now"


def _cell_gaps(project: Project, run: Run, variant: Variant, served: set[str]) -> Iterator[str]:
    column = run.manifest.variants.index(variant)
    cells = errors = elsewhere = 0
    for record in run.records():
        if record.key.variant != column:
            continue
        cells += 1
        errors += record.outcome == "error"
        if record.output is not None:
            served.add(record.output.served_model)
            elsewhere += record.output.provenance not in _COUNTED
    allowed = project.settings.max_error_rate
    if errors > allowed * cells:
        yield f"{errors} of {cells} cells ended in an error; {allowed:.0%} is the limit"
    if elsewhere:
        yield f"{elsewhere} of {cells} answers were replayed or handed in, and not asked for"
    if len(served) > 1:
        yield f"{len(served)} models answered: {', '.join(sorted(served))}"


def _decide(project: Project, run: Run, gates: Sequence[GateSpec]) -> Verdict:
    own = load_evalset(project.root / run.manifest.evalset_path, root=project.root).spec.gates
    texts = {gate.text for gate in own}
    asked = (*own, *(gate for gate in gates if gate.text not in texts))
    settings = project.settings
    limits = Policy(gates=asked, max_error_rate=settings.max_error_rate, min_scored=settings.min_scored)
    return judge_run(project, run, policy=limits)


def find_runs_for(project: Project, digest: str) -> list[Run]:
    """Return the newest finished, complete run of a version on each evalset, by the evalset's name."""
    newest: dict[str, str] = {}
    for manifest in sorted(list_runs(project.runs_dir), key=lambda one: one.run_id):
        if manifest.finished and manifest.complete and any(one.digest == digest for one in manifest.variants):
            newest[manifest.evalset] = manifest.run_id
    return [find_run(project.runs_dir, newest[name]) for name in sorted(newest)]


def sign_evidence(evidence: Evidence, signer: Signer) -> Envelope:
    """Sign evidence.

    Raises:
        SignatureError: The key's command failed.
    """
    return sign_envelope(STATEMENT_MEDIA_TYPE, canonical_json(evidence.as_statement()), signer)


def _to_microseconds(time: str) -> str:
    """Write a run's time as the ledger writes times, so that texts sort as times do."""
    found = datetime.fromisoformat(time).astimezone(UTC)
    return found.isoformat(timespec="microseconds").replace("+00:00", "Z")
