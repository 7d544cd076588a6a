"""promptfoo's prompts to templates of ours, their frontmatter apart."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.converters._chat_json import is_chat, render_chat
from promptship.converters._names import NameGiver, slug
from promptship.converters._nunjucks import rewrite_nunjucks
from promptship.converters._tree import UntranslatableError
from promptship.errors import SourceError
from promptship.prompts import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.converters._ledger import Ledger
    from promptship.converters._source_folder import SourceFolder
    from promptship.prompts import YamlDocument

__all__ = ["ForeignPrompt", "PromptReader"]

_TEXT: Final = (".txt", ".md", ".j2")
_DATA: Final = (".json", ".yaml", ".yml")
_ENDINGS: Final = (*_TEXT, *_DATA, ".jsonl", ".csv", ".js", ".mjs", ".cjs", ".ts", ".py")
_DELIMITER: Final = "---"


@dataclass(frozen=True, slots=True)
class ForeignPrompt:
    """A prompt that was translated: its name below the set's, its body, and where it came from."""

    name: str
    body: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class _Source:
    text: str
    wish: str
    path: str
    line: int
    is_data: bool = False


@dataclass
class PromptReader:
    """Reads `prompts` of a promptfoo config."""

    document: YamlDocument
    ledger: Ledger
    folder: SourceFolder
    prefix: str = ""
    suffix: str = ""
    names: NameGiver = field(default_factory=NameGiver)

    def read(self, value: Any) -> list[ForeignPrompt]:
        """Read all prompts; those that cannot be translated are told of and left out."""
        listed = value if isinstance(value, list) else [value]
        items = list(value.items()) if isinstance(value, dict) else list(enumerate(listed))
        found = []
        for key, item in items:
            line = self.document.place(("prompts", key))[0]
            for source in self._sources(item, line):
                prompt = self._translate(source)
                if prompt is not None:
                    found.append(prompt)
        return found

    def _translate(self, source: _Source) -> ForeignPrompt | None:
        ledger = self.ledger.of(source.path)
        try:
            body = self._body(source, ledger)
        except UntranslatableError as error:
            ledger.add("refused", "prompt", f"prompt not converted: {error.message}", line=error.line or source.line)
            return None
        return ForeignPrompt(self.names.give(source.wish), body, source.path, source.line)

    def _body(self, source: _Source, ledger: Ledger) -> str:
        messages = _messages(source)
        if re.search(r"\|\s*dump\b", source.text):
            ledger.add(
                "changed",
                "json",
                "JSON is printed with its keys sorted here, and with a blank after commas and colons",
                line=source.line,
            )
        if messages is None:
            text = f"{self.prefix}{source.text}{self.suffix}"
            return rewrite_nunjucks(text, first_line=source.line)
        if self.prefix or self.suffix:
            ledger.add("lost", "prefix", "prefix and suffix were left out: the prompt is a list of messages")
        return render_chat(
            messages, ledger, lambda text: rewrite_nunjucks(text, first_line=source.line), line=source.line
        )

    def _sources(self, item: Any, line: int) -> Iterator[_Source]:
        if isinstance(item, str):
            yield from self._read_text(item, "", line)
            return
        if not isinstance(item, dict):
            self.ledger.add("refused", "prompt", f"{item!r} is no prompt", line=line)
            return
        text = item.get("raw") or item.get("id")
        for key in item.keys() - {"raw", "id", "label", "display"}:
            self.ledger.add("lost", "prompt-key", f"a prompt's {key} has no counterpart", line=line)
        if isinstance(text, str):
            yield from self._read_text(text, str(item.get("label") or ""), line)
        else:
            self.ledger.add("refused", "prompt", "a prompt has neither 'raw' nor 'id'", line=line)

    def _read_text(self, text: str, label: str, line: int) -> Iterator[_Source]:
        name = text.removeprefix("file://").removeprefix("./")
        is_file = text.startswith("file://") or ("\n" not in text and text.endswith(_ENDINGS))
        if text.startswith(("exec:", "langfuse://", "portkey://", "helicone://")):
            hint = "promptctl import langfuse takes a prompt's JSON" if text.startswith("langfuse") else ""
            self.ledger.add("refused", "prompt", f"the prompt {text!r} is made elsewhere", line=line, hint=hint)
        elif is_file:
            yield from self._read_files(name, label, line, text)
        else:
            # A block of text begins on the line after its key.
            yield _Source(text, slug(label), self.ledger.path, line)

    def _read_files(self, name: str, label: str, line: int, written: str) -> Iterator[_Source]:
        names = [name]
        if any(sign in name for sign in "*?["):
            names = fnmatch.filter(self.folder.list_files(*_ENDINGS), name)
        known = [one for one in names if one.endswith((*_TEXT, *_DATA, ".jsonl")) and self.folder.read(one) is not None]
        if not known:
            is_code = (name.rpartition(":")[0] or name).endswith((".js", ".mjs", ".cjs", ".ts", ".py"))
            reason = "code is not run" if is_code else "there is no such text file beside the config"
            self.ledger.add("refused", "prompt", f"the prompt {written!r} was not converted: {reason}", line=line)
        for one in known:
            yield from self._read_file(one, label)

    def _read_file(self, name: str, label: str) -> Iterator[_Source]:
        text = self.folder.read(name) or ""
        shown = self.folder.show(name)
        stem = slug(label or PurePosixPath(name).stem)
        if name.endswith(".jsonl"):
            for number, row in enumerate(text.split("\n"), 1):
                if row.strip():
                    yield _Source(row, stem, shown, number, is_data=True)
        elif name.endswith(".txt"):
            yield from _split(text, stem, shown)
        else:
            yield _Source(text.rstrip("\n"), stem, shown, 1, is_data=name.endswith(_DATA))


def _split(text: str, stem: str, shown: str) -> Iterator[_Source]:
    """Cut a text file at lines that are `---`: several prompts in one file."""
    part: list[str] = []
    begun = 1
    for number, line in enumerate([*text.split("\n"), _DELIMITER], 1):
        if line.strip() != _DELIMITER:
            part.append(line)
            continue
        whole = "\n".join(part)
        if whole.strip():
            skipped = len(whole) - len(whole.lstrip("\n"))
            yield _Source(whole.strip(), stem, shown, begun + skipped)
        part, begun = [], number + 1


def _messages(source: _Source) -> list[dict[str, Any]] | None:
    """Return the messages of a chat prompt; None for a prompt that is text."""
    text = source.text.strip()
    if not (source.is_data or text.startswith("[")):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = _parse_yaml_messages(source, text)
    if is_chat(value):
        found: list[dict[str, Any]] = value
        return found
    if source.is_data and value is not None:
        raise UntranslatableError("expected a list of messages with 'role' and 'content'", source.line)
    return None


def _parse_yaml_messages(source: _Source, text: str) -> Any:
    if text.startswith("[") and '"role"' in text and "{%" in text:
        raise UntranslatableError("tags stand between the messages of a chat prompt", source.line)
    if not source.is_data:
        return None
    try:
        return parse_yaml(text, path=source.path).value
    except SourceError as error:
        raise UntranslatableError(f"neither JSON nor YAML: {error.problems[0].message}", source.line) from None
