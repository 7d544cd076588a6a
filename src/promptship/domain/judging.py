"""Human labels, the judge as its file states it, and the card that says how far a judge can be trusted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from promptship.domain.canonical import Digest, canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain.cases import Case
    from promptship.domain.json_types import JsonObject, JsonValue
    from promptship.domain.outputs import Output

__all__ = [
    "Admission",
    "CardFigure",
    "CardLabels",
    "CardMark",
    "CardNull",
    "CardProbe",
    "CardSlice",
    "JudgeCard",
    "JudgeFile",
    "JudgedItem",
    "Label",
    "LabelSource",
    "Rating",
    "ReliabilityBin",
    "digest_output",
]

Rating = Literal["good", "bad", "unsure"]
LabelSource = Literal["sample", "escalation", "feedback", "model"]
"""Why an item was labelled: drawn at random, put forward by a judge or rule, sent in by a user; or a model's label."""


def digest_output(output: Output) -> Digest:
    """Return the digest that labels know an output by: of its text; of data and messages where there is no text.

    Raises:
        CanonicalError: There is no text, and the data has no canonical form.

    Example:
        >>> from promptship.domain import Output
        >>> digest_output(Output(text="Paris"))[:15]
        'sha256:627e4075'
    """
    if output.text:
        # Not canonical JSON: a model may answer with half a surrogate pair, which JSON has no bytes for.
        content = b"text\n" + output.text.encode("utf-8", "surrogatepass")
    else:
        content = b"data\n" + canonical_json({"data": output.data, "messages": list(output.messages)})
    return Digest("sha256:" + hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What one person said of one output.

    Attributes:
        case_id: The case.
        output_digest: The output, by `digest_output`.
        rating: The verdict; `unsure` is kept and counted, never taken for either side.
        rater: Who; "" where nobody said.
        note: For people.
        correction: A better answer; "" for none.
        source: Why this output was labelled.
        propensity: Probability, above 0 to 1, with which it was put before a rater; None where nobody logged it.
        guideline: Digest of the label policy that the rater read; "" where nobody said.
        run: Run in which the rater saw it; "" where nobody said.
        tags: Slices of the case.
        cluster: Origin that cases share; None for a case of its own.
        path: File it stands in.
        line: 1-based line there.
    """

    case_id: str
    output_digest: str
    rating: Rating
    rater: str = ""
    note: str = ""
    correction: str = ""
    source: LabelSource = "sample"
    propensity: float | None = None
    guideline: str = ""
    run: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeFile:
    """A judge as `evalsets/judges/NAME.yaml` states it.

    Attributes:
        name: Its name: that of the file.
        path: The file.
        type: Scorer type that does the judging, such as `llm-rubric`.
        model: Model config that it asks; "" for a type that asks none.
        prompt: The project's own prompt for it; "" for the type's.
        rubric: The scorer's `value`; None for none.
        params: Further keys of the scorer.
        policy: What raters were told.
        items: Files of labelled outputs.
        labels: Files of labels.
        threshold: Score, after calibration, from which an output is good; None for the type's own.
        calibration: Map from raw score to probability of good, as `stats` reads it; None where there is none.
        admit_kappa: Least kappa with which it may decide.
        description: For people.
        train: What a trained judge learns from; None for a judge that is not trained.
    """

    name: str
    path: str
    type: str = "llm-rubric"
    model: str = "default"
    prompt: str = ""
    rubric: JsonValue = None
    params: JsonObject = field(default_factory=dict)
    policy: str = ""
    items: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    threshold: float | None = None
    calibration: JsonObject | None = None
    admit_kappa: float = 0.6
    description: str = ""
    train: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedItem:
    """An output that a judge and people look at.

    Attributes:
        case: What it answers.
        output: The answer.
        digest: How labels name it.
        versus: The answer it is compared with, where the question is which of two is better; None otherwise.
    """

    case: Case
    output: Output
    digest: str
    versus: Output | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Case and output, which together name it."""
        return self.case.id, self.digest


class _Strict(BaseModel):
    # Built when one is first read: building takes a tenth of a second, and most commands read none.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class CardFigure(_Strict):
    """A figure of a card with its interval.

    Attributes:
        estimate: The figure; None where the labels do not determine it.
        low: Lower end of the interval; None where there is none.
        high: Upper end.
        n: Items, or clusters of items, that it rests on.
        method: How it was computed.
    """

    estimate: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    method: str = ""


class CardLabels(_Strict):
    """What a card rests on.

    Attributes:
        items: Outputs that were offered for labelling.
        labels: Single labels.
        labelled: Items with a decided majority.
        good: Of these, how many people called good.
        bad: And bad.
        unsure: Items without a majority, or that people were unsure of; they are in no figure.
        raters: Who labelled.
        sources: Labels by why they were made.
        weighted: Whether figures are weighted by the inverse of the propensity.
        digest: Digest of all labels.
    """

    items: int
    labels: int
    labelled: int
    good: int
    bad: int
    unsure: int
    raters: tuple[str, ...]
    sources: dict[str, int]
    weighted: bool
    digest: str


class CardNull(_Strict):
    """A judge that knows nothing, and how far the judge is above it.

    Attributes:
        name: `length`, `overlap` or `majority`.
        kappa: Its own agreement with people, at the threshold that suits it best.
        agreement: Share of items on which it says what people say.
        above: Agreement of the judge minus its agreement, on the same items.
    """

    name: str
    kappa: CardFigure
    agreement: CardFigure
    above: CardFigure


class CardProbe(_Strict):
    """How the judge answers a change that should not matter.

    Attributes:
        name: Such as `length` or `injection`.
        what: What was changed.
        flips: Share of items whose verdict changed.
        towards_good: Share of items that turned from bad to good.
        shift: Mean change of the score.
    """

    name: str
    what: str
    flips: CardFigure
    towards_good: CardFigure
    shift: CardFigure


class ReliabilityBin(_Strict):
    """Items of like score: what the judge said, and how often people agreed that they are good."""

    score: float
    good: CardFigure


class CardSlice(_Strict):
    """One slice, such as `language=de`, and whether the judge is admitted on it."""

    slice: str
    kappa: CardFigure
    agreement: CardFigure
    admitted: bool
    reason: str = ""


class CardMark(_Strict):
    """One labelled item: what a gate needs to carry the judge's error.

    Attributes:
        case: The case.
        output_digest: The output.
        human: Whether people call it good.
        judge: Whether the judge does; None where it abstained.
        score: The judge's score; None where it has none.
        weight: Inverse of the propensity, 1 where items were drawn at random.
        tags: Slices.
        cluster: Origin that cases share.
    """

    case: str
    output_digest: str
    human: bool
    judge: bool | None
    score: float | None = None
    weight: float = 1.0
    tags: dict[str, str] = Field(default_factory=dict)
    cluster: str | None = None


class Admission(_Strict):
    """Whether a judge may decide, by which rule, and why not where it may not."""

    admitted: bool
    kappa_at_least: float
    reasons: tuple[str, ...] = ()


class JudgeCard(_Strict):
    """How far a judge agrees with people, how far people agree, and what leads it astray.

    Attributes:
        format: Version of this format.
        name: The judge.
        judge: Its digest: the prompt, rubric, policy, model, calibration and threshold that the figures are of.
        type: Scorer type.
        model: What it asks; "" for nothing.
        policy: What raters were told.
        threshold: From which score an output is good; None for the type's own.
        calibration: Which map was applied; "" for none.
        admission: Whether it may decide.
        labels: What the figures rest on.
        counts: `true_good, false_good, false_bad, true_bad, abstained, unscored`.
        figures: `agreement, kappa, ac1, alpha, rank_correlation, auroc, sensitivity, specificity, calibration_error,
            brier, coverage` and, where they were measured, `retest_flips, retest_spread, retest_variance,
            order_consistency`.
        human: `kappa` and `agreement` of a person with the majority of the others; empty with one rater.
        nulls: Judges that know nothing.
        reliability: The reliability curve; empty where the judge gives no score.
        probes: Counterfactual probes.
        slices: Per slice.
        marks: The labelled items.
        notes: What a reader has to know.
    """

    format: Literal[1] = 1
    name: str
    judge: str
    type: str
    model: str = ""
    policy: str = ""
    threshold: float | None = None
    calibration: str = ""
    admission: Admission
    labels: CardLabels
    counts: dict[str, int]
    figures: dict[str, CardFigure]
    human: dict[str, CardFigure] = Field(default_factory=dict)
    nulls: tuple[CardNull, ...] = ()
    reliability: tuple[ReliabilityBin, ...] = ()
    probes: tuple[CardProbe, ...] = ()
    slices: tuple[CardSlice, ...] = ()
    marks: tuple[CardMark, ...] = ()
    notes: tuple[str, ...] = ()
