"""What goes into a bundle: labels of the lock, or of a registry in the lock's words."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import orjson

from promptship.errors import StorageError, UsageError
from promptship.project import Lock, LockedLabel, load_lock, load_object, write_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from promptship.domain import LabelState
    from promptship.project import Project
    from promptship.registry import Registry
    from promptship.signing import Signer

__all__ = ["lock_of_registry", "save_bundle"]


def lock_of_registry(registry: Registry) -> Lock:
    """Return a registry's labels as a lock says them; `sequence` is the event that moved each."""
    states = registry.labels()
    moves = {event.seq: orjson.loads(event.payload) for event in registry.evidence.events() if event.kind == "promote"}
    return Lock(
        labels={(one.prompt, one.label): _locked(registry, one, moves.get(one.event_seq, {})) for one in states}
    )


def _locked(registry: Registry, state: LabelState, facts: dict[str, list[str]]) -> LockedLabel:
    version = registry.resolve(f"{state.prompt}@{state.number}")
    return LockedLabel(
        prompt=state.prompt,
        label=state.label,
        digest=state.digest,
        model_name=version.model_name,
        sequence=state.event_seq,
        at=state.moved_at,
        commit=version.git_commit,
        evidence=tuple(facts.get("attestations", ())),
    )


def save_bundle(
    path: Path, project: Project, registry: Registry | None, *, labels: Collection[str], signer: Signer | None
) -> int:
    """Write a bundle of a project's labels; all of it or nothing.

    Args:
        path: The file; one that is there is replaced.
        project: Whose lock, where there is no registry.
        registry: Its registry; None for the lock.
        labels: Only these; all if empty.
        signer: Signs it; None for an unsigned one.

    Returns:
        How many labels there are in it.

    Raises:
        UsageError: There is no such label.
        StorageError: Content is missing, or the file cannot be written; then there is none.
    """
    lock = load_lock(project.root) if registry is None else lock_of_registry(registry)
    chosen = Lock(labels={key: one for key, one in lock.labels.items() if not labels or one.label in labels})
    if missing := sorted(set(labels) - {one.label for one in chosen.labels.values()}):
        raise UsageError(f"no prompt has the label {missing[0]!r}", hint="promptctl label")
    load: Callable[[str], bytes] = partial(load_object, project.root) if registry is None else registry.evidence.content
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            write_bundle(file, chosen, load, signer=signer)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write {str(path)!r}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    return len(chosen.labels)
