"""Metamorphic tests: the same cases with changed inputs, and what the change did, by paired statistics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from promptship.errors import UsageError, did_you_mean
from promptship.testing._changes import changed_values
from promptship.testing._claims import Decided, decide_claim
from promptship.testing._prompt_run import eval_options_of, marker_options, pay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pytest

    from promptship.assembly import Workspace
    from promptship.domain import Case, CellRecord, Finding, Output
    from promptship.evaluation import PreparedEvaluation
    from promptship.runner import Run
    from promptship.testing._session import EvalSession

    Measure = Callable[[Output], float]

__all__ = ["Flip", "Metamorphic", "open_metamorphic"]

Expect = Literal["increase", "decrease", "no_decrease", "no_increase"]

_INVARIANCE, _DIRECTION = "promptship_invariance", "promptship_direction"
_SHARED: Final = frozenset(
    {"evalset", "input", "change", "metric", "margin", "variants", "prompt", "model", "repeats"}
    | {"sample", "seed", "limit", "slices"}
)
_EXPECTATIONS: Final = ("increase", "decrease", "no_decrease", "no_increase")
_ALWAYS = ("pass_rate", "answer")
_MOST_FLIPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A case whose figure changed with its input: the means over repeats and changes."""

    case_id: str
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class Metamorphic:
    """What a change of the inputs did.

    Attributes:
        claim: What was to be shown.
        finding: `pass` where it is shown, `fail` where the opposite is, else `inconclusive`.
        reason: Why, in one sentence.
        n: Cases that were compared.
        before: Mean of the metric with the inputs as they are; None where nothing was compared.
        after: Mean with the changed ones.
        low: Lower end of the interval of the difference; None where none was computed.
        high: Upper end.
        p_value: Of the paired test; None where none was made.
        flips: Cases that changed, the largest changes first.
        left_out: Cases that the change leaves as they are, or without a figure.
        run: The run with both.
    """

    claim: str
    finding: Finding
    reason: str
    n: int
    before: float | None
    after: float | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    flips: tuple[Flip, ...] = ()
    left_out: int = 0
    run: Run | None = None

    @property
    def holds(self) -> bool:
        """Whether the claim is shown; an inconclusive one is not."""
        return self.finding == "pass"

    def __str__(self) -> str:
        left_out = f", {self.left_out} left out" if self.left_out else ""
        lines = [f"{self.finding}: {self.claim} (n = {self.n}{left_out})", f"  {self.reason}"]
        lines += [f"  {one.case_id}: {one.before:.3g} -> {one.after:.3g}" for one in self.flips[:_MOST_FLIPS]]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Metamorphic {self}>"


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What a marker asks, checked."""

    evalset: str
    input: str
    change: Any
    metric: str | Measure
    expect: Expect
    margin: float
    variants: int
    options: Mapping[str, Any]

    @property
    def claim(self) -> str:
        """The question as the sentence that is to be shown."""
        change, metric = _name_of(self.change, "the change"), _name_of(self.metric, "the measure")
        does = {
            "increase": f"raises {metric}",
            "decrease": f"lowers {metric}",
            "no_decrease": f"does not lower {metric} by {self.margin:g}",
            "no_increase": f"does not raise {metric} by {self.margin:g}",
        }
        return f"{change} in {self.input!r} {does[self.expect]}"


def _name_of(thing: object, nameless: str) -> str:
    name = thing if isinstance(thing, str) else getattr(thing, "__name__", nameless)
    return nameless if name == "<lambda>" else name


def open_metamorphic(session: EvalSession, item: pytest.Item) -> Metamorphic:
    """Ask what the item's marker asks.

    Raises:
        UsageError: There is no such marker, or it is wrong.
    """
    question = _parse_marker(item)
    workspace = session.workspace_of_test(item)
    found = pay(session, _ask(workspace, question), workspace)
    item.user_properties.append(("promptship.metamorphic", found.finding))
    return found


def _parse_marker(item: pytest.Item) -> _Question:
    invariance, direction = item.get_closest_marker(_INVARIANCE), item.get_closest_marker(_DIRECTION)
    if (invariance is None) == (direction is None):
        raise UsageError(
            "the fixture metamorphic needs one marker that says what is changed",
            hint=f"@pytest.mark.{_INVARIANCE}('EVALSET', input='NAME', change='typos')",
        )
    if direction is None:
        options = marker_options(invariance, _SHARED)
        expect: Any = "no_decrease"
    else:
        options = marker_options(direction, _SHARED | {"expect"})
        expect = options.pop("expect", None)
    for name in ("evalset", "input", "change"):
        if name not in options:
            raise UsageError(f"the metamorphic marker of {item.name} says no {name!r}")
    if expect not in _EXPECTATIONS:
        raise UsageError(f"expect={expect!r}: expected one of {', '.join(_EXPECTATIONS)}")
    return _Question(
        evalset=options.pop("evalset"),
        input=options.pop("input"),
        change=options.pop("change"),
        metric=options.pop("metric", "pass_rate"),
        expect=expect,
        margin=options.pop("margin", 0.05),
        variants=options.pop("variants", 1),
        options=options,
    )


async def _ask(workspace: Workspace, question: _Question) -> Metamorphic:
    from promptship.runner import execute

    prepared = workspace.prepare(workspace.load_evalsets([question.evalset])[0], eval_options_of(question.options))
    _refuse_unknown_metric(prepared, question)
    plan, origins, unchanged = _plan(prepared, question)
    if not origins:
        reason = f"the change leaves all {unchanged} cases as they are"
        return _nothing(question, reason, left_out=unchanged)
    settings = workspace.project.settings
    run = await execute(
        plan,
        prepared.targets,
        runs_dir=workspace.project.runs_dir,
        concurrency=settings.concurrency,
        git_commit=workspace.project.git_commit(),
    )
    pairs = _pair(run.records(), origins, question.metric)
    decided = decide_claim(
        [pair.before for pair in pairs],
        [pair.after for pair in pairs],
        [origins.clusters[pair.case_id] for pair in pairs],
        expect=question.expect,
        margin=question.margin,
    )
    return _report(question, pairs, decided, left_out=unchanged + len(origins.clusters) - len(pairs), run=run)


@dataclass(frozen=True, kw_only=True)
class _Origins:
    """Which case each case of the plan stands for, and the clusters of those cases."""

    of: Mapping[str, str]
    clusters: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.clusters)


def _plan(prepared: PreparedEvaluation, question: _Question) -> tuple[Any, _Origins, int]:
    """Return a plan with each case as it is and changed, whose cases stand for which, and how many did not change."""
    from promptship.domain import digest_of

    cases: list[Case] = []
    of: dict[str, str] = {}
    clusters: dict[str, str] = {}
    unchanged = 0
    seed = question.options.get("seed", 0)
    for case in prepared.plan.cases():
        values = changed_values(case, question.input, question.change, variants=question.variants, seed=seed)
        if not values:
            unchanged += 1
            continue
        clusters[case.id] = case.cluster or case.id
        cases.append(case)
        for number, value in enumerate(values, start=1):
            changed = replace(case, id=f"{case.id}~{number}", inputs={**case.inputs, question.input: value})
            of[changed.id] = case.id
            cases.append(changed)
    digest = digest_of([[case.id, case.inputs] for case in cases])
    plan = (
        replace(
            prepared.plan,
            spec=replace(prepared.plan.spec, gates=()),
            cases=lambda: iter(cases),
            case_count=len(cases),
            cases_digest=digest,
            evalset_digest=digest,
            selection={"changed": question.input},
            complete=False,
        )
        if cases
        else prepared.plan
    )
    return plan, _Origins(of=of, clusters=clusters), unchanged


def _refuse_unknown_metric(prepared: PreparedEvaluation, question: _Question) -> None:
    known = [*_ALWAYS, *(scorer.name for scorer in prepared.plan.scorers)]
    if isinstance(question.metric, str) and question.metric not in known:
        meant = did_you_mean(question.metric, known)
        raise UsageError(f"there is no metric {question.metric!r}{meant}", hint=f"metrics: {', '.join(known)}")


def _pair(records: Iterable[CellRecord], origins: _Origins, metric: str | Measure) -> list[Flip]:
    """Return the means of each case before and after, for cases that have both."""
    before: dict[str, list[CellRecord]] = {}
    after: dict[str, list[CellRecord]] = {}
    for record in records:
        case_id = record.key.case_id
        side = after if case_id in origins.of else before
        side.setdefault(origins.of.get(case_id, case_id), []).append(record)
    found = []
    for case_id, originals in before.items():
        one = _figures(originals, originals, metric)
        other = _figures(after.get(case_id, []), originals, metric)
        if one and other:
            found.append(Flip(case_id=case_id, before=sum(one) / len(one), after=sum(other) / len(other)))
    return found


def _figures(records: Sequence[CellRecord], originals: Sequence[CellRecord], metric: str | Measure) -> list[float]:
    found = [_figure(record, originals, metric) for record in records]
    return [figure for figure in found if figure is not None]


def _figure(record: CellRecord, originals: Sequence[CellRecord], metric: str | Measure) -> float | None:
    output = record.output
    if record.outcome == "error" or output is None:
        return None
    if callable(metric):
        return float(metric(output))
    if metric == "pass_rate":
        return {"passed": 1.0, "failed": 0.0}.get(record.outcome)
    if metric == "answer":
        return float(output.text == _answer_of(record, originals))
    score = record.scores.get(metric)
    return None if score is None else score.value


def _answer_of(record: CellRecord, originals: Sequence[CellRecord]) -> str | None:
    """Return what the same variant answered to the case as it is, in the same repeat."""
    for one in originals:
        if (one.key.variant, one.key.repeat) == (record.key.variant, record.key.repeat) and one.output is not None:
            return one.output.text
    return None


def _report(question: _Question, pairs: list[Flip], decided: Decided, *, left_out: int, run: Run) -> Metamorphic:
    if not pairs:
        return _nothing(question, "no case has a figure before and after", left_out=left_out)
    flips = sorted(
        (pair for pair in pairs if pair.before != pair.after), key=lambda pair: -abs(pair.after - pair.before)
    )
    return Metamorphic(
        claim=question.claim,
        finding=decided.finding,
        reason=decided.reason,
        n=len(pairs),
        before=sum(pair.before for pair in pairs) / len(pairs),
        after=sum(pair.after for pair in pairs) / len(pairs),
        low=decided.low,
        high=decided.high,
        p_value=decided.p_value,
        flips=tuple(flips),
        left_out=left_out,
        run=run,
    )


def _nothing(question: _Question, reason: str, *, left_out: int) -> Metamorphic:
    return Metamorphic(
        claim=question.claim, finding="inconclusive", reason=reason, n=0, before=None, after=None, left_out=left_out
    )
