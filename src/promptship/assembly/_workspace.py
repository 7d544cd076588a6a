"""A project with the parts that one command needs."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import platformdirs

from promptship.assembly._registry import StoredVersions
from promptship.errors import ReferenceNotFoundError, StorageError, UsageError
from promptship.evalsets import Evalset, discover_evalsets, load_evalset
from promptship.evaluation import (
    EvalOptions,
    PreparedEvaluation,
    ProjectInstruments,
    find_baselines,
    judge_run,
    prepare_bridge,
    prepare_evaluation,
    prepare_rescoring,
    run_evaluation,
    versus_of,
)
from promptship.models import Budget, Cassette, ModelHub, ResponseCache, VectorCache
from promptship.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptship.evaluation import BridgePlan, Rescoring
    from promptship.gates import Baseline
    from promptship.models import PullProgress
    from promptship.runner import Progress, Run, StopSignal

__all__ = ["ModelOptions", "Workspace"]

_EVALSET_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How models are called.

    Attributes:
        retries: Attempts after the first; None for each model's own.
        timeout_s: Seconds for one attempt; None for each model's own.
        max_cost_usd: What all calls together may cost; None for the project's setting.
        use_cache: Answer from the response cache and fill it.
        record: Write every answer to the evalset's cassette.
        frozen: Answer from the evalset's cassette alone; nothing is called.
    """

    retries: int | None = None
    timeout_s: float | None = None
    max_cost_usd: float | None = None
    use_cache: bool = True
    record: bool = False
    frozen: bool = False


@dataclass(kw_only=True)
class Workspace:
    """A project with the parts that one command needs. Use as an async context manager around model calls.

    Attributes:
        project: The project.
        options: How models are called.
        env: Where keys are looked up.
        on_pull: Told what is being done when a local model has to be fetched first.
    """

    project: Project
    options: ModelOptions = field(default_factory=ModelOptions)
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    on_pull: Callable[[PullProgress], None] | None = None
    _hubs: list[ModelHub] = field(default_factory=list)
    _cassettes: list[Cassette] = field(default_factory=list)
    _cache: ResponseCache | None = None
    _vectors: VectorCache | None = None
    _budget: Budget | None = None

    @classmethod
    def open(cls, start: Path, options: ModelOptions | None = None) -> Workspace:
        """Open the project at or above `start`.

        Raises:
            UsageError: There is none, or its settings are wrong.
        """
        project = Project.open(start)
        project.stored_versions = StoredVersions(project)
        return cls(project=project, options=options or ModelOptions())

    @property
    def cache_dir(self) -> Path:
        """Folder of downloaded and converted models."""
        return self.project.settings.cache_dir or Path(platformdirs.user_cache_dir("promptship"))

    def open_hub(self, cassette: Cassette | None = None) -> ModelHub:
        """Return a hub that shares this workspace's cache and budget; closed with the workspace."""
        frozen = cassette is not None and self.options.frozen
        hub = ModelHub(
            endpoints=self.project.settings.endpoints,
            env=self.env,
            cache=self._open_cache() if self.options.use_cache and not frozen else None,
            cassette=cassette,
            budget=self._open_budget(),
            retries=self.options.retries,
            timeout_s=self.options.timeout_s,
            cache_dir=self.cache_dir,
            on_pull=self.on_pull,
        )
        self._hubs.append(hub)
        return hub

    def open_instruments(self, open_hub: Callable[[], ModelHub] | None = None) -> ProjectInstruments:
        """Return what scorers measure with; judges are called through the given hub, or one of their own."""
        return ProjectInstruments(
            self.project,
            open_hub or _Once(self.open_hub),
            cache_dir=self.cache_dir,
            open_vectors=self._open_vectors,
            on_pull=self.on_pull,
        )

    def open_cassette(self, evalset: Evalset, *, whole: bool = True) -> Cassette | None:
        """Return the evalset's cassette where the options ask for one; None otherwise.

        Args:
            evalset: Whose.
            whole: False where only a part of the evalset is evaluated: what was recorded of the rest is kept.

        Raises:
            StorageError: It is to be replayed and there is none, or it is damaged.
        """
        path = self.project.root / "cassettes" / f"{evalset.spec.name}.jsonl.zst"
        if self.options.frozen:
            return Cassette.frozen(path)
        if not self.options.record:
            return None
        # A baseline is recorded beside the candidate, into the same file.
        begun = next((one for one in self._cassettes if one.path == path), None)
        if begun is not None:  # one that has no answers yet is falsy
            return begun
        cassette = Cassette.record(path, keep=not whole)
        self._cassettes.append(cassette)
        return cassette

    @property
    def budget(self) -> Budget | None:
        """What all calls of this workspace draw on; None where they are not limited."""
        return self._open_budget()

    def prepare(
        self, evalset: Evalset, options: EvalOptions, *, recorded_for: Evalset | None = None
    ) -> PreparedEvaluation:
        """Check everything that an evaluation needs; nothing is paid.

        Args:
            evalset: What to evaluate on.
            options: What the command changes.
            recorded_for: Whose cassette has the answers; None for the evalset's own.

        Raises:
            UsageError: Something the user has to mend.
        """
        cassette = partial(self.open_cassette, recorded_for or evalset, whole=options.is_whole)
        hub = _Once(lambda: self.open_hub(cassette()))
        return prepare_evaluation(self.project, evalset, options, hub, self.open_instruments(hub))

    async def evaluate(
        self,
        evalset: Evalset,
        options: EvalOptions,
        *,
        recorded_for: Evalset | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        stop: StopSignal | None = None,
    ) -> Run:
        """Check everything and evaluate, for its figures alone: no gate is decided against a baseline.

        Args:
            evalset: What to evaluate on.
            options: What is changed.
            recorded_for: Whose cassette has the answers; None for the evalset's own.
            on_progress: Told how far it is.
            stop: Ends it early; what is done is kept.

        Raises:
            UsageError: Something the user has to mend; nothing was paid.
            InfrastructureError: The run could not go on; the same call resumes it.
        """
        prepared = await asyncio.to_thread(self.prepare, evalset, options, recorded_for=recorded_for)
        return await run_evaluation(self.project, prepared, options, on_progress=on_progress, stop=stop)

    async def rescore(
        self,
        rescoring: Rescoring,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        stop: StopSignal | None = None,
    ) -> Run:
        """Score a run's outputs anew and decide its gates; a new run is made, the old one stays.

        Args:
            rescoring: What `prepare_rescoring` found right.
            on_progress: Told how far it is.
            stop: Ends it early; what is done is kept.

        Raises:
            InfrastructureError: A judge could not be asked; the same call goes on from there.
            BudgetExceededError: The next call could cost too much; likewise.
        """
        run = await run_evaluation(self.project, rescoring.prepared, EvalOptions(), on_progress=on_progress, stop=stop)
        run.save_verdict(judge_run(self.project, run))
        return run

    def prepare_rescoring(self, run: Run, *, calls: bool = True) -> Rescoring:
        """See `promptship.evaluation.prepare_rescoring`."""
        return prepare_rescoring(self.project, run, self.open_instruments(), calls=calls)

    def prepare_bridge(self, run: Run, *, sample: int, seed: int = 0) -> BridgePlan:
        """See `promptship.evaluation.prepare_bridge`."""
        return prepare_bridge(self.project, run, self.open_instruments(), sample=sample, seed=seed)

    async def find_baselines(
        self,
        prepared: PreparedEvaluation,
        options: EvalOptions,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        stop: StopSignal | None = None,
    ) -> Callable[[str, str], Baseline] | None:
        """Find what the gates of an evaluation are decided against; a revision is evaluated first, by the cache mostly.

        Returns:
            A function from `versus` and a variant's label to its baseline; None where no gate has a `versus`.

        Raises:
            UsageError: A run or a revision that does not exist.
            InfrastructureError: The baseline could not be evaluated.
        """
        if not versus_of(prepared, options.baseline):
            return None

        evaluate = partial(self.evaluate, prepared.evalset, on_progress=on_progress, stop=stop)
        return await find_baselines(self.project, prepared, options, evaluate)

    async def aclose(self, *, whole: bool = True) -> None:
        """Close models, write cassettes and the cache. Harmless when called twice.

        Args:
            whole: False where the work was cut off: a cassette that exists is then left as it was.
        """
        for hub in self._hubs:
            await hub.aclose()
        for cassette in self._cassettes:
            cassette.close() if whole else cassette.discard()
        for cache in (self._cache, self._vectors):
            if cache is not None:
                cache.close()
        self._hubs, self._cassettes, self._cache, self._vectors = [], [], None, None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.aclose(whole=kind is None)

    def load_evalsets(self, named: Sequence[str]) -> list[Evalset]:
        """Load evalsets by name or path; all of the project where none is named.

        Raises:
            ReferenceNotFoundError: There is no such evalset, or none at all.
            SourceError: One is wrong.
        """
        paths = [self._evalset_path(name) for name in named] or discover_evalsets(self.project.evalsets_dir)
        if not paths:
            raise ReferenceNotFoundError(
                f"there is no evalset in {self.project.settings.evalsets_dir}/", hint="promptctl init"
            )
        evalsets = [load_evalset(path, root=self.project.root) for path in dict.fromkeys(paths)]
        _check_names(evalsets)
        return evalsets

    def _evalset_path(self, name: str) -> Path:
        folder = self.project.evalsets_dir
        candidates = [Path.cwd() / name, self.project.root / name]
        candidates += [folder / f"{name}{ending}" for ending in _EVALSET_ENDINGS]
        for candidate in candidates:
            # What stands there but is no file (a pipe, a link to nothing) is named as that when it is loaded.
            if candidate.is_file() or (candidate.suffix in _EVALSET_ENDINGS and os.path.lexists(candidate)):
                return candidate
        known = ", ".join(path.stem for path in discover_evalsets(folder)) or "none"
        raise ReferenceNotFoundError(f"there is no evalset {name!r}", hint=f"evalsets of this project: {known}")

    def _open_cache(self) -> ResponseCache:
        if self._cache is None:
            self._cache = ResponseCache(self._writable_state() / "cache.db")
        return self._cache

    def _open_vectors(self) -> VectorCache | None:
        if self._vectors is None and self.options.use_cache:
            self._vectors = VectorCache(self._writable_state() / "vectors.db")
        return self._vectors

    def _writable_state(self) -> Path:
        folder = self.project.state_dir
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_writable(folder, error.strerror) from None
        if not os.access(folder, os.W_OK):
            raise _not_writable(folder, "it is read-only")
        return folder

    def _open_budget(self) -> Budget | None:
        most = self.options.max_cost_usd
        most = self.project.settings.max_cost_usd if most is None else most
        if self._budget is None and most is not None:
            self._budget = Budget(most)
        return self._budget


def _check_names(evalsets: Sequence[Evalset]) -> None:
    """Refuse two evalsets of one name, which is what runs and cassettes go by."""
    paths: dict[str, str] = {}
    for evalset in evalsets:
        name, path = evalset.spec.name, evalset.spec.path
        if name in paths:
            raise UsageError(
                f"{path}: the evalset is called {name!r}, as {paths[name]} is",
                hint="give one of them a `name:` of its own",
            )
        paths[name] = path


def _not_writable(folder: Path, reason: str | None) -> StorageError:
    hint = "make it writable, or set PROMPTSHIP_STATE_DIR to a folder that is"
    return StorageError(f"cannot write to {str(folder)!r}: {reason}", hint=hint)


class _Once:
    """Gives the same hub each time, opened when it is first asked for."""

    def __init__(self, open_hub: Callable[[], ModelHub]) -> None:
        self._open_hub = open_hub
        self._hub: ModelHub | None = None

    def __call__(self) -> ModelHub:
        if self._hub is None:
            self._hub = self._open_hub()
        return self._hub
