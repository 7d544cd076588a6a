"""What each label serves, and whether the evidence for that still holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import ReferenceNotFoundError
from promptship.project import load_lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import Actor
    from promptship.project import Project
    from promptship.registry import Registry

__all__ = ["LabelStatus", "find_label_states", "find_locked_states"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelStatus:
    """A label of a prompt.

    Attributes:
        label: Its name.
        number: The version that it points at; 0 in a lock, where versions have no numbers.
        digest: Its digest.
        since: Since when, ISO 8601 UTC.
        current: Whether that is what the working tree holds.
        missing: What the policy would ask for today before it moved there; empty where all is there, or nothing asked.
    """

    label: str
    number: int
    digest: str
    since: str
    current: bool
    missing: tuple[str, ...]


def find_label_states(
    registry: Registry, digests: Mapping[str, str], *, actor: Actor
) -> dict[str, tuple[LabelStatus, ...]]:
    """Return the labels of each prompt.

    Args:
        registry: Where they are.
        digests: Digest of each prompt in the working tree, by name.
        actor: Who asks, since a policy may say who moves a label.
    """
    found: dict[str, tuple[LabelStatus, ...]] = {}
    for state in registry.labels():
        if state.prompt in digests:
            one = LabelStatus(
                label=state.label,
                number=state.number,
                digest=state.digest,
                since=state.moved_at,
                current=state.digest == digests[state.prompt],
                missing=_missing(registry, state.prompt, state.number, state.label, actor),
            )
            found[state.prompt] = (*found.get(state.prompt, ()), one)
    return found


def _missing(registry: Registry, prompt: str, number: int, label: str, actor: Actor) -> tuple[str, ...]:
    desk = registry.evidence
    if desk.policy.rule_for(prompt, label) is None:
        return ()
    try:
        return desk.check(f"{prompt}@{number}", label, actor=actor).missing
    except ReferenceNotFoundError as error:
        # It was withdrawn while the label pointed at it.
        return (str(error),)


def find_locked_states(project: Project, digests: Mapping[str, str]) -> dict[str, tuple[LabelStatus, ...]]:
    """Return the labels of each prompt that the lock has.

    Raises:
        SourceError: The lock is wrong.
    """
    found: dict[str, tuple[LabelStatus, ...]] = {}
    for state in load_lock(project.root).labels.values():
        if state.prompt in digests:
            one = LabelStatus(
                label=state.label,
                number=0,
                digest=state.digest,
                since=state.at,
                current=state.digest == digests[state.prompt],
                missing=(),
            )
            found[state.prompt] = (*found.get(state.prompt, ()), one)
    return found
