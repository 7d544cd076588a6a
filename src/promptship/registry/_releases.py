"""Releases: labels of several prompts that move together, and go back together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.errors import PromotionRefusedError, ReferenceNotFoundError, UsageError
from promptship.registry._change import read_payload
from promptship.registry._evidence import open_promotion, promote
from promptship.registry._labels import drop_label, move_label
from promptship.registry._resolve import resolve_version
from promptship.registry._texts import check_label, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import JsonObject, LedgerEvent, StoredVersion
    from promptship.registry._change import Change
    from promptship.registry._labels import LabelMove
    from promptship.registry._policy import ReleasePolicy
    from promptship.store import UnitOfWork

__all__ = ["Release", "find_releases", "release_versions", "roll_back_release"]

_NAME = re.compile(r"\w[\w.-]{0,62}")
_MOST_MEMBERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Versions that got a label in one transaction.

    Attributes:
        name: Its name; never given again.
        label: The label.
        at: ISO 8601 UTC.
        actor: Who did it.
        members: Prompt, number, and the number that the label pointed at before; None where it was not there.
    """

    name: str
    label: str
    at: str
    actor: str
    members: tuple[tuple[str, int, int | None], ...]


def find_releases(unit: UnitOfWork) -> list[Release]:
    """Return all releases, the newest first."""
    return [_as_release(event) for event in unit.ledger.find(kinds=("release",))]


def release_versions(
    change: Change,
    name: str,
    references: Sequence[str],
    label: str,
    policy: ReleasePolicy,
    *,
    reason: str = "",
    break_glass: str | None = None,
) -> Release:
    """Let a label of several prompts move, all of them or none.

    Raises:
        PromotionRefusedError: Something is missing for one of them; all that is missing is named.
        UsageError: The name was used, or a prompt is named twice.
        ReferenceNotFoundError: There is no such version.
    """
    check_label(label)
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a release", hint="letters, digits, '_', '.' and '-', as in 2026-11-23"
        )
    if any(one.name == name for one in find_releases(change.unit)):
        raise UsageError(f"there is a release {name!r} already", hint="promptctl release list")
    versions = [resolve_version(change.unit, reference) for reference in references]
    _require_members(versions)
    if break_glass is None:
        _require_evidence(change, versions, label, policy)
    moves = [
        promote(change, version.ref, label, policy, reason=reason, break_glass=break_glass, release=name)
        for version in versions
    ]
    members = [
        {"prompt": move.prompt, "number": move.after, "from": move.before if move.moved else move.after}
        for move in moves
    ]
    facts: JsonObject = {"release": name, "to": label, "members": members}  # type: ignore[dict-item]
    facts |= {"reason": check_text("reason", reason)} if reason else {}
    return _as_release(change.record("release", facts=facts))


def roll_back_release(change: Change, name: str, *, reason: str) -> tuple[LabelMove, ...]:
    """Let every label of a release point where it pointed before it, all of them or none.

    Raises:
        ReferenceNotFoundError: There is no such release.
        UsageError: A label was moved since, so that going back would undo somebody's later work.
    """
    release = next((one for one in find_releases(change.unit) if one.name == name), None)
    if release is None:
        raise ReferenceNotFoundError(f"there is no release {name!r}", hint="promptctl release list")
    moved = [prompt for prompt, number, _ in release.members if _points_at(change, prompt, release.label) != number]
    if moved:
        said = f"{release.label!r} of {', '.join(moved)} was moved since release {name!r}"
        raise UsageError(said, hint="roll those back one by one: promptctl rollback NAME LABEL")
    why = reason or f"release {name} is rolled back"
    return tuple(
        _move_back(change, prompt, release.label, before, why)
        for prompt, number, before in release.members
        if before != number
    )


def _move_back(change: Change, prompt: str, label: str, before: int | None, reason: str) -> LabelMove:
    if before is None:
        return drop_label(change, prompt, label, reason=reason)
    version = resolve_version(change.unit, f"{prompt}@{before}")
    return move_label(change, "rollback", version, label, reason=reason)


def _points_at(change: Change, prompt: str, label: str) -> int | None:
    state = change.unit.states.find_label(prompt, label)
    return state.number if state else None


def _require_members(versions: Sequence[StoredVersion]) -> None:
    prompts = [version.prompt for version in versions]
    twice = sorted({prompt for prompt in prompts if prompts.count(prompt) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} is named twice; a label points at one version")
    if not 1 <= len(versions) <= _MOST_MEMBERS:
        raise UsageError(f"{len(versions)} versions; a release has from 1 to {_MOST_MEMBERS}")


def _require_evidence(change: Change, versions: Sequence[StoredVersion], label: str, policy: ReleasePolicy) -> None:
    missing: list[str] = []
    for version in versions:
        if _points_at(change, version.prompt, label) != version.number:
            decision = open_promotion(change.unit, version, label, policy, actor=change.actor, now=change.at)
            missing += [f"{version.ref}: {one}" for one in decision.missing]
    if missing:
        raise PromotionRefusedError("nothing was released; missing:", missing, hint="promptctl promote says how, each")


def _as_release(event: LedgerEvent) -> Release:
    facts = read_payload(event)
    return Release(
        name=facts["release"],
        label=facts["to"],
        at=event.at,
        actor=facts["actor"]["name"],
        members=tuple((one["prompt"], one["number"], one["from"]) for one in facts["members"]),
    )
