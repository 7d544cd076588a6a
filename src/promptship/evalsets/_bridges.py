"""`evalsets/judges/bridges/`: what two judges said of the same outputs, read from the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from promptship.domain import JudgeBridge
from promptship.errors import SourceError
from promptship.evalsets._files import find_file
from promptship.evalsets._judge_files import JUDGES_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bridge_path", "load_bridge"]

_LARGEST_BYTES: Final = 64_000_000


def bridge_path(folder: Path, name: str) -> Path:
    """Return where a bridge lies: beside the judges, since it is to be committed as they are.

    Args:
        folder: The evalsets' folder.
        name: As `name_bridge` makes it.
    """
    return folder / JUDGES_FOLDER / "bridges" / f"{name}.json"


def load_bridge(folder: Path, name: str, *, root: Path) -> JudgeBridge | None:
    """Load a bridge that `promptctl judge bridge` wrote.

    Args:
        folder: The evalsets' folder.
        name: As `name_bridge` makes it.
        root: The project; nothing outside of it is read.

    Returns:
        None where there is none.

    Raises:
        SourceError: It is no bridge.
    """
    path = bridge_path(folder, name)
    if not path.is_file():
        return None
    file = find_file(path, root)
    try:
        return JudgeBridge.model_validate_json(file.read(_LARGEST_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        what = f"this is no bridge: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        hint = "remove it, and make it anew with `promptctl judge bridge RUN`"
        raise SourceError.at(file.shown, None, None, what, hint=hint) from None
