"""Some of the cases of an evalset."""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from promptship.errors import UsageError, did_you_mean
from promptship.evalsets._pattern import parse_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from promptship.domain import Case

__all__ = ["Selection", "select_cases"]

_MOST_VALUES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which cases; the default is all of them.

    Attributes:
        pattern: Words with and, or, not over id, tags (`language=de`) and cluster, in any case; None for all.
        sample: So many of the cases that all else leaves, at random; None for all.
        seed: Another seed draws another sample. A case's chance depends on its id alone, so that a sample stays
            nearly the same when cases are added, moved or removed.
        slices: Tag names and values. Values of one tag are alternatives, different tags must all hold.
        limit: The first so many of what is left; None for all.
        only_ids: Ids to choose from; None for all.
    """

    pattern: str | None = None
    sample: int | None = None
    seed: int = 0
    slices: tuple[tuple[str, str], ...] = ()
    limit: int | None = None
    only_ids: frozenset[str] | None = None


def select_cases(cases: Iterable[Case], selection: Selection) -> Iterator[Case]:
    """Return the selected cases in their order, without holding more than a sample of them.

    Args:
        cases: Read once, and to the end where a sample or slices are asked for.
        selection: Which.

    Raises:
        UsageError: At once for a wrong pattern, sample or limit; after the last case for a slice that none is in.
    """
    for name, figure in (("sample", selection.sample), ("limit", selection.limit)):
        if figure is not None and figure < 1:
            raise UsageError(f"--{name} {figure}: expected at least 1")
    found: Iterator[Case] = iter(cases)
    slices = _Slices(selection.slices) if selection.slices else None
    if slices:
        found = slices.filter(found)
    if (only_ids := selection.only_ids) is not None:
        found = (case for case in found if case.id in only_ids)
    if selection.pattern is not None:
        found = _matching(found, parse_pattern(selection.pattern))
    if selection.sample is not None:
        found = _sample(found, selection.sample, selection.seed)
    return _limited(found, selection.limit, slices)


def _matching(cases: Iterator[Case], matches: Callable[[str], bool]) -> Iterator[Case]:
    return (case for case in cases if matches(_searchable(case)))


def _searchable(case: Case) -> str:
    words = [case.id, case.cluster or "", *(f"{name}={value}" for name, value in case.tags.items())]
    return "\n".join(words).casefold()


def _sample(cases: Iterator[Case], size: int, seed: int) -> Iterator[Case]:
    """Yield the `size` cases with the lowest hashes of seed and id, in their order."""
    prefix = hashlib.blake2b(f"sample\0{seed}\0".encode(), digest_size=16)
    kept: list[tuple[int, int, Case]] = []
    for position, case in enumerate(cases):
        hashed = prefix.copy()
        hashed.update(case.id.encode("utf-8", "surrogatepass"))
        # The heap's top is the highest hash of those kept, so that it is the one to go.
        entry = (-int.from_bytes(hashed.digest()), position, case)
        if len(kept) < size:
            heapq.heappush(kept, entry)
        elif entry[0] > kept[0][0]:
            heapq.heapreplace(kept, entry)
    for _, _, case in sorted(kept, key=lambda entry: entry[1]):
        yield case


def _limited(cases: Iterator[Case], limit: int | None, slices: _Slices | None) -> Iterator[Case]:
    yield from islice(cases, limit)
    if slices:
        # A limit may have cut the reading short before every slice was met.
        for _ in cases:
            if slices.all_seen:
                break
        slices.require_seen()


class _Slices:
    """Slices asked for, and which of them were seen."""

    def __init__(self, slices: tuple[tuple[str, str], ...]) -> None:
        self._wanted: dict[str, set[str]] = {}
        for name, value in slices:
            self._wanted.setdefault(name, set()).add(value)
        self._unseen: Final = set(slices)
        self._values: Final[dict[str, set[str]]] = {}

    @property
    def all_seen(self) -> bool:
        """Whether each slice has a case."""
        return not self._unseen

    def filter(self, cases: Iterator[Case]) -> Iterator[Case]:
        """Yield the cases that are in the slices, and note the tags of all."""
        for case in cases:
            if self._unseen:
                self._note(case)
            if all(case.tags.get(name) in values for name, values in self._wanted.items()):
                yield case

    def require_seen(self) -> None:
        """Refuse slices that no case is in.

        Raises:
            UsageError: There is one.
        """
        if not self._unseen:
            return
        name, value = min(self._unseen)
        known = self._values.get(name)
        if known:
            message = f"no case has the tag {name}={value}{did_you_mean(value, known)}"
            raise UsageError(message, hint=f"values of {name!r}: {', '.join(sorted(known))}")
        message = f"no case has a tag {name!r}{did_you_mean(name, self._values)}"
        raise UsageError(message, hint=f"tags of these cases: {', '.join(sorted(self._values)) or 'none'}")

    def _note(self, case: Case) -> None:
        for tag in case.tags.items():
            self._unseen.discard(tag)
            if len(self._values) < _MOST_VALUES or tag[0] in self._values:
                values = self._values.setdefault(tag[0], set())
                if len(values) < _MOST_VALUES:
                    values.add(tag[1])
