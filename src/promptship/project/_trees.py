"""Read-only views of a project's files: as they are on disk, or as git remembers them."""

from __future__ import annotations

import os
import stat
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Protocol

from promptship.errors import ReferenceNotFoundError, SourceError, StorageError, UsageError

__all__ = ["FileTree", "GitTree", "Tree", "find_base"]

_LARGEST_FILE = 10 * 2**20


class Tree(Protocol):
    """Files by their path relative to the project, `/` between folders."""

    def read(self, path: str) -> bytes | None:
        """Return the file's bytes; None where there is no such file.

        Raises:
            SourceError: It is there but may not be read: too large, a folder, a link out of the project.
            StorageError: The disk or git failed.
        """
        ...

    def files(self, folder: str) -> list[str]:
        """Return the paths of all files below `folder`, sorted; [] where there is no such folder."""
        ...

    def describe(self, path: str) -> str:
        """Return how messages name a file."""
        ...


class FileTree:
    """The working tree below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def read(self, path: str) -> bytes | None:
        """See `Tree.read`."""
        file = self._root / path
        try:
            resolved = file.resolve(strict=True)
            if not resolved.is_relative_to(self._root):
                raise SourceError.at(
                    path, None, None, "this is a link out of the project", hint="put the file itself into the project"
                )
            _require_readable(resolved.stat(), path)
            return resolved.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if file.is_symlink():
                raise SourceError.at(path, None, None, "this is a link to a file that does not exist") from None
            return None
        except (OSError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "a loop of links"
            raise SourceError.at(path, None, None, f"cannot be read: {reason}") from None

    def files(self, folder: str) -> list[str]:
        """See `Tree.files`. Links to folders are not followed."""
        found = []
        for here, folders, names in os.walk(self._root / folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = Path(here).relative_to(self._root)
            found += [(below / name).as_posix() for name in names if not name.startswith(".")]
        return sorted(found)

    def describe(self, path: str) -> str:
        """See `Tree.describe`."""
        return path


class GitTree:
    """The files of one commit.

    Args:
        root: The project, inside a git working tree.
        revision: Anything git can name: `main~1`, a tag, a hash.

    Raises:
        ReferenceNotFoundError: The revision does not exist.
        UsageError: The project is not in git, or git is not installed.
    """

    def __init__(self, root: Path, revision: str) -> None:
        self._root = root
        self._revision = revision
        if revision.startswith("-"):
            raise ReferenceNotFoundError(f"{revision!r} is not a git revision")
        found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if found is None:
            raise ReferenceNotFoundError(
                f"git knows no revision {revision!r}", hint="git log --oneline  (in CI, fetch the history: depth 0)"
            )
        self.commit = found.decode().strip()
        prefix = _git(root, "rev-parse", "--show-prefix")
        self._prefix = (prefix or b"").decode().strip()

    def read(self, path: str) -> bytes | None:
        """See `Tree.read`."""
        if path not in self._listing:
            return None
        return _git(self._root, "cat-file", "blob", f"{self.commit}:{self._prefix}{path}")

    def files(self, folder: str) -> list[str]:
        """See `Tree.files`."""
        return sorted(path for path in self._listing if path.startswith(f"{folder.rstrip('/')}/"))

    def describe(self, path: str) -> str:
        """See `Tree.describe`."""
        return f"{self._revision}:{path}"

    @cached_property
    def _listing(self) -> frozenset[str]:
        listed = _git(self._root, "ls-tree", "-r", "-z", "--name-only", self.commit) or b""
        return frozenset(listed.decode("utf-8", "surrogateescape").split("\0")) - {""}


def read_commit(root: Path) -> str | None:
    """Return the commit of the working tree, with `+dirty` where files differ; None outside git."""
    try:
        head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    except UsageError:
        return None
    if head is None:
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return head.decode().strip() + ("+dirty" if changed else "")


def read_author(root: Path) -> str | None:
    """Return `Ada <ada@example.org>` as git is set up; None where it is not, or not installed."""
    try:
        said = [_git(root, "config", key) for key in ("user.name", "user.email")]
    except UsageError:
        return None
    name, mail = ((found or b"").decode("utf-8", "replace").strip() for found in said)
    return f"{name} <{mail}>" if name and mail else name or mail or None


def find_base(root: Path) -> str | None:
    """Return the commit at which the working tree left the default branch; None outside git or without such a branch.

    The default branch is what `origin` calls it, else `main`, else `master`; on it the base is its own last commit.
    """
    try:
        named = _git(root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        branches = [named.decode().strip()] if named else []
        for branch in (*branches, "main", "master", "origin/main", "origin/master"):
            found = _git(root, "merge-base", "HEAD", branch)
            if found is not None:
                return found.decode().strip()
    except UsageError:
        return None
    return None


def _require_readable(found: os.stat_result, path: str) -> None:
    """Refuse what is no file: reading a pipe would wait for ever."""
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or a pipe"
        raise SourceError.at(path, None, None, f"this is {kind}, not a file")
    if found.st_size > _LARGEST_FILE:
        raise SourceError.at(path, None, None, f"larger than {_LARGEST_FILE // 2**20} MB")


def _git(root: Path, *arguments: str) -> bytes | None:
    """Run git in `root` and return what it printed; None where it says no."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program; revisions that look like options are refused above
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the user's own git
            check=False,
            capture_output=True,
            timeout=60,
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", hint="install git, or name a prompt without @git:") from None
    except subprocess.TimeoutExpired:
        raise StorageError(f"git {arguments[0]} did not answer within 60 s") from None
    if b"not a git repository" in done.stderr:
        raise UsageError(f"{str(root)!r} is not in a git repository", hint="git init, or name a prompt without @git:")
    return done.stdout if done.returncode == 0 else None
