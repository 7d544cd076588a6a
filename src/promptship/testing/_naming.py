"""Which files are evalsets that this session may evaluate. Imports nothing heavy: every session may ask."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

import pytest

__all__ = ["is_paid_for", "is_wanted", "named_paths"]

_DEFAULT_FOLDER = "evalsets"
_CASES: Final = re.compile(r"(?:^|[{,])\s*[\"']?cases[\"']?\s*:", re.MULTILINE)
_SNIFFED_CHARACTERS = 100_000


def named_paths(config: pytest.Config) -> list[Path]:
    """Return the files and folders that were named on the command line.

    What settings, `testpaths` or `PYTEST_ADDOPTS` name does not count: the one who starts a session agrees to what it
    costs by naming it.
    """
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return []
    typed = {os.fspath(arg) for arg in config.invocation_params.args}
    folder = config.invocation_params.dir
    return [Path(os.path.normpath(folder / arg.partition("::")[0])) for arg in config.args if arg in typed]


def is_wanted(path: Path, config: pytest.Config) -> bool:
    """Whether `path` is an evalset that this session is to evaluate.

    True for a file that is named itself, for all files of the evalsets folder where that folder or one in it is named,
    and for all files of it where `promptship_collect` is set.
    """
    named = named_paths(config)
    above = [folder for folder in named if folder in path.parents]
    collect_all = bool(config.getini("promptship_collect"))
    if not (path in named or above or collect_all):
        return False
    home = _find_evalsets_folder(path.parent)
    if home is None:
        return False
    if path in named:
        return home in path.parents or _looks_like_an_evalset(path)
    if home not in path.parents or _is_hidden(path.relative_to(home)):
        return False
    return collect_all or any(folder == home or home in folder.parents for folder in above)


def is_paid_for(path: Path, config: pytest.Config) -> bool:
    """Whether a Python test in `path` may spend money: its file is named, or `promptship_collect` is set."""
    return bool(config.getini("promptship_collect")) or path in named_paths(config)


def _is_hidden(path: Path) -> bool:
    from promptship.evalsets import JUDGES_FOLDER

    return path.parts[0] == JUDGES_FOLDER or any(part.startswith(("_", ".")) for part in path.parts)


def _looks_like_an_evalset(path: Path) -> bool:
    """Tell an evalset that stands elsewhere from the YAML of other plugins."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return _CASES.search(file.read(_SNIFFED_CHARACTERS)) is not None
    except OSError:
        return False


def _find_evalsets_folder(start: Path) -> Path | None:
    """Return the evalsets folder of the project at or above `start`; None outside of projects.

    The same rules as `promptship.project`, without its imports: most sessions that pass a YAML file evaluate nothing.
    """
    for folder in (start, *start.parents):
        own, shared = folder / "promptship.toml", folder / "pyproject.toml"
        if own.is_file():
            return _folder_of(folder, _read_toml(own))
        table = _read_toml(shared).get("tool", {}).get("promptship") if shared.is_file() else None
        if table is not None or (folder / "prompts").is_dir():
            return _folder_of(folder, table or {})
    return None


def _folder_of(root: Path, table: dict[str, Any]) -> Path:
    name = os.environ.get("PROMPTSHIP_EVALSETS_DIR") or table.get("evalsets_dir", _DEFAULT_FOLDER)
    return root / str(name)


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        # Whatever is wrong with it is said when the project is opened.
        return {}
