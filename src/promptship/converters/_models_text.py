"""`models.yaml` with entries added: what is there stays as it is, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.converters._ledger import ConvertedFile
from promptship.converters._prompt_text import render_yaml
from promptship.errors import PromptshipError
from promptship.project import parse_models
from promptship.prompts import decode_source, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from promptship.converters._ledger import Ledger
    from promptship.domain import JsonObject

__all__ = ["extend_models"]

_HEADING = "# Which model a prompt means by `model: NAME`. Keys are never written here: api_key_env names a variable.\n"


def extend_models(project: Path, path: str, models: Mapping[str, JsonObject], ledger: Ledger) -> ConvertedFile | None:
    """Return the file of model configs with new ones at its end.

    Args:
        project: The project's folder.
        path: The file below it.
        models: New configs by name. One of a name that is there with the same content is left out.
        ledger: Where it is told that a config could not be added.

    Returns:
        None where there is nothing to add, or the file cannot be added to.
    """
    file = project / path
    text = decode_source(file.read_bytes(), path=path) if file.is_file() else ""
    known = parse_yaml(text, path=path).value if text else {}
    there = known if isinstance(known, dict) else {}
    new = {name: entry for name, entry in models.items() if there.get(name) != entry}
    for name in sorted(new.keys() & there.keys()):
        hint = f"write it under another name: {render_yaml({name: new[name]}).strip()}"
        ledger.add("lost", "model", f"prompts/models.yaml has another model called {name!r}", hint=hint)
        del new[name]
    if not new:
        return None
    added = render_yaml(new)
    if not text:
        return ConvertedFile(path=path, text=_HEADING + added)
    whole = text if text.endswith("\n") else text + "\n"
    whole += added
    if not _reads_as(whole, path, {**there, **new}):
        hint = f"add it by hand:\n{added}"
        ledger.add("lost", "model", f"{path} is written so that nothing can be added at its end", hint=hint)
        return None
    return ConvertedFile(path=path, text=whole, extends=True)


def _reads_as(text: str, path: str, expected: JsonObject) -> bool:
    try:
        parse_models(text, path=path)
        return parse_yaml(text, path=path).value == expected
    except PromptshipError:
        return False
