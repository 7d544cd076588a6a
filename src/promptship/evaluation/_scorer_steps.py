"""Scorers as they were and as they are: which were loosened, tightened, dropped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from promptship.scorers import list_scorers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from promptship.domain import JsonValue, ScorerSpec

    Step = tuple[Literal["weakened", "changed", "strengthened"], str]

__all__ = ["diff_scorers"]

_NOT = "not-"
_UPPER_LIMITS = frozenset({"cost", "latency", "levenshtein", "perplexity", "similar:euclidean"})
"""Types whose threshold is the most that passes; of all others it is the least."""
_LISTS = {"contains-all": 1, "icontains-all": 1, "contains-any": -1, "icontains-any": -1}
"""Types that take a list, and whether a longer one asks for more."""
_MEMBERS = "scorers"


def diff_scorers(before: Sequence[ScorerSpec], after: Sequence[ScorerSpec]) -> Iterator[Step]:
    """Compare the scorers of an evalset or of one case, by name.

    Yields:
        What each change does to the evidence, and what it is. Where neither side is stricter, as for another text or
        another judge, it is `changed`.
    """
    old, new = {scorer.name: scorer for scorer in before}, {scorer.name: scorer for scorer in after}
    for name, scorer in old.items():
        if name in new:
            yield from _scorer(name, scorer, new[name])
        else:
            yield "weakened", f"the scorer {name!r} was dropped"
    yield from (("strengthened", f"the scorer {name!r} is new") for name in new if name not in old)


def _scorer(name: str, old: ScorerSpec, new: ScorerSpec) -> Iterator[Step]:
    left, right = old.as_json(), new.as_json()
    told = {"required"}
    if old.required != new.required:
        said = "is required now" if new.required else "is no longer required"
        yield ("strengthened" if new.required else "weakened"), f"the scorer {name!r} {said}"
    if old.type == new.type:
        for key, step, what in (*_threshold(old, new), *_listed_values(old, new), *_members(left, right)):
            told.add(key)
            yield ("weakened" if step < 0 else "strengthened"), f"the scorer {name!r} {what}"
    others = sorted(key for key in left.keys() | right.keys() if key not in told and left.get(key) != right.get(key))
    if others:
        yield "changed", f"the scorer {name!r} has another {', '.join(others)}"


def _threshold(old: ScorerSpec, new: ScorerSpec) -> Iterator[tuple[str, float, str]]:
    left, right = _limit(old), _limit(new)
    if old.threshold == new.threshold or left == right:
        return
    base = new.type.removeprefix(_NOT)
    what = f"has the threshold {_shown(right)}, not {_shown(left)}"
    if left is None or right is None:
        # Without a threshold an assert-set demands every member, and the others only measure.
        sign = -1 if base == "assert-set" else 1
        yield "threshold", sign * (1 if left is None else -1), what
        return
    sign = (-1 if base in _UPPER_LIMITS else 1) * (-1 if new.type.startswith(_NOT) else 1)
    yield "threshold", sign * (right - left), what


def _limit(scorer: ScorerSpec) -> float | None:
    if scorer.threshold is not None:
        return scorer.threshold
    return _defaults().get(scorer.type.removeprefix(_NOT))


@cache
def _defaults() -> dict[str, float | None]:
    return {info.type: info.threshold.default for info in list_scorers() if info.threshold is not None}


def _shown(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:g}"


def _listed_values(old: ScorerSpec, new: ScorerSpec) -> Iterator[tuple[str, float, str]]:
    sign = _LISTS.get(new.type.removeprefix(_NOT), 0) * (-1 if new.type.startswith(_NOT) else 1)
    left, right = _texts(old.value), _texts(new.value)
    if not (sign and left and right):
        return
    if left < right:
        yield "value", sign, f"takes {_quoted(right - left)} too"
    elif right < left:
        yield "value", -sign, f"no longer takes {_quoted(left - right)}"


def _texts(value: JsonValue) -> set[str]:
    return {str(item) for item in value} if isinstance(value, list) else set()


def _quoted(texts: set[str]) -> str:
    return ", ".join(map(repr, sorted(texts)))


def _members(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[tuple[str, float, str]]:
    """Say which members of an assert-set are gone; what else changed in it is told as another `scorers`."""
    old, new = _names(left.get(_MEMBERS)), _names(right.get(_MEMBERS))
    if gone := [name for name in old if name not in new]:
        yield _MEMBERS, -1, f"lost its member {', '.join(map(repr, gone))}"


def _names(members: Any) -> list[str]:
    found = members if isinstance(members, list | tuple) else ()
    return [str(one.get("name") or one.get("type")) if isinstance(one, dict) else str(one) for one in found]
