"""The keys of the frontmatter: read, checked, and turned into fields of the document."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from promptship.domain import OutputContract
from promptship.errors import Problem, did_you_mean
from promptship.prompts._checks import compile_check, declared_inputs, explain_value
from promptship.prompts._names import check_input_name
from promptship.prompts._picoschema import read_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.domain import JsonObject
    from promptship.prompts._yaml import YamlDocument

__all__ = ["read_keys"]

_TRUSTS = ("plain", "untrusted")
_FORMATS = ("text", "json")
_PROMPTY_MODEL_KEYS = {"api", "configuration", "parameters"}
_IMPORT_HINT = "if this is a .prompty file: promptctl import prompty converts it"


def read_keys(document: YamlDocument, problems: list[Problem]) -> dict[str, Any]:
    """Read the frontmatter.

    Args:
        document: The parsed frontmatter.
        problems: Where everything that is wrong is added.

    Returns:
        Keyword arguments of `PromptDocument`, only those that the frontmatter gives.
    """
    reader = _Reader(document, problems)
    if document.value is None:
        return {}
    if not isinstance(document.value, dict):
        reader.note((), f"expected keys such as 'model: default', not {type(document.value).__name__}")
        return {}
    reader.read(document.value)
    return reader.fields


class _Reader:
    def __init__(self, document: YamlDocument, problems: list[Problem]) -> None:
        self.fields: dict[str, Any] = {}
        self._document = document
        self._problems = problems
        self._readers: dict[str, Callable[[Any], None]] = {
            "promptship": self._read_format,
            "description": lambda value: self._read_text("description", value),
            "owner": lambda value: self._read_text("owner", value),
            "tags": self._read_tags,
            "links": self._read_links,
            "data": lambda value: self.fields.update(data=value),
            "model": self._read_model,
            "config": self._read_config,
            "input": self._read_input,
            "examples": self._read_examples,
            "output": self._read_output,
            "tools": self._read_tools,
        }

    def note(self, steps: tuple[str | int, ...], message: str, hint: str | None = None, *, value: bool = True) -> None:
        """Add a problem at a key (or, by default, at its value)."""
        self._problems.append(self._document.problem(steps, message, hint=hint, value=value))

    def read(self, value: JsonObject) -> None:
        """Read every key."""
        extra = {}
        for key, item in value.items():
            if key.startswith("x-"):
                extra[key] = item
            elif key in self._readers:
                self._readers[key](item)
            else:
                hint = f"known keys: {', '.join(self._readers)}; keys of your own begin with 'x-'"
                self.note((key,), f"unknown key {key!r}{did_you_mean(key, self._readers)}", hint, value=False)
        self.fields["extra"] = extra

    def _read_format(self, value: Any) -> None:
        if value != 1 or isinstance(value, bool):
            self.note(("promptship",), f"format version {value!r} is not known; expected 1", "upgrade promptship")

    def _read_text(self, key: str, value: Any) -> None:
        if isinstance(value, str):
            self.fields[key] = value
        else:
            self.note((key,), f"{key} is {value!r}; expected text", "put it in quotes")

    def _read_tags(self, value: Any) -> None:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            self.fields["tags"] = tuple(value)
        else:
            self.note(("tags",), f"tags is {value!r}; expected a list of words", "write tags: [one, other]")

    def _read_links(self, value: Any) -> None:
        items = list(value.values()) if isinstance(value, dict) else value
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            self.fields["links"] = value
        else:
            self.note(("links",), f"links is {value!r}; expected a list, or a mapping from names, of addresses")

    def _read_model(self, value: Any) -> None:
        if isinstance(value, str) and value:
            self.fields["model"] = value
            return
        foreign = isinstance(value, dict) and bool(_PROMPTY_MODEL_KEYS & set(value))
        hint = _IMPORT_HINT if foreign else "write model: default; parameters stand under 'config'"
        self.note(("model",), f"model is {value!r}; expected a name of models.yaml or provider/model", hint)

    def _read_config(self, value: Any) -> None:
        if isinstance(value, dict):
            self.fields["config"] = value
        else:
            self.note(("config",), f"config is {value!r}; expected parameters", "write config: {temperature: 0.2}")

    def _read_examples(self, value: Any) -> None:
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            self.fields["examples"] = tuple(value)
        elif isinstance(value, str) and value:
            self.fields["examples"] = value
        else:
            self.note(("examples",), f"examples is {value!r}; expected the name of a JSONL file, or a list of objects")

    # Inputs

    def _read_input(self, value: Any) -> None:
        if not self._is_mapping(("input",), value, ("schema", "default", "trust")):
            return
        if "schema" in value:
            self._read_input_schema(value["schema"])
        self._read_defaults(value.get("default", {}))
        self._read_trust(value.get("trust", {}))

    def _read_input_schema(self, value: Any) -> None:
        steps = ("input", "schema")
        if not isinstance(value, dict):
            self.note(steps, f"{value!r} is no schema of inputs; expected a mapping from names to types")
            return
        before = len(self._problems)
        schema = read_schema(value, steps, self._note_schema)
        if len(self._problems) > before:
            return
        if schema.get("type") != "object" or not isinstance(schema.get("properties", {}), dict):
            self.note(steps, "the schema of the inputs must describe an object with properties")
            return
        self.fields["input_schema"] = schema
        for name in declared_inputs(schema):
            fault = check_input_name(name)
            if fault:
                self.note(self._step_of(steps, value, name), fault, value=False)

    def _step_of(self, steps: tuple[str, ...], value: JsonObject, name: str) -> tuple[str, ...]:
        """Return the path of the key that declares the input `name`, however it is written there."""
        inside: Any = value
        if "properties" in value and isinstance(value["properties"], dict) and name in value["properties"]:
            return (*steps, "properties", name)
        written = [key for key in inside if key.partition("(")[0].rstrip("?").strip() == name]
        return (*steps, *written[:1])

    def _note_schema(self, steps: tuple[str | int, ...], message: str, hint: str | None) -> None:
        self.note(steps, message, hint, value=False)

    def _read_defaults(self, value: Any) -> None:
        if not isinstance(value, dict):
            self.note(("input", "default"), f"default is {value!r}; expected a mapping from inputs to values")
            return
        schema = self.fields.get("input_schema")
        properties = declared_inputs(schema or {})
        for name, item in value.items():
            steps = ("input", "default", name)
            if schema is not None and name not in properties:
                self.note(steps, f"default for the unknown input {name!r}{did_you_mean(name, properties)}", value=False)
            elif schema is not None and not compile_check(properties[name], schema)(item):
                self.note(steps, f"default of {name!r}: {explain_value(item, properties[name], schema)}")
        self.fields["defaults"] = value

    def _read_trust(self, value: Any) -> None:
        if not isinstance(value, dict):
            self.note(("input", "trust"), f"trust is {value!r}; expected a mapping such as {{message: untrusted}}")
            return
        schema = self.fields.get("input_schema")
        for name, item in value.items():
            steps = ("input", "trust", name)
            if schema is not None and name not in declared_inputs(schema):
                meant = did_you_mean(name, declared_inputs(schema))
                self.note(steps, f"trust for the unknown input {name!r}{meant}", value=False)
            if item not in _TRUSTS:
                meant = did_you_mean(str(item), _TRUSTS)
                self.note(steps, f"trust of {name!r} is {item!r}; expected plain or untrusted{meant}")
        self.fields["trust"] = value

    # Output and tools

    def _read_output(self, value: Any) -> None:
        if not self._is_mapping(("output",), value, ("format", "schema", "choices", "prior")):
            return
        written = value.get("format")
        if "format" in value and written not in _FORMATS:
            self.note(("output", "format"), f"format is {written!r}; expected text or json")
            return
        schema = value.get("schema")
        if schema is not None:
            schema = read_schema(schema, ("output", "schema"), self._note_schema)
        if schema is not None and written == "text":
            self.note(("output", "format"), "an output with a schema is json, not text")
        choices = self._read_choices(value.get("choices"), schema)
        self.fields["output"] = OutputContract(
            format="json" if schema is not None or written == "json" else "text",
            schema=schema,
            choices=choices,
            prior=self._read_prior(value.get("prior"), choices),
        )

    def _read_choices(self, value: Any, schema: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        steps = ("output", "choices")
        fits = isinstance(value, list) and value and all(isinstance(item, str) and item for item in value)
        if not fits or len(set(value)) < len(value):
            hint = 'quote answers that YAML reads as something else, such as "true" or "1"'
            self.note(steps, f"choices is {value!r}; expected a list of different texts", hint)
            return ()
        if schema is not None:
            self.note(steps, "an output has either choices or a schema")
        return tuple(value)

    def _read_prior(self, value: Any, choices: tuple[str, ...]) -> dict[str, float]:
        if value is None:
            return {}
        steps = ("output", "prior")
        numbers = isinstance(value, dict) and all(_is_number(item) for item in value.values())
        if not numbers or set(value) != set(choices):
            self.note(steps, f"prior is {value!r}; expected one log-probability for each of the choices")
            return {}
        return dict(value)

    def _read_tools(self, value: Any) -> None:
        if not isinstance(value, list):
            self.note(("tools",), f"tools is {value!r}; expected a list of tool definitions")
            return
        tools = [self._read_tool(index, item) for index, item in enumerate(value)]
        names = [tool["function"]["name"] for tool in tools if tool]
        for name in {name for name in names if names.count(name) > 1}:
            self.note(("tools",), f"two tools are called {name!r}")
        self.fields["tools"] = tuple(tool for tool in tools if tool)

    def _read_tool(self, index: int, value: Any) -> dict[str, Any] | None:
        steps: tuple[str | int, ...] = ("tools", index)
        function = value
        if isinstance(value, dict) and ("function" in value or "type" in value):
            if not self._is_mapping(steps, value, ("type", "function")):
                return None
            if value.get("type") != "function":
                self.note((*steps, "type"), f"type is {value.get('type')!r}; expected function")
            function, steps = value.get("function"), (*steps, "function")
        if not self._is_mapping(steps, function, ("name", "description", "parameters", "strict")):
            return None
        name = function.get("name")
        if not isinstance(name, str) or not name:
            self.note(
                steps, f"a tool's name is {name!r}; expected text", "write {name: find_order, parameters: {id: string}}"
            )
            return None
        parameters = function.get("parameters", {})
        schema = read_schema(parameters, (*steps, "parameters"), self._note_schema)
        return {"type": "function", "function": {**function, "parameters": schema}}

    def _is_mapping(self, steps: tuple[str | int, ...], value: Any, known: tuple[str, ...]) -> bool:
        """Say whether `value` is a mapping; note that it is none, and keys that are not known."""
        shown = ".".join(map(str, steps))
        if not isinstance(value, dict):
            self.note(steps, f"{shown} is {value!r}; expected a mapping with {', '.join(known)}")
            return False
        for key in value:
            if key not in known:
                message = f"unknown key {shown}.{key}{did_you_mean(key, known)}"
                self.note((*steps, key), message, f"known keys of {shown}: {', '.join(known)}", value=False)
        return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
