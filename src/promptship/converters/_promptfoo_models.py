"""promptfoo's providers to model configs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from promptship.converters._models import read_parameters
from promptship.converters._names import NameGiver, slug

if TYPE_CHECKING:
    from promptship.converters._ledger import Ledger
    from promptship.domain import JsonObject
    from promptship.prompts import YamlDocument

__all__ = ["ProviderReader", "litellm_name"]

_PROVIDERS: Final[dict[str, str]] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "azure": "azure",
    "azureopenai": "azure",
    "google": "gemini",
    "palm": "gemini",
    "vertex": "vertex_ai",
    "bedrock": "bedrock",
    "ollama": "ollama",
    "mistral": "mistral",
    "groq": "groq",
    "cohere": "cohere",
    "openrouter": "openrouter",
    "togetherai": "together_ai",
    "deepseek": "deepseek",
    "xai": "xai",
    "perplexity": "perplexity",
    "fireworks": "fireworks_ai",
    "huggingface": "huggingface",
    "replicate": "replicate",
    "databricks": "databricks",
    "cerebras": "cerebras",
    "ai21": "ai21",
}
_KINDS: Final = {"chat", "messages", "completion", "responses", "text-generation"}
_OTHER_KINDS: Final = {"embedding", "embeddings", "image", "moderation", "realtime", "assistant", "transcription"}
_LOOPBACK: Final = re.compile(r"https?://(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?(?:/|\Z)")
_BASE_URL = ("apiBaseUrl", "apiHost", "base_url")


def litellm_name(identifier: str) -> str | None:
    """Return `provider/model` for a promptfoo provider; None where there is nothing like it here.

    Example:
        >>> litellm_name("openai:chat:gpt-4o-mini"), litellm_name("exec:./run.sh")
        ('openai/gpt-4o-mini', None)
    """
    if identifier == "echo":
        return "fake/echo"
    provider, _, rest = identifier.partition(":")
    if provider == "litellm" and rest:
        return rest if "/" in rest else f"openai/{rest}"
    kind, colon, model = rest.partition(":")
    if not colon or kind not in _KINDS | _OTHER_KINDS:
        kind, model = "", rest
    if provider not in _PROVIDERS or not model or kind in _OTHER_KINDS:
        return None
    if provider == "openai" and kind == "completion":
        return f"text-completion-openai/{model}"
    if provider == "ollama" and kind == "chat":
        return f"ollama_chat/{model}"
    return f"{_PROVIDERS[provider]}/{model}"


@dataclass
class ProviderReader:
    """Reads `providers` (or `targets`) of a promptfoo config.

    Attributes:
        models: Model configs by our name, in order.
        tools: Tool definitions that a provider's config gives, which belong to prompts here.
    """

    document: YamlDocument
    ledger: Ledger
    models: dict[str, JsonObject] = field(default_factory=dict)
    tools: list[Any] = field(default_factory=list)
    _names: NameGiver = field(default_factory=NameGiver)

    def read(self, value: Any, key: str) -> None:
        """Read the list; what cannot be called from here is told of."""
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            line = self.document.place((key, index))[0]
            for identifier, options in _identified(item):
                self._read_one(identifier, options, line)

    def _read_one(self, identifier: str, options: JsonObject, line: int) -> None:
        model = litellm_name(identifier)
        if model is None:
            hint = "name a model in prompts/models.yaml; code becomes the evalset's target: python:module:function"
            message = f"the provider {identifier!r} is no model that can be called by name, and was left out"
            self.ledger.add("lost", "provider", message, line=line, hint=hint)
            return
        wish = str(options.get("label") or identifier)
        entry: JsonObject = {"model": model}
        config = options.get("config")
        if isinstance(config, dict):
            self._read_config(config, entry, line, identifier)
        for key in options.keys() - {"id", "label", "config"}:
            self.ledger.add("lost", "provider-key", f"{identifier}: {key} has no counterpart", line=line)
        self.models[self._names.give(slug(wish, otherwise="model"))] = entry

    def _read_config(self, config: JsonObject, entry: JsonObject, line: int, where: str) -> None:
        params, rest = read_parameters(config, self.ledger, line=line, where=where)
        if params:
            entry["params"] = params
        variable = rest.pop("apiKeyEnvar", None)
        if isinstance(variable, str):
            entry["api_key_env"] = variable
        self._read_base_url(rest, entry, line, where)
        tools = rest.pop("tools", None)
        if isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools):
            self.tools += [tool for tool in tools if tool not in self.tools]
        elif tools is not None:
            self.ledger.add("lost", "tools", f"{where}: tools {tools!r} are not written out", line=line)
        for key in rest:
            message = f"{where}: config.{key} has no counterpart and was left out"
            self.ledger.add("lost", "provider-config", message, line=line)

    def _read_base_url(self, rest: dict[str, Any], entry: JsonObject, line: int, where: str) -> None:
        for key in _BASE_URL:
            url = rest.pop(key, None)
            if isinstance(url, str) and _LOOPBACK.match(url):
                entry["base_url"] = url
            elif url is not None:
                hint = "write it into the settings as endpoints.NAME.base_url, and `endpoint: NAME` in models.yaml"
                message = f"{where}: {key} was left out: addresses of other machines stand in the settings"
                self.ledger.add("lost", "base-url", message, line=line, hint=hint)


def _identified(item: Any) -> list[tuple[str, JsonObject]]:
    """Return the providers that one item of the list names: text, `{id, …}` or `{ID: {…}}`."""
    if isinstance(item, str):
        return [(item, {})]
    if isinstance(item, dict) and isinstance(item.get("id"), str):
        return [(item["id"], item)]
    if isinstance(item, dict):
        return [(key, value if isinstance(value, dict) else {}) for key, value in item.items()]
    return [(repr(item), {})]
