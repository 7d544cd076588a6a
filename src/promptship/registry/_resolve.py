"""From a reference to a version, now or at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.domain import Tombstone, parse_reference
from promptship.errors import ReferenceNotFoundError, UsageError, did_you_mean
from promptship.registry._change import read_payload
from promptship.registry._texts import LATEST

if TYPE_CHECKING:
    from promptship.domain import Reference, StoredVersion
    from promptship.store import UnitOfWork

__all__ = ["MOVES", "find_named", "require_prompt", "resolve_version"]

MOVES = ("label", "promote", "rollback", "unlabel")
"""Kinds of the events that move a label."""


def resolve_version(unit: UnitOfWork, reference: Reference | str, *, at: str | None = None) -> StoredVersion:
    """Find the version that a reference means.

    Args:
        unit: Where to look.
        reference: `name@7`, `name@label`, `name@latest`, `name@^2` or `name@sha256:…`.
        at: As it was at this time, ISO 8601 UTC; None for now.

    Raises:
        UsageError: It is no reference to a version.
        ReferenceNotFoundError: There is no such version, there was none yet, or it was withdrawn.
    """
    found = find_named(unit, reference, at=at)
    if found is not None and (grave := _tombstone(unit, found, at)):
        raise ReferenceNotFoundError(
            f"{found.ref} was withdrawn on {grave.at[:10]} by {grave.actor}: {grave.reason}",
            hint=f"promptctl log {found.prompt}",
        )
    if found is None:
        raise _nothing(unit, _parse(reference), at)
    return found


def find_named(unit: UnitOfWork, reference: Reference | str, *, at: str | None = None) -> StoredVersion | None:
    """Find the version that a reference names, withdrawn or not; None where there is none. See `resolve_version`."""
    parsed = _parse(reference)
    if parsed.kind == "version":
        found = unit.versions.find(parsed.name, int(parsed.selector))
    elif parsed.kind == "digest":
        found = _by_digest(unit, parsed)
    elif parsed.kind == "range":
        found = _in_range(unit, parsed, at)
    elif parsed.selector == LATEST:
        found = _latest(unit, parsed.name, at)
    else:
        number = _labelled(unit, parsed, at)
        found = None if number is None else unit.versions.find(parsed.name, number)
    return None if found is None or (at is not None and found.created_at > at) else found


def require_prompt(unit: UnitOfWork, name: str) -> None:
    """Refuse a prompt of which nothing was pushed.

    Raises:
        ReferenceNotFoundError: There is none; the message names the nearest.
    """
    if unit.versions.find_latest(name, withdrawn=True) is None:
        meant = did_you_mean(name, unit.versions.names())
        raise ReferenceNotFoundError(f"the registry has no prompt {name!r}{meant}", hint=f"promptctl push {name}")


def _parse(reference: Reference | str) -> Reference:
    parsed = parse_reference(reference) if isinstance(reference, str) else reference
    if parsed.kind in {"working", "path", "git"}:
        hint = f"name a version of it, such as {parsed.name}@{LATEST} or {parsed.name}@1"
        raise UsageError(f"{str(parsed)!r} names no version in a registry", hint=hint)
    return parsed


def _by_digest(unit: UnitOfWork, reference: Reference) -> StoredVersion | None:
    found = unit.versions.find_digest(reference.name, reference.selector)
    if len(found) > 1:
        raise ReferenceNotFoundError(
            f"{str(reference)!r} is the beginning of several digests", hint="write more of its digits"
        )
    return found[0] if found else None


def _in_range(unit: UnitOfWork, reference: Reference, at: str | None) -> StoredVersion | None:
    parts = [int(part) for part in reference.selector.removeprefix("^").split(".")]
    wanted = [*parts, 0, 0][:3]
    found = unit.versions.find_in_range(reference.name, wanted, until=at)
    return next((one for one in found if _tombstone(unit, one, at) is None), None)


def _latest(unit: UnitOfWork, name: str, at: str | None) -> StoredVersion | None:
    if at is None:
        return unit.versions.find_latest(name)
    made = [one for one in unit.versions.list_all(name) if one.created_at <= at]
    return next((one for one in reversed(made) if _tombstone(unit, one, at) is None), None)


def _labelled(unit: UnitOfWork, reference: Reference, at: str | None) -> int | None:
    if at is None:
        state = unit.states.find_label(reference.name, reference.selector)
        return state.number if state else None
    moved = unit.ledger.find(prompt=reference.name, label=reference.selector, kinds=MOVES, until=at, limit=1)
    return read_payload(moved[0]).get("number") if moved else None


def _tombstone(unit: UnitOfWork, version: StoredVersion, at: str | None) -> Tombstone | None:
    """Return the version's tombstone as it stood at a time."""
    if at is None:
        return version.tombstone

    for event in unit.ledger.find(prompt=version.prompt, kinds=("tombstone", "reinstate"), until=at):
        facts = read_payload(event)
        if facts["number"] == version.number:
            if event.kind == "reinstate":
                return None
            return Tombstone(reason=facts["reason"], actor=facts["actor"]["name"], at=event.at)
    return None


def _nothing(unit: UnitOfWork, reference: Reference, at: str | None) -> ReferenceNotFoundError:
    name, when = reference.name, f" at {at}" if at else ""
    latest = unit.versions.find_latest(name, withdrawn=True)
    if latest is None:
        meant = did_you_mean(name, unit.versions.names())
        return ReferenceNotFoundError(f"the registry has no prompt {name!r}{meant}", hint=f"promptctl push {name}")
    hint = f"promptctl log {name}"
    if reference.kind == "version":
        said = f"prompt {name!r} has no version {reference.selector}{when}: the latest is {latest.number}"
        return ReferenceNotFoundError(said, hint=hint)
    if reference.kind == "label":
        known = [state.label for state in unit.states.labels(name)]
        meant = did_you_mean(reference.selector, known)
        said = f"prompt {name!r} has no label {reference.selector!r}{when}{meant}"
        listed = f"its labels: {', '.join(known)}" if known else f"promptctl label {latest.ref} {reference.selector}"
        return ReferenceNotFoundError(said, hint=listed)
    newest = f"the latest is {latest.ref}, semantic version {latest.semver_text}"
    return ReferenceNotFoundError(f"prompt {name!r} has no version {reference.selector}{when}: {newest}", hint=hint)
