"""Our prompts to Microsoft's .prompty files, in the form of its version 2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from promptship.converters._export_report import tell_losses
from promptship.converters._from_jinja import read_closure, trim_messages
from promptship.converters._ledger import Conversion, ConvertedFile, Ledger
from promptship.converters._prompt_text import render_yaml
from promptship.converters._to_plain import render_plain
from promptship.converters._tree import UntranslatableError

if TYPE_CHECKING:
    from promptship.converters._tree import Template
    from promptship.domain import Closure, JsonObject, JsonValue
    from promptship.project import LoadedPrompt

__all__ = ["export_prompty"]

_OPTIONS: Final = {
    "max_tokens": "maxOutputTokens",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "temperature": "temperature",
    "seed": "seed",
}
_KINDS: Final = {"number": "float"}
_ROLE_LINE: Final = re.compile(
    r"^\s*#?\s*(?:system|user|assistant|developer|tool|function)(?:\[[^\]]*\])?\s*:\s*$",
    re.IGNORECASE | re.MULTILINE,
)


def export_prompty(loaded: LoadedPrompt) -> Conversion:
    """Convert a prompt to one .prompty file.

    Args:
        loaded: The prompt.

    Returns:
        The file, or none where the template cannot be written.
    """
    ledger = Ledger(loaded.path)
    files: list[ConvertedFile] = []
    try:
        tree = read_closure(loaded.version.closure, first_line=loaded.document.body_line)
        tell_losses(loaded, tree, ledger)
        messages = trim_messages(tree)
        frontmatter = _frontmatter(loaded, ledger, has_history=any(role == "history" for role, _ in messages))
        body = "\n\n".join(_message(role, content) for role, content in messages)
        text = f"---\n{render_yaml(frontmatter)}---\n{body}\n"
        files.append(ConvertedFile(path=f"{loaded.version.name}.prompty", text=text))
    except UntranslatableError as error:
        ledger.add("refused", "template", f"not converted: {error.message}", line=error.line or None)
    return Conversion(source=loaded.version.label, format="prompty", files=tuple(files), remarks=tuple(ledger.remarks))


def _message(role: str, content: Template) -> str:
    if role == "history":
        return "{{ history }}"
    text = render_plain(content, "jinja2")
    if _ROLE_LINE.search(text):
        raise UntranslatableError("a line of the text reads as the beginning of a message in a .prompty file")
    return f"{role}:\n{text}"


def _frontmatter(loaded: LoadedPrompt, ledger: Ledger, *, has_history: bool) -> JsonObject:
    closure, document = loaded.version.closure, loaded.document
    made: JsonObject = {"name": loaded.version.name.replace("/", "-")}
    if document.description:
        made["description"] = document.description
    metadata: JsonObject = {}
    if document.owner:
        metadata["authors"] = [document.owner]
    if document.tags:
        metadata["tags"] = list(document.tags)
    if metadata:
        made["metadata"] = metadata
    made["model"] = _model(closure, ledger)
    inputs = _inputs(closure)
    if has_history:
        inputs["history"] = {"kind": "thread"}
    if inputs:
        made["inputs"] = inputs
    if closure.output.schema is not None:
        made["outputs"] = _properties(closure.output.schema)
        ledger.add("changed", "output", "of the output's schema only fields and their kinds are carried over")
    elif closure.output.format == "json":
        ledger.add("lost", "output", "output.format: json has no counterpart without a schema")
    if closure.tools:
        made["tools"] = [_tool(tool) for tool in closure.tools]
    made["template"] = {"format": {"kind": "jinja2"}, "parser": {"kind": "prompty"}}
    return made


def _model(closure: Closure, ledger: Ledger) -> JsonObject:
    provider, _, name = closure.model.model.partition("/")
    made: JsonObject = {"id": name, "provider": provider, "apiType": "chat"}
    if closure.model.api_key_env:
        # The name of a variable, which prompty reads; never its value.
        made["connection"] = {"kind": "key", "apiKey": f"${{env:{closure.model.api_key_env}}}"}
    options = {_OPTIONS[key]: value for key, value in closure.model.params.items() if key in _OPTIONS}
    rest = {key: value for key, value in closure.model.params.items() if key not in _OPTIONS}
    if rest:
        options["additionalProperties"] = rest
    if options:
        made["options"] = options
    if closure.model.endpoint or closure.model.base_url:
        ledger.add("lost", "endpoint", f"the address of the model {closure.model.name!r} is left out")
    return made


def _inputs(closure: Closure) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    properties = _properties(closure.input_schema)
    for name, described in properties.items():
        entry: JsonObject = described if isinstance(described, dict) else {}
        if name in closure.defaults:
            entry["default"] = closure.defaults[name]
        found[name] = entry
    return found


def _properties(schema: JsonObject) -> JsonObject:
    """Return the fields of an object schema as prompty describes them."""
    properties, required = schema.get("properties"), schema.get("required")
    needed = required if isinstance(required, list) else []
    found: JsonObject = {}
    for name, inner in (properties if isinstance(properties, dict) else {}).items():
        found[name] = {**_described(inner if isinstance(inner, dict) else {}), "required": name in needed}
    return found


def _described(schema: JsonObject) -> JsonObject:
    kind = schema.get("type", "any")
    kinds = [str(one) for one in (kind if isinstance(kind, list) else [kind]) if one != "null"]
    name = kinds[0] if kinds else "any"
    made: JsonObject = {"kind": _KINDS.get(name, name)}
    if schema.get("description"):
        made["description"] = schema["description"]
    values = schema.get("enum")
    if isinstance(values, list):
        made["enumValues"] = [value for value in values if value is not None]
    if name == "array":
        items = schema.get("items")
        made["items"] = _described(items if isinstance(items, dict) else {})
    if name == "object":
        made["properties"] = _properties(schema)
    return made


def _tool(tool: JsonObject) -> JsonObject:
    function: Any = tool["function"]
    described = _properties(function.get("parameters", {}))
    parameters: list[JsonValue] = [
        {"name": name, **entry} for name, entry in described.items() if isinstance(entry, dict)
    ]
    made: JsonObject = {"name": function["name"], "kind": "function"}
    if function.get("description"):
        made["description"] = function["description"]
    return {**made, "parameters": parameters}
