"""Where a project begins, and what its settings say."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from promptship.errors import Problem, SourceError, StorageError, UsageError
from promptship.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["find_root", "load_settings"]

_OWN_FILE = "promptship.toml"
_SHARED_FILE = "pyproject.toml"


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` that is a project.

    A project has a `promptship.toml`, a `pyproject.toml` with a `[tool.promptship]` table, or a `prompts` folder.

    Raises:
        UsageError: There is none.
    """
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / _OWN_FILE).is_file() or (folder / "prompts").is_dir():
            return folder
        shared = folder / _SHARED_FILE
        if shared.is_file() and "promptship" in _read_toml(shared).get("tool", {}):
            return folder
    raise UsageError(f"{str(start)!r} is not inside a Promptship project", hint="promptctl init")


def load_settings(root: Path) -> Settings:
    """Read the settings of the project at `root` and of the environment.

    Raises:
        SourceError: The file is not TOML, or a key or value in it is wrong; every problem is listed.
        UsageError: An environment variable is wrong.
    """
    own, shared = root / _OWN_FILE, root / _SHARED_FILE
    if os.path.lexists(own):
        path, table = own, _read_toml(own)
    elif shared.is_file():
        path, table = shared, _read_toml(shared).get("tool", {}).get("promptship", {})
    else:
        path, table = own, {}
    try:
        return Settings.from_file_table(table)
    except ValidationError as error:
        raise _explain(error, path, table) from None


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SourceError.at(path, None, None, "this is no file that can be read")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise SourceError.at(path, None, None, f"not valid TOML: {error}") from None
    except UnicodeDecodeError:
        raise SourceError.at(path, None, None, "not UTF-8 text") from None
    except OSError as error:
        raise StorageError(f"cannot read {str(path)!r}: {error.strerror}") from None


def _explain(error: ValidationError, path: Path, table: dict[str, Any]) -> UsageError:
    problems = []
    for detail in error.errors():
        key = ".".join(map(str, detail["loc"]))
        in_file = bool(detail["loc"]) and detail["loc"][0] in table
        source = path if in_file else f"environment PROMPTSHIP_{key.upper().replace('.', '__')}"
        line = _line_of_key(path, str(detail["loc"][-1])) if in_file else None
        problems.append(Problem(path=source, line=line, message=f"{key}: {detail['msg']} (got {detail['input']!r})"))
    return SourceError(problems)


def _line_of_key(path: Path, key: str) -> int | None:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), start=1):
        if line.strip().partition("=")[0].strip().strip('"') == key:
            return number
    return None
