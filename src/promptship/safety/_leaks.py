"""Leaks of a prompt: canaries and passages of it that turn up in an answer, also encoded, spaced or spelt backwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from promptship.safety._finding import Finding, mask
from promptship.safety._squeeze import squeeze
from promptship.safety._views import canonicalise, read_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.safety._views import View

__all__ = ["SHORTEST_CANARY", "LeakDetector"]

SHORTEST_CANARY: Final = 6
"""Letters and digits that a canary must have, so that no answer holds it by chance."""
_LONGEST_SHOWN: Final = 60
_WORD: Final = re.compile(r"\w+")


class LeakDetector:
    """Finds canaries and passages in answers. Immutable; safe to share among threads.

    Args:
        canaries: Texts that only the prompt holds; each needs six letters or digits.
        passages: Texts of which any so many consecutive words count as a leak, such as a system message.
        words: How many words; at least 3.

    Raises:
        ValueError: A canary that is too short, a passage with fewer than `words` words, nothing to look for.
        TextTooLongError: One of them is longer than detectors read.

    Example:
        >>> detector = LeakDetector(["ps-canary-7f3a"])
        >>> [finding.road for finding in detector.find("It begins with cHMtY2FuYXJ5LTdmM2E= I think")]
        ['base64']
    """

    def __init__(self, canaries: Sequence[str] = (), *, passages: Sequence[str] = (), words: int = 8) -> None:
        if not canaries and not passages:
            raise ValueError("there is nothing to look for: neither a canary nor a passage")
        self._canaries = tuple((canary, _squeezed_canary(canary)) for canary in canaries)
        self._words = words
        self._runs = frozenset(run for passage in passages for run in _runs_of(passage, words))
        self._first = frozenset(run[0] for run in self._runs)

    def find(self, text: str) -> tuple[Finding, ...]:
        """Find leaks: canaries by letters and digits alone, forwards and backwards; passages by runs of words.

        Args:
            text: An answer, at most `LONGEST_TEXT` characters.

        Returns:
            Each canary at most once, by the first road that shows it, then at most one passage. Places are those of
            the squeezed text for canaries, where one in the view's text would mean nothing.

        Raises:
            TextTooLongError: The text is too long.
        """
        views = read_views(text)
        squeezed = [(view, squeeze(view.text)) for view in views]
        canaries = [self._find_canary(*canary, squeezed) for canary in self._canaries]
        return tuple(filter(None, [*canaries, self._find_passage(views)]))

    def _find_canary(self, canary: str, wanted: str, squeezed: list[tuple[View, str]]) -> Finding | None:
        for view, letters in squeezed:
            for sought in (wanted, wanted[::-1]):
                at = letters.find(sought)
                if at >= 0:
                    end = at + len(sought)
                    return Finding(kind="canary", shown=mask(canary), start=at, end=end, road=view.road)
        return None

    def _find_passage(self, views: tuple[View, ...]) -> Finding | None:
        if not self._runs:
            return None
        for view in views:
            found = list(_WORD.finditer(view.text))
            spelt = [word[0].lower() for word in found]
            for at in range(len(spelt) - self._words + 1):
                # Most words begin no run of the prompt, and a run is made only for those that do.
                if spelt[at] in self._first and tuple(spelt[at : at + self._words]) in self._runs:
                    start, end = found[at].start(), found[at + self._words - 1].end()
                    shown = mask(view.text[start:end])
                    return Finding(kind="passage", shown=shown, start=start, end=end, road=view.road)
        return None


def _squeezed_canary(canary: str) -> str:
    found = squeeze(canonicalise(canary))
    if len(found) < SHORTEST_CANARY:
        raise ValueError(
            f"the canary {canary!r} has {len(found)} letters and digits; expected {SHORTEST_CANARY} or more"
        )
    return found


def _runs_of(passage: str, words: int) -> list[tuple[str, ...]]:
    if words < 3:  # noqa: PLR2004 - "in the end" is in every answer
        raise ValueError(f"runs of {words} words are in every answer; expected 3 or more")
    spelt = _WORD.findall(canonicalise(passage).lower())
    if len(spelt) < words:
        raise ValueError(f"the passage {passage[:_LONGEST_SHOWN]!r} has fewer than {words} words")
    return [tuple(spelt[at : at + words]) for at in range(len(spelt) - words + 1)]
