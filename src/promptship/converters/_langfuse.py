"""Prompts as Langfuse's API and exports give them: JSON with `name`, `type`, `prompt` and `config`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.converters._inputs import InputNames
from promptship.converters._ledger import Conversion, ConvertedFile, Ledger
from promptship.converters._models import read_parameters
from promptship.converters._names import slug
from promptship.converters._prompt_text import render_prompt_file
from promptship.converters._to_plain import escape_plain
from promptship.converters._tree import UntranslatableError
from promptship.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.converters._source_folder import SourceFolder
    from promptship.domain import JsonObject

__all__ = ["import_langfuse"]

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}\s][^{}]*?)\s*\}\}")
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_REFERENCE: Final = re.compile(r"@@@langfusePrompt:.*?@@@")
_ROLES: Final = {"system", "developer", "user", "assistant"}
_KNOWN: Final = {
    *("id", "name", "type", "prompt", "config", "version", "labels", "tags", "commitMessage", "createdAt", "updatedAt"),
    *("projectId", "createdBy", "isActive", "resolutionGraph"),
}


def import_langfuse(folder: SourceFolder, name: str | None, *, prompts_dir: str = "prompts") -> Conversion:
    """Convert prompts of Langfuse: a JSON file with one prompt, a list, or a page of the API (`data`).

    Args:
        folder: Where the files lie.
        name: The file; None for every .json of the folder.
        prompts_dir: Where prompts are written to.

    Raises:
        UsageError: There is no JSON file.
        SourceError: A file is not JSON.
    """
    names = [name] if name else folder.list_files(".json")
    if not names:
        raise UsageError(f"there is no .json file in {folder.show('')!r}")
    ledger = Ledger(folder.show(name or ""))
    newest: dict[str, tuple[JsonObject, Ledger]] = {}
    for one in names:
        own = ledger.of(folder.show(one))
        for prompt in _prompts_in(folder.read(one) or "", own):
            _keep_newest(newest, prompt, own)
    files = [file for prompt, own in newest.values() for file in _convert(prompt, own, prompts_dir)]
    return Conversion(source=ledger.path, format="langfuse", files=tuple(files), remarks=tuple(ledger.remarks))


def _prompts_in(text: str, ledger: Ledger) -> Iterator[JsonObject]:
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SourceError.at(ledger.path, error.lineno, error.colno, f"not JSON: {error.msg}") from None
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        value = value["data"]
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and isinstance(one.get("name"), str) and "prompt" in one:
            yield one
        else:
            ledger.add("lost", "prompt", "something in the file is no prompt with 'name' and 'prompt'")


def _keep_newest(found: dict[str, tuple[JsonObject, Ledger]], prompt: JsonObject, ledger: Ledger) -> None:
    name = str(prompt["name"])
    before = found.get(name)
    if before is None:
        found[name] = (prompt, ledger)
        return
    pair = [before, (prompt, ledger)]
    pair.sort(key=lambda one: _version(one[0]))
    found[name] = pair[-1]
    ledger.add("lost", "version", f"version {_version(pair[0][0])} of {name!r} is left out for a newer one")


def _version(prompt: JsonObject) -> int:
    version = prompt.get("version")
    return version if isinstance(version, int) else 0


def _convert(prompt: JsonObject, ledger: Ledger, prompts_dir: str) -> Iterator[ConvertedFile]:
    name = str(prompt["name"])
    path = f"{prompts_dir}/{'/'.join(slug(part) for part in name.split('/'))}.prompt"
    try:
        body = _body(prompt, InputNames(ledger), ledger)
        yield ConvertedFile(path=path, text=render_prompt_file(_frontmatter(prompt, ledger), body, path=path))
    except UntranslatableError as error:
        ledger.add("refused", "template", f"{name!r} not converted: {error.message}")
    except SourceError as error:
        ledger.add("refused", "source", f"{name!r} not converted: {error.problems[0].message}")


def _frontmatter(prompt: JsonObject, ledger: Ledger) -> JsonObject:
    made: JsonObject = {}
    config = prompt.get("config")
    given: dict[str, Any] = dict(config) if isinstance(config, dict) else {}
    model = given.pop("model", None)
    if isinstance(model, str) and model:
        made["model"] = model if "/" in model else f"openai/{model}"
        if "/" not in model:
            message = f"{prompt['name']!r}: the model {model!r} names no provider; openai is taken"
            ledger.add("changed", "model", message, hint="write provider/model, or a name of prompts/models.yaml")
    params, rest = read_parameters(given, ledger, line=None, where=repr(prompt["name"]))
    if params:
        made["config"] = params
    tags = prompt.get("tags")
    if isinstance(tags, list) and tags:
        made["tags"] = [str(tag) for tag in tags]
    kept: JsonObject = {key: prompt[key] for key in ("version", "labels") if prompt.get(key)}
    if rest:
        kept["config"] = rest
        message = (
            f"{prompt['name']!r}: of its config {', '.join(sorted(rest))} is kept under x-langfuse, and has no effect"
        )
        ledger.add("lost", "config", message)
    if prompt.get("labels"):
        ledger.add("note", "labels", f"{prompt['name']!r}: its labels are kept under x-langfuse, and label nothing")
    for key in prompt.keys() - _KNOWN:
        ledger.add("lost", "key", f"{prompt['name']!r}: {key} has no counterpart")
    return {**made, "x-langfuse": kept} if kept else made


def _body(prompt: JsonObject, names: InputNames, ledger: Ledger) -> str:
    content = prompt["prompt"]
    if isinstance(content, str):
        return _translate(content, names)
    if not isinstance(content, list):
        raise UntranslatableError("its prompt is neither text nor a list of messages")
    placeholders = [one for one in content if isinstance(one, dict) and one.get("type") == "placeholder"]
    if len(placeholders) > 1:
        raise UntranslatableError("it has several placeholders for messages; here there is one history")
    parts = []
    for message in content:
        if not isinstance(message, dict):
            raise UntranslatableError(f"{message!r} is no message")
        if message.get("type") == "placeholder":
            if message.get("name") != "history":
                ledger.add("changed", "history", f"the placeholder {message.get('name')!r} is called 'history' here")
            parts.append("{% history %}\n")
        elif message.get("role") in _ROLES and isinstance(message.get("content"), str):
            parts.append(f"{{% {message['role']} %}}\n{_translate(str(message['content']), names)}\n")
        else:
            raise UntranslatableError(f"a message of the role {message.get('role')!r} cannot be carried over")
    return "".join(parts)


def _translate(text: str, names: InputNames) -> str:
    if found := _REFERENCE.search(text):
        raise UntranslatableError(f"it takes in another prompt ({found[0]!r}): resolve it in Langfuse first")
    made, at = "", 0
    for found in _VARIABLE.finditer(text):
        name = found[1].strip()
        if not _NAME.fullmatch(name):
            raise UntranslatableError(f"'{{{{{name}}}}}' is no plain variable")
        made += f"{escape_plain(text[at : found.start()])}{{{{ {names(name)} }}}}"
        at = found.end()
    return made + escape_plain(text[at:])
