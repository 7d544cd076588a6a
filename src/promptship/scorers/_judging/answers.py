"""What a judge wrote, to a typed verdict: strict, so that what is not one is never taken for one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from promptship.scorers._judging.claims import canonicalise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptship.domain import FinishReason, JsonObject
    from promptship.scorers._judging.scales import Scale

__all__ = [
    "AnswerForm",
    "Kind",
    "RationaleOrder",
    "UnusableAnswerError",
    "Verdict",
    "parse_verdict",
    "refuse_unfinished",
    "tell_judge",
]

RationaleOrder = Literal["first", "last", "none"]
Kind = Literal[
    "empty",
    "refusal",
    "prose",
    "broken-json",
    "repeated-key",
    "wrong-shape",
    "off-scale",
    "truncated",
    "filtered",
    "invented-quote",
    "contradiction",
    "echo",
]
"""What keeps an answer from being a verdict: the category of its vote."""

_FENCED: Final = re.compile(r"```(?:json)?\s*\n(?P<body>.*?)\n?```", re.DOTALL | re.IGNORECASE)
_THOUGHT: Final = re.compile(r"<think>.*?</think>", re.DOTALL)
_REFUSAL: Final = re.compile(
    r"\b(?:i(?:'m| am)? (?:sorry|unable|not able)|i (?:can't|cannot|can not|won't|will not|must decline)|"
    r"as an ai\b|es tut mir leid|ich kann (?:das|dabei|diese|hier)?\s*(?:leider )?nicht|lo siento|no puedo)",
    re.IGNORECASE,
)
_TOLD: Final[Mapping[Kind, str]] = {
    "empty": "it was empty",
    "refusal": "it was a refusal",
    "prose": "there was text outside of the JSON object",
    "broken-json": "it was not one whole JSON object",
    "repeated-key": "a key stood in it twice",
    "wrong-shape": "a key was missing, was one too many, or held something else than it has to",
    "off-scale": "its verdict is none of those allowed",
    "truncated": "it was cut off before its end; be brief",
    "filtered": "it was held back by a content filter",
    "invented-quote": "it quotes a passage that does not stand there; quote letter by letter",
    "contradiction": "its reasons state another verdict than it gives",
    "echo": "it was copied from the text to judge; judge that text yourself",
}
_LONGEST_ANSWER: Final = 100_000
_MOST_QUOTES: Final = 50


class UnusableAnswerError(Exception):
    """An answer that is no verdict.

    Args:
        kind: What it is instead.
        reason: What is wrong, for a person.
    """

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verdict: its label on the scale, why, and the places it was read from."""

    label: str
    rationale: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AnswerForm:
    """The form in which a judge answers a question: what it is told, and what it is held to.

    Attributes:
        scale: The verdicts allowed.
        constrained: Whether the answer is one of the labels and nothing else, as for models that write no JSON.
        rationale: Whether the judge gives its reasons before the verdict, after it, or not at all.
        evidence: Whether it has to quote.
        quoted: What it quotes from, as the judge reads it.
    """

    scale: Scale
    constrained: bool = False
    rationale: RationaleOrder = "first"
    evidence: bool = True
    quoted: str = "the text to judge"

    def keys(self) -> tuple[str, ...]:
        """Return the keys of the answer, in order."""
        before = ("evidence",) if self.evidence else ()
        reasons = () if self.rationale == "none" else ("rationale",)
        return (*before, *reasons, "verdict") if self.rationale == "first" else (*before, "verdict", *reasons)

    def schema(self) -> JsonObject:
        """Return the JSON Schema of an answer. Providers that write keys in order reason in this order."""
        labels: list[Any] = list(self.scale.labels)
        numeric = self.scale.is_numeric
        shapes: JsonObject = {
            "evidence": {"type": "array", "items": {"type": "string"}},
            "rationale": {"type": "string"},
            "verdict": {
                "type": "integer" if numeric else "string",
                "enum": list(map(int, labels)) if numeric else labels,
            },
        }
        keys: list[Any] = list(self.keys())
        return {
            "type": "object",
            "properties": {key: shapes[key] for key in keys},
            "required": keys,
            "additionalProperties": False,
        }

    def text(self) -> str:
        """Return how the judge is told to answer."""
        labels = ", ".join(self.scale.labels)
        if self.constrained:
            return f"Answer with one of these and nothing else: {labels}."
        # The last words of the reasons name the verdict in every language alike, so that the two can be compared.
        what = {
            "evidence": (
                f"evidence: a list of short passages copied letter by letter from {self.quoted}, on which the verdict "
                "rests; an empty list where it rests on something missing"
            ),
            "rationale": 'rationale: one to three sentences, of which the last is "Hence VERDICT."',
            "verdict": f"verdict: one of {labels}",
        }
        lines = "\n".join(f"- {what[key]}" for key in self.keys())
        return f"Answer with one JSON object and no other text. Its keys, in this order, each exactly once:\n{lines}"


def tell_judge(kind: Kind) -> str:
    """Return what a judge is told that is asked once more.

    It repeats nothing of the answer: what the judge wrote may be what the text under judgement made it write, and would
    come back to it as a word of ours.
    """
    return f"That cannot be used: {_TOLD[kind]}."


def refuse_unfinished(finish_reason: FinishReason) -> None:
    """Refuse an answer that the model did not end by itself.

    Raises:
        UnusableAnswerError: It was cut off, or held back by a filter.
    """
    if finish_reason == "length":
        raise UnusableAnswerError("truncated", "the answer was cut off before its end")
    if finish_reason == "content_filter":
        raise UnusableAnswerError("filtered", "the answer was held back by a content filter")


def parse_verdict(text: str, form: AnswerForm) -> Verdict:
    """Read a verdict.

    The answer is the object and nothing else; a Markdown fence around it, and what a model thought aloud in
    `<think>` before it, are let pass. Everything that two readers could read differently is refused.

    Args:
        text: What the judge wrote.
        form: What it was told to write.

    Raises:
        UnusableAnswerError: It is no verdict of this form.

    Example:
        >>> from promptship.scorers._judging.scales import YES_NO
        >>> parse_verdict('{"verdict": "yes"}', AnswerForm(scale=YES_NO, rationale="none", evidence=False)).label
        'yes'
    """
    body = _THOUGHT.sub("", text, count=1).strip() if text.lstrip().startswith("<think>") else text.strip()
    if not body:
        raise UnusableAnswerError("empty", "the answer was empty")
    if form.constrained:
        return Verdict(label=_read_label(body, form.scale))
    return _read_object(_parse_object(body), form)


def _parse_object(body: str) -> dict[str, Any]:
    fenced = _FENCED.fullmatch(body)
    body = fenced["body"].strip() if fenced else body
    if len(body) > _LONGEST_ANSWER:
        raise UnusableAnswerError("prose", f"the answer has {len(body)} characters")
    if not body.startswith("{"):
        refused = _REFUSAL.search(body[:400]) is not None
        if refused:
            raise UnusableAnswerError("refusal", "the answer was a refusal")
        raise UnusableAnswerError("prose", "the answer was text outside of a JSON object")
    try:
        found = json.loads(body, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UnusableAnswerError("broken-json", f"the answer was not one whole JSON object: {error}") from None
    if not isinstance(found, dict):
        raise UnusableAnswerError("broken-json", "the answer was not a JSON object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # Parsers disagree on which of two counts, and an injected text may have written one of them.
        raise UnusableAnswerError("repeated-key", "a key stood twice in the answer")
    return found


def _read_object(found: dict[str, Any], form: AnswerForm) -> Verdict:
    keys = form.keys()
    if missing := [key for key in keys if key not in found]:
        raise UnusableAnswerError("wrong-shape", f"the key {missing[0]!r} was missing at the top of the answer")
    if unknown := [key for key in found if key not in keys]:
        raise UnusableAnswerError("wrong-shape", f"the answer had the key {unknown[0][:40]!r}, which it must not have")
    evidence = found.get("evidence", [])
    if not isinstance(evidence, list) or not all(isinstance(one, str) for one in evidence):
        raise UnusableAnswerError("wrong-shape", "evidence was not a list of texts")
    rationale = found.get("rationale", "")
    if not isinstance(rationale, str) or ("rationale" in keys and not rationale.strip()):
        raise UnusableAnswerError("wrong-shape", "rationale was not a text, or an empty one")
    label = _read_label(found["verdict"], form.scale)
    return Verdict(label=label, rationale=rationale, evidence=tuple(evidence[:_MOST_QUOTES]))


def _read_label(value: object, scale: Scale) -> str:
    if isinstance(value, str):
        label = value.strip()
        if label not in scale.by_label:
            label = _fold_label(label, scale.labels)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        label = str(int(value))
    else:
        label = ""
    if label not in scale.by_label:
        raise UnusableAnswerError(
            "off-scale", f"the verdict was {str(value)[:40]!r}, which is none of {', '.join(scale.labels)}"
        )
    return label


def _fold_label(label: str, labels: Sequence[str]) -> str:
    """Return the label that is meant but for case and a full stop; `label` where there is none."""
    folded = canonicalise(label.rstrip("."))
    return next((one for one in labels if canonicalise(one) == folded), label)
