"""Where a model's calls go and with which key; every mistake in it is found before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptship.errors import UsageError, did_you_mean
from promptship.models._prices import split_model
from promptship.models._requests import RESERVED_PARAMS
from promptship.models._secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import ModelConfig
    from promptship.settings import Endpoint

__all__ = ["Road", "resolve_road"]

Kind = Literal["http", "litellm", "local", "fake", "replay"]
_OWN: dict[str, Kind] = {"local": "local", "fake": "fake", "replay": "replay"}
# So narrow that no two parsers can see different hosts in it.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?P<port>:\d{1,5})?(?P<path>(?:/[\w.~%-]*)*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """How a model is reached.

    Attributes:
        kind: Over our transport, through litellm, or a provider of ours.
        provider: What stands before the first slash.
        model: What stands after it.
        base_url: Address of the API, for our transport.
        api_key: The key, where one is named.
    """

    kind: Kind
    provider: str
    model: str
    base_url: str = ""
    api_key: Secret | None = None

    @property
    def origin(self) -> str:
        """Where calls go, as a run states it: `http://127.0.0.1:8080`, `litellm:openai`, or `local`."""
        if self.kind == "http":
            return _origin_of(self.base_url)
        return f"litellm:{self.provider}" if self.kind == "litellm" else self.kind


def resolve_road(
    config: ModelConfig, *, endpoints: Mapping[str, Endpoint], env: Mapping[str, str], with_key: bool = True
) -> Road:
    """Find how a model is reached.

    Args:
        config: The model.
        endpoints: Endpoints of the settings, by name.
        env: Where keys are looked up.
        with_key: False where nothing will be sent, so that no key is needed.

    Raises:
        UsageError: No provider, an unknown endpoint, an address that a project's files may not name, or no key.
    """
    provider, model = split_model(config.model)
    _check_config(config, provider, model)
    own = _OWN.get(provider)
    if own is not None:
        return Road(kind=own, provider=provider, model=model)
    base_url, key_name = _find_address(config, endpoints)
    key = _read_key(key_name, config, env) if with_key and key_name else None
    if base_url is None:
        return Road(kind="litellm", provider=provider, model=model, api_key=key)
    return Road(kind="http", provider=provider, model=model, base_url=base_url, api_key=key)


def _check_config(config: ModelConfig, provider: str, model: str) -> None:
    if not provider or not model:
        raise UsageError(
            f"model config {config.name!r}: {config.model!r} is not provider/model",
            hint="for example openai/gpt-4o-mini, local/smollm2-135m-instruct or fake/echo",
        )
    reserved = [key for key in RESERVED_PARAMS if key in config.params]
    if reserved:
        raise UsageError(
            f"model config {config.name!r}: params.{reserved[0]} is not a sampling parameter and cannot be set",
            hint="repeats are asked for with --repeats, tools stand in the prompt"
            if reserved[0] in ("n", "tools")
            else None,
        )
    if config.endpoint and config.base_url:
        raise UsageError(f"model config {config.name!r} has both endpoint and base_url; keep one of them")


def _find_address(config: ModelConfig, endpoints: Mapping[str, Endpoint]) -> tuple[str | None, str | None]:
    """Return the address, None for the provider's own, and the name of the key's variable."""
    if config.endpoint is not None:
        return _of_endpoint(config, config.endpoint, endpoints)
    if config.base_url is None:
        return None, config.api_key_env
    url = _check_url(config.base_url, f"model config {config.name!r}: base_url")
    if not _is_loopback(url):
        raise UsageError(
            f"model config {config.name!r}: base_url {config.base_url!r} is not on this machine, and only the"
            " settings may name where prompts and keys are sent",
            hint=_snippet(config.base_url, config.api_key_env),
        )
    return config.base_url, config.api_key_env


def _of_endpoint(config: ModelConfig, name: str, endpoints: Mapping[str, Endpoint]) -> tuple[str, str | None]:
    endpoint = endpoints.get(name)
    if endpoint is None:
        known = f"known: {', '.join(sorted(endpoints))}" if endpoints else _snippet("https://host/v1", "MY_KEY", name)
        raise UsageError(
            f"model config {config.name!r}: the settings have no endpoint {name!r}{did_you_mean(name, endpoints)}",
            hint=known,
        )
    if config.api_key_env not in (None, endpoint.api_key_env):
        raise UsageError(
            f"model config {config.name!r}: the key of endpoint {name!r} is named in the settings, not in models.yaml",
            hint=f"remove api_key_env: {config.api_key_env}",
        )
    _check_url(endpoint.base_url, f"endpoint {name!r}: base_url")
    return endpoint.base_url, endpoint.api_key_env


def _check_url(url: str, what: str) -> re.Match[str]:
    match = _URL.fullmatch(url)
    if match is None:
        raise UsageError(
            f"{what} is {url!r}; expected http(s)://host[:port]/path without user, password and query"
            if "@" not in url
            else f"{what} holds a user or password",
            hint="a key is named by api_key_env and never written into an address",
        )
    return match


def _is_loopback(url: re.Match[str]) -> bool:
    host = url["host"].strip("[]").lower()
    # 127.1 and the like depend on who reads them; they are refused with everything else.
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin_of(url: str) -> str:
    match = _check_url(url, "base_url")
    return f"{match['scheme']}://{match['host']}{match['port'] or ''}".lower()


def _read_key(name: str, config: ModelConfig, env: Mapping[str, str]) -> Secret:
    value = env.get(name)
    if not value or not value.strip():
        raise UsageError(
            f"model config {config.name!r} takes its key from the environment variable {name!r}, which is not set",
            hint=f"export {name}=...",
        )
    return Secret(value, source=name)


def _snippet(base_url: str, key_name: str | None, name: str = "my-endpoint") -> str:
    key = f', api_key_env = "{key_name}"' if key_name else ""
    return (
        f'in pyproject.toml: [tool.promptship.endpoints] {name} = {{ base_url = "{base_url}"{key} }}, '
        f"and in models.yaml: endpoint: {name}"
    )
