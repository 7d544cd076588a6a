"""Our prompts, with their evalsets, to a promptfoo config."""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from promptship.converters._export_report import tell_losses
from promptship.converters._from_jinja import read_closure, trim_messages
from promptship.converters._ledger import Conversion, ConvertedFile, Ledger
from promptship.converters._nunjucks import has_template, quote_raw
from promptship.converters._prompt_text import render_yaml
from promptship.converters._to_plain import render_plain
from promptship.converters._tree import Media, Path, UntranslatableError
from promptship.evalsets import discover_evalsets, load_evalset
from promptship.scorers import list_scorers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptship.converters._tree import Template
    from promptship.domain import Case, Closure, JsonObject, JsonValue, ScorerSpec
    from promptship.evalsets import Evalset
    from promptship.project import LoadedPrompt, Project

__all__ = ["export_promptfoo"]

_NOT: Final = "not-"
_PROVIDERS: Final = {
    "gemini": "google",
    "vertex_ai": "vertex",
    "together_ai": "togetherai",
    "fireworks_ai": "fireworks",
}
_CALLED_ALIKE: Final = {
    *("openai", "anthropic", "azure", "bedrock", "ollama", "mistral", "groq", "cohere", "openrouter", "deepseek"),
    *("xai", "perplexity", "huggingface", "replicate", "databricks", "cerebras", "ai21"),
}
_TYPES: Final = {"json-schema": "is-json", "trajectory": "trajectory:tool-sequence"}
_TEXT_TYPES: Final = {"contains", "equals", "icontains", "levenshtein", "starts-with"}


def export_promptfoo(project: Project, loaded: LoadedPrompt) -> Conversion:
    """Convert a prompt and the evalsets that name it to a promptfoo config.

    Args:
        project: Where the evalsets lie.
        loaded: The prompt.

    Returns:
        A file of chat messages and a promptfooconfig.yaml; nothing where the template cannot be written in Nunjucks.

    Raises:
        SourceError: An evalset of the prompt is wrong.
    """
    ledger = Ledger(loaded.path)
    files: list[ConvertedFile] = []
    try:
        tree = read_closure(loaded.version.closure, first_line=loaded.document.body_line)
        tell_losses(loaded, tree, ledger)
        messages = list(_messages(tree, ledger))
    except UntranslatableError as error:
        ledger.add("refused", "template", f"not converted: {error.message}", line=error.line or None)
    else:
        stem = loaded.version.name.rpartition("/")[2]
        text = json.dumps(messages, indent=2, ensure_ascii=False)
        files.append(ConvertedFile(path=f"prompts/{stem}.json", text=f"{text}\n"))
        config = _config(project, loaded, ledger, f"file://prompts/{stem}.json")
        files.append(ConvertedFile(path="promptfooconfig.yaml", text=render_yaml(config)))
    return Conversion(
        source=loaded.version.label, format="promptfoo", files=tuple(files), remarks=tuple(ledger.remarks)
    )


def _messages(tree: Template, ledger: Ledger) -> Iterator[JsonObject]:
    for role, content in trim_messages(tree):
        if role == "history":
            ledger.add("lost", "history", "the place of earlier messages is left out")
        else:
            yield {"role": role, "content": _content(content)}


def _content(content: Template) -> JsonValue:
    if not any(isinstance(node, Media) for node in content):
        return render_plain(content, "nunjucks")
    parts: list[JsonValue] = []
    text: Template = ()
    for node in content:
        if isinstance(node, Media):
            parts += _text_part(text)
            parts.append({"type": "image_url", "image_url": {"url": _address(node)}})
            text = ()
        else:
            text = (*text, node)
    return [*parts, *_text_part(text)]


def _text_part(text: Template) -> list[JsonValue]:
    return [{"type": "text", "text": render_plain(text, "nunjucks")}] if text else []


def _address(node: Media) -> str:
    if node.whole and isinstance(node.value, Path):
        return f"{{{{ {node.value.root}{''.join(f'.{step}' for step in node.value.steps)}.url }}}}"
    raise UntranslatableError("media that is made in the template has no counterpart", node.line)


def _config(project: Project, loaded: LoadedPrompt, ledger: Ledger, prompt: str) -> JsonObject:
    closure = loaded.version.closure
    made: JsonObject = {"description": loaded.document.description or loaded.version.name}
    made["prompts"] = [prompt]
    made["providers"] = [_provider(closure, ledger)]
    tests: list[JsonValue] = []
    for evalset in _evalsets_of(project, loaded.version.name):
        tests += _EvalsetWriter(evalset, ledger.of(evalset.spec.path), closure).tests()
    if tests:
        made["tests"] = tests
    return made


def _evalsets_of(project: Project, name: str) -> Iterator[Evalset]:
    for path in discover_evalsets(project.evalsets_dir):
        evalset = load_evalset(path, root=project.root)
        if any(fnmatch.fnmatch(name, prompt) for prompt in evalset.spec.prompts):
            yield evalset


def _provider(closure: Closure, ledger: Ledger) -> JsonValue:
    model = closure.model
    provider, _, name = model.model.partition("/")
    if model.model == "fake/echo":
        return "echo"
    if provider not in _CALLED_ALIKE and provider not in _PROVIDERS:
        message = f"the model {model.model!r} cannot be called by promptfoo: the provider 'echo' stands in its place"
        ledger.add("lost", "model", message)
        return "echo"
    config: JsonObject = dict(model.params)
    if model.api_key_env:
        config["apiKeyEnvar"] = model.api_key_env
    if model.base_url:
        config["apiBaseUrl"] = model.base_url
    if model.endpoint:
        ledger.add("lost", "endpoint", f"the endpoint {model.endpoint!r} is left out")
    if closure.tools:
        config["tools"] = list(closure.tools)
    if closure.output.schema is not None:
        schema: JsonObject = {"name": "answer", "schema": closure.output.schema}
        config["response_format"] = {"type": "json_schema", "json_schema": schema}
    identifier = f"{_PROVIDERS.get(provider, provider)}:{name}"
    return {"id": identifier, "config": config} if config else identifier


@dataclass
class _EvalsetWriter:
    """Writes the cases of one evalset as tests."""

    evalset: Evalset
    ledger: Ledger
    closure: Closure
    _known: Mapping[str, Any] = field(default_factory=dict)

    def tests(self) -> Iterator[JsonValue]:
        """Yield a test for each case."""
        spec = self.evalset.spec
        self._known = {info.type: info for info in list_scorers() if info.origin == "promptfoo"}
        if spec.gates:
            gates = "the gates are left out: promptfoo fails where any test fails"
            self.ledger.add("lost", "gates", gates)
        if spec.target.kind != "prompt":
            self.ledger.add("lost", "target", f"the target ({spec.target.kind}) is left out: the prompt answers")
        for case in self.evalset.cases():
            yield self._test(case)

    def _test(self, case: Case) -> JsonObject:
        made: JsonObject = {"description": case.id, "vars": self._variables(case)}
        asserts: list[JsonValue] = []
        for spec in (*self.evalset.spec.scorers, *case.scorers):
            assertion = self._assertion(spec, case)
            if assertion is not None:
                asserts.append(assertion)
        if asserts:
            made["assert"] = asserts
        metadata: JsonObject = dict(case.tags)
        if metadata:
            made["metadata"] = metadata
        if any(isinstance(value, list) for value in case.inputs.values()):
            made["options"] = {"disableVarExpansion": True}
        for name, value in (("contexts", case.contexts), ("tools", case.tools), ("turns", case.turns)):
            if value:
                self.ledger.add("lost", name, f"the {name} of cases are left out", line=case.line)
        return made

    def _variables(self, case: Case) -> JsonObject:
        for name, value in case.inputs.items():
            if isinstance(value, str) and (has_template(value) or value.startswith("file://")):
                message = f"the input {name!r} holds what promptfoo evaluates: braces, or a file's address"
                self.ledger.add("changed", "input-template", message, line=case.line)
        return dict(case.inputs)

    def _assertion(self, spec: ScorerSpec, case: Case) -> JsonObject | None:
        if spec.type.removeprefix(_NOT) == "assert-set":
            return self._set(spec, case)
        inverted = _NOT if spec.type.startswith(_NOT) else ""
        base = spec.type.removeprefix(_NOT)
        kind = _TYPES.get(base, base)
        value, has_value = self._value(spec, case)
        if base == "ends-with" and isinstance(value, str):
            kind, value = "regex", f"{re.escape(value)}$"
        if kind not in self._known or kind == "python":
            self.ledger.add(
                "lost", "scorer", f"the scorer {spec.name!r} ({spec.type}) has no counterpart", line=spec.line
            )
            return None
        made: JsonObject = {"type": f"{inverted}{kind}"}
        if has_value:
            made["value"] = _quoted(value)
        self._finish(spec, made)
        judge = _promptfoo_name(str(spec.params.get("judge", "")))
        if judge:
            made["provider"] = judge
        for key in spec.params.keys() - ({"judge"} if judge else set()):
            message = f"the scorer {spec.name!r}: {key} has no counterpart"
            self.ledger.add("lost", "scorer-key", message, line=spec.line)
        return made

    def _set(self, spec: ScorerSpec, case: Case) -> JsonObject | None:
        from promptship.evalsets import parse_scorer

        listed: Any = spec.params.get("scorers", [])
        members = [self._assertion(parse_scorer(member, path=spec.path), case) for member in listed]
        kept: list[JsonValue] = [member for member in members if member is not None]
        if spec.type.startswith(_NOT) or not kept:
            self.ledger.add("lost", "scorer", f"the scorer {spec.name!r} ({spec.type}) is left out", line=spec.line)
            return None
        made: JsonObject = {"type": "assert-set", "assert": kept}
        self._finish(spec, made)
        return made

    def _finish(self, spec: ScorerSpec, made: JsonObject) -> None:
        if spec.threshold is not None:
            made["threshold"] = spec.threshold
        if not spec.required:
            made["weight"] = 0
        elif spec.weight != 1:
            made["weight"] = spec.weight
        if spec.name != spec.type:
            made["metric"] = spec.name

    def _value(self, spec: ScorerSpec, case: Case) -> tuple[JsonValue, bool]:
        if spec.has_value:
            value = spec.value
            return (self.closure.output.schema, True) if value == {"$ref": "output"} else (value, True)
        info = self._known.get(spec.type.removeprefix(_NOT))
        compares = info is None or info.value_is == "compared"
        if not compares or case.expected is None:
            return None, False
        if case.references:
            message = "references of cases are left out: promptfoo compares with one text"
            self.ledger.add("lost", "references", message, line=case.line)
        is_text = spec.type.removeprefix(_NOT) in _TEXT_TYPES and not isinstance(case.expected, dict | list)
        return (str(case.expected), True) if is_text else (case.expected, True)


def _promptfoo_name(model: str) -> str:
    """Return what promptfoo calls `provider/model`; "" for a config's or a judge's own name."""
    provider, slash, name = model.partition("/")
    if not slash or (provider not in _CALLED_ALIKE and provider not in _PROVIDERS):
        return ""
    return f"{_PROVIDERS.get(provider, provider)}:{name}"


def _quoted(value: JsonValue) -> JsonValue:
    """Keep braces in a value from being evaluated."""
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    return quote_raw(value) if isinstance(value, str) else value
