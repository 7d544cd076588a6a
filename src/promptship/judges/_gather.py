"""Labels and the outputs they are of, joined; what cannot be used is refused here, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from promptship.domain import digest_of
from promptship.errors import Problem, SourceError, UsageError
from promptship.evalsets import load_items, load_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from promptship.domain import JsonValue, JudgedItem, JudgeFile, Label, Rating

__all__ = ["FEWEST_LABELS", "LabelSet", "LabelledItem", "Purpose", "gather_labels", "require_usable"]

FEWEST_LABELS = 20
"""Below it the interval of an agreement is wider than 40 points, which admits and refuses any judge alike."""
_MOST_NAMED = 20

Purpose = Literal["card", "calibrate", "train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledItem:
    """An output with what people made of it.

    Attributes:
        item: The output.
        good: What the majority says.
        weight: Inverse of the propensity, scaled so that the mean of all items is 1.
        ratings: What each rater says.
        cluster: Origin that cases share; the case where it has none.
    """

    item: JudgedItem
    good: bool
    weight: float
    ratings: Mapping[str, Rating]
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet:
    """Everything that people said of a judge's items.

    Attributes:
        items: Items with a decided majority, in the order of their files.
        offered: Every item, labelled or not.
        ratings: What each rater says of each item that has a label, decided or not.
        labels: Single labels that were used.
        sources: Labels by why they were made.
        is_weighted: Whether propensities were logged.
        digest: Digest of the labels.
        notes: What a reader has to know.
    """

    items: tuple[LabelledItem, ...]
    offered: tuple[JudgedItem, ...]
    ratings: tuple[Mapping[str, Rating], ...]
    labels: int
    sources: Mapping[str, int]
    is_weighted: bool
    digest: str
    notes: tuple[str, ...] = field(default=())

    @property
    def raters(self) -> tuple[str, ...]:
        """Who labelled, sorted."""
        return tuple(sorted({rater for rated in self.ratings for rater in rated}))


def gather_labels(judge: JudgeFile, *, root: Path, purpose: Purpose = "card") -> LabelSet:
    """Load a judge's items and labels, and join them.

    Labels that a model made are refused. Those of escalations and feedback are of outputs that somebody chose: with
    their propensities they are weighted; without, they are refused for calibration and training, and left out of a
    card, which says so.

    Args:
        judge: The judge.
        root: The project.
        purpose: What the labels are for.

    Raises:
        SourceError: A file is wrong; a label is of no known output, was made by a model, or under another policy.
        UsageError: The labels cannot be used for the purpose; the hint says what is needed.
    """
    offered = _load_items(judge, root)
    labels = [label for file in judge.labels for label in load_labels(Path(file), root=root)]
    _check_labels(labels, {item.key for item in offered}, judge)
    # A label of an escalated output says much of that output and little of the others, so who sees it has to say so.
    kept, notes = _keep_sampled(labels, purpose)
    rated: dict[tuple[str, str], list[Label]] = defaultdict(list)
    for label in kept:
        rated[label.case_id, label.output_digest].append(label)
    items = _scaled([one for item in offered if (one := _labelled(item, rated.get(item.key, [])))])
    return LabelSet(
        items=items,
        offered=tuple(offered),
        ratings=tuple(_ratings(rated[item.key]) for item in offered if item.key in rated),
        labels=len(kept),
        sources=dict(sorted(Counter(label.source for label in kept).items())),
        is_weighted=any(label.propensity is not None for label in kept),
        digest=_digest(kept),
        notes=tuple(notes),
    )


def require_usable(labels: LabelSet) -> None:
    """Refuse labels from which no figure of a judge can be computed.

    Raises:
        UsageError: There are too few, or all are alike; the hint says what is needed.
    """
    n, good = len(labels.items), sum(one.good for one in labels.items)
    if n < FEWEST_LABELS:
        raise UsageError(
            f"{n} labelled outputs; expected at least {FEWEST_LABELS}",
            hint=f"label {FEWEST_LABELS - n} more: `promptctl judge budget NAME` says which tell most",
        )
    if good in {0, n}:
        alike, needed = ("good", "bad") if good else ("bad", "good")
        raise UsageError(
            f"all {n} labelled outputs are {alike}: nothing tells a judge from one that always says so",
            hint=f"label at least ten outputs that are {needed}, of a weaker prompt or model if there are none",
        )


def _load_items(judge: JudgeFile, root: Path) -> list[JudgedItem]:
    items = [item for file in judge.items for item in load_items(Path(file), root=root)]
    repeated = [key for key, count in Counter(item.key for item in items).items() if count > 1]
    if repeated:
        raise UsageError(f"{judge.path}: an output of the case {repeated[0][0]!r} stands in two files of `items`")
    return items


def _check_labels(labels: Iterable[Label], known: set[tuple[str, str]], judge: JudgeFile) -> None:
    policy = digest_of(judge.policy)
    found = [problem for label in labels if (problem := _problem_of(label, known, policy))]
    more = len(found) - _MOST_NAMED
    if more > 0:
        found[_MOST_NAMED:] = [Problem(message=f"and {more} more labels")]
    if found:
        raise SourceError(found)


def _problem_of(label: Label, known: set[tuple[str, str]], policy: str) -> Problem | None:
    if label.source == "model":
        message = f"a model made the label of {label.case_id!r}: a judge is measured by what people say"
        hint = "leave out labels of models; `promptctl judge label` asks a person"
    elif (label.case_id, label.output_digest) not in known:
        message = f"there is no output {label.output_digest[:19]!r} of a case {label.case_id!r} in `items`"
        hint = "the output has changed since it was labelled, or its file is missing in `items`"
    elif label.guideline and label.guideline != policy:
        message = f"the label of {label.case_id!r} was given under another policy than the judge's"
        hint = "one label rule reworded can move half of the labels: label again, or restore the policy"
    else:
        return None
    return Problem(path=label.path, line=label.line, message=message, hint=hint)


def _keep_sampled(labels: Sequence[Label], purpose: Purpose) -> tuple[list[Label], list[str]]:
    """Return the labels that stand for all outputs, and what to say of the others."""
    logged = [label for label in labels if label.propensity is not None]
    chosen = [label for label in labels if label.propensity is None and label.source != "sample"]
    needed = "log with each label the probability with which its output was put before a rater, as `propensity`"
    if chosen and purpose != "card":
        first = chosen[0]
        raise UsageError(
            f"{first.path}:{first.line}: {len(chosen)} labels come from escalations or feedback without a propensity: "
            "they are of outputs that somebody chose, and a map fitted on them is wrong for the others",
            hint=needed,
        )
    kept = [label for label in labels if label not in chosen] if chosen else list(labels)
    if logged and len(logged) < len(kept):
        raise UsageError(
            f"{len(kept) - len(logged)} of {len(kept)} labels have no propensity and {len(logged)} have one: "
            "together they cannot be weighted",
            hint=needed,
        )
    if not chosen:
        return kept, []
    said = f"left out: {len(chosen)} labels of outputs that were escalated or sent in, without a logged propensity"
    return kept, [said]


def _ratings(labels: Iterable[Label]) -> dict[str, Rating]:
    return {label.rater: label.rating for label in labels}


def _labelled(item: JudgedItem, labels: Sequence[Label]) -> LabelledItem | None:
    votes = Counter(label.rating for label in labels)
    if votes["good"] == votes["bad"]:
        return None
    # All raters of an output saw it for one reason, so any of their labels has its propensity.
    propensity = next((label.propensity for label in labels if label.propensity is not None), 1.0)
    return LabelledItem(
        item=item,
        good=votes["good"] > votes["bad"],
        # Horvitz and Thompson's weight: an output that one in five of its kind was labelled stands for five.
        weight=1.0 / propensity,
        ratings=_ratings(labels),
        cluster=item.case.cluster or f"case {item.case.id}",
    )


def _scaled(items: Sequence[LabelledItem]) -> tuple[LabelledItem, ...]:
    mean = sum(one.weight for one in items) / max(1, len(items))
    return tuple(replace(one, weight=one.weight / mean) for one in items)


def _digest(labels: Iterable[Label]) -> str:
    rows: list[JsonValue] = [[one.case_id, one.output_digest, one.rater, one.rating, one.propensity] for one in labels]
    return digest_of(sorted(rows, key=repr))
