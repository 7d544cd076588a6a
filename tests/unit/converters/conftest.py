from pathlib import Path

import pytest

from promptship.converters import SourceFolder, import_files
from promptship.domain import ModelConfig
from promptship.prompts import Renderer, build_closure, collect_partials, parse_prompt
from promptship.settings import Settings


class Source:
    """A folder of another tool's files, and what becomes of it."""

    def __init__(self, folder: Path):
        self.folder = folder / "theirs"
        self.project = folder / "ours"
        self.folder.mkdir()
        self.project.mkdir()
        self.conversion = None

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def convert(self, kind, name=None):
        folder, file = SourceFolder.of(self.folder / name if name else self.folder)
        self.conversion = import_files(kind, folder, file, project=self.project, settings=Settings())
        return self.conversion

    def file(self, path):
        return next(one.text for one in self.conversion.files if one.path == path)

    def remarks(self, *kinds):
        return [remark for remark in self.conversion.remarks if not kinds or remark.kind in kinds]

    def codes(self, *kinds):
        return [remark.code for remark in self.remarks(*kinds)]

    def render(self, path, **inputs):
        """Render a converted prompt as (role, text) pairs."""
        document = parse_prompt(self.file(path), path=path)
        texts = {one.path.removeprefix("prompts/"): one.text for one in self.conversion.files}
        partials = collect_partials(document.body, texts.get, path=path)
        model = ModelConfig(name="m", model="fake/echo")
        closure = build_closure(document, partials=partials, examples=(), model=model)
        return [(message.role, message.text) for message in Renderer(closure).render(inputs).messages]


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path)
