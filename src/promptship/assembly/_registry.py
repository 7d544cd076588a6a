"""The registry of a project: where it is, who writes into it, and what is stored there from the disk."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.domain import Actor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import Closure, Reference, StoredRun, StoredVersion
    from promptship.project import Project
    from promptship.registry import Registry
    from promptship.runner import Run

__all__ = ["StoredVersions", "local_actor", "open_registry", "registry_address", "store_run"]


@dataclass(frozen=True, slots=True)
class StoredVersions:
    """`VersionSource` of a project: its registry, opened for each question and made by none."""

    project: Project

    def find_version(self, reference: Reference) -> tuple[StoredVersion, Closure]:
        """See `VersionSource.find_version`."""
        with open_registry(self.project) as registry:
            return registry.find_version(reference)


def open_registry(project: Project, *, make: bool = False) -> Registry:
    """Open a project's registry; the caller closes it.

    Args:
        project: Whose.
        make: Make the SQLite file where there is none.

    Raises:
        ReferenceNotFoundError: There is none yet.
        StorageError: It cannot be opened.
        MissingExtraError: The extra `eval` or `postgres` is not installed.
    """
    # Here and not above: an evaluation of the working tree needs no registry.
    from promptship.registry import Registry

    return Registry.open(registry_address(project), make=make)


def registry_address(project: Project) -> str:
    """Return where a project's registry is: the setting `database_url`, else `registry.db` in its state folder.

    Raises:
        UsageError: The setting is neither a path nor a URL that is supported.
    """
    from promptship.store import sqlite_path

    named = project.settings.database_url
    if named is None:
        return str(project.state_dir / "registry.db")
    path = sqlite_path(named)
    return named if path is None else str(project.root / path)


def local_actor(project: Project, env: Mapping[str, str]) -> Actor:
    """Say who works on this machine: a CI job, who git says it is, or the user's name. Nobody has checked it."""
    if env.get("CI"):
        return Actor(name=env.get("GITHUB_ACTOR") or env.get("GITLAB_USER_LOGIN") or "CI", kind="ci")
    return Actor(name=project.git_author() or _user())


def store_run(registry: Registry, run: Run, *, actor: Actor) -> StoredRun:
    """Store a run of the disk in a registry.

    Raises:
        UsageError: It is not finished.
        StorageError: It is damaged, or the registry cannot be written.
    """
    return registry.store_run(run.manifest, run.summary, run.verdict, run.records(), actor=actor)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return "unknown"
