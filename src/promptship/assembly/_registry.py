"""The registry of a project: where it is, who writes into it, and what is stored there from the disk."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from promptship.assembly._credentials import find_token
from promptship.domain import Actor
from promptship.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import Closure, Reference, StoredRun, StoredVersion
    from promptship.project import Project
    from promptship.registry import Registry, ReleasePolicy
    from promptship.runner import Run

__all__ = [
    "POLICY_FILE",
    "StoredVersions",
    "load_release_policy",
    "local_actor",
    "open_place",
    "open_registry",
    "registry_address",
    "signing_key_path",
    "store_run",
]

POLICY_FILE = "promptship.policy.yaml"


@dataclass(frozen=True, slots=True)
class StoredVersions:
    """`VersionSource` of a project: its registry, opened for each question and made by none."""

    project: Project

    def find_version(self, reference: Reference) -> tuple[StoredVersion, Closure]:
        """See `VersionSource.find_version`."""
        with open_registry(self.project) as registry:
            return registry.find_version(reference)


def open_registry(project: Project, *, make: bool = False) -> Registry:
    """Open a project's registry, in a database or behind a server; the caller closes it.

    Args:
        project: Whose.
        make: Make the SQLite file where there is none.

    Raises:
        ReferenceNotFoundError: There is none yet.
        StorageError: It cannot be opened.
        UsageError: The setting `server_url` is none.
        MissingExtraError: The extra `eval` or `postgres` is not installed.
    """
    # Here and not above: an evaluation of the working tree needs no registry.
    from promptship.registry import Registry, RemoteRegistry

    settings = project.settings
    if settings.server_url:
        token = find_token(settings.server_url, os.environ)
        return RemoteRegistry.connect(settings.server_url, token, plain_http=settings.server_plain_http)
    policy, _ = load_release_policy(project)
    return Registry.open(registry_address(project), make=make, policy=policy)


def open_place(project: Project, place: str, *, make: bool = False) -> Registry:
    """Open a registry that is not the project's own; the caller closes it.

    Args:
        project: Whose policy a database has; a server has its own.
        place: `https://…`, a path, or `postgresql+psycopg://…`.
        make: Make a SQLite file where there is none.

    Raises:
        ReferenceNotFoundError: There is none.
        StorageError: It cannot be opened.
        UsageError: The place is none.
    """
    from promptship.registry import Registry, RemoteRegistry

    if place.startswith(("http://", "https://")):
        plain_http = project.settings.server_plain_http
        return RemoteRegistry.connect(place, find_token(place, os.environ), plain_http=plain_http)
    policy, _ = load_release_policy(project)
    return Registry.open(place, make=make, policy=policy)


def load_release_policy(project: Project) -> tuple[ReleasePolicy, str]:
    """Read a project's policy: as it is where the working tree left the default branch, else as it lies in the project.

    A branch that asks for a promotion cannot lower what is asked of it.

    Returns:
        The policy, and what it was read from; `NO_POLICY` and "" where there is none.

    Raises:
        SourceError: It is wrong, with all that is wrong in it.
        StorageError: It cannot be read.
    """
    from promptship.registry import NO_POLICY, parse_release_policy

    path = project.root / POLICY_FILE
    if base := project.base_commit():
        data = project.read_at(base, POLICY_FILE)
        if data is not None:
            place = f"{POLICY_FILE} of commit {base[:12]}"
            return parse_release_policy(data, place), place
    try:
        return parse_release_policy(path.read_bytes(), POLICY_FILE), POLICY_FILE
    except FileNotFoundError:
        return NO_POLICY, ""
    except OSError as error:
        raise StorageError(f"cannot read {str(path)!r}: {error.strerror}") from None


def signing_key_path(name: str = "default") -> Path:
    """Return where a person's signing keys are: outside every project, so that none is committed."""
    return Path(platformdirs.user_config_dir("promptship")) / "keys" / f"{name}.pem"


def registry_address(project: Project) -> str:
    """Return where a project's registry is: the setting `database_url`, else `registry.db` in its state folder.

    Raises:
        UsageError: The setting is neither a path nor a URL that is supported, or the registry is behind a server.
    """
    from promptship.store import sqlite_path

    named, server = project.settings.database_url, project.settings.server_url
    if server:
        raise UsageError(
            f"this project's registry is behind {server!r}, and this is done where its database is",
            hint="there, or here with PROMPTSHIP_SERVER_URL= and PROMPTSHIP_DATABASE_URL set to the database",
        )
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
