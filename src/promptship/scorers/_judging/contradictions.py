"""Whether a judge's reasons say another verdict than the judge does."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from promptship.scorers._judging.scales import Scale

__all__ = ["stated_label"]

_NAMED: Final = (
    r"\bhence\W+(?:(?:the|a|my)\s+)?(?:(?:verdict|score|rating|level|grade|answer)\W+)?(?:(?:is|of)\W+)?|"
    r"\b(?:verdict|score|rating|level|grade)\s*(?:is|of|:|=|should be|must be)\s*"
)
_SUPPOSED: Final = r"(?!\s+(?:would|requires?|needs?|demands?|could|might|means|if)\b)"
_NOT_MET: Final = re.compile(
    r"\b(?:does not|doesn't|do not|did not|fails to|failed to)\s+(?:\w+\s+)?(?:meet|satisfy|fulfil|fulfill)\b"
    r"|\b(?:criterion|requirement|condition)\s+(?:is|was)\s+(?:clearly\s+|therefore\s+)?(?:not\s+|un-?)"
    r"(?:met|satisfied|fulfilled)\b",
    re.IGNORECASE,
)
_MET: Final = re.compile(
    r"\b(?:meets|satisfies|fulfils|fulfills)\s+(?:the|this)\s+(?:criterion|requirement|condition)\b"
    r"|\b(?:criterion|requirement|condition)\s+(?:is|was)\s+(?:clearly\s+|fully\s+|therefore\s+)?"
    r"(?:met|satisfied|fulfilled)\b",
    re.IGNORECASE,
)
_POLES: Final = ("no", "yes")


@lru_cache(maxsize=256)
def _pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    # "4.5" is not the label 4, and "a score of 2 would need a source" states nothing.
    return re.compile(rf"(?:{_NAMED})[\"'`*]*(?P<label>{either})(?![\w-]|\.\d){_SUPPOSED}", re.IGNORECASE)


def stated_label(rationale: str, scale: Scale) -> str | None:
    """Return the verdict that the reasons state in so many words, the last one where there are several.

    Reasons that state none contradict nothing. A judge is told to end them with the verdict, in whatever language it
    reasons; scales of yes and no are read from English sentences on meeting the criterion too.

    Args:
        rationale: The judge's reasons.
        scale: The verdicts.

    Returns:
        A label of the scale; None where the reasons state none.

    Example:
        >>> from promptship.scorers._judging.scales import YES_NO
        >>> stated_label("It names no date, so the criterion is not met.", YES_NO)
        'no'
    """
    last, label = -1, None
    for found in _pattern(scale.labels).finditer(rationale):
        last, label = found.start("label"), found["label"].casefold()
    if scale.labels[:2] == _POLES:
        for pattern, pole in zip((_NOT_MET, _MET), _POLES, strict=True):
            for found in pattern.finditer(rationale):
                if found.start() > last:
                    last, label = found.start(), pole
    return next((one for one in scale.labels if one.casefold() == label), None)
