"""The one door to litellm: every provider that is not OpenAI-compatible, with our errors and without surprises."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import os
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from promptship.domain import Response
from promptship.errors import (
    AuthenticationError,
    BadRequestError,
    BadResponseError,
    CallTimeoutError,
    ConnectionFailedError,
    MissingExtraError,
    ModelError,
    RateLimitError,
    ServerError,
    UsageError,
    did_you_mean,
)
from promptship.models._prices import split_model
from promptship.models._refusals import clean_text, parse_retry_after
from promptship.models._requests import build_body
from promptship.models._responses import parse_completion
from promptship.models._secrets import Secret
from promptship.models._sse import StreamedCompletion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from promptship.domain import CompletionRequest, FinishReason, JsonObject, ModelConfig
    from promptship.models._prices import Rates

__all__ = ["LiteLLMModel", "load_litellm"]

_SERVER_ERROR = 500
_PROVIDER_LIST = "provider_endpoints_support_backup.json"
# litellm takes addresses, headers and keys as keywords beside these, which a project's files may not set.
_PARAMS = frozenset(
    {"audio", "extra_body", "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens"}
    | {"modalities", "parallel_tool_calls", "prediction", "presence_penalty", "reasoning_effort", "response_format"}
    | {"seed", "service_tier", "stop", "temperature", "thinking", "tool_choice", "top_k", "top_logprobs", "top_p"}
    | {"user", "verbosity"}
)
_ERRORS: tuple[tuple[str, type[ModelError]], ...] = (
    ("Timeout", CallTimeoutError),
    ("AuthenticationError", AuthenticationError),
    ("PermissionDeniedError", AuthenticationError),
    ("PaymentRequiredError", AuthenticationError),
    ("RateLimitError", RateLimitError),
    ("JSONSchemaValidationError", BadResponseError),
    ("APIResponseValidationError", BadResponseError),
    ("ServiceUnavailableError", ServerError),
    ("InternalServerError", ServerError),
    ("BadGatewayError", ServerError),
    ("APIConnectionError", ConnectionFailedError),
)
_STATUSES: dict[int, type[ModelError]] = {
    401: AuthenticationError,
    402: AuthenticationError,
    403: AuthenticationError,
    408: CallTimeoutError,
    429: RateLimitError,
}
_ANSWERS: tuple[tuple[str, FinishReason], ...] = (
    ("ContextWindowExceededError", "context_length"),
    ("ContentPolicyViolationError", "content_filter"),
)


@functools.cache
def load_litellm() -> Any:
    """Import litellm so that it stays off the network, reads no `.env`, reports to nobody and prints nothing.

    Raises:
        MissingExtraError: It is not installed.
    """
    # It reads these while it is imported and has no other switch for them.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import litellm

            # Its types are completed at first use, with warnings about its own annotations.
            litellm.ModelResponse()
            litellm.ModelResponseStream()
    except ImportError:
        raise MissingExtraError("litellm", extra="litellm", needed_for="a provider other than an endpoint") from None
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm


class LiteLLMModel:
    """A model of any provider that litellm knows: a single attempt, nothing repeated.

    Args:
        config: The model; its params are checked here, since litellm takes more than sampling parameters.
        api_key: The key that the config names; None for the variable that the provider's own tools read.
        env: Where that variable is looked up.
        rates: Prices; None where unknown.
        timeout_s: Seconds allowed for one attempt.
        api_base: Address of the API; None for the provider's own.

    Raises:
        MissingExtraError: litellm is not installed.
        UsageError: It does not know the provider, a parameter is none, or there is no key.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        api_key: Secret | None,
        env: Mapping[str, str],
        rates: Rates | None,
        timeout_s: float,
        api_base: str | None = None,
    ) -> None:
        _require_litellm()
        self._model = config.model
        self._api_key = api_key or _own_key(config, env)
        # Importing litellm takes seconds, which a run that the cache answers need not spend: it is imported now only
        # where it alone can say whether the provider or its credentials are right.
        if self._api_key is None or split_model(config.model)[0] not in _listed_providers():
            self._api_key = self._api_key or _find_key(load_litellm(), config, env)
            _check_provider(load_litellm(), config)
        self._rates = rates
        self._name = config.name
        self._check_params(config.params)
        # It would retry by itself, unseen by our pace and our budget.
        self._keywords: dict[str, Any] = {"timeout": timeout_s, "num_retries": 0, "max_retries": 0}
        if api_base is not None:
            self._keywords["api_base"] = api_base

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`."""
        self._check_params(request.params)
        litellm = await _litellm()
        started = time.perf_counter()
        try:
            answer = await litellm.acompletion(**self._arguments(build_body(self._model, request)))
        except Exception as error:  # noqa: BLE001 - providers' own exceptions come through litellm as they are
            return self._translate(error, time.perf_counter() - started)
        return self._parse(answer.model_dump(), request, time.perf_counter() - started)

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`; a choice comes in one piece, since it is unwrapped first."""
        self._check_params(request.params)
        litellm = await _litellm()
        started = time.perf_counter()
        streamed = StreamedCompletion(self._model)
        arguments = self._arguments(build_body(self._model, request, stream=True))
        try:
            async for event in await litellm.acompletion(**arguments):
                pieces = streamed.take(event.model_dump())
                if not request.choices:
                    for piece in pieces:
                        yield piece
        except GeneratorExit:
            raise
        except Exception as error:  # noqa: BLE001 - see `complete`
            yield self._translate(error, time.perf_counter() - started)
            return
        response = self._parse(orjson.loads(streamed.payload()), request, time.perf_counter() - started)
        if request.choices:
            yield response.text
        yield response

    async def aclose(self) -> None:
        """Close litellm's clients, which belong to the process. Harmless when called twice."""
        litellm = sys.modules.get("litellm")
        close = getattr(litellm, "close_litellm_async_clients", None)
        if close is not None:
            with contextlib.suppress(RuntimeError):
                await close()

    def _check_params(self, params: JsonObject) -> None:
        unknown = sorted(params.keys() - _PARAMS)
        if unknown:
            raise UsageError(
                f"model config {self._name!r}: params.{unknown[0]} is no sampling parameter that litellm takes"
                f"{did_you_mean(unknown[0], _PARAMS)}",
                hint=f"a provider's own parameter stands under extra_body: {{extra_body: {{{unknown[0]}: ...}}}}",
            )

    def _arguments(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, **self._keywords, "api_key": self._api_key.reveal() if self._api_key else None}

    def _parse(self, body: dict[str, Any], request: CompletionRequest, latency_s: float) -> Response:
        if self._api_key is not None:
            body = orjson.loads(self._api_key.redact_answer(orjson.dumps(body, default=str)))
        return parse_completion(body, request, rates=self._rates, latency_s=latency_s, shown=repr(self._model))

    def _translate(self, error: Exception, latency_s: float) -> Response:
        """Return the answer that an exception amounts to, or raise our error for it."""
        if isinstance(error, ModelError):
            raise error
        names = {kind.__name__ for kind in type(error).__mro__}
        for name, reason in _ANSWERS:
            if name in names:
                cost = None if self._rates is None else 0.0
                return Response(
                    text="", finish_reason=reason, cost_usd=cost, latency_s=latency_s, served_model=self._model
                )
        raise self._as_error(error, names) from None

    def _as_error(self, error: Exception, names: set[str]) -> ModelError:
        status = getattr(error, "status_code", None)
        status = status if isinstance(status, int) else None
        reason = clean_text(str(error).partition("Traceback (most recent call last)")[0])
        text = f"{self._model!r} through litellm: {type(error).__name__}: {reason}"
        if self._api_key is not None:
            text = self._api_key.redact(text)
        kind = next((ours for name, ours in _ERRORS if name in names), None)
        if kind is None:
            kind = _kind_of_status(status)
        return kind(text, status=status, retry_after_s=parse_retry_after(_headers_of(error), time.time()))


def _kind_of_status(status: int | None) -> type[ModelError]:
    if status is None:
        return ModelError
    return ServerError if status >= _SERVER_ERROR else _STATUSES.get(status, BadRequestError)


def _headers_of(error: Exception) -> Mapping[str, str]:
    """Return the response headers of an exception; litellm keeps them beside its own made-up response."""
    headers = getattr(error, "litellm_response_headers", None)
    return headers or getattr(getattr(error, "response", None), "headers", None) or {}


def _check_provider(litellm: Any, config: ModelConfig) -> None:
    provider, _ = split_model(config.model)
    known = [one.value for one in litellm.LlmProviders]
    if provider not in known:
        raise UsageError(
            f"model config {config.name!r}: litellm knows no provider {provider!r}{did_you_mean(provider, known)}",
            hint="an OpenAI-compatible server is reached with endpoint, or with base_url on this machine",
        )


async def _litellm() -> Any:
    """Return litellm, imported beside the event loop where it has not been yet: that takes seconds."""
    return load_litellm() if load_litellm.cache_info().currsize else await asyncio.to_thread(load_litellm)


def _require_litellm() -> None:
    if importlib.util.find_spec("litellm") is None:
        raise MissingExtraError("litellm", extra="litellm", needed_for="a provider other than an endpoint")


@functools.cache
def _listed_providers() -> frozenset[str]:
    """Return the providers that litellm's own list names, read without importing it; empty where it has none."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return frozenset()
    try:
        listed = orjson.loads((Path(spec.origin).parent / _PROVIDER_LIST).read_bytes())
        return frozenset(listed["providers"])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def _key_variable(config: ModelConfig) -> str:
    return f"{split_model(config.model)[0].upper()}_API_KEY"


def _own_key(config: ModelConfig, env: Mapping[str, str]) -> Secret | None:
    """Return the key in the variable that the provider's own tools read; None where it is not set."""
    name = _key_variable(config)
    return Secret(env[name], source=name) if env.get(name, "").strip() else None


def _find_key(litellm: Any, config: ModelConfig, env: Mapping[str, str]) -> Secret | None:
    """Ask litellm whether it finds credentials by itself; None where it does.

    Raises:
        UsageError: There is none.
    """
    name = _key_variable(config)
    missing = [one for one in litellm.validate_environment(model=config.model)["missing_keys"] if not env.get(one)]
    if name in env:
        # A variable that is set to nothing counts as set for litellm, which then fails at each call.
        missing = [name]
    if missing:
        raise UsageError(
            f"model config {config.name!r}: {config.model!r} needs the environment variable {missing[0]!r}",
            hint=f"export {missing[0]}=..., or name another with api_key_env",
        )
    return None
