"""Google's dotprompt files to ours: YAML frontmatter, Handlebars body, partials called `_name.prompt`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from promptship.converters._handlebars import HandlebarsReader
from promptship.converters._inputs import InputNames, add_optional, schema_of, soften
from promptship.converters._ledger import Conversion, ConvertedFile, Ledger
from promptship.converters._models import read_parameters
from promptship.converters._prompt_text import render_prompt_file
from promptship.converters._to_jinja import render_jinja, render_partial
from promptship.converters._tree import Each, If, Include, UntranslatableError, roots_of
from promptship.errors import Problem, SourceError, UsageError
from promptship.prompts import parse_picoschema, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.converters._source_folder import SourceFolder
    from promptship.converters._tree import Node, Template
    from promptship.converters._tree import Path as InputPath
    from promptship.domain import JsonObject, JsonValue

__all__ = ["import_dotprompt"]

_ENDING = ".prompt"
_FENCE = "---"
_PROVIDERS = {"googleai": "gemini", "vertexai": "vertex_ai", "vertex_ai": "vertex_ai"}
_FORMATS = {"json", "text"}


def import_dotprompt(folder: SourceFolder, name: str | None, *, prompts_dir: str = "prompts") -> Conversion:
    """Convert one dotprompt file, or all of a folder.

    Args:
        folder: Where they lie, and the partials that they use.
        name: The file; None for all.
        prompts_dir: Where prompts are written to.

    Returns:
        Prompts and partials, and what could not be carried over.

    Raises:
        UsageError: There is no dotprompt file.
    """
    listed = folder.list_files(_ENDING)
    names = [name] if name else [one for one in listed if not PurePosixPath(one).name.startswith("_")]
    if not names:
        raise UsageError(f"there is no .prompt file in {folder.show('')!r}")
    ledger = Ledger(folder.show(name or ""))
    partials = _Partials(folder, ledger, prompts_dir)
    files = [file for one in names for file in _import_one(folder, one, partials, prompts_dir)]
    made = {file.path: file for file in (*files, *partials.files)}
    return Conversion(
        source=folder.show(name or ""), format="dotprompt", files=tuple(made.values()), remarks=tuple(ledger.remarks)
    )


def _import_one(folder: SourceFolder, name: str, partials: _Partials, prompts_dir: str) -> Iterator[ConvertedFile]:
    ledger = partials.ledger.of(folder.show(name))
    try:
        source = folder.read(name)
        if source is None:
            raise UsageError(f"there is no file {folder.show(name)!r}")
        stem = name.removesuffix(_ENDING)
        reader = _FileReader(source, ledger, partials, PurePosixPath(name).parent.as_posix())
        path = f"{prompts_dir}/{stem}{_ENDING}"
        frontmatter = reader.frontmatter()
        body = reader.body()
        add_optional(frontmatter, reader.undeclared)
        yield ConvertedFile(path=path, text=render_prompt_file(frontmatter, body, path=path))
    except UntranslatableError as error:
        ledger.add("refused", "template", f"not converted: {error.message}", line=error.line or None)
    except SourceError as error:
        _refuse(error.problems, ledger)


def _refuse(problems: tuple[Problem, ...], ledger: Ledger) -> None:
    for problem in problems:
        ledger.add("refused", "source", f"not converted: {problem.message}", line=problem.line, hint=problem.hint or "")


class _FileReader:
    """Reads one file; `body` is to be called after `frontmatter`."""

    def __init__(self, source: str, ledger: Ledger, partials: _Partials, folder: str) -> None:
        self._ledger = ledger
        self._partials = partials
        self._folder = folder
        head, self._source, self._first_line = _split(source)
        self._document = parse_yaml(head, path=ledger.path, first_line=2)
        value = self._document.value
        self._value: dict[str, Any] = value if isinstance(value, dict) else {}
        if value is not None and not isinstance(value, dict):
            ledger.add("lost", "frontmatter", "the frontmatter is no mapping and was left out", line=1)
        self._names = InputNames(ledger)
        self._schema: JsonObject = {}
        self.undeclared: list[str] = []

    def frontmatter(self) -> JsonObject:
        """Return the frontmatter in our words."""
        made: JsonObject = {}
        more: JsonObject = {}
        for key, value in self._value.items():
            if key == "model":
                self._read_model(value, made)
            elif key == "config":
                self._read_config(value, made, more)
            elif key == "input":
                self._read_input(value, made)
            elif key == "output":
                self._read_output(value, made)
            elif key == "tools":
                self._read_tools(value, made)
            elif key == "description" and isinstance(value, str):
                made["description"] = value
            elif key == "name":
                self._note("note", "name", f"the name {value!r} is left out: a prompt's name is its path", "name")
            else:
                more[key] = value
        if more:
            made["x-dotprompt"] = more
            self._say_kept(more)
        return made

    def body(self) -> str:
        """Return the template as Jinja2."""
        reader = HandlebarsReader(
            rename=self._names,
            is_object=self._is_object,
            partial=self._names_in,
        )
        tree = reader.read(self._source, first_line=self._first_line)
        for code, message, line in reader.notes:
            self._ledger.add("changed", code, message, line=line)
        if not self._schema:
            self._tell_inputs(tree)
        else:
            self._declare(tree)
        tree = self._partials.rename(tree, self._folder)
        return render_jinja(soften(tree, self._schema, partial=self._partials.names.get))

    def _names_in(self, partial: str) -> tuple[str, ...] | None:
        return self._partials.names_in(partial, self._folder, self._ledger)

    def _declare(self, tree: Template) -> None:
        """Declare names that the template uses without declaring them: they print nothing, and are optional here."""
        for name, line in roots_of(tree, partial=self._names_in).items():
            if name in self._properties() or name == "loop":
                continue
            message = f"the input {name!r} is used but not declared; it is an optional input here"
            self._ledger.add("changed", "undeclared", message, line=line or None)
            self._properties()[name] = {}
            self.undeclared.append(name)

    def _properties(self) -> JsonObject:
        found = self._schema.setdefault("properties", {})
        return found if isinstance(found, dict) else {}

    def _tell_inputs(self, tree: Template) -> None:
        names = sorted(set(roots_of(tree, partial=self._names_in)) - {"loop"})
        if names:
            message = f"no input schema: {', '.join(names)} must be given here, where dotprompt prints nothing for them"
            self._ledger.add("changed", "inputs", message)

    def _is_object(self, path: InputPath) -> bool | None:
        found = schema_of(path, self._schema)
        kind = (found or {}).get("type")
        return None if kind is None else kind == "object" or (isinstance(kind, list) and "object" in kind)

    def _note(self, kind: Any, code: str, message: str, *keys: str, hint: str = "") -> None:
        self._ledger.add(kind, code, message, line=self._document.place(keys)[0], hint=hint)

    def _say_kept(self, more: JsonObject) -> None:
        for key in more:
            place = ("config", key) if key in (self._value.get("config") or {}) and key not in self._value else (key,)
            message = f"{'.'.join(place)} has no counterpart; it is kept under x-dotprompt, and nothing follows from it"
            self._note("lost", "key", message, *place)

    def _read_model(self, value: Any, made: JsonObject) -> None:
        if not isinstance(value, str) or not value:
            self._note("lost", "model", f"model {value!r} is no name and was left out", "model")
            return
        provider, slash, model = value.partition("/")
        made["model"] = f"{_PROVIDERS.get(provider, provider)}/{model}" if slash else value
        if not slash:
            hint = f"add {value!r} to prompts/models.yaml, or write provider/model"
            self._note("changed", "model", f"the model {value!r} names no provider", "model", hint=hint)

    def _read_config(self, value: Any, made: JsonObject, more: JsonObject) -> None:
        if not isinstance(value, dict):
            self._note("lost", "config", f"config {value!r} is no mapping and was left out", "config")
            return
        line = self._document.place(("config",))[0]
        known, rest = read_parameters(value, self._ledger, line=line, where="config")
        if known:
            made["config"] = known
        more.update(rest)

    def _read_input(self, value: Any, made: JsonObject) -> None:
        if not isinstance(value, dict):
            self._note("lost", "input", f"input {value!r} is no mapping and was left out", "input")
            return
        found: JsonObject = {}
        schema = value.get("schema")
        if isinstance(schema, dict):
            found["schema"] = self._rename_schema(schema)
            self._schema = parse_picoschema(found["schema"], path=self._ledger.path)
        elif schema is not None:
            message = f"the input schema {schema!r} is named, not written out, and was left out"
            self._note("lost", "input-schema", message, "input", "schema", hint="write the schema into the prompt")
        default = value.get("default")
        if isinstance(default, dict) and default:
            found["default"] = self._names.keys(default)
        for key in value.keys() - {"schema", "default"}:
            self._note("lost", "key", f"input.{key} has no counterpart and was left out", "input", key)
        if found:
            made["input"] = found

    def _rename_schema(self, schema: dict[str, Any]) -> JsonObject:
        if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
            required: list[JsonValue] = [self._names(name) for name in schema.get("required", [])]
            renamed = {**schema, "properties": self._names.keys(schema["properties"])}
            return {**renamed, "required": required} if "required" in schema else renamed
        return {self._rename_field(key): value for key, value in schema.items()}

    def _rename_field(self, key: str) -> str:
        end = min((at for at in (key.find("?"), key.find("(")) if at >= 0), default=len(key))
        return self._names(key[:end]) + key[end:] if key[:end] else key

    def _read_output(self, value: Any, made: JsonObject) -> None:
        if not isinstance(value, dict):
            self._note("lost", "output", f"output {value!r} is no mapping and was left out", "output")
            return
        found: JsonObject = {}
        written = value.get("format")
        if written in _FORMATS:
            found["format"] = written
        elif written is not None:
            self._note("lost", "output-format", f"the output format {written!r} is not known here", "output", "format")
        schema = value.get("schema")
        if isinstance(schema, dict):
            found["schema"] = schema
            found.pop("format", None)
        elif schema is not None:
            message = f"the output schema {schema!r} is named, not written out"
            self._note("lost", "output-schema", message, "output", "schema")
        for key in value.keys() - {"schema", "format"}:
            self._note("lost", "key", f"output.{key} has no counterpart and was left out", "output", key)
        if found:
            made["output"] = found

    def _read_tools(self, value: Any, made: JsonObject) -> None:
        tools: list[JsonValue] = []
        for index, tool in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                schema = tool.get("inputSchema", tool.get("parameters", {}))
                tools.append(
                    {
                        "name": tool["name"],
                        **({"description": tool["description"]} if tool.get("description") else {}),
                        "parameters": schema,
                    }
                )
                continue
            hint = "write the tool's definition: {name, description, parameters}"
            line = self._document.place(("tools", index))[0]
            self._ledger.add("lost", "tool", f"the tool {tool!r} is named, not defined", line=line, hint=hint)
        if tools:
            made["tools"] = tools


@dataclass
class _Partials:
    """Partials of a folder, each converted once."""

    folder: SourceFolder
    ledger: Ledger
    prompts_dir: str
    files: list[ConvertedFile] = field(default_factory=list)
    names: dict[str, tuple[str, ...] | None] = field(default_factory=dict)

    def path_of(self, name: str, folder: str) -> str | None:
        """Return the file of a partial: beside the prompt, or at the top."""
        places = [f"_{name}{_ENDING}"] if folder == "." else [f"{folder}/_{name}{_ENDING}", f"_{name}{_ENDING}"]
        return next((path for path in places if self.folder.read(path) is not None), None)

    def names_in(self, name: str, folder: str, ledger: Ledger) -> tuple[str, ...] | None:
        """Return the names that a partial takes from outside; None where there is no such partial."""
        path = self.path_of(name, folder)
        if path is None:
            return None
        if path not in self.names:
            self.names[path] = ()  # a circle ends here, and is refused where the prompt is read back
            self.names[path] = self._convert(path, ledger)
        return self.names[path]

    def rename(self, template: Template, folder: str) -> Template:
        """Return a tree in which partials are called by their files of ours."""
        return tuple(self._rename(node, folder) for node in template)

    def _rename(self, node: Node, folder: str) -> Node:
        match node:
            case Include(name):
                path = self.path_of(name, folder) or name
                renamed = f"{path.removesuffix(_ENDING)}.j2"
                self.names.setdefault(renamed, self.names.get(path))
                return replace(node, name=renamed)
            case If(_, body, other) | Each(_, _, body, other):
                return replace(node, body=self.rename(body, folder), other=self.rename(other, folder))
            case _:
                return node

    def _convert(self, path: str, ledger: Ledger) -> tuple[str, ...]:
        source = self.folder.read(path) or ""
        own = self.ledger.of(self.folder.show(path))
        folder = PurePosixPath(path).parent.as_posix()
        inner: list[str] = []

        def partial(name: str) -> tuple[str, ...] | None:
            found = self.names_in(name, folder, ledger)
            inner.extend(found or ())
            return found

        try:
            tree = HandlebarsReader(rename=InputNames(own), partial=partial).read(source)
        except UntranslatableError as error:
            raise UntranslatableError(f"the partial {path!r}, line {error.line}: {error.message}") from None
        text = render_partial(self.rename(tree, folder))
        made = f"{self.prompts_dir}/{path.removesuffix(_ENDING)}.j2"
        self.files.append(ConvertedFile(path=made, text=text))
        return tuple(dict.fromkeys([*(root for root in roots_of(tree) if root != "loop"), *inner]))


def _split(source: str) -> tuple[str, str, int]:
    """Return frontmatter, body and the body's first line; a file need not have frontmatter."""
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    if lines[first].rstrip() != _FENCE:
        return "", source, 1
    end = next((number for number, line in enumerate(lines) if number > first and line.rstrip() == _FENCE), None)
    if end is None:
        return "", source, 1
    head = "\n" * max(first - 1, 0) + "\n".join(lines[first + 1 : end])
    return head, "\n".join(lines[end + 1 :]), end + 2
