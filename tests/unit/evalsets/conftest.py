import json
from pathlib import Path

import pytest

from promptship.errors import SourceError
from promptship.evalsets import load_evalset


class Folder:
    """A project folder: writes files, loads evalsets, and says what is wrong with them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def write_rows(self, name: str, rows: list) -> Path:
        return self.write(name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def load(self, text: str, name: str = "evalsets/set.yaml"):
        return load_evalset(self.write(name, text), root=self.root)

    def load_file(self, name: str, content: str | bytes):
        """An evalset whose cases are one file."""
        self.write(f"evalsets/{name}", content)
        return self.load(f"prompt: hello\ncases: {name}\n")

    def cases(self, text: str) -> list:
        return list(self.load(text).cases())

    def problems(self, text: str) -> list[str]:
        """What is wrong with an evalset or its cases, as people read it."""
        with pytest.raises(SourceError) as caught:
            self.load(text).count()
        return [str(problem).removeprefix("evalsets/") for problem in caught.value.problems]

    def file_problems(self, name: str, content: str | bytes) -> list[str]:
        with pytest.raises(SourceError) as caught:
            self.load_file(name, content).count()
        return [str(problem).removeprefix("evalsets/") for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)
