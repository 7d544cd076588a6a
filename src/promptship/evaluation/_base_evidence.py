"""Evalsets and limits as a commit has them: what the evidence of a change is compared with."""

from __future__ import annotations

import fnmatch
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from promptship.errors import PromptshipError, ReferenceNotFoundError, UsageError
from promptship.evalsets import discover_evalsets, load_evalset
from promptship.project import GitTree, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from promptship.domain import EvalsetSpec
    from promptship.evalsets import Evalset
    from promptship.project import Project
    from promptship.settings import Settings

__all__ = ["BaseEvidence", "evalsets_of", "open_base", "prompts_of", "resolve_since", "tested_prompts"]

_SETTINGS_FILES = ("promptship.toml", "pyproject.toml")


@dataclass(frozen=True, kw_only=True)
class BaseEvidence:
    """The evidence of a commit.

    Attributes:
        commit: Its hash.
        evalsets: By name, those that were wrong left out.
        broken: Paths of those that were wrong.
        settings: Of the project; None where they were wrong.
    """

    commit: str
    evalsets: Mapping[str, Evalset] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    settings: Settings | None = None


def resolve_since(project: Project, since: str | None) -> str:
    """Return the commit to compare with: of a revision, or where the working tree left the default branch.

    Raises:
        UsageError: There is no git repository, or no default branch.
        ReferenceNotFoundError: Git knows no such revision.
    """
    if since is not None:
        return GitTree(project.root, since).commit
    base = project.base_commit()
    if base is None:
        raise UsageError(
            "there is no default branch to compare with", hint="name a commit: --since REV (in CI, fetch the history)"
        )
    return base


@contextmanager
def open_base(project: Project, commit: str) -> Iterator[BaseEvidence]:
    """Give the evidence of a commit while the block runs: its evalsets read their cases when they are asked.

    Args:
        project: In git.
        commit: Anything git can name.

    Raises:
        ReferenceNotFoundError: Git knows no such revision.
        UsageError: There is no git repository.
    """
    tree = GitTree(project.root, commit)
    with TemporaryDirectory(prefix="promptship-") as folder:
        root = Path(folder).resolve()
        _copy(tree, _SETTINGS_FILES, root)
        settings = _settings_at(root)
        evalsets_dir = (settings or project.settings).evalsets_dir
        _copy(tree, tree.files(evalsets_dir), root)
        found: dict[str, Evalset] = {}
        broken = set()
        for path in discover_evalsets(root / evalsets_dir):
            try:
                evalset = load_evalset(path, root=root)
                evalset.count()
            except PromptshipError:
                broken.add(path.relative_to(root).as_posix())
                continue
            found[evalset.spec.name] = evalset
        yield BaseEvidence(commit=tree.commit, evalsets=found, broken=frozenset(broken), settings=settings)


def evalsets_of(project: Project, name: str) -> list[Evalset]:
    """Return the evalsets of the working tree that evaluate a prompt.

    Raises:
        SourceError: One is wrong.
    """
    loaded = (load_evalset(path, root=project.root) for path in discover_evalsets(project.evalsets_dir))
    return [evalset for evalset in loaded if name in prompts_of(project, evalset)]


def prompts_of(project: Project, evalset: Evalset) -> list[str]:
    """Return the prompts of the working tree that an evalset evaluates."""
    names: list[str] = []
    for pattern in evalset.spec.prompts:
        try:
            names += project.match_prompts(pattern)
        except ReferenceNotFoundError:
            continue
    return list(dict.fromkeys(names))


def tested_prompts(spec: EvalsetSpec, names: Sequence[str]) -> list[str]:
    """Return which of some prompts the patterns of an evalset mean."""
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in spec.prompts)]


def _copy(tree: GitTree, paths: Sequence[str], root: Path) -> None:
    for path in paths:
        data = tree.read(path)
        if data is not None and ".." not in Path(path).parts:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)


def _settings_at(root: Path) -> Settings | None:
    try:
        return load_settings(root)
    except PromptshipError:
        return None
