"""Where scorer types come from: entry points of the group `promptship.scorers`, each loaded when first needed."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from promptship.errors import ScorerSetupError, did_you_mean
from promptship.scorers._criterion import ScorerFactory, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.scorers._criterion import ScorerInfo

__all__ = ["ELSEWHERE", "GROUP", "find_factory", "list_scorers"]

GROUP = "promptship.scorers"

_FAMILIES = (
    "text",
    "structure",
    "operations",
    "overlap",
    "tools",
    "trajectory",
    "python",
    "safety",
    "assert_set",
    "markup",
    "sql",
    "trained",
    "judges",
    "semantic",
    "entailment",
    "classifiers",
    "nulls",
)
_BUILT_IN = tuple(EntryPoint(name=name, value=f"promptship.scorers.{name}", group=GROUP) for name in _FAMILIES)
"""Ours, as pyproject.toml states them: known without reading the metadata of every installed package, so that start-up
stays fast and a source tree that was never installed works too."""


_CODE = "write the check as a Python function and use the type python"
_TRACE = "it reads traces; the types trajectory:… read the steps of the output"
ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("javascript", "ruby", "webhook"), _CODE),
    **dict.fromkeys(("trace-span-count", "trace-span-duration", "trace-error-spans", "skill-used"), _TRACE),
    "agent-rubric": "its judge uses tools; llm-rubric judges the answer, trajectory-goal the way to it",
    "guardrails": "it reads a provider's own guardrail; pii, secrets, injection and is-refusal look for themselves",
    "max-score": "it chooses among variants: compare their runs with promptctl compare, or use select-best",
    "moderation": "it asks one provider's service; toxicity and classifier ask a model of this machine",
    "pi": "it asks one vendor's service; llm-rubric asks any model",
    "search-rubric": "its judge searches the web; factuality and context-faithfulness compare with a text given",
    "human": "it waits for a person to decide, which is no scorer",
    "f-score": "it is no assertion there either; the type f1 compares words",
}
"""Types of promptfoo that are not here, and what to do instead."""


def find_factory(type_name: str) -> ScorerFactory:
    """Find the factory of a type; plug-ins are looked at only where no type of ours has the name.

    Raises:
        ScorerSetupError: No such type. Plug-ins that could not be loaded are named, since one may have had it.
    """
    factory = _find_built_in(type_name)
    if factory is not None:
        return factory
    known: list[str] = []
    broken: list[str] = []
    for point in _points():
        try:
            factories = _load(point)
        except ScorerSetupError as error:
            broken.append(str(error))
            continue
        if type_name in factories:
            return factories[type_name]
        known.extend(factories)
    near = "" if type_name in ELSEWHERE else did_you_mean(type_name, known)
    message = "; ".join([f"there is no scorer type {type_name!r}{near}", *broken])
    raise ScorerSetupError(message, hint=ELSEWHERE.get(type_name))


def list_scorers() -> list[ScorerInfo]:
    """Describe every type, ours and those of plug-ins, sorted by name. A plug-in that cannot be loaded is warned of.

    Example:
        >>> [info.type for info in list_scorers()][:2]
        ['answer-relevance', 'assert-set']
    """
    found: dict[str, ScorerInfo] = {}
    for point in _points():
        try:
            factories = _load(point)
        except ScorerSetupError as error:
            warnings.warn(str(error), stacklevel=2)
            continue
        for name, factory in factories.items():
            found.setdefault(name, factory.info)
    return sorted(found.values(), key=lambda info: info.type)


def _points() -> Iterator[EntryPoint]:
    yield from _BUILT_IN
    ours = {point.value for point in _BUILT_IN}
    yield from sorted((point for point in entry_points(group=GROUP) if point.value not in ours), key=lambda p: p.name)


# Scorers of single cases are built by the thousand, all of a few types.
@lru_cache(maxsize=256)
def _find_built_in(type_name: str) -> ScorerFactory | None:
    for point in _BUILT_IN:
        # One that cannot be loaded is named by the caller, where no other has the type.
        with contextlib.suppress(ScorerSetupError):
            factories = _load(point)
            if type_name in factories:
                return factories[type_name]
    return None


@cache
def _load(point: EntryPoint) -> Mapping[str, ScorerFactory]:
    try:
        module: object = point.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {shorten(str(error))}"
        raise ScorerSetupError(f"{_called(point)} could not be loaded: {reason}") from error
    found = getattr(module, "SCORERS", None)
    if not isinstance(found, Mapping) or not all(isinstance(item, ScorerFactory) for item in found.values()):
        raise ScorerSetupError(f"{_called(point)} declares no SCORERS, a mapping of type names to ScorerFactory")
    return found


def _called(point: EntryPoint) -> str:
    package = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"the scorer plug-in {point.name!r}{package} ({point.value})"
