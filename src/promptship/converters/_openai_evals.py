"""Evals of the openai/evals registry: a YAML of evals and their samples in JSONL, or samples alone."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.converters._ledger import Conversion, ConvertedFile, Ledger
from promptship.converters._names import slug
from promptship.converters._prompt_text import render_prompt_file, render_yaml
from promptship.errors import SourceError, UsageError
from promptship.prompts import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.converters._source_folder import SourceFolder
    from promptship.domain import JsonObject, JsonValue
    from promptship.settings import Settings

__all__ = ["import_openai_evals"]

_CLASSES: Final = {
    "match:Match": "starts-with",
    "includes:Includes": "contains",
    "fuzzy_match:FuzzyMatch": "icontains",
    "json_match:JsonMatch": "json-equals",
    "json_validator:JsonValidator": "is-json",
}
_BODY: Final = "{% history %}\n"


def import_openai_evals(folder: SourceFolder, name: str | None, *, settings: Settings) -> Conversion:
    """Convert evals: each becomes an evalset whose cases are conversations.

    Args:
        folder: Where the registry's YAML, or the samples, lie.
        name: The file; None for every .yaml of the folder.
        settings: Folders of the project.

    Raises:
        UsageError: There is nothing of that kind.
        SourceError: A file cannot be read.
    """
    names = [name] if name else folder.list_files(".yaml", ".yml")
    if not names:
        raise UsageError(f"there is no YAML of evals in {folder.show('')!r}", hint="name a file of samples, .jsonl")
    ledger = Ledger(folder.show(name or ""))
    writer = _Writer(folder, settings)
    files = [file for one in names for file in writer.files_of(one, ledger.of(folder.show(one)))]
    made = {file.path: file for file in files}
    return Conversion(
        source=ledger.path, format="openai-evals", files=tuple(made.values()), remarks=tuple(ledger.remarks)
    )


class _Writer:
    def __init__(self, folder: SourceFolder, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings

    def files_of(self, name: str, ledger: Ledger) -> Iterator[ConvertedFile]:
        """Yield what one file becomes."""
        if name.endswith(".jsonl"):
            hint = "name the registry's YAML, which says how answers are compared"
            ledger.add("changed", "class", "how answers are compared is not said: they have to begin alike", hint=hint)
            yield from self._evalset(slug(PurePosixPath(name).stem), name, "starts-with", ledger, description="")
            return
        document = parse_yaml(self._folder.read(name) or "", path=ledger.path)
        value = document.value if isinstance(document.value, dict) else {}
        described: dict[str, Any] = {key: one for key, one in value.items() if isinstance(one, dict)}
        for key, one in described.items():
            if "class" not in one:
                continue
            line = document.place((key,))[0]
            alias = next((other for other, entry in described.items() if entry.get("id") == key), key.split(".")[0])
            yield from self._one(slug(alias), one, ledger, line, str(described.get(alias, {}).get("description") or ""))

    def _one(
        self, name: str, value: JsonObject, ledger: Ledger, line: int, description: str
    ) -> Iterator[ConvertedFile]:
        kind = str(value["class"]).rpartition("elsuite.")[2].rpartition(".")[2]
        arguments = value.get("args")
        given: dict[str, Any] = dict(arguments) if isinstance(arguments, dict) else {}
        samples = given.pop("samples_jsonl", None)
        if kind not in _CLASSES:
            hint = "it asks a model, or is code; write scorers for it"
            ledger.add(
                "refused", "class", f"{name!r} not converted: the class {value['class']!r}", line=line, hint=hint
            )
            return
        if kind == "fuzzy_match:FuzzyMatch":
            message = (
                f"{name!r}: punctuation and articles count here, and an answer inside the expected text does not pass"
            )
            ledger.add("changed", "fuzzy-match", message, line=line)
        self._read_arguments(given, name, ledger, line)
        path = self._find(str(samples))
        if path is None:
            ledger.add("refused", "samples", f"{name!r} not converted: there are no samples {samples!r}", line=line)
            return
        scorer = "icontains" if given.get("ignore_case") and "Includes" in kind else _CLASSES[kind]
        yield from self._evalset(name, path, scorer, ledger, description=description)

    def _read_arguments(self, given: dict[str, Any], name: str, ledger: Ledger, line: int) -> None:
        for key in sorted(given.keys() - {"ignore_case"}):
            ledger.add("lost", "argument", f"{name!r}: the argument {key} has no counterpart", line=line)

    def _find(self, name: str) -> str | None:
        """Return the samples' path: as written, below data/, or by its last two parts."""
        parts = PurePosixPath(name).parts
        wishes = [name, f"data/{name}", f"../data/{name}", "/".join(parts[-2:]), parts[-1] if parts else ""]
        return next((wish for wish in wishes if wish and self._folder.read(wish) is not None), None)

    def _evalset(
        self, name: str, path: str, scorer: str, ledger: Ledger, *, description: str
    ) -> Iterator[ConvertedFile]:
        samples = ledger.of(self._folder.show(path))
        rows = list(_cases(self._folder.read(path) or "", samples, compares=scorer != "is-json"))
        if not rows:
            ledger.add("refused", "samples", f"{name!r} not converted: there is no sample in {path!r}")
            return
        prompts, evalsets = self._settings.prompts_dir, self._settings.evalsets_dir
        prompt = f"{prompts}/{name}.prompt"
        yield ConvertedFile(path=prompt, text=render_prompt_file({"config": {"temperature": 0}}, _BODY, path=prompt))
        header: JsonObject = {"description": description} if description else {}
        header.update({"prompt": name, "cases": f"{name}.jsonl", "scorers": [scorer]})
        yield ConvertedFile(path=f"{evalsets}/{name}.yaml", text=render_yaml(header))
        lines = "".join(orjson.dumps(row).decode() + "\n" for row in rows)
        yield ConvertedFile(path=f"{evalsets}/{name}.jsonl", text=lines)


def _cases(text: str, ledger: Ledger, *, compares: bool) -> Iterator[JsonObject]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            sample: Any = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise SourceError.at(ledger.path, number, error.colno, f"not JSON: {error.msg}") from None
        messages = _messages(sample.get("input") if isinstance(sample, dict) else None)
        if messages is None:
            ledger.add("lost", "sample", "a sample without an 'input' of text or messages is left out", line=number)
            continue
        row: JsonObject = {"id": f"sample-{number}", "inputs": {"history": messages}}
        for key in sample.keys() - {"input", "ideal"}:
            ledger.add("lost", "sample-key", f"the key {key!r} of samples has no counterpart", line=number)
        row.update(_expected(sample.get("ideal"), ledger, number) if compares else {})
        yield row


def _expected(ideal: Any, ledger: Ledger, line: int) -> JsonObject:
    texts = [str(one) for one in (ideal if isinstance(ideal, list) else [ideal]) if one is not None]
    if not texts:
        ledger.add("lost", "ideal", "a sample has no 'ideal'", line=line)
        return {}
    references: list[JsonValue] = list(texts[1:])
    return {"expected": texts[0], **({"references": references} if references else {})}


def _messages(value: Any) -> list[JsonValue] | None:
    if isinstance(value, str) and value:
        return [{"role": "user", "content": value}]
    if not isinstance(value, list) or not value:
        return None
    found: list[JsonValue] = []
    for message in value:
        if not isinstance(message, dict) or message.get("role") not in {"system", "user", "assistant", "developer"}:
            return None
        # `name` marks an example's speaker there; the protocol has the same key.
        found.append(message)
    return found
