"""Microsoft's .prompty files, versions 1 and 2, to ours. `${env:…}` and `${file:…}` are never looked up."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from jinja2.exceptions import TemplateSyntaxError

from promptship.converters._handlebars import HandlebarsReader
from promptship.converters._inputs import InputNames
from promptship.converters._ledger import Conversion, ConvertedFile, Ledger
from promptship.converters._models import read_parameters
from promptship.converters._nunjucks import keep_white_space
from promptship.converters._prompt_text import render_prompt_file
from promptship.converters._to_jinja import render_jinja
from promptship.converters._tree import UntranslatableError
from promptship.converters._typed_fields import FieldReader
from promptship.errors import SourceError, UsageError
from promptship.prompts import analyse, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.converters._source_folder import SourceFolder
    from promptship.domain import JsonObject, JsonValue

__all__ = ["import_prompty"]

_FENCE: Final = "---"
_ROLE: Final = re.compile(
    r"^[ \t]*#?[ \t]*(?P<role>system|user|assistant|developer|tool|function)(?P<more>\[[^\]]*\])?[ \t]*:[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_DYNAMIC_ROLE: Final = re.compile(r"^[ \t]*#?[ \t]*\{\{.*\}\}[ \t]*:[ \t]*$", re.MULTILINE)
_HISTORY_LOOP: Final = re.compile(
    r"\{%-?\s*for\s+(?P<item>\w+)\s+in\s+(?P<list>\w+)\s*-?%\}\s*\{\{\s*(?P=item)\.role\s*\}\}\s*:\s*"
    r"\{\{\s*(?P=item)\.content\s*\}\}\s*\{%-?\s*endfor\s*-?%\}"
)
_IMAGE: Final = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_VARIABLE: Final = re.compile(r"\$\{(?:env:)?(\w+)(?::[^}]*)?\}")
_REFERENCE: Final = re.compile(r"\$\{(env|file):[^}]*\}", re.IGNORECASE)
_PROVIDERS: Final = {
    "azure_openai": "azure",
    "azure": "azure",
    "openai": "openai",
    "anthropic": "anthropic",
    "foundry": "azure_ai",
}
_KNOWN: Final = {
    *("name", "description", "authors", "tags", "version", "metadata", "model", "template", "tools", "base", "$schema"),
    *("inputs", "outputs", "sample", "inputSchema", "outputSchema", "displayName"),
}


def import_prompty(folder: SourceFolder, name: str | None, *, prompts_dir: str = "prompts") -> Conversion:
    """Convert one .prompty file, or all of a folder.

    Args:
        folder: Where they lie.
        name: The file; None for all.
        prompts_dir: Where prompts are written to.

    Raises:
        UsageError: There is no .prompty file.
    """
    names = [name] if name else folder.list_files(".prompty")
    if not names:
        raise UsageError(f"there is no .prompty file in {folder.show('')!r}")
    ledger = Ledger(folder.show(name or ""))
    files = [file for one in names for file in _import_one(folder, one, ledger.of(folder.show(one)), prompts_dir)]
    return Conversion(source=ledger.path, format="prompty", files=tuple(files), remarks=tuple(ledger.remarks))


def _import_one(folder: SourceFolder, name: str, ledger: Ledger, prompts_dir: str) -> Iterator[ConvertedFile]:
    try:
        reader = _FileReader(folder.read(name) or "", ledger)
        stem = str(PurePosixPath(name).with_suffix(""))
        path = f"{prompts_dir}/{stem}.prompt"
        body = reader.body()
        yield ConvertedFile(path=path, text=render_prompt_file(reader.frontmatter(), body, path=path))
    except UntranslatableError as error:
        ledger.add("refused", "template", f"not converted: {error.message}", line=error.line or None)
    except SourceError as error:
        for problem in error.problems:
            ledger.add("refused", "source", f"not converted: {problem.message}", line=problem.line)


class _FileReader:
    """Reads one file; `body` comes first, since it may turn an input into the history."""

    def __init__(self, source: str, ledger: Ledger) -> None:
        self._ledger = ledger
        lines = source.split("\n")
        # Only a line that is exactly --- ends the frontmatter, so that '---' inside a value cuts nothing off.
        end = lines.index(_FENCE, 1) if lines[0] == _FENCE and _FENCE in lines[1:] else 0
        self._document = parse_yaml("\n".join(lines[1:end]), path=ledger.path, first_line=2)
        self._source = "\n".join(lines[end + 1 if end else 0 :])
        self._first_line = end + 2 if end else 1
        value = self._document.value
        self._value: dict[str, Any] = value if isinstance(value, dict) else {}
        self._names = InputNames(ledger)
        self._history: set[str] = set()
        self._undeclared: list[str] = []

    def body(self) -> str:
        """Return the template with role tags in place of role lines."""
        if self._format() == "mustache":
            source = render_jinja(HandlebarsReader(rename=self._names).read(self._source, first_line=self._first_line))
            source = self._take_history(source)
        else:
            source = keep_white_space(self._take_history(self._source), first_line=self._first_line)
        if found := _DYNAMIC_ROLE.search(source):
            raise UntranslatableError(
                f"the role in {found[0].strip()!r} is computed", self._line_of(source, found.start())
            )
        if _IMAGE.search(source):
            self._ledger.add("changed", "image", "an image in Markdown stays text: write {% media NAME %} for it")
        parts = _ROLE.split(source)
        # Text before the first role line is a system message there.
        first = f"{{% system %}}\n{parts[0].strip(chr(10))}\n" if parts[0].strip() else ""
        body = first + "".join(self._messages(parts[1:], source))
        self._tell_undeclared(body)
        return body

    def _tell_undeclared(self, body: str) -> None:
        declared = {self._names(name) for name in self._described_inputs()}
        try:
            used = analyse(body, {}).inputs
        except TemplateSyntaxError:
            return  # said with its line when the prompt is read back
        self._undeclared = [name for name in used if declared and name not in declared | {"history"}]
        for name in self._undeclared:
            message = f"the input {name!r} is used but not declared; it has to be given here"
            self._ledger.add("changed", "undeclared", message)

    def _messages(self, parts: list[str], source: str) -> Iterator[str]:
        for role, more, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            name = role.lower()
            if name in {"tool", "function"}:
                at = source.find(f"{role}{more or ''}")
                raise UntranslatableError(
                    f"messages of the role {name!r} cannot be carried over", self._line_of(source, at)
                )
            if more:
                self._ledger.add("lost", "role-attributes", f"the attributes {more} of a message are left out")
            yield f"{{% {name} %}}\n{text.strip(chr(10))}\n"

    def _line_of(self, source: str, at: int) -> int:
        return source.count("\n", 0, at) + self._first_line

    def _take_history(self, source: str) -> str:
        """Put `{% history %}` where a loop prints messages, or a thread is printed."""

        def replace(found: re.Match[str]) -> str:
            self._history.add(found["list"])
            return "{% history %}"

        source = _HISTORY_LOOP.sub(replace, source)
        for name, described in self._described_inputs().items():
            if described.get("kind") == "thread":
                self._history.add(name)
                source = re.sub(r"\{\{\s*" + re.escape(name) + r"\s*\}\}", "{% history %}", source)
        for name in sorted(self._history - {"history"}):
            self._ledger.add("changed", "history", f"the input {name!r} is called 'history' here")
        return source

    def _format(self) -> str:
        template = self._value.get("template", "jinja2")
        if isinstance(template, dict):
            template = template.get("format") or template.get("type") or "jinja2"
        if isinstance(template, dict):
            template = template.get("kind") or "jinja2"
        if template not in {"jinja2", "mustache"}:
            raise UntranslatableError(f"templates of the kind {template!r} are not known", self._line("template"))
        return str(template)

    def _described_inputs(self) -> dict[str, dict[str, Any]]:
        return FieldReader(self._ledger).described(self._value.get("inputSchema") or self._value.get("inputs"))

    def _line(self, *keys: str | int) -> int:
        return self._document.place(keys)[0]

    def frontmatter(self) -> JsonObject:
        """Return the frontmatter in our words."""
        made: JsonObject = {}
        if isinstance(self._value.get("description"), str):
            made["description"] = self._value["description"]
        kept: JsonObject = {}
        self._read_people(made, kept)
        self._read_model(made)
        self._read_inputs(made, kept)
        outputs = self._value.get("outputSchema") or self._value.get("outputs")
        if outputs:
            made["output"] = {"schema": FieldReader(self._ledger).schema(outputs, line=self._line("outputs"))}
        if self._value.get("tools"):
            self._read_tools(self._value["tools"], self._line("tools"), made)
        for key in self._value.keys() - _KNOWN:
            kept[key] = self._value[key]
            self._ledger.add(
                "lost", "key", f"{key} has no counterpart; it is kept under x-prompty", line=self._line(key)
            )
        if self._value.get("base"):
            self._ledger.add("lost", "base", f"the base {self._value['base']!r} is left out", line=self._line("base"))
        if kept:
            made["x-prompty"] = kept
        self._tell_references()
        return made

    def _read_people(self, made: JsonObject, kept: JsonObject) -> None:
        metadata = self._value.get("metadata")
        about = {**self._value, **(metadata if isinstance(metadata, dict) else {})}
        authors = about.get("authors")
        if isinstance(authors, list) and authors:
            made["owner"] = ", ".join(map(str, authors))
        tags = about.get("tags")
        if isinstance(tags, list) and tags:
            made["tags"] = [str(tag) for tag in tags]
        for key in ("version", "displayName"):
            if about.get(key) is not None:
                kept[key] = about[key]
        for key in (metadata if isinstance(metadata, dict) else {}).keys() - {"authors", "tags", "version"}:
            kept[key] = about[key]

    def _read_model(self, made: JsonObject) -> None:
        value = self._value.get("model")
        line = self._line("model")
        if isinstance(value, str):
            made["model"] = value if "/" in value else f"openai/{value}"
            return
        model: dict[str, Any] = value if isinstance(value, dict) else {}
        connection = model.get("connection") or model.get("configuration") or {}
        given: dict[str, Any] = connection if isinstance(connection, dict) else {}
        name = model.get("id") or given.get("azure_deployment") or given.get("model") or given.get("name")
        kind = str(model.get("provider") or given.get("type") or ("azure" if "azure_deployment" in given else "openai"))
        if isinstance(name, str) and not _REFERENCE.search(name):
            made["model"] = f"{_PROVIDERS.get(kind.lower(), kind.lower())}/{name}"
        elif model:
            hint = "name it: model: provider/model, or a name of prompts/models.yaml"
            self._ledger.add("lost", "model", "the model has no name that can be carried over", line=line, hint=hint)
        self._tell_connection(given, line)
        self._read_options(model, line, made)
        api = model.get("api") or model.get("apiType") or "chat"
        if api not in {"chat", "responses"}:
            self._ledger.add("lost", "api", f"the API {api!r} has no counterpart: it is called as chat", line=line)

    def _tell_connection(self, given: dict[str, Any], line: int) -> None:
        for key in sorted(given.keys() - {"type", "kind", "azure_deployment", "model", "name"}):
            variable = _VARIABLE.search(str(given[key]))
            hint = (
                f"write api_key_env: {variable[1]} in prompts/models.yaml" if variable and "key" in key.lower() else ""
            )
            self._ledger.add("lost", "connection", f"the connection's {key} is left out", line=line, hint=hint)

    def _read_options(self, model: dict[str, Any], line: int, made: JsonObject) -> None:
        options = model.get("options") or model.get("parameters")
        given: dict[str, Any] = dict(options) if isinstance(options, dict) else {}
        more = given.pop("additionalProperties", None)
        given.update(more if isinstance(more, dict) else {})
        tools = given.pop("tools", None)
        if tools:
            self._read_tools(tools, line, made)
        wanted = given.pop("response_format", None)
        if isinstance(wanted, dict) and wanted.get("type") == "json_object":
            made["output"] = {"format": "json"}
        elif wanted is not None:
            self._ledger.add("lost", "response-format", f"response_format {wanted!r} is left out", line=line)
        params, rest = read_parameters(given, self._ledger, line=line, where="model")
        if params:
            made["config"] = params
        for key in rest:
            self._ledger.add("lost", "parameter", f"the parameter {key!r} has no counterpart", line=line)

    def _read_inputs(self, made: JsonObject, kept: JsonObject) -> None:
        value = self._value.get("inputSchema") or self._value.get("inputs")
        found: JsonObject = {}
        sample = self._value.get("sample")
        described = {name: one for name, one in self._described_inputs().items() if name not in self._history}
        if described:
            reader = FieldReader(self._ledger)
            schema = reader.fields({self._names(name): one for name, one in described.items()})
            found["schema"] = {**schema, **dict.fromkeys(self._undeclared, "any")}
            defaults = {self._names(name): one["default"] for name, one in described.items() if "default" in one}
            if defaults:
                found["default"] = defaults
        elif value is None and isinstance(sample, dict):
            found["schema"] = {self._names(name): "any" for name in sample if name not in self._history}
        if isinstance(sample, dict):
            kept["sample"] = sample
            self._ledger.add(
                "note", "sample", "the sample is kept under x-prompty; it is no default", line=self._line("sample")
            )
        elif sample is not None:
            self._ledger.add("lost", "sample", f"the sample {sample!r} is not looked up", line=self._line("sample"))
        if found.get("schema"):
            made["input"] = found

    def _read_tools(self, value: Any, line: int, made: JsonObject) -> None:
        tools: list[JsonValue] = []
        for tool in value if isinstance(value, list) else []:
            function = tool.get("function", tool) if isinstance(tool, dict) else {}
            kind = tool.get("kind") or tool.get("type") or "function" if isinstance(tool, dict) else ""
            if kind != "function" or not isinstance(function.get("name"), str):
                self._ledger.add("lost", "tool", f"a tool of the kind {kind!r} has no counterpart", line=line)
                continue
            made_one: JsonObject = {"name": function["name"]}
            if isinstance(function.get("description"), str):
                made_one["description"] = function["description"]
            made_one["parameters"] = FieldReader(self._ledger).schema(function.get("parameters") or {}, line=line)
            tools.append(made_one)
        if tools:
            made["tools"] = tools

    def _tell_references(self) -> None:
        for key, value in self._value.items():
            if key in {"model", "sample"} or not _REFERENCE.search(str(value)):
                continue
            message = f"{key} refers to the environment or a file, which is not looked up"
            self._ledger.add("lost", "reference", message, line=self._line(key))
