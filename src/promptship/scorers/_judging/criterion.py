"""The criterion that all judges share: questions, votes, a ruling; and how one is set up."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from promptship.domain import SnapshotSource
from promptship.errors import ReferenceNotFoundError, ScorerSetupError, did_you_mean
from promptship.scorers._criterion import Criterion, InstrumentsNeededError
from promptship.scorers._judging.answers import AnswerForm, RationaleOrder
from promptship.scorers._judging.asking import AskedModel, gather_all
from promptship.scorers._judging.identity import JudgeSpec
from promptship.scorers._judging.prompts import load_judge_prompt
from promptship.scorers._judging.ruling import Bounds, Ruling, read_bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promptship.domain import (
        Case,
        CompletionModel,
        Instruments,
        JsonObject,
        JsonValue,
        JudgeFile,
        ModelConfig,
        Score,
        ScoreInput,
        ScorerSpec,
        Vote,
    )
    from promptship.scorers._criterion import ScorerContext
    from promptship.scorers._judging.asking import Answered, Question
    from promptship.scorers._judging.ruling import Combined
    from promptship.scorers._judging.scales import Scale

__all__ = [
    "ASKS",
    "COMMON_PARAMS",
    "JudgeKit",
    "JudgedCriterion",
    "Prepared",
    "flag",
    "one_of",
    "open_kit",
    "require_instruments",
    "whole_number",
]

Form = Literal["auto", "json", "choice"]
Evidence = Literal["checked", "none"]

COMMON_PARAMS: Final[Mapping[str, str]] = {
    "judge": "a model config, `provider/model`, or the name of a judge file in `judges/`; `default` unless given",
    "prompt": "a prompt of the project in the place of the judge's own",
    "policy": "rules that people who label for this judge are given, and the judge too",
    "form": "json: verdict, reasons, quotes; choice: the verdict alone, by likelihood; auto: choice for local models",
    "rationale": "first (default), last or none: where the judge gives its reasons",
    "evidence": "checked (default): quotes must stand in the text; none: the judge quotes nothing",
    "unsure": "true offers the judge a verdict by which it abstains",
    "low": "at or below it the output fails; with `high`, in the place of `threshold`",
    "high": "at or above it the output passes; between the two the judge abstains",
}
ASKS: Final = "the model that `judge` names"
_DEFAULT_JUDGE: Final = "default"


@dataclass(frozen=True, kw_only=True)
class JudgeKit:
    """What a judge is set up from.

    Attributes:
        spec: The scorer; where a judge's file is named, with what the file says.
        context: What it may know of the project.
        model: Answers.
        config: What that is.
        constrained: Whether it answers with a label alone.
        rationale: Where it gives its reasons.
        evidence: Whether it quotes.
        unsure: Whether it may abstain by a verdict.
        policy: What it and people are told.
        file: The judge's file; None where a model is named.
        snapshot: Names the model's weights where its own name does not; "" where it does.
    """

    spec: ScorerSpec
    context: ScorerContext
    model: CompletionModel
    config: ModelConfig
    constrained: bool
    rationale: RationaleOrder
    evidence: bool
    unsure: bool
    policy: str
    file: JudgeFile | None = None
    snapshot: str = ""

    def asked(
        self, name: str, *, needs: tuple[str, ...] = ("answer",), params: JsonObject | None = None, main: bool = True
    ) -> AskedModel:
        """Return the model behind the prompt of this name; a judge decides at temperature 0 unless its config says so.

        Args:
            name: Name among the package's prompts.
            needs: Inputs without which it could judge nothing.
            params: Parameters that override those of the config.
            main: Whether a prompt that the scorer names takes its place.
        """
        own = self.spec.params.get("prompt", "") if main else ""
        if not isinstance(own, str):
            raise ScorerSetupError(f"prompt is {own!r}; expected the name of a prompt")
        prompt = load_judge_prompt(name, self.config, self.context, own=own, needs=needs)
        default: JsonObject = {} if "temperature" in self.config.params else {"temperature": 0}
        return AskedModel(model=self.model, config=self.config, prompt=prompt, params={**default, **(params or {})})

    def form(self, scale: Scale, *, quoted: str = "the text to judge") -> AnswerForm:
        """Return how the judge answers on a scale."""
        return AnswerForm(
            scale=scale.with_unsure() if self.unsure else scale,
            constrained=self.constrained,
            rationale=self.rationale,
            evidence=self.evidence,
            quoted=quoted,
        )

    def ruling(
        self,
        combine: Callable[[Sequence[Any]], Combined],
        *,
        asked: Mapping[str, AskedModel],
        rubric: JsonValue = None,
        default: float = 0.5,
        definition: str = "",
        params: JsonObject | None = None,
    ) -> Ruling:
        """Return how votes become a score, under the digest of everything that decides it."""
        bounds = read_bounds(self.spec, default)
        prompts: JsonObject = {
            role: {"closure": one.prompt.closure.digest, "params": one.params} for role, one in asked.items()
        }
        decides: JsonObject = {
            "form": "choice" if self.constrained else "json",
            "rationale": self.rationale,
            "evidence": self.evidence,
            "unsure": self.unsure,
            **({"weights": self.snapshot} if self.snapshot else {}),
            **(params or {}),
        }
        calibration = self.file.calibration if self.file else None
        judge = JudgeSpec(
            type=self.kind,
            prompts=prompts,
            rubric=rubric,
            policy=self.policy,
            params=decides,
            calibration=calibration,
            threshold=bounds.as_json(),
        )
        return build_ruling(combine, bounds, judge, definition)

    @property
    def kind(self) -> str:
        """The type, without `not-`."""
        return self.spec.type.removeprefix("not-")

    @property
    def shared_inputs(self) -> JsonObject:
        """Inputs of every question."""
        return {"policy": self.policy} if self.policy else {}


def build_ruling(
    combine: Callable[[Sequence[Any]], Combined],
    bounds: Bounds,
    judge: JudgeSpec,
    definition: str,
    *,
    asked: str | None = None,
) -> Ruling:
    """Return the ruling of a stated judge, its calibration ready to be applied.

    Args:
        combine: Makes one figure of the votes.
        bounds: Decide by it.
        judge: What is stated.
        definition: What is computed.
        asked: Digest of what is asked, where the judge itself does not say; None to take it from there.
    """
    calibration = None
    if judge.calibration is not None:
        # Here and not above: numpy comes with it.
        from promptship.stats import Calibration

        calibration = Calibration.from_json(judge.calibration)
    return Ruling(
        combine=combine,
        bounds=bounds,
        judge=judge.digest(),
        asked=judge.asked() if asked is None else asked,
        definition=definition,
        calibration=calibration,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Questions that a model had to be asked for first.

    Attributes:
        questions: What is asked now.
        cost_usd: What the asking before cost.
        missing: What came in the place of what had to be written first, so that there is nothing to ask; None where
            all is there.
    """

    questions: Sequence[Question] = ()
    cost_usd: float = 0.0
    missing: Vote | None = None


class JudgedCriterion(Criterion):
    """Asks its questions all at once and rules on the votes.

    Args:
        asked: The model with its prompt.
        ruling: Makes a score of votes.
        questions: Makes the questions of an item.
        look: Checks what a case gives; None where nothing of it can be wrong.
        claims: A verb phrase for what an output does that passes.
    """

    def __init__(
        self,
        asked: AskedModel,
        ruling: Ruling,
        questions: Callable[[ScoreInput], Sequence[Question] | Awaitable[Prepared]],
        *,
        look: Callable[[Case], None] | None = None,
        claims: str = "convince the judge",
    ) -> None:
        self._asked = asked
        self._ruling = ruling
        self._questions = questions
        self._look = look
        self._claims = claims
        self.judge = ruling.judge
        self.asked = ruling.asked

    def score(self, item: ScoreInput) -> Awaitable[Score]:
        """See `Criterion.score`."""
        return self._score(item)

    def check(self, case: Case) -> None:
        """See `Criterion.check`."""
        if self._look is not None:
            self._look(case)

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return self._claims

    def rescore(self, score: Score) -> Score:
        """See `Criterion.rescore`."""
        return self._ruling.rule(score.votes, cost_usd=score.cost_usd)

    async def _score(self, item: ScoreInput) -> Score:
        found = self._questions(item)
        prepared = await found if isinstance(found, Awaitable) else Prepared(questions=found)
        if prepared.missing is not None:
            return self._ruling.rule([prepared.missing], cost_usd=prepared.cost_usd)
        questions = prepared.questions
        # One question needs no task of its own.
        if len(questions) == 1:
            answered = [await self._asked.ask(questions[0])]
        else:
            answered = await gather_all(map(self._asked.ask, questions))
        return self._ruling.rule(
            [one.vote for one in answered],
            cost_usd=prepared.cost_usd + sum(one.cost_usd for one in answered),
            reason=_worst_reason(answered),
        )


def _worst_reason(answered: Sequence[Answered]) -> str:
    judged = [one for one in answered if one.vote.value is not None and one.rationale]
    worst = min(judged, key=lambda one: one.vote.value or 0.0, default=None)
    return "" if worst is None else " ".join(worst.rationale.split())


def require_instruments(spec: ScorerSpec, context: ScorerContext) -> Instruments:
    """Return what opens models.

    Raises:
        InstrumentsNeededError: None may be opened here.
    """
    if context.instruments is None:
        raise InstrumentsNeededError(
            f"{spec.type} asks a model, and none may be called here",
            hint="evaluate with `promptctl eval`, which opens models",
        )
    return context.instruments


def open_kit(spec: ScorerSpec, context: ScorerContext) -> JudgeKit:
    """Open what a judge is set up from: its model, or the file that names it.

    Raises:
        ScorerSetupError: An odd key, a file for another type, or no model may be called.
        UsageError: There is no such model.
    """
    instruments = require_instruments(spec, context)
    spec, file = _with_file(spec, context)
    name = spec.params.get("judge", _DEFAULT_JUDGE)
    if not isinstance(name, str) or not name:
        raise ScorerSetupError(f"judge is {name!r}; expected the name of a model config or of a judge's file")
    form = one_of(spec, "form", get_args(Form))
    model, config = instruments.completion(file.model if file else name)
    policy = spec.params.get("policy", file.policy if file else "")
    if not isinstance(policy, str):
        raise ScorerSetupError(f"policy is {policy!r}; expected text")
    constrained = form == "choice" or (form == "auto" and config.model.startswith("local/"))
    return JudgeKit(
        spec=spec,
        context=context,
        model=model,
        config=config,
        constrained=constrained,
        rationale=cast("RationaleOrder", one_of(spec, "rationale", get_args(RationaleOrder))),
        evidence=one_of(spec, "evidence", get_args(Evidence)) == "checked",
        unsure=flag(spec, "unsure"),
        policy=policy.strip(),
        file=file,
        snapshot=instruments.snapshot(config) if isinstance(instruments, SnapshotSource) else "",
    )


def _with_file(spec: ScorerSpec, context: ScorerContext) -> tuple[ScorerSpec, JudgeFile | None]:
    """Return the scorer with what the file of its judge says, and the file; the scorer as it is where it names none."""
    file = _find_file(spec, context)
    if file is None:
        return spec, None
    kind = spec.type.removeprefix("not-")
    if file.type != kind:
        raise ScorerSetupError(f"the judge {file.name!r} is of the type {file.type!r}, the scorer of {kind!r}")
    if spec.has_value and file.rubric is not None:
        raise ScorerSetupError(
            f"the judge {file.name!r} has a rubric of its own, and the scorer a value",
            hint="remove the `value`; another rubric is another judge",
        )
    params = {**file.params, **({"prompt": file.prompt} if file.prompt else {}), **spec.params}
    bounds = {"low", "high"} & params.keys()
    return replace(
        spec,
        value=spec.value if file.rubric is None else file.rubric,
        has_value=spec.has_value or file.rubric is not None,
        params=params,
        threshold=file.threshold if spec.threshold is None and not bounds else spec.threshold,
    ), file


def _find_file(spec: ScorerSpec, context: ScorerContext) -> JudgeFile | None:
    # Here and not above: YAML comes with it, and a scorer of any type loads this module.
    from promptship.evalsets import JUDGES_FOLDER, find_judge_file, load_judge_file

    name = spec.params.get("judge", _DEFAULT_JUDGE)
    root = context.project_root
    place = PurePosixPath(spec.path or "evalsets/_")
    # A scorer that a judge's file itself describes names a model, even one that is called as the file is.
    if root is None or not isinstance(name, str) or "/" in name or place.parent.name == JUDGES_FOLDER:
        return None
    for folder in place.parents:
        try:
            path = find_judge_file(name, folder=root / folder, root=root)
        except ReferenceNotFoundError:
            continue
        return load_judge_file(path, root=root)
    return None


def one_of(spec: ScorerSpec, key: str, known: tuple[str, ...]) -> str:
    """Read a parameter with a fixed set of values, the first of which is the default.

    Raises:
        ScorerSetupError: It is none of them.
    """
    found = spec.params.get(key, known[0])
    if not isinstance(found, str) or found not in known:
        raise ScorerSetupError(
            f"{key} is {found!r}; expected one of {', '.join(known)}{did_you_mean(str(found), known)}"
        )
    return found


def whole_number(spec: ScorerSpec, key: str, *, default: int, low: int, high: int) -> int:
    """Read a whole number.

    Raises:
        ScorerSetupError: It is none, or out of range.
    """
    found = spec.params.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise ScorerSetupError(f"{key} is {found!r}; expected a whole number, {low} to {high}")
    return found


def flag(spec: ScorerSpec, key: str) -> bool:
    """Read a parameter that is true or false; false unless given.

    Raises:
        ScorerSetupError: It is neither.
    """
    found = spec.params.get(key, False)
    if not isinstance(found, bool):
        raise ScorerSetupError(f"{key} is {found!r}; expected true or false")
    return found
