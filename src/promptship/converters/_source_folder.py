"""Files of another tool, read from one folder and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.errors import StorageError, UsageError
from promptship.prompts import decode_source

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SourceFolder"]


class SourceFolder:
    """The folder that a conversion reads. What a foreign file names outside it is not there.

    Args:
        root: The folder.
        shown: How messages call it; "" for the current one.
    """

    def __init__(self, root: Path, *, shown: str) -> None:
        self._root = root.resolve()
        self._shown = shown

    def show(self, name: str) -> str:
        """Return how messages call a file; the folder itself for ""."""
        return "/".join(part for part in (self._shown, name) if part) or "."

    def read(self, name: str) -> str | None:
        """Return the text of a file.

        Args:
            name: Below the folder, with `/`.

        Returns:
            None where there is no such file in the folder; links that lead out of it are not followed.

        Raises:
            SourceError: It is not UTF-8 text.
            StorageError: It cannot be read.
        """
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            return None
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StorageError(f"cannot read {self.show(name)!r}: {error.strerror}") from None
        return decode_source(data, path=self.show(name))

    def list_files(self, *endings: str) -> list[str]:
        """Return the files below the folder whose names end so, sorted; hidden folders and links are left out."""
        found = []
        for path in sorted(self._root.rglob("*")):
            relative = path.relative_to(self._root)
            if any(part.startswith(".") for part in relative.parts) or path.is_symlink() or not path.is_file():
                continue
            if path.name.endswith(endings):
                found.append(relative.as_posix())
        return found

    @classmethod
    def of(cls, source: Path, *, shown: Path | None = None) -> tuple[SourceFolder, str | None]:
        """Return the folder of `source`, and the file's name in it; None where `source` is a folder.

        Args:
            source: A file or a folder.
            shown: How messages call it; None for as it is written.

        Raises:
            UsageError: There is nothing at `source`.
        """
        called = shown or source
        if source.is_dir():
            return cls(source, shown=_folder_name(called)), None
        if not source.is_file():
            raise UsageError(f"there is no file or folder {str(called)!r}")
        return cls(source.parent, shown=_folder_name(called.parent)), source.name


def _folder_name(path: Path) -> str:
    name = path.as_posix().rstrip("/")
    return "" if name == "." else name
