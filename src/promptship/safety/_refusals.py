"""Refusals in three classes: an answer complies, refuses in part, or refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from promptship.safety._refusal_features import undo_contractions
from promptship.safety._refusal_model import CLASSES, load_refusal_model
from promptship.safety._refusal_rules import guess_language, rules_for
from promptship.safety._views import LONGEST_TEXT, canonicalise

if TYPE_CHECKING:
    from promptship.safety._refusal_model import RefusalModel
    from promptship.safety._refusal_rules import Language

__all__ = ["Refusal", "RefusalLabel", "classify_refusal"]

RefusalLabel = Literal["compliance", "partial", "refusal"]

_READ: Final = 4_000
"""Characters made canonical; what is weighed is less, and a page of blanks may stand before it."""
_OPENING: Final = 200
"""Characters in which the rules of English look for a refusal that the model did not know."""
_THOUGHTS: Final = re.compile(r"\s{0,20}<think(?:ing)?>")
_THOUGHTS_END: Final = re.compile(r"</think(?:ing)?>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How an answer dealt with a request.

    Attributes:
        label: `compliance`, `partial` (help after a refusal, or a refusal of a part) or `refusal`; None where the
            language is not one that is known.
        language: `en`, `de`, `es` or `other`, as guessed.
        confidence: Probability of the label by the fitted model; None where a rule decided.
    """

    label: RefusalLabel | None
    language: Language
    confidence: float | None = None


def classify_refusal(text: str, *, model: RefusalModel | None = None) -> Refusal:
    """Say whether an answer refuses.

    English is weighed by a fitted model, and rules look for what it missed; German and Spanish go by rules. The first
    600 characters are read, thoughts in `<think>` left out. An empty answer refuses.

    Args:
        text: An answer of any length.
        model: Weights for English; None for those that come with the package.

    Returns:
        The label, and how sure the model is of it.

    Example:
        >>> classify_refusal("I'm sorry, but I can't assist with that.").label
        'refusal'
        >>> classify_refusal("Dabei kann ich leider nicht helfen.").label
        'refusal'
    """
    answer = _without_thoughts(text[:LONGEST_TEXT]).lstrip()[:_READ]
    canonical = canonicalise(answer).strip()
    if not canonical:
        return Refusal(label="refusal", language="en")
    language = guess_language(answer, canonical.lower())
    if language == "other":
        return Refusal(label=None, language=language)
    if language == "en":
        return _weigh(canonical, model or load_refusal_model())
    return Refusal(label=rules_for(language).judge(canonical.lower()), language=language)


def _without_thoughts(text: str) -> str:
    if _THOUGHTS.match(text):
        end = _THOUGHTS_END.search(text)
        # Thoughts that never end are all there is.
        return text[end.end() :] if end else text
    return text


def _weigh(canonical: str, model: RefusalModel) -> Refusal:
    probabilities = model.probabilities(canonical)
    best = probabilities.index(max(probabilities))
    if not best:
        said = rules_for("en").judge(undo_contractions(canonical[:_OPENING].lower()))
        if said != "compliance":
            return Refusal(label=said, language="en")
    return Refusal(label=CLASSES[best], language="en", confidence=probabilities[best])
