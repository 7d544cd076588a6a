"""What a change touches: prompts by their digest, and the evalsets that judge them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from promptship.errors import PromptshipError, ReferenceNotFoundError, UsageError
from promptship.evalsets import discover_evalsets, load_evalset
from promptship.project import GitTree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.evalsets import Evalset
    from promptship.project import Project

__all__ = ["Affected", "AffectedEvalset", "AffectedPrompt", "base_evalsets", "find_affected", "resolve_since"]

PromptChange = Literal["changed", "added", "removed", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedPrompt:
    """A prompt whose closure is not what it was, whatever file made it so."""

    name: str
    change: PromptChange


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedEvalset:
    """An evalset to run: it changed itself, or it judges a prompt that did.

    Attributes:
        name: Its name.
        path: Its file, from the project's root.
        because: `itself`, `new`, or the names of prompts.
    """

    name: str
    path: str
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """What a change touches.

    Attributes:
        since: The commit that was compared with.
        prompts: By name.
        evalsets: By name.
    """

    since: str
    prompts: tuple[AffectedPrompt, ...]
    evalsets: tuple[AffectedEvalset, ...]


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


def find_affected(project: Project, since: str | None = None) -> Affected:
    """Find the prompts and evalsets that differ from those of a revision.

    A prompt is affected where its digest is another: by its own file, a partial, its examples, or the model config it
    names with its fallbacks. An evalset is affected where its cases, scorers, gates or target are others, or where a
    prompt of it is affected.

    Args:
        project: The working tree.
        since: Git revision; None for where the working tree left the default branch.

    Raises:
        UsageError: No git repository, or no such revision.
        SourceError: An evalset of the working tree is wrong.
    """
    commit = resolve_since(project, since)
    prompts = tuple(_affected_prompts(project, commit))
    changed = {prompt.name for prompt in prompts}
    with base_evalsets(project, commit) as before:
        evalsets = tuple(_affected_evalsets(project, before, changed))
    return Affected(since=commit, prompts=prompts, evalsets=evalsets)


@contextmanager
def base_evalsets(project: Project, commit: str) -> Iterator[dict[str, Evalset]]:
    """Give the evalsets of a commit by name, while the block runs; one that was wrong then is left out."""
    tree = GitTree(project.root, commit)
    with TemporaryDirectory(prefix="promptship-") as folder:
        root = Path(folder).resolve()
        for path in tree.files(project.settings.evalsets_dir):
            data = tree.read(path)
            if data is not None and ".." not in Path(path).parts:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(data)
        found: dict[str, Evalset] = {}
        for path_of_set in discover_evalsets(root / project.settings.evalsets_dir):
            try:
                evalset = load_evalset(path_of_set, root=root)
                evalset.count()
            except PromptshipError:
                continue
            found[evalset.spec.name] = evalset
        yield found


def _affected_prompts(project: Project, commit: str) -> Iterator[AffectedPrompt]:
    now, then = project.prompt_names(), project.prompt_names_at(commit)
    for name in sorted({*now, *then}):
        change = _change_of(project, name, commit, exists=name in now, existed=name in then)
        if change is not None:
            yield AffectedPrompt(name=name, change=change)


def _change_of(project: Project, name: str, commit: str, *, exists: bool, existed: bool) -> PromptChange | None:
    if not exists:
        return "removed"
    if not existed:
        return "added"
    try:
        now = project.load_prompt(name).version.digest
    except PromptshipError:
        return "unreadable"
    try:
        return None if project.load_prompt(f"{name}@git:{commit}").version.digest == now else "changed"
    except PromptshipError:
        return "changed"


def _affected_evalsets(project: Project, before: dict[str, Evalset], changed: set[str]) -> Iterator[AffectedEvalset]:
    for path in discover_evalsets(project.evalsets_dir):
        evalset = load_evalset(path, root=project.root)
        spec = evalset.spec
        reasons = [name for name in _prompts_of(project, evalset) if name in changed]
        known = before.get(spec.name)
        if known is None:
            reasons.insert(0, "new")
        elif known.digest != evalset.digest or known.spec.prompts != spec.prompts:
            reasons.insert(0, "itself")
        if reasons:
            yield AffectedEvalset(name=spec.name, path=spec.path, because=tuple(reasons))


def _prompts_of(project: Project, evalset: Evalset) -> list[str]:
    names = []
    for pattern in evalset.spec.prompts:
        try:
            names += project.match_prompts(pattern)
        except ReferenceNotFoundError:
            continue
    return list(dict.fromkeys(names))
