"""promptfoo configs to prompts, model configs and an evalset."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.converters._ledger import Conversion, ConvertedFile, Ledger
from promptship.converters._models_text import extend_models
from promptship.converters._names import NameGiver, slug
from promptship.converters._nunjucks import has_template
from promptship.converters._prompt_text import render_prompt_file, render_yaml
from promptship.converters._promptfoo_models import ProviderReader
from promptship.converters._promptfoo_prompts import PromptReader
from promptship.converters._promptfoo_scorers import ScorerReader
from promptship.converters._promptfoo_tests import TestReader
from promptship.errors import SourceError, UsageError
from promptship.prompts import analyse, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from promptship.converters._promptfoo_prompts import ForeignPrompt
    from promptship.converters._promptfoo_tests import ForeignTest
    from promptship.converters._source_folder import SourceFolder
    from promptship.domain import JsonObject, JsonValue
    from promptship.settings import Settings

__all__ = ["import_promptfoo"]

_CONFIGS: Final = ("promptfooconfig.yaml", "promptfooconfig.yml", "promptfooconfig.json")
_KNOWN: Final = {"description", "prompts", "providers", "targets", "tests", "scenarios", "defaultTest", "$schema"}
_DEFAULT_KNOWN: Final = {"vars", "assert", "threshold", "metadata", "options", "description"}
_TYPES: Final[dict[type, str]] = {str: "string", int: "number", float: "number", bool: "boolean"}


def import_promptfoo(folder: SourceFolder, name: str | None, *, project: Path, settings: Settings) -> Conversion:
    """Convert a promptfoo config: its prompts, providers, tests and defaults.

    Args:
        folder: Where it lies, with the files that it names.
        name: The config; None for promptfooconfig.yaml.
        project: The project it is for; model configs that are there are kept.
        settings: Its settings.

    Raises:
        UsageError: There is no config.
        SourceError: It is not YAML.
    """
    name = name or next((one for one in _CONFIGS if folder.read(one) is not None), None)
    text = folder.read(name) if name else None
    if name is None or text is None:
        raise UsageError(f"there is no {_CONFIGS[0]} in {folder.show('')!r}", hint="name the file")
    if not name.endswith((".yaml", ".yml", ".json")):
        raise UsageError(f"{folder.show(name)!r} is code, which is not run", hint="write the config as YAML")
    importer = _Importer(folder, name, text, settings)
    files = [*importer.prompt_files(), *importer.model_files(project), *importer.evalset_files()]
    return Conversion(
        source=folder.show(name), format="promptfoo", files=tuple(files), remarks=tuple(importer.ledger.remarks)
    )


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Variables that prompts use, and those that each prompt uses."""

    all: frozenset[str]
    by_prompt: Mapping[str, frozenset[str]]


class _Importer:
    """One config, read once and written in three parts."""

    def __init__(self, folder: SourceFolder, name: str, text: str, settings: Settings) -> None:
        self.ledger = Ledger(folder.show(name))
        self._settings = settings
        self._document = parse_yaml(text, path=folder.show(name))
        value = self._document.value
        if not isinstance(value, dict):
            message = "expected a promptfoo config with prompts, providers and tests"
            raise SourceError.at(self.ledger.path, 1, 1, message)
        self._value: dict[str, Any] = value
        stem = PurePosixPath(name).stem
        wish = PurePosixPath(folder.show("")).name if stem == "promptfooconfig" else stem
        self._name = slug(wish, otherwise="imported")
        self._default = self._read_default(folder)
        self._providers = ProviderReader(self._document, self.ledger)
        for key in ("providers", "targets"):
            if key in value:
                self._providers.read(value[key], key)
        self._prompts = self._read_prompts(folder)
        options = self._default.get("options")
        judge = options.get("provider") if isinstance(options, dict) else None
        self._scorers = ScorerReader(self.ledger, folder, judge=judge)
        self._tests = self._read_tests(folder)
        self._inputs = self._find_inputs()
        self._tell_unknown()

    def prompt_files(self) -> Iterator[ConvertedFile]:
        """Yield the prompts."""
        for prompt in self._prompts:
            path = f"{self._settings.prompts_dir}/{self._prompt_name(prompt)}.prompt"
            try:
                text = render_prompt_file(self._frontmatter(prompt), prompt.body, path=path)
                yield ConvertedFile(path=path, text=text)
            except SourceError as error:
                message = f"prompt not converted: {error.problems[0].message}"
                self.ledger.of(prompt.path).add("refused", "prompt", message, line=prompt.line)

    def model_files(self, project: Path) -> Iterator[ConvertedFile]:
        """Yield models.yaml with the providers added, where there are some."""
        path = f"{self._settings.prompts_dir}/models.yaml"
        made = extend_models(project, path, self._providers.models, self.ledger)
        if made is not None:
            yield made

    def evalset_files(self) -> Iterator[ConvertedFile]:
        """Yield the evalset and its cases."""
        if not self._tests:
            return
        folder = self._settings.evalsets_dir
        rows = list(self._cases())
        cases = "".join(orjson.dumps(row).decode() + "\n" for row in rows)
        header: JsonObject = {}
        if self._value.get("description"):
            header["description"] = str(self._value["description"])
        names: list[JsonValue] = [self._prompt_name(prompt) for prompt in self._prompts]
        if names:
            header["prompt"] = names[0] if len(names) == 1 else names
        header["cases"] = f"{self._name}.jsonl"
        if self._shared:
            header["scorers"] = list(self._shared)
        yield ConvertedFile(path=f"{folder}/{self._name}.yaml", text=render_yaml(header))
        yield ConvertedFile(path=f"{folder}/{self._name}.jsonl", text=cases)

    # Reading

    def _read_default(self, folder: SourceFolder) -> dict[str, Any]:
        value = self._value.get("defaultTest")
        line = self._document.place(("defaultTest",))[0]
        if isinstance(value, str):
            name = value.removeprefix("file://").removeprefix("./")
            text = folder.read(name) if name.endswith((".yaml", ".yml", ".json")) else None
            if text is None:
                self.ledger.add("lost", "defaultTest", f"defaultTest {value!r} is no data file beside it", line=line)
                return {}
            value = parse_yaml(text, path=folder.show(name)).value
        found = value if isinstance(value, dict) else {}
        for key in found.keys() - _DEFAULT_KNOWN:
            self.ledger.add("lost", "defaultTest", f"defaultTest.{key} has no counterpart", line=line)
        options = found.get("options")
        for key in (options if isinstance(options, dict) else {}).keys() - {"prefix", "suffix", "provider"}:
            self.ledger.add("lost", "defaultTest", f"defaultTest.options.{key} has no counterpart", line=line)
        return found

    def _read_prompts(self, folder: SourceFolder) -> list[ForeignPrompt]:
        options = self._default.get("options")
        given = options if isinstance(options, dict) else {}
        reader = PromptReader(
            self._document,
            self.ledger,
            folder,
            prefix=str(given.get("prefix") or ""),
            suffix=str(given.get("suffix") or ""),
        )
        return reader.read(self._value.get("prompts", []))

    def _read_tests(self, folder: SourceFolder) -> list[ForeignTest]:
        reader = TestReader(self._document, self.ledger, folder, self._scorers.infos)
        if "tests" in self._value:
            reader.read(self._value["tests"])
        reader.read_scenarios(self._value.get("scenarios"))
        return reader.tests

    def _tell_unknown(self) -> None:
        hints = {"evaluateOptions": "promptctl eval has --concurrency, --repeats and --no-cache"}
        for key in self._value.keys() - _KNOWN:
            line = self._document.place((key,))[0]
            self.ledger.add("lost", "key", f"{key} has no counterpart", line=line, hint=hints.get(key, ""))

    def _find_inputs(self) -> _Inputs:
        used = {prompt.name: frozenset(analyse(prompt.body, {}).inputs) for prompt in self._prompts}
        return _Inputs(frozenset().union(*used.values()), used)

    # Writing

    def _prompt_name(self, prompt: ForeignPrompt) -> str:
        return self._name if len(self._prompts) == 1 else f"{self._name}/{prompt.name}"

    def _frontmatter(self, prompt: ForeignPrompt) -> JsonObject:
        made: JsonObject = {}
        models = list(self._providers.models)
        if models:
            made["model"] = models[0]
        rows = [self._variables(test) for test in self._tests]
        schema: JsonObject = {}
        default: JsonObject = {}
        used = self._inputs.by_prompt[prompt.name]
        for name in sorted(self._inputs.all):
            values = [row[name] for row in rows if name in row]
            kind = _kind_of(values)
            schema[name if name in used else f"{name}?"] = kind
            if name in used and len(values) < len(rows):
                default[name] = ""
                message = f"the variable {name!r} is missing in some tests, and printed as nothing: its default is ''"
                self.ledger.add("changed", "missing-variable", message)
                schema[name] = kind if kind == "string" else "any"
        if schema:
            made["input"] = {"schema": schema, **({"default": default} if default else {})}
        if self._providers.tools:
            made["tools"] = self._providers.tools
        return made

    def _variables(self, test: ForeignTest) -> JsonObject:
        defaults = self._default.get("vars")
        given = {**(defaults if isinstance(defaults, dict) else {}), **test.variables}
        return {name: self._as_printed(name, value) for name, value in given.items()}

    def _as_printed(self, name: str, value: JsonValue) -> JsonValue:
        """Return a boolean as the text that promptfoo prints for it, unless a prompt decides by it."""
        if not isinstance(value, bool) or name not in self._inputs.all:
            return value
        decides = re.compile(r"\{%[^%]*\b" + re.escape(name) + r"\b")
        if any(decides.search(prompt.body) for prompt in self._prompts):
            return value
        return "true" if value else "false"

    @property
    def _shared(self) -> list[JsonObject]:
        """Scorers of every case; none where a test has its own idea of the defaults."""
        asserts = self._default.get("assert")
        listed = asserts if isinstance(asserts, list) else []
        own = any(test.threshold is not None or not test.keeps_defaults for test in self._tests)
        if own or self._default.get("threshold") is not None or any(map(_uses_variables, listed)):
            return []
        return self._scorers.read(listed, {}, self._default_line).scorers

    def _default_line(self, index: int) -> int:
        return self._document.place(("defaultTest", "assert", index))[0]

    def _cases(self) -> Iterator[JsonObject]:
        shared = self._shared
        taken = {str(scorer.get("name") or scorer["type"]) for scorer in shared}
        ids = NameGiver()
        for number, test in enumerate(self._tests, 1):
            variables = self._variables(test)
            row: JsonObject = {"id": ids.give(slug(test.description, otherwise=f"test-{number}"))}
            row["inputs"] = {name: value for name, value in variables.items() if name in self._inputs.all}
            scorers = self._scorers_of(test, variables, has_shared=bool(shared), taken=taken)
            if scorers:
                row["scorers"] = list(scorers)
            row.update(self._about(test, variables))
            yield row

    def _scorers_of(
        self, test: ForeignTest, variables: JsonObject, *, has_shared: bool, taken: set[str]
    ) -> list[JsonObject]:
        asserts = self._default.get("assert")
        defaults = asserts if isinstance(asserts, list) and test.keeps_defaults and not has_shared else []
        threshold = test.threshold if test.threshold is not None else self._default.get("threshold")
        count = len(defaults)

        def line_of(index: int) -> int:
            return self._default_line(index) if index < count else test.line_of(index - count)

        found = self._scorers.read(
            [*defaults, *test.asserts], variables, line_of, taken=taken, threshold=_number(threshold)
        )
        if found.left_out and not found.scorers and not has_shared:
            message = "nothing is left that scores this test: every answer passes"
            self.ledger.of(test.path).add("lost", "unscored", message, line=test.line)
        return found.scorers

    def _about(self, test: ForeignTest, variables: JsonObject) -> Iterator[tuple[str, JsonValue]]:
        if test.description:
            yield "note", test.description
        defaults = self._default.get("metadata")
        metadata = {**(defaults if isinstance(defaults, dict) else {}), **test.metadata}
        tags: JsonObject = {key: _text(value) for key, value in metadata.items() if not isinstance(value, dict | list)}
        if tags:
            yield "tags", tags
        source: JsonObject = {key: value for key, value in metadata.items() if isinstance(value, dict | list)}
        unused = {name: value for name, value in variables.items() if name not in self._inputs.all}
        if unused:
            source["vars"] = unused
            message = f"no prompt uses {', '.join(sorted(unused))}: kept in 'source.vars' of the cases"
            self.ledger.add("note", "unused-variable", message)
        if source:
            yield "source", source
        for name in sorted(variables.keys() & self._inputs.all):
            value = variables[name]
            if isinstance(value, str) and has_template(value):
                message = f"the variable {name!r} holds braces, which promptfoo evaluates; here they are text"
                self.ledger.of(test.path).add("changed", "variable-template", message, line=test.line)


def _kind_of(values: list[JsonValue]) -> str:
    kinds = {_TYPES.get(type(value), "any") for value in values}
    return kinds.pop() if len(kinds) == 1 else ("any" if kinds else "string")


def _uses_variables(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_uses_variables(item) for item in value.values())
    if isinstance(value, list):
        return any(map(_uses_variables, value))
    return isinstance(value, str) and has_template(value)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: JsonValue) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
