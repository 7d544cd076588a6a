"""Opens models by config: one place that puts transport, retries, pace, money, cache and cassette together."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from promptship.errors import ModelError, PriceUnknownError, UsageError
from promptship.models._budget import Budgeted
from promptship.models._cache import Cached
from promptship.models._cassette import FrozenModel, Recording, ReplayModel
from promptship.models._endpoints import resolve_road
from promptship.models._fake import open_fake
from promptship.models._fallbacks import WithFallbacks
from promptship.models._middleware import OpenStream
from promptship.models._pace import Pace, Paced
from promptship.models._prices import resolve_rates
from promptship.models._retries import Retrying
from promptship.models._tokens import count_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from promptship.domain import CompletionModel, CompletionRequest, Limits, ModelConfig, Response
    from promptship.models._budget import Budget
    from promptship.models._cache import ResponseCache
    from promptship.models._cassette import Cassette
    from promptship.models._endpoints import Road
    from promptship.models._openai_transport import OpenAITransport
    from promptship.models._prices import Rates
    from promptship.models._secrets import Secret
    from promptship.models.local import PullProgress
    from promptship.settings import Endpoint

__all__ = ["ModelHub"]


class ModelHub:
    """Opens models by config; what can be shared is: connections for each origin and key, one pace for each model.

    From the outside in, a call passes: cassette, fallbacks, cache, retries, pace, budget, transport. So a fallback's
    answer is never kept under the first model's name, each attempt is paced and reserved for by itself, and an answer
    from a cassette or the cache costs nothing.

    Args:
        endpoints: Endpoints of the settings, by name.
        env: Where keys are looked up, usually `os.environ`.
        cache: Answers that were paid for; None to ask every time.
        cassette: Records every answer, or, frozen, gives every answer and lets nothing be called.
        budget: What calls may cost; None neither counts nor limits.
        retries: Overrides each config's `limits.retries`; 0 switches retrying off.
        timeout_s: Overrides each config's `limits.timeout_s`.
        concurrency: Overrides each config's `limits.concurrency`.
        cache_dir: Folder of local models; None for the platform's.
        on_pull: Told what is being done when a local model has to be fetched first.

    Raises:
        UsageError: An override is out of range.

    The hub closes what it opened. Cache, cassette and budget belong to the caller, who may share them.
    """

    def __init__(
        self,
        *,
        endpoints: Mapping[str, Endpoint],
        env: Mapping[str, str],
        cache: ResponseCache | None = None,
        cassette: Cassette | None = None,
        budget: Budget | None = None,
        retries: int | None = None,
        timeout_s: float | None = None,
        concurrency: int | None = None,
        cache_dir: Path | None = None,
        on_pull: Callable[[PullProgress], None] | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._env = env
        self._cache = cache
        self._cassette = cassette
        self._budget = budget
        _check_overrides(retries, timeout_s, concurrency)
        given = {"retries": retries, "timeout_s": timeout_s, "concurrency": concurrency}
        self._overrides = {key: value for key, value in given.items() if value is not None}
        self._cache_dir = cache_dir or Path(platformdirs.user_cache_dir("promptship"))
        self._on_pull = on_pull
        self._opened: dict[tuple[str, bool], CompletionModel] = {}
        self._leaves: dict[tuple[str, str], CompletionModel] = {}
        self._transports: dict[tuple[str, Secret | None], OpenAITransport] = {}
        self._paces: dict[tuple[str, str], Pace] = {}

    def open(self, config: ModelConfig, *, fresh: bool = False) -> CompletionModel:
        """Open a model with its fallbacks. Nothing is sent yet, but everything that can be wrong is found.

        Args:
            config: The model. Its params are the defaults of requests.
            fresh: Leave out cassette, cache and fallbacks, to see whether the model itself answers.

        Returns:
            The model, equal for equal configs. It stays open until the hub is closed.

        Raises:
            UsageError: No such provider or endpoint, or a missing key.
        PriceUnknownError: There is a budget, and the price is not known.
            MissingExtraError: The model needs a package that is not installed.
        """
        key = (config.model_dump_json(), fresh)
        if key not in self._opened:
            self._opened[key] = _Opened(self._chain(config, fresh=fresh), config)
        return self._opened[key]

    def origin(self, config: ModelConfig) -> str:
        """Say where a model's calls go: `http://127.0.0.1:8080`, `litellm:openai`, `local`, `replay` or `fake`.

        Raises:
            UsageError: No such provider or endpoint.
        """
        return self._resolve(config, with_key=False).origin

    def estimate_cost(self, config: ModelConfig, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return what so many tokens would cost in USD with nothing cached; None where the price is unknown."""
        rates = resolve_rates(config)
        return None if rates is None else rates.worst(prompt_tokens, completion_tokens)

    def count_tokens(self, config: ModelConfig, text: str) -> int:
        """Count the tokens of `text` as the model would, or nearly."""
        return count_tokens(config, text, cache_dir=self._cache_dir)

    async def fit_prior(self, config: ModelConfig, requests: Sequence[CompletionRequest]) -> dict[str, float]:
        """Fit the prior of a choice on unlabelled requests: each choice's mean log-probability over them.

        Args:
            config: A model that decides by likelihood.
            requests: Inputs set aside for this, all with the same choices.

        Returns:
            Mean log-probability of each choice, in the order of the choices.

        Raises:
            UsageError: There are no requests, or the model gives no likelihoods.
            ModelError: No usable answer.
        """
        if not requests:
            raise UsageError("a prior is fitted on at least one request, and there is none")
        model = self.open(config)
        answers = await asyncio.gather(*(model.complete(replace(request, prior={})) for request in requests))
        if not all(answer.choice_logprobs for answer in answers):
            raise UsageError(
                f"{config.model!r} does not decide choices by likelihood, so it has no prior to fit",
                hint="a local/ model does; elsewhere leave output.prior out",
            )
        return {
            choice: sum(answer.choice_logprobs[choice] for answer in answers) / len(answers)
            for choice in requests[0].choices
        }

    async def aclose(self) -> None:
        """Close every model and connection. Harmless when called twice."""
        closing = [leaf.aclose for leaf in self._leaves.values()]
        closing += [transport.aclose for transport in self._transports.values()]
        self._opened, self._leaves, self._transports, self._paces = {}, {}, {}, {}
        async with AsyncExitStack() as stack:
            for close in closing:
                stack.push_async_callback(close)

    def _resolve(self, config: ModelConfig, *, with_key: bool = True) -> Road:
        return resolve_road(config, endpoints=self._endpoints, env=self._env, with_key=with_key)

    def _chain(self, config: ModelConfig, *, fresh: bool) -> CompletionModel:
        # `models test` must not be told by the cache that a dead server is well.
        if fresh:
            return self._chain_of_one(config, cache=None)
        cassette = self._cassette
        if cassette is not None and cassette.mode == "frozen":
            # A fork's pull request has no key and needs none, but a wrong config is wrong there too.
            self._resolve(config, with_key=False)
            return FrozenModel(cassette, config)
        models = [(one, self._chain_of_one(one, cache=self._cache)) for one in _with_fallbacks(config)]
        model: CompletionModel = WithFallbacks(models) if len(models) > 1 else models[0][1]
        return model if cassette is None else Recording(model, cassette, config)

    def _chain_of_one(self, config: ModelConfig, *, cache: ResponseCache | None) -> CompletionModel:
        road = self._resolve(config)
        rates = resolve_rates(config)
        limits = config.limits.model_copy(update=self._overrides)
        model = self._open_leaf(config, road, rates, limits)
        if self._budget is not None:
            _check_price(config, self._budget, rates)
            model = Budgeted(model, self._budget, rates)
        model = Paced(model, self._pace_of(road, limits))
        if limits.retries:
            model = Retrying(model, retries=limits.retries)
        return model if cache is None else Cached(model, cache, config)

    def _open_leaf(self, config: ModelConfig, road: Road, rates: Rates | None, limits: Limits) -> CompletionModel:
        """Open what really answers: a connection, a provider behind litellm, or a model of ours."""
        if road.kind == "http":
            from promptship.models._openai_transport import OpenAIModel

            return OpenAIModel(self._transport_of(road), road.model, rates=rates, timeout_s=limits.timeout_s)
        name = config.model_dump_json() if road.kind == "litellm" else road.model
        key = (road.kind, name)
        if key not in self._leaves:
            self._leaves[key] = self._open_own(config, road, rates, limits)
        return self._leaves[key]

    def _open_own(self, config: ModelConfig, road: Road, rates: Rates | None, limits: Limits) -> CompletionModel:
        if road.kind == "fake":
            return open_fake(road.model)
        if road.kind == "replay":
            return ReplayModel(road.model)
        if road.kind == "litellm":
            from promptship.models._litellm import LiteLLMModel

            return LiteLLMModel(config, api_key=road.api_key, env=self._env, rates=rates, timeout_s=limits.timeout_s)
        from promptship.models.local import open_local

        return open_local(config, cache_dir=self._cache_dir, on_pull=self._on_pull)

    def _transport_of(self, road: Road) -> OpenAITransport:
        from promptship.models._openai_transport import OpenAITransport

        key = (road.base_url, road.api_key)
        if key not in self._transports:
            self._transports[key] = OpenAITransport(road.base_url, api_key=road.api_key)
        return self._transports[key]

    def _pace_of(self, road: Road, limits: Limits) -> Pace:
        key = (road.origin, road.model)
        if key not in self._paces:
            self._paces[key] = Pace(limits)
        self._paces[key].tighten(limits)
        return self._paces[key]


class _Opened:
    """A model as its user holds it: it fills in the config's params, and closing it is the hub's business."""

    def __init__(self, chain: CompletionModel, config: ModelConfig) -> None:
        self._chain = chain
        self._params = config.params
        self._config = config

    async def complete(self, request: CompletionRequest) -> Response:
        try:
            return await self._chain.complete(self._fill(request))
        except ModelError as error:
            _name_config(error, self._config)
            raise

    def recall(self, requests: Sequence[CompletionRequest]) -> Sequence[Response | None]:
        # A cassette and fallbacks have a say in every answer, so only a cache that stands outermost is asked.
        if not isinstance(self._chain, Cached):
            return [None] * len(requests)
        return self._chain.recall([self._fill(request) for request in requests])

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        try:
            async with OpenStream(self._chain.stream(self._fill(request))) as pieces:
                async for piece in pieces:
                    yield piece
        except ModelError as error:
            _name_config(error, self._config)
            raise

    async def aclose(self) -> None:
        """Do nothing: connections are shared, and the hub closes them."""

    def _fill(self, request: CompletionRequest) -> CompletionRequest:
        if request.params == self._params:
            return request
        return replace(request, params={**self._params, **request.params})


def _name_config(error: ModelError, config: ModelConfig) -> None:
    """Say which entry of `models.yaml` failed, and which variable holds the key that was not accepted."""
    prefix = f"model config {config.name!r}: "
    # Calls that were answered as one batch share their error.
    if config.name == config.model or str(error).startswith(prefix):
        return
    error.args = (f"{prefix}{error}",)
    if error.hint and config.api_key_env:
        error.hint = error.hint.replace("the variable named by api_key_env", f"${config.api_key_env}")


def _with_fallbacks(config: ModelConfig) -> list[ModelConfig]:
    """Return the config and, in the order in which they are asked, its fallbacks and theirs."""
    return [config, *(nested for fallback in config.fallbacks for nested in _with_fallbacks(fallback))]


def _check_overrides(retries: int | None, timeout_s: float | None, concurrency: int | None) -> None:
    if retries is not None and retries < 0:
        raise UsageError(f"{retries} retries: expected 0, to try once, or more")
    if timeout_s is not None and timeout_s <= 0:
        raise UsageError(f"a time-out of {timeout_s:g} s: expected more than 0")
    if concurrency is not None and concurrency < 1:
        raise UsageError(f"a concurrency of {concurrency}: expected at least 1")


def _check_price(config: ModelConfig, budget: Budget, rates: Rates | None) -> None:
    if rates is None and budget.limit_usd is not None:
        raise PriceUnknownError(
            f"model config {config.name!r}: the price of {config.model!r} is unknown, so --max-cost cannot be kept",
            hint="price: {input_usd_per_mtok: ..., output_usd_per_mtok: ...} in models.yaml says it",
        )
