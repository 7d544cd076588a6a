"""A stored run scored anew: its outputs by the scorers as they are now, its judges' votes without a call."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from promptship.domain import Output, digest_output
from promptship.errors import PromptshipError, UsageError
from promptship.evalsets import Selection, load_evalset, select_cases
from promptship.evaluation._evaluate import EvalOptions, OwnScorers, PreparedEvaluation, load_versions, open_context
from promptship.evaluation._verdict import is_held_out_run
from promptship.gates import check_gates
from promptship.runner import RunPlan, digest_material
from promptship.scorers import build_scorer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Mapping

    from promptship.domain import Case, CellError, CellRecord, Instruments, RunManifest, Score, ScoreInput
    from promptship.evalsets import Evalset
    from promptship.project import Project
    from promptship.runner import Run
    from promptship.scorers import CheckedScorer

__all__ = ["Rescoring", "StoredCellError", "prepare_rescoring"]

_Key = tuple[str, str]
"""A case and the digest of an answer to it."""


class StoredCellError(PromptshipError):
    """The cell has no output: it ended in this error when it was run."""


@dataclass(frozen=True, kw_only=True)
class Rescoring:
    """A run that is ready to be scored anew.

    Attributes:
        prepared: The evaluation.
        kept: Scores of judges that are as they were, taken over.
        from_votes: Scores made anew of stored votes.
        asks: Scores for which a judge has to be asked, by scorer; empty where nothing is called.
    """

    prepared: PreparedEvaluation
    kept: int
    from_votes: int
    asks: Mapping[str, int]


def prepare_rescoring(
    project: Project,
    run: Run,
    instruments: Instruments | None = None,
    *,
    calls: bool = True,
    only: Collection[str] | None = None,
) -> Rescoring:
    """Check everything that is needed to score a run's outputs by its evalset's scorers as they are now.

    Votes are taken where a judge still asks the same of the same case: another threshold, weight, reducer, calibration
    or bound makes other scores of them. A judge that asks something else is asked.

    Args:
        project: Where the evalset is.
        run: A finished run; it stays as it is.
        instruments: Opens what scorers measure with; None where none may be called.
        calls: Whether judges may be asked.
        only: Ids of the run's cases that are scored; None for all.

    Raises:
        UsageError: The run is unfinished or in part, a case of it is gone, a scorer is wrong, or a judge would have to
            be asked and must not.
    """
    manifest = run.manifest
    if manifest.finished is None or manifest.skipped:
        raise UsageError(f"run {manifest.run_id} is not whole, so a part of its outputs would be scored")
    evalset = load_evalset(project.root / manifest.evalset_path, root=project.root)
    evalset = evalset.held_out() if is_held_out_run(manifest) else evalset
    context = open_context(project, evalset, load_versions(project, evalset, EvalOptions()), instruments)
    scorers = tuple(build_scorer(spec, context) for spec in evalset.spec.scorers)
    check_gates(evalset.spec.gates, [scorer.name for scorer in scorers], path=evalset.spec.path)
    own = OwnScorers(context)
    memory = _Memory(manifest)
    cases = _cases_of(evalset, run, only)
    for record in run.records(only):
        if record.key.case_id not in cases:
            continue
        case = cases[record.key.case_id]
        memory.add(record, case, (*scorers, *own(case)))
    if memory.asks and not calls:
        named = ", ".join(f"{name!r} about {count} answers" for name, count in memory.asks.items())
        raise UsageError(
            f"the votes of run {manifest.run_id} do not say what these judges would: {named}",
            hint="leave --no-call out to ask them; what changed is prompt, model, rubric, expected value or passages",
        )
    plan = RunPlan(
        spec=evalset.spec,
        evalset_digest=evalset.digest,
        variants=manifest.variants,
        cases=lambda: iter(cases.values()),
        case_count=len(cases),
        scorers=tuple(_FromMemory(scorer, memory) for scorer in scorers),
        case_scorers=lambda case: tuple(_FromMemory(scorer, memory) for scorer in own(case)),
        repeats=manifest.repeats,
        selection=manifest.selection if only is None else {**manifest.selection, "cases": [*sorted(only)]},
        complete=manifest.complete and only is None,
        subjects={"rescored": manifest.run_id},
        experiment=manifest.experiment,
        note=f"scored anew from {manifest.run_id}",
    )
    targets = tuple(_StoredTarget(memory, place) for place in range(len(manifest.variants)))
    prepared = PreparedEvaluation(plan=plan, targets=targets, versions=(None,) * len(targets), evalset=evalset)
    return Rescoring(prepared=prepared, kept=memory.kept, from_votes=memory.from_votes, asks=dict(memory.asks))


def _cases_of(evalset: Evalset, run: Run, only: Collection[str] | None) -> dict[str, Case]:
    """Return the cases of a run as they are now, in the run's order."""
    found = (record.key.case_id for record in run.records(only))
    order = dict.fromkeys(case_id for case_id in found if only is None or case_id in only)
    now = {case.id: case for case in select_cases(evalset.cases(), Selection(only_ids=frozenset(order)))}
    if gone := [case_id for case_id in order if case_id not in now]:
        gone_from = f"run {run.manifest.run_id} has {len(gone)} cases that {evalset.spec.path} no longer has"
        raise UsageError(f"{gone_from}, such as {gone[0]!r}", hint="evaluate the set as it is now: promptctl eval")
    return {case_id: now[case_id] for case_id in order}


@dataclass
class _Memory:
    """What a run knows: outputs and errors by cell, and scores that need no call."""

    manifest: RunManifest
    outputs: dict[tuple[int, str, int], Output | CellError] = field(default_factory=dict)
    ready: dict[str, dict[_Key, Score]] = field(default_factory=dict)
    asks: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    from_votes: int = 0

    def add(self, record: CellRecord, case: Case, scorers: tuple[CheckedScorer, ...]) -> None:
        """Take one cell, and find what each scorer needs for it."""
        place = (record.key.variant, record.key.case_id, record.key.repeat)
        if record.output is None:
            if record.error is not None:
                self.outputs[place] = record.error
            return
        self.outputs[place] = record.output
        is_same = record.inputs == case.inputs and record.expected == case.expected
        # What a run without the digest was judged by is not known, where there is something to read.
        is_same = is_same and record.material == digest_material(case)
        key = (case.id, digest_output(record.output))
        for scorer in scorers:
            scorer.check(case)
            found = self._score_again(scorer, record.scores.get(scorer.name)) if is_same else None
            if found is not None:
                self.ready.setdefault(scorer.name, {})[key] = found
            elif scorer.judge:
                self.asks[scorer.name] = self.asks.get(scorer.name, 0) + 1

    def _score_again(self, scorer: CheckedScorer, stored: Score | None) -> Score | None:
        if stored is None or not scorer.judge:
            return None
        if stored.judge == scorer.judge:
            self.kept += 1
            return stored
        if not stored.votes or self.manifest.asked.get(scorer.name) != scorer.asked:
            return None
        found = scorer.rescore(stored)
        self.from_votes += found is not None
        return found


class _StoredTarget:
    """Gives each cell the output that it had, as it was but for what it cost now."""

    def __init__(self, memory: _Memory, variant: int) -> None:
        self._memory = memory
        self._variant = variant

    async def run(self, case: Case, *, repeat: int) -> Output:
        """See `Target.run`."""
        found = self._memory.outputs.get((self._variant, case.id, repeat))
        if isinstance(found, Output):
            return replace(found, provenance="stored", calls=0, cached_calls=0)
        raise StoredCellError(f"{found.kind}: {found.message}" if found else "the run has no such cell")


class _FromMemory:
    """A scorer that takes what is known of an answer, and scores what is not."""

    def __init__(self, scorer: CheckedScorer, memory: _Memory) -> None:
        self._scorer = scorer
        self._ready = memory.ready.get(scorer.name, {})
        self.name, self.required = scorer.name, scorer.required
        self.judge, self.asked = scorer.judge, scorer.asked

    def score(self, item: ScoreInput) -> Score | Awaitable[Score]:
        """See `Scorer.score`."""
        if self._ready:
            known = self._ready.get((item.case.id, digest_output(item.output)))
            if known is not None:
                return known
        return self._scorer.score(item)
