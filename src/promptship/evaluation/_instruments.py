"""What scorers measure with, opened from a project: judges, embedders, classifiers; and its own judge prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.models import open_classifier, open_embedder, open_language_model, open_token_matcher, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptship.domain import (
        CompletionModel,
        Embedder,
        LanguageModel,
        ModelConfig,
        PromptVersion,
        TextClassifier,
        TokenMatcher,
    )
    from promptship.models import ModelHub, PullProgress, VectorCache
    from promptship.project import Project

__all__ = ["ProjectInstruments", "ProjectPrompts"]


class ProjectInstruments:
    """`Instruments` of a project. Models are opened once; their weights are loaded when they are first used.

    Args:
        project: Where model configs are.
        open_hub: Gives the hub of the evaluation, so that judges are cached, paid for and recorded as prompts are.
        cache_dir: Where fetched models lie.
        open_vectors: Gives the cache of embeddings; None to embed every text anew.
        on_pull: Told what is being done when a model has to be fetched.
    """

    def __init__(
        self,
        project: Project,
        open_hub: Callable[[], ModelHub],
        *,
        cache_dir: Path,
        open_vectors: Callable[[], VectorCache | None] = lambda: None,
        on_pull: Callable[[PullProgress], None] | None = None,
    ) -> None:
        self._project = project
        self._open_hub = open_hub
        self._cache_dir = cache_dir
        self._open_vectors = open_vectors
        self._on_pull = on_pull
        self._snapshots: dict[str, str] = {}

    def completion(self, name: str) -> tuple[CompletionModel, ModelConfig]:
        """See `Instruments.completion`.

        Raises:
            ReferenceNotFoundError: There is no such model config.
        """
        config = self._project.models.resolve(name or "default")
        return self._open_hub().open(config), config

    def snapshot(self, config: ModelConfig) -> str:
        """See `SnapshotSource.snapshot`."""
        names = [one.model for one in (config, *config.fallbacks) if one.model.startswith("local/")]
        for name in names:
            # Read once: weights are large, and every case may have a judge of its own.
            if name not in self._snapshots:
                self._snapshots[name] = snapshot_of(name, cache_dir=self._cache_dir)
        return " ".join(filter(None, map(self._snapshots.get, names)))

    def embedder(self, name: str) -> Embedder:
        """See `Instruments.embedder`."""
        return open_embedder(
            self._place(name), cache_dir=self._cache_dir, vectors=self._open_vectors(), on_pull=self._on_pull
        )

    def token_matcher(self, name: str) -> TokenMatcher:
        """See `Instruments.token_matcher`."""
        return open_token_matcher(self._place(name), cache_dir=self._cache_dir, on_pull=self._on_pull)

    def classifier(self, name: str) -> TextClassifier:
        """See `Instruments.classifier`."""
        return open_classifier(self._place(name), cache_dir=self._cache_dir, on_pull=self._on_pull)

    def language_model(self, name: str) -> LanguageModel:
        """See `Instruments.language_model`."""
        return open_language_model(self._place(name), cache_dir=self._cache_dir, on_pull=self._on_pull)

    def _place(self, name: str) -> str:
        """Return a folder's name as seen from anywhere: evalsets name folders as seen from the project."""
        folder = self._project.root / name
        return str(folder) if name and (folder / "config.json").is_file() else name


class ProjectPrompts:
    """`PromptSource` of a project: its prompts by name, of which `judges/TYPE` takes the place of the package's."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._found: dict[str, PromptVersion | None] = {}

    def find_prompt(self, name: str) -> PromptVersion | None:
        """See `PromptSource.find_prompt`. Read once: every case may have a judge of its own."""
        if name not in self._found:
            known = name in self._project.prompt_names()
            self._found[name] = self._project.load_prompt(name).version if known else None
        return self._found[name]
