"""Scorers that hold an answer, sentence by sentence, against texts: does a text entail it, does one contradict it?"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from promptship.domain import Score, Vote
from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import (
    Criterion,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    fail,
    require_instruments,
    shorten,
    show,
    text_of,
)
from promptship.scorers._instruments import MODEL_PARAM, asked_digest, instrument_digest, read_model
from promptship.scorers._judging.claims import split_claims
from promptship.scorers.text import read_references

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import JsonObject, ScoreInput, ScorerSpec, TextClassifier
    from promptship.scorers._criterion import ScorerContext

__all__ = ["SCORERS"]

Relation = Literal["entailment", "neutral", "contradiction"]

_DEFAULT_MODEL: Final = "cross-encoder/nli-deberta-v3-base"
_ASKS: Final = f"a cross-encoder for natural language inference, {_DEFAULT_MODEL} unless `model` names another"
_DECIDES: Final = 0.5
"""What a relation's probability has to reach to count as found: more likely than all others together."""
# Cross-encoders read about 512 tokens; a passage and a claim of these lengths stay below that in most languages.
_WINDOW: Final = 1_200
# What a long context has to say of one claim stands in a few of its passages; the others would cost and add noise.
_MOST_WINDOWS: Final = 8
_WORD: Final = re.compile(r"\w+")
_NAMES: Final[Mapping[str, Relation]] = {
    "entailment": "entailment",
    "entail": "entailment",
    "entails": "entailment",
    "entailed": "entailment",
    "supported": "entailment",
    "neutral": "neutral",
    "contradiction": "contradiction",
    "contradict": "contradiction",
    "contradicts": "contradiction",
    "refuted": "contradiction",
}


@dataclass(frozen=True, slots=True)
class _Claim:
    """A sentence of an answer and how the texts relate to it: the most that any passage says of it, 0 to 1."""

    text: str
    entailed: float
    contradicted: float

    @property
    def is_supported(self) -> bool:
        return self.entailed >= _DECIDES

    @property
    def contradiction(self) -> float:
        # A passage about something else often looks like a contradiction; one that entails the claim settles it.
        return 0.0 if self.is_supported else self.contradicted

    @property
    def relation(self) -> Relation:
        if self.is_supported:
            return "entailment"
        return "contradiction" if self.contradicted >= _DECIDES else "neutral"


class _HeldAgainst(Criterion):
    """What is common to both types: the texts, the claims, and the model's figures for each pair of them."""

    def __init__(
        self, spec: ScorerSpec, model: TextClassifier, relations: Mapping[str, Relation], *, default: float
    ) -> None:
        self._model = model
        self._relations = relations
        self._threshold = default if spec.threshold is None else spec.threshold
        self._written = read_references(spec.value, ()) if spec.has_value else ()
        # What a label means decides votes; which labels there are stands in the model's identity.
        known: JsonObject = {"window": _WINDOW, "labels": {label: relations[label] for label in sorted(relations)}}
        self.judge = instrument_digest(spec, model.identity, **known)
        self.asked = asked_digest(spec, model.identity, **known)

    async def score(self, item: ScoreInput) -> Score:
        """See `Criterion.score`."""
        texts = self._texts(item)
        if not texts:
            return Score(value=None, reason="there is no text to hold the answer against", judge=self.judge)
        claims = split_claims(text_of(item.output))
        if not claims:
            return Score(value=None, reason="the answer claims nothing", judge=self.judge)
        return self._decide(await self._relate(claims, [part for text in texts for part in cut_windows(text)]))

    def rescore(self, score: Score) -> Score:
        """See `Criterion.rescore`."""
        return self._decide([self._claim_of(vote) for vote in score.votes])

    @abstractmethod
    def _decide(self, claims: Sequence[_Claim]) -> Score:
        """Make a score of what is known of each sentence."""

    @abstractmethod
    def _claim_of(self, vote: Vote) -> _Claim:
        """Return the claim that a vote was made of, as far as this type looks at it."""

    def _texts(self, item: ScoreInput) -> tuple[str, ...]:
        """Return the value, or what was retrieved, or what the case gives."""
        case = item.case
        expected = (case.expected,) if isinstance(case.expected, str) else ()
        found = self._written or _passages(item.output.contexts) or _passages(case.contexts)
        return found or (*expected, *case.references)

    async def _relate(self, claims: Sequence[str], windows: Sequence[str]) -> list[_Claim]:
        pairs = [(window, claim) for claim in claims for window in _nearest(windows, claim)]
        rows = await self._model.classify(pairs)
        most: dict[str, dict[Relation, float]] = {claim: {} for claim in claims}
        for (_, claim), row in zip(pairs, rows, strict=True):
            known = most[claim]
            for label, chance in row.items():
                relation = self._relations.get(label)
                if relation is not None:
                    known[relation] = max(known.get(relation, 0.0), chance)
        return [
            _Claim(claim, most[claim].get("entailment", 0.0), most[claim].get("contradiction", 0.0)) for claim in claims
        ]


class _Grounded(_HeldAgainst):
    """Enough of the sentences are entailed by a text."""

    def _decide(self, claims: Sequence[_Claim]) -> Score:
        lacking = [claim for claim in claims if not claim.is_supported]
        value = 1.0 - len(lacking) / len(claims)
        passed = value >= self._threshold
        worst = min(lacking, key=lambda claim: claim.entailed, default=None)
        told = "" if worst is None else f"{_how(worst)}: {show(worst.text)}"
        if lacking[1:]:
            told += f" and {len(lacking) - 1} more"
        return Score(
            value=value,
            passed=passed,
            reason=shorten(told),
            measure=float(len(lacking)),
            unit="claims",
            definition=f"groundedness[{self._model.identity}]",
            judge=self.judge,
            votes=tuple(_vote(claim, claim.entailed) for claim in claims),
        )

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return "say what the texts say"

    def _claim_of(self, vote: Vote) -> _Claim:
        return _Claim(vote.criterion, vote.value or 0.0, float(vote.category == "contradiction"))


class _Contradicts(_HeldAgainst):
    """A sentence is contradicted by a text."""

    def _decide(self, claims: Sequence[_Claim]) -> Score:
        worst = max(claims, key=lambda claim: claim.contradiction)
        value = worst.contradiction
        known = {
            "value": value,
            "measure": float(sum(claim.relation == "contradiction" for claim in claims)),
            "unit": "claims",
            "definition": f"contradiction[{self._model.identity}]",
            "judge": self.judge,
            "votes": tuple(_vote(claim, claim.contradiction) for claim in claims),
        }
        if value < self._threshold:
            return fail("no text contradicts it", **known)
        return Score(**known, passed=True, reason=shorten(f"contradicted: {show(worst.text)}"))  # type: ignore[arg-type]  # as listed

    def claim(self, item: ScoreInput) -> str:
        """See `Criterion.claim`."""
        del item
        return "contradict a text"

    def _claim_of(self, vote: Vote) -> _Claim:
        return _Claim(vote.criterion, float(vote.category == "entailment"), vote.value or 0.0)


def cut_windows(text: str, *, longest: int = _WINDOW) -> list[str]:
    """Cut a text into passages that a cross-encoder can read, at sentences, each beginning with the last one's end.

    Args:
        text: Any text.
        longest: Characters of a passage, at most, and half as many of the sentence that it shares with its neighbour.

    Example:
        >>> cut_windows("One is first. Two is next. Three is last.", longest=30)
        ['One is first. Two is next.', 'Two is next. Three is last.']
    """
    if len(text) <= longest:
        return [text] if text.strip() else []
    sentences = [part for one in split_claims(text, most=len(text)) for part in _chunks(one, longest)]
    windows: list[str] = []
    start = 0
    size = 0
    for at, sentence in enumerate(sentences):
        if size and size + 1 + len(sentence) > longest:
            windows.append(" ".join(sentences[start:at]))
            # What a sentence refers to often stands in the one before it.
            shared = len(sentences[at - 1]) <= longest // 2
            start, size = (at - 1, len(sentences[at - 1])) if shared else (at, 0)
        size += len(sentence) + bool(size)
    return [*windows, " ".join(sentences[start:])]


def _chunks(sentence: str, longest: int) -> list[str]:
    return [sentence[at : at + longest] for at in range(0, len(sentence), longest)]


def _nearest(windows: Sequence[str], claim: str) -> Sequence[str]:
    """Return the passages that share most words with a claim, rare ones counting more."""
    if len(windows) <= _MOST_WINDOWS:
        return windows
    sets = [set(_WORD.findall(window.lower())) for window in windows]
    words = set(_WORD.findall(claim.lower()))
    weight = {word: math.log(len(sets) / (1 + sum(word in one for one in sets)) + 1) for word in words}
    shares = [sum(weight[word] for word in words & one) for one in sets]
    best = sorted(range(len(windows)), key=lambda at: (-shares[at], at))[:_MOST_WINDOWS]
    return [windows[at] for at in sorted(best)]


def _passages(contexts: Sequence[JsonObject]) -> tuple[str, ...]:
    texts = (context.get("text") for context in contexts)
    return tuple(text for text in texts if isinstance(text, str) and text.strip())


def _vote(claim: _Claim, value: float) -> Vote:
    return Vote(criterion=claim.text, value=value, category=claim.relation)


def _how(claim: _Claim) -> str:
    return "contradicted" if claim.relation == "contradiction" else "not supported"


def _open(spec: ScorerSpec, context: ScorerContext) -> tuple[TextClassifier, Mapping[str, Relation]]:
    written = spec.params.get("labels", {})
    if not isinstance(written, dict) or not all(isinstance(one, str) for one in written.values()):
        raise ScorerSetupError(f"labels: {show(written)}; expected relations and the model's labels")
    unknown = [key for key in written if key not in ("entailment", "neutral", "contradiction")]
    if unknown:
        raise ScorerSetupError(f"labels: {unknown[0]!r} is none of entailment, neutral and contradiction")
    name = read_model(spec, _DEFAULT_MODEL)
    if spec.has_value:
        read_references(spec.value, ())
    model = require_instruments(context, _ASKS).classifier(name)
    return model, _relations(model.labels, {str(label): key for key, label in written.items()})  # type: ignore[misc]  # keys were checked above


def _relations(labels: Sequence[str], written: Mapping[str, Relation]) -> Mapping[str, Relation]:
    """Map a model's labels to relations.

    Raises:
        ScorerSetupError: None of them means entailment, by name or as written.
    """
    strange = [label for label in written if label not in labels]
    if strange:
        raise ScorerSetupError(
            f"labels: the model has no label {strange[0]!r}", hint=f"its labels are {', '.join(labels)}"
        )
    named = {label: _NAMES[label.lower()] for label in labels if label.lower() in _NAMES}
    found = {**named, **written}
    if "entailment" not in found.values():
        raise ScorerSetupError(
            f"none of the model's labels ({', '.join(labels)}) is known to mean entailment",
            hint="write labels: {entailment: ..., contradiction: ...}, or name a model for natural language inference",
        )
    return found


def _build_grounded(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    model, relations = _open(spec, context)
    return _Grounded(spec, model, relations, default=1.0)


def _build_contradicts(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    model, relations = _open(spec, context)
    if "contradiction" not in relations.values():
        raise ScorerSetupError(
            f"none of the model's labels ({', '.join(model.labels)}) is known to mean contradiction",
            hint="write labels: {contradiction: ...}, or name a model that tells contradictions",
        )
    return _Contradicts(spec, model, relations, default=_DECIDES)


_VALUE: Final = (
    "the text, or a list of texts, to hold the answer against; without one what was retrieved, or the case's"
    " `contexts`, or its `expected` and `references`"
)
_PARAMS: Final = {
    "model": f"the cross-encoder: {MODEL_PARAM}",
    "labels": "which of its labels mean `entailment`, `neutral` and `contradiction`, where its config does not say so",
}
_SOURCE: Final = "The parcel left on Monday. It weighs two kilograms."

SCORERS: Mapping[str, ScorerFactory] = {
    "groundedness": ScorerFactory(
        info=ScorerInfo(
            type="groundedness",
            summary="The sentences of the output follow from the texts that it is based on.",
            value=_VALUE,
            value_is="optional",
            threshold=ThresholdInfo(meaning="least share of sentences that follow", default=1.0),
            score="share of sentences that a passage entails with a probability of at least 0.5",
            measure="sentences that do not follow",
            definition="groundedness[model]",
            params=_PARAMS,
            asks=_ASKS,
            origin="promptship",
            examples=(
                ScorerExample(
                    scorer={"type": "groundedness", "value": _SOURCE},
                    passes="The parcel left on Monday.",
                    fails="The parcel left on Monday. It was stolen on the way.",
                ),
            ),
        ),
        build=_build_grounded,
    ),
    "contradiction": ScorerFactory(
        info=ScorerInfo(
            type="contradiction",
            summary="A sentence of the output contradicts a text; write `not-contradiction` to demand that none does.",
            value=_VALUE,
            value_is="optional",
            threshold=ThresholdInfo(meaning="probability from which a sentence contradicts", default=_DECIDES),
            score="the largest probability of a contradiction, over sentences that no passage entails",
            measure="sentences that contradict",
            definition="contradiction[model]",
            params=_PARAMS,
            asks=_ASKS,
            origin="promptship",
            examples=(
                ScorerExample(
                    scorer={"type": "contradiction", "value": _SOURCE},
                    passes="The parcel did not leave on Monday.",
                    fails="The parcel left on Monday.",
                ),
            ),
        ),
        build=_build_contradicts,
    ),
}
