"""The project: everything that can be loaded from its folder."""

from __future__ import annotations

import fnmatch
import unicodedata
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import orjson

from promptship.domain import ModelConfig, PromptVersion, Reference, parse_reference
from promptship.errors import Problem, ReferenceNotFoundError, SourceError, UsageError, did_you_mean
from promptship.project._loaded import LoadedPrompt, build_locked, build_stored
from promptship.project._lock import load_lock, load_locked_closure
from promptship.project._models_file import ModelCatalog, parse_models
from promptship.project._root import find_root, load_settings
from promptship.project._trees import FileTree, GitTree, Tree, find_base, read_author, read_commit
from promptship.prompts import build_closure, collect_partials, decode_source, parse_prompt

if TYPE_CHECKING:
    from promptship.domain import JsonObject, VersionSource
    from promptship.prompts import PromptDocument
    from promptship.settings import Settings

__all__ = ["Project"]

_ENDING = ".prompt"


class Project:
    """A project on disk.

    Args:
        root: Its folder.
        settings: Its settings.

    Attributes:
        tree: Its files.
        stored_versions: Where `name@7` and `name@label` come from; None where there is no registry to ask.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        self.tree: Tree = FileTree(root)
        self.stored_versions: VersionSource | None = None
        self._catalogs: dict[str, ModelCatalog] = {}

    @classmethod
    def open(cls, start: Path) -> Project:
        """Open the project at or above `start`.

        Raises:
            UsageError: There is none.
            SourceError: Its settings are wrong.
        """
        root = find_root(start)
        return cls(root, load_settings(root))

    @property
    def state_dir(self) -> Path:
        """Folder of the machine's data; it need not exist."""
        return self.root / self.settings.state_dir

    @property
    def runs_dir(self) -> Path:
        """Folder of the runs; it need not exist."""
        return self.state_dir / "runs"

    @property
    def evalsets_dir(self) -> Path:
        """Folder of the evalsets; it need not exist."""
        return self.root / self.settings.evalsets_dir

    @cached_property
    def models(self) -> ModelCatalog:
        """Model configs of the working tree.

        Raises:
            SourceError: `models.yaml` is wrong.
        """
        return self._catalog(self.tree)

    def git_commit(self) -> str | None:
        """Return the commit of the working tree, with `+dirty` where files differ; None outside git."""
        return read_commit(self.root)

    def git_author(self) -> str | None:
        """Return who git says works here, as `Ada <ada@example.org>`; None where it does not know."""
        return read_author(self.root)

    def base_commit(self) -> str | None:
        """Return the commit at which the working tree left the default branch; None where there is none."""
        return find_base(self.root)

    def read_at(self, revision: str, path: str) -> bytes | None:
        """Return a file of the project as it is in a git revision; None where it is not there.

        Raises:
            ReferenceNotFoundError: Git has no such revision.
        """
        return GitTree(self.root, revision).read(path)

    def prompt_names(self) -> list[str]:
        """Return the names of all prompts in the working tree, sorted."""
        return self._names(self.tree)

    def prompt_names_at(self, revision: str) -> list[str]:
        """Return the names of all prompts of a git revision, sorted.

        Raises:
            ReferenceNotFoundError: Git knows no such revision.
        """
        return self._names(GitTree(self.root, revision))

    def match_prompts(self, pattern: str) -> list[str]:
        """Return references that `pattern` stands for: itself, or the names that a glob such as `support/*` matches.

        Raises:
            ReferenceNotFoundError: A glob that matches nothing.
        """
        if not any(character in pattern for character in "*?["):
            return [pattern]
        found = fnmatch.filter(self.prompt_names(), pattern)
        if not found:
            raise ReferenceNotFoundError(f"no prompt matches {pattern!r}", hint="promptctl list")
        return found

    def load_prompt(self, reference: str, *, model: str | None = None) -> LoadedPrompt:
        """Load and close a prompt.

        Args:
            reference: Name, `name@git:REV`, path of a `.prompt` file, or what a registry knows: `name@7`,
                `name@label`, `name@^2`, `name@sha256:…`.
            model: Name of a model config that replaces the prompt's own; None to keep it. What the prompt's `config`
                overrides stays where its file is read; a stored version does not tell it from the model's own.

        Raises:
            ReferenceNotFoundError: No such prompt, revision, version or model.
            SourceError: The prompt, a partial, its examples or `models.yaml` is wrong.
        """
        parsed = parse_reference(reference)
        if parsed.kind in {"label", "digest"} and self.source == "git":
            return self._load_locked(parsed, model)
        if parsed.kind in {"version", "label", "digest", "range"}:
            return self._load_stored(parsed, model)
        tree = GitTree(self.root, parsed.selector) if parsed.kind == "git" else self.tree
        path = self._path_of(parsed, tree)
        return self._load(parsed, path, tree, model)

    @property
    def source(self) -> Literal["git", "registry"]:
        """Where labels are: as the settings say, else in the registry where there is one, else in the lock."""
        settings = self.settings
        if settings.source is not None:
            return settings.source
        if settings.server_url or settings.database_url is not None or (self.state_dir / "registry.db").exists():
            return "registry"
        return "git"

    def _load_locked(self, reference: Reference, model: str | None) -> LoadedPrompt:
        lock = load_lock(self.root)
        locked = lock.resolve(reference)
        closure = load_locked_closure(self.root, locked)
        config = self.models.resolve(model) if model else self.models.with_operations(closure.model)
        return build_locked(reference, locked, replace(closure, model=config), model=model)

    def _load_stored(self, reference: Reference, model: str | None) -> LoadedPrompt:
        if self.stored_versions is None:
            hint = f"name the working tree ({reference.name}) or a commit ({reference.name}@git:REV)"
            raise ReferenceNotFoundError(f"cannot resolve {str(reference)!r}: no registry was opened", hint=hint)
        version, closure = self.stored_versions.find_version(reference)
        config = self.models.resolve(model) if model else self.models.with_operations(closure.model)
        return build_stored(reference, version, replace(closure, model=config), model=model)

    def _load(self, reference: Reference, path: str, tree: Tree, model: str | None) -> LoadedPrompt:
        shown = tree.describe(path)
        data = tree.read(path)
        if data is None:
            raise self._not_found(reference, tree)
        text = decode_source(data, path=shown)
        document = parse_prompt(text, path=shown)
        partials = self._partials(document, tree, shown)
        config = self._model_of(document, tree, shown, model)
        version = PromptVersion(
            name=self._name_of(path),
            closure=build_closure(
                document, partials=partials, examples=self._examples(document, path, tree), model=config
            ),
            origin=str(reference),
            label=f"{reference}+{model}" if model else str(reference),
        )
        return LoadedPrompt(version=version, document=document, partials=partials, path=shown, text=text)

    def _catalog(self, tree: Tree) -> ModelCatalog:
        path = f"{self.settings.prompts_dir}/models.yaml"
        shown = tree.describe(path)
        if shown not in self._catalogs:
            data = tree.read(path)
            text = decode_source(data, path=shown) if data is not None else ""
            self._catalogs[shown] = parse_models(text, path=shown)
        return self._catalogs[shown]

    def _model_of(self, document: PromptDocument, tree: Tree, shown: str, model: str | None) -> ModelConfig:
        try:
            return self._catalog(tree).resolve(model or document.model)
        except ReferenceNotFoundError as error:
            if model:
                raise
            line, column = document.place(("model",))
            raise SourceError.at(shown, line, column, str(error), hint=error.hint) from None

    def _partials(self, document: PromptDocument, tree: Tree, shown: str) -> dict[str, str]:
        named: dict[str, str] = {}

        def load(name: str) -> str | None:
            named[name] = tree.describe(f"{self.settings.prompts_dir}/{name}")
            return self._partial(tree, name)

        try:
            return collect_partials(document.body, load, path=shown, body_line=document.body_line)
        except SourceError as error:
            # Templates know partials by name; whoever mends one wants its path.
            raise SourceError(
                replace(problem, path=named.get(str(problem.path), problem.path)) for problem in error.problems
            ) from None

    def _partial(self, tree: Tree, name: str) -> str | None:
        path = f"{self.settings.prompts_dir}/{name}"
        if ".." in name.split("/") or name.startswith("/"):
            return None
        data = tree.read(path)
        return None if data is None else decode_source(data, path=tree.describe(path))

    def _examples(self, document: PromptDocument, path: str, tree: Tree) -> tuple[JsonObject, ...]:
        if not isinstance(document.examples, str):
            return tuple(document.examples or ())
        line, column = document.place(("examples",))
        beside = Path(path).parent / document.examples
        if ".." in beside.parts or beside.is_absolute():
            raise SourceError.at(document.path, line, column, f"examples: {document.examples!r} leaves the folder")
        data = tree.read(beside.as_posix())
        if data is None:
            message = f"examples: there is no file {document.examples!r} beside the prompt"
            raise SourceError.at(document.path, line, column, message)
        return _parse_rows(decode_source(data, path=tree.describe(beside.as_posix())), tree.describe(beside.as_posix()))

    def _path_of(self, reference: Reference, tree: Tree) -> str:
        if reference.kind != "path":
            return f"{self.settings.prompts_dir}/{reference.name}{_ENDING}"
        for base in (Path.cwd(), self.root):
            candidate = (base / reference.name).resolve()
            if candidate.is_file():
                break
        else:
            raise self._not_found(reference, tree)
        if not candidate.is_relative_to(self.root):
            raise UsageError(f"{reference.name!r} is not inside the project {str(self.root)!r}")
        return candidate.relative_to(self.root).as_posix()

    def _name_of(self, path: str) -> str:
        folder = f"{self.settings.prompts_dir}/"
        # git on macOS gives file names in NFD; names are NFC everywhere.
        return unicodedata.normalize("NFC", path.removeprefix(folder).removesuffix(_ENDING))

    def _names(self, tree: Tree) -> list[str]:
        files = tree.files(self.settings.prompts_dir)
        return [self._name_of(path) for path in files if path.endswith(_ENDING)]

    def _not_found(self, reference: Reference, tree: Tree) -> ReferenceNotFoundError:
        meant = did_you_mean(reference.name, self._names(tree))
        where = f" in {reference.selector}" if reference.kind == "git" else ""
        return ReferenceNotFoundError(f"there is no prompt {reference.name!r}{where}{meant}", hint="promptctl list")


def _parse_rows(text: str, path: str) -> tuple[JsonObject, ...]:
    """Parse few-shot rows, one JSON object a line."""
    rows, problems = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            problems.append(Problem(path=path, line=number, column=error.colno, message=f"not JSON: {error.msg}"))
            continue
        if not isinstance(row, dict):
            problems.append(Problem(path=path, line=number, column=1, message="expected a JSON object"))
            continue
        rows.append(cast("JsonObject", row))
    if problems:
        raise SourceError(problems)
    return tuple(rows)
