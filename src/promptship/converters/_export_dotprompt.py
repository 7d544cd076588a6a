"""Our prompts to Google's dotprompt files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from promptship.converters._export_report import tell_losses
from promptship.converters._from_jinja import read_closure
from promptship.converters._ledger import Conversion, ConvertedFile, Ledger
from promptship.converters._prompt_text import render_yaml
from promptship.converters._to_handlebars import render_handlebars
from promptship.converters._tree import UntranslatableError

if TYPE_CHECKING:
    from promptship.domain import Closure, JsonObject
    from promptship.project import LoadedPrompt

__all__ = ["export_dotprompt"]

_PROVIDERS: Final = {"gemini": "googleai", "vertex_ai": "vertexai"}
_PARAMS: Final = {"max_tokens": "maxOutputTokens", "top_p": "topP", "top_k": "topK", "stop": "stopSequences"}


def export_dotprompt(loaded: LoadedPrompt) -> Conversion:
    """Convert a prompt with its partials and examples to one dotprompt file.

    Args:
        loaded: The prompt.

    Returns:
        The file, or none where the template cannot be written in Handlebars.
    """
    ledger = Ledger(loaded.path)
    closure = loaded.version.closure
    files: list[ConvertedFile] = []
    try:
        tree = read_closure(closure, first_line=loaded.document.body_line)
        tell_losses(loaded, tree, ledger)
        body = render_handlebars(tree)
        text = f"---\n{render_yaml(_frontmatter(loaded, ledger))}---\n{body.rstrip()}\n"
        files.append(ConvertedFile(path=f"{loaded.version.name}.prompt", text=text))
    except UntranslatableError as error:
        ledger.add("refused", "template", f"not converted: {error.message}", line=error.line or None)
    return Conversion(
        source=loaded.version.label, format="dotprompt", files=tuple(files), remarks=tuple(ledger.remarks)
    )


def _frontmatter(loaded: LoadedPrompt, ledger: Ledger) -> JsonObject:
    closure = loaded.version.closure
    made: JsonObject = {}
    if loaded.document.description:
        made["description"] = loaded.document.description
    provider, _, model = closure.model.model.partition("/")
    made["model"] = f"{_PROVIDERS.get(provider, provider)}/{model}"
    if closure.model.params:
        made["config"] = {_PARAMS.get(name, name): value for name, value in closure.model.params.items()}
    _add_inputs(closure, made)
    if closure.output.schema is not None:
        made["output"] = {"schema": closure.output.schema}
    elif closure.output.format == "json":
        made["output"] = {"format": "json"}
    if closure.tools:
        made["tools"] = [_tool(tool) for tool in closure.tools]
        ledger.add("changed", "tools", "tools are written out, which only some dotprompt libraries read")
    return made


def _add_inputs(closure: Closure, made: JsonObject) -> None:
    declared: JsonObject = {}
    if closure.input_schema.get("properties"):
        declared["schema"] = closure.input_schema
    if closure.defaults:
        declared["default"] = closure.defaults
    if declared:
        made["input"] = declared


def _tool(tool: JsonObject) -> JsonObject:
    function: Any = tool["function"]
    named = {"name": function["name"], "description": function.get("description", "")}
    return {**named, "inputSchema": function.get("parameters", {})}
