"""What a change touches: prompts by their digest, and the evalsets that judge them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptship.errors import PromptshipError
from promptship.evalsets import discover_evalsets, load_evalset
from promptship.evaluation._base_evidence import open_base, prompts_of, resolve_since, tested_prompts
from promptship.evaluation._evidence import is_other_evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.evalsets import Evalset
    from promptship.evaluation._base_evidence import BaseEvidence
    from promptship.project import Project

__all__ = ["Affected", "AffectedEvalset", "AffectedPrompt", "find_affected"]

PromptChange = Literal["changed", "added", "removed", "unreadable", "mended"]
"""What became of a prompt; `unreadable` where it does not load now, `mended` where it did not load then."""


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
        because: `itself`, `new`, `removed`, or the names of prompts.
        prompts: Names of the prompts that it evaluates, or did.
    """

    name: str
    path: str
    because: tuple[str, ...]
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """What a change touches.

    Attributes:
        since: The commit that was compared with.
        prompts: By name.
        evalsets: By name; those that CI has to run.
        removed: Evalsets that are gone.
    """

    since: str
    prompts: tuple[AffectedPrompt, ...]
    evalsets: tuple[AffectedEvalset, ...]
    removed: tuple[AffectedEvalset, ...] = ()

    @property
    def reviewed(self) -> dict[str, PromptChange | None]:
        """Every prompt that a reviewer has to look at, with its change; None where its evidence alone changed."""
        found: dict[str, PromptChange | None] = {prompt.name: prompt.change for prompt in self.prompts}
        for evalset in (*self.evalsets, *self.removed):
            if {"itself", "new", "removed"} & set(evalset.because):
                for name in evalset.prompts:
                    found.setdefault(name, None)
        return dict(sorted(found.items()))


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
    now = [load_evalset(path, root=project.root) for path in discover_evalsets(project.evalsets_dir)]
    with open_base(project, commit) as base:
        evalsets = tuple(_affected_evalsets(project, now, base, changed))
        removed = tuple(_removed_evalsets(project, now, base))
    return Affected(since=commit, prompts=prompts, evalsets=evalsets, removed=removed)


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
        return "mended"


def _affected_evalsets(
    project: Project, evalsets: Sequence[Evalset], base: BaseEvidence, changed: set[str]
) -> Iterator[AffectedEvalset]:
    names = project.prompt_names()
    for evalset in evalsets:
        spec, prompts = evalset.spec, prompts_of(project, evalset)
        reasons = [name for name in prompts if name in changed]
        known = base.evalsets.get(spec.name)
        if known is None:
            reasons.insert(0, "itself" if spec.path in base.broken else "new")
        elif is_other_evidence(known, evalset):
            reasons.insert(0, "itself")
            prompts = list(dict.fromkeys([*prompts, *tested_prompts(known.spec, names)]))
        if reasons:
            yield AffectedEvalset(name=spec.name, path=spec.path, because=tuple(reasons), prompts=tuple(prompts))


def _removed_evalsets(project: Project, evalsets: Sequence[Evalset], base: BaseEvidence) -> Iterator[AffectedEvalset]:
    names, left = project.prompt_names(), {evalset.spec.name for evalset in evalsets}
    for name, evalset in base.evalsets.items():
        if name not in left:
            prompts = tuple(tested_prompts(evalset.spec, names))
            yield AffectedEvalset(name=name, path=evalset.spec.path, because=("removed",), prompts=prompts)
