"""Where the weights of a measuring model lie, and by which name its figures are known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from promptship.errors import InfrastructureError, UsageError
from promptship.models.local._folders import find_folder, folder_of
from promptship.models.local._pull import pull_model, require_local_packages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptship.models.local._pull import PullProgress

__all__ = ["Source", "open_source", "snapshot_of"]

_SHOWN_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model's folder and what it is called.

    Attributes:
        name: A name of the catalog, a hub repository, or a folder.
        folder: Where its files are.
        is_own: Whether the folder is the project's and not one of fetched models.
    """

    name: str
    folder: Path
    is_own: bool

    @cached_property
    def identity(self) -> str:
        """Name and digest of the weights: another file may lie in the same place tomorrow, and a repository may move.

        A folder goes by the digest alone, so that it has the same identity on every machine.
        """
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*.safetensors")):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        short = digest.hexdigest()[:_SHOWN_DIGITS]
        return f"sha256:{short}" if self.is_own else f"{self.name}@{short}"


def open_source(name: str, *, cache_dir: Path, on_pull: Callable[[PullProgress], None] | None = None) -> Source:
    """Find a model's files, and fetch them where they are not here: before anything is paid that it is to measure.

    Args:
        name: A name of the catalog, a hub repository, or a folder; with or without `local/` before it.
        cache_dir: Where fetched models lie.
        on_pull: Told what is being done when it has to be fetched.

    Raises:
        UsageError: There is no such model, or it is not here and cannot be fetched; the hint says what to place where.
        MissingExtraError: The packages for local models are not installed.
    """
    require_local_packages()
    name = name.removeprefix("local/")
    folder = find_folder(name, cache_dir)
    if folder is None:
        try:
            folder = pull_model(name, cache_dir=cache_dir, on_progress=on_pull).path
        except InfrastructureError as error:
            raise UsageError(
                f"the model {name!r} is not on this machine: {error}",
                hint="place its config.json, its *.safetensors and the files of its tokenizer in a folder, and name"
                " the folder: `model: models/NAME`",
            ) from error
    return Source(name=name, folder=folder, is_own=folder != folder_of(name, cache_dir))


def snapshot_of(name: str, *, cache_dir: Path) -> str:
    """Return the digest of the weights in a folder of the project's own; "" for models that go by their name.

    A name of the catalog or of the hub says which weights are meant, whatever file they come in; what lies in a folder
    today may be trained further tomorrow.

    Args:
        name: With or without `local/` before it.
        cache_dir: Where fetched models lie.

    Returns:
        Also "" where there is no such folder: whoever opens the model says so, and recorded answers need none.
    """
    name = name.removeprefix("local/")
    try:
        folder = find_folder(name, cache_dir)
    except UsageError:
        return ""
    if folder is None or folder == folder_of(name, cache_dir):
        return ""
    return Source(name=name, folder=folder, is_own=True).identity
