from __future__ import annotations

import subprocess
import sys

import pytest

from promptship import models
from promptship.domain import ModelConfig, Price, Response
from promptship.errors import UsageError
from promptship.models import Budget, Cassette, ModelHub, ResponseCache, check_model
from promptship.settings import Endpoint

ENDPOINTS = {"gateway": Endpoint(base_url="https://llm.example.com:8443/v1", api_key_env="GATEWAY_KEY")}


def hub_of(**fields):
    return ModelHub(**{"endpoints": ENDPOINTS, "env": {}, **fields})


def config_of(model="openai/gpt-4o-mini", **fields):
    return ModelConfig(**{"name": "fast", "model": model, **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "gpt-4o"}, "is not provider/model"),
        ({"model": "openai/"}, "is not provider/model"),
        ({"model": "fake/ecco"}, "did you mean 'echo'"),
        ({"model": "fake/echo?latency=1"}, "has no option 'latency'"),
        ({"endpoint": "gatevay"}, "no endpoint 'gatevay'; did you mean 'gateway'"),
        ({"endpoint": "gateway"}, "'GATEWAY_KEY', which is not set"),
        ({"endpoint": "gateway", "api_key_env": "AWS_SECRET"}, "is named in the settings"),
        ({"endpoint": "gateway", "base_url": "http://127.0.0.1/v1"}, "both endpoint and base_url"),
        ({"base_url": "http://127.0.0.1/v1", "api_key_env": "NOPE"}, "'NOPE', which is not set"),
        ({"base_url": "http://127.0.0.1/v1", "params": {"stream": True}}, "params.stream"),
        ({"base_url": "http://127.0.0.1/v1", "params": {"n": 3}}, "params.n"),
    ],
)
def test_a_wrong_config_is_found_when_the_model_is_opened(fields, message):
    with pytest.raises(UsageError, match=message):
        hub_of().open(config_of(**fields))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "LocalHost", "[::1]"])
def test_an_inline_address_may_be_this_machine(host):
    hub = hub_of()
    hub.open(config_of(base_url=f"http://{host}:8080/v1"))

    assert [transport.origin for transport in hub._transports.values()] == [f"http://{host.lower()}:8080"]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "http://127.0.0.1.evil.example/v1",
        "http://0.0.0.0/v1",
        "http://10.0.0.1/v1",
        "http://localhost@evil.example/v1",
        "http://evil.example\\@127.0.0.1/v1",
        "http://evil.example#@127.0.0.1/v1",
        "http://[::ffff:8.8.8.8]/v1",
        "http://127.1/v1",
        "ftp://127.0.0.1/",
        "//127.0.0.1/",
        "http://127.0.0.1/v1?key=1",
        "http://127.0.0.1 /v1",
        "",
    ],
)
def test_an_inline_address_may_be_nothing_else(url):
    with pytest.raises(UsageError, match=r"base_url|user or password"):
        hub_of().open(config_of(base_url=url))


def test_an_address_elsewhere_gets_the_lines_for_the_settings():
    with pytest.raises(UsageError) as raised:
        hub_of().open(config_of(base_url="https://api.example.com/v1", api_key_env="K"))

    assert (
        '[tool.promptship.endpoints] my-endpoint = { base_url = "https://api.example.com/v1", api_key_env = "K" }'
        in str(raised.value.hint)
    )


def test_a_password_in_an_address_is_not_repeated():
    with pytest.raises(UsageError) as raised:
        hub_of().open(config_of(base_url="http://user:hunter2@127.0.0.1/v1"))

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("value", ["", "  ", "two words", "new\nline", "schlüssel"])
def test_a_key_that_is_none_is_refused_without_being_shown(value):
    with pytest.raises(UsageError, match="GATEWAY_KEY") as raised:
        hub_of(env={"GATEWAY_KEY": value}).open(config_of(endpoint="gateway"))

    assert value.strip() == "" or value not in str(raised.value)


@pytest.mark.parametrize("override", [{"retries": -1}, {"timeout_s": 0}, {"concurrency": 0}])
def test_an_override_out_of_range_is_refused(override):
    with pytest.raises(UsageError, match="expected"):
        hub_of(**override)


def test_a_fallback_without_a_key_is_found_too():
    with pytest.raises(UsageError, match="GATEWAY_KEY"):
        hub_of().open(config_of("fake/echo", fallbacks=(config_of(endpoint="gateway"),)))


@pytest.mark.parametrize(
    ("fields", "origin"),
    [
        ({"base_url": "http://127.0.0.1:8080/v1"}, "http://127.0.0.1:8080"),
        ({"endpoint": "gateway"}, "https://llm.example.com:8443"),
        ({"model": "anthropic/claude-x"}, "litellm:anthropic"),
        ({"model": "local/smollm2-135m-instruct"}, "local"),
        ({"model": "fake/echo"}, "fake"),
        ({"model": "replay/cassettes/x.jsonl.zst"}, "replay"),
    ],
)
def test_the_origin_is_known_without_a_key(fields, origin):
    assert hub_of().origin(config_of(**fields)) == origin


def test_equal_configs_share_one_model_and_one_pace():
    hub = hub_of()
    config = config_of(base_url="http://127.0.0.1:8080/v1")
    hotter = config.model_copy(update={"params": {"temperature": 1}})

    assert hub.open(config) is hub.open(config.model_copy())
    assert hub.open(config) is not hub.open(hotter)
    assert (len(hub._paces), len(hub._transports)) == (1, 1)


def test_a_budget_needs_a_price():
    config = config_of("openai/nobody-knows", base_url="http://127.0.0.1:1/v1")

    with pytest.raises(UsageError, match="price of 'openai/nobody-knows' is unknown") as raised:
        hub_of(budget=Budget(1.0)).open(config)

    assert "price:" in str(raised.value.hint)
    hub_of(budget=Budget()).open(config)
    hub_of(budget=Budget(1.0)).open(
        config.model_copy(update={"price": Price(input_usd_per_mtok=1, output_usd_per_mtok=1)})
    )


@pytest.mark.parametrize(
    ("config", "cost"),
    [
        (config_of(price=Price(input_usd_per_mtok=1.0, output_usd_per_mtok=4.0)), 1.0 + 2.0),
        (config_of("fake/echo"), 0.0),
        (config_of("local/smollm2-135m-instruct"), 0.0),
        (config_of("openai/gpt-4o-mini"), 0.15 + 0.3),
        (config_of("openai/nobody-knows"), None),
        (config_of("mistral/gpt-4o-mini"), None),
    ],
)
def test_cost_is_estimated_where_a_price_is_known(config, cost):
    assert hub_of().estimate_cost(config, 1_000_000, 500_000) == (cost if cost is None else pytest.approx(cost))


def test_tokens_are_counted_by_length_where_no_tokenizer_is_at_hand():
    hub = hub_of()

    assert [hub.count_tokens(config_of("mistral/x"), text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]


def test_openais_tokens_are_counted_exactly_and_without_the_network(monkeypatch):
    import socket

    def refuse(*_):
        raise AssertionError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert hub_of().count_tokens(config_of("openai/gpt-4o-mini"), "hello world") == 2


async def test_a_config_fills_in_its_params(ask):
    hub = hub_of()
    model = hub.open(config_of("fake/echo", params={"temperature": 0.5, "seed": 1}))

    await model.complete(ask(params={"seed": 2}))

    (leaf,) = hub._leaves.values()
    assert leaf.calls[0].params == {"temperature": 0.5, "seed": 2}


async def test_a_fallbacks_answer_is_not_kept_as_the_first_models(tmp_path, ask):
    cache = ResponseCache(tmp_path / "cache.db")
    config = config_of("fake/error", limits={"retries": 0}, fallbacks=(config_of("fake/constant?text=spare"),))
    hub = hub_of(cache=cache)

    texts = [(await hub.open(config).complete(ask())).text for _ in range(2)]
    answers = [(await hub.open(config).complete(ask())).provenance, len(hub._leaves["fake", "error"].calls)]
    cache.close()

    assert texts == ["spare", "spare"]
    # The broken model is asked each time, and only the spare one's answer is remembered, under its own name.
    assert answers == ["cached", 3]


async def test_an_answer_from_the_cache_costs_nothing(tmp_path, ask):
    cache, budget = ResponseCache(tmp_path / "cache.db"), Budget(1.0)
    price = Price(input_usd_per_mtok=0, output_usd_per_mtok=1000)
    hub = hub_of(cache=cache, budget=budget)
    model = hub.open(config_of("fake/echo", price=price, params={"max_tokens": 100}))
    hub._leaves["fake", "echo"]._answer = lambda _: Response(text="x", cost_usd=0.05)

    for _ in range(5):
        await model.complete(ask())
    cache.close()

    assert budget.spent_usd == 0.05


async def test_what_is_recorded_is_replayed_by_a_frozen_hub(tmp_path, ask):
    config = config_of("fake/echo", fallbacks=(config_of("fake/constant?text=x"),))
    cassette = Cassette.record(tmp_path / "c.zst")
    await hub_of(cassette=cassette).open(config).complete(ask("hi"))
    cassette.close()

    frozen = hub_of(cassette=Cassette.frozen(tmp_path / "c.zst"))
    response = await frozen.open(config).complete(ask("hi"))

    assert (response.text, response.provenance) == ("hi", "replayed")
    assert frozen._leaves == {}


async def test_a_prior_is_the_mean_over_the_requests(ask):
    hub = hub_of()
    model = hub.open(config_of("fake/echo"))
    answers = iter([{"a": -1.0, "b": -2.0}, {"a": -3.0, "b": -2.0}])
    hub._leaves["fake", "echo"]._answer = lambda _: Response(text="a", choice_logprobs=next(answers))

    prior = await hub.fit_prior(config_of("fake/echo"), [ask(text, choices=("a", "b")) for text in ("x", "y")])

    assert prior == {"a": -2.0, "b": -2.0}
    assert model is hub.open(config_of("fake/echo"))


async def test_a_prior_needs_a_model_that_decides_by_likelihood(ask):
    with pytest.raises(UsageError, match="does not decide choices by likelihood"):
        await hub_of().fit_prior(config_of("fake/echo"), [ask(choices=("a", "b"))])
    with pytest.raises(UsageError, match="at least one request"):
        await hub_of().fit_prior(config_of("fake/echo"), [])


class TestCheck:
    async def test_a_model_that_answers_is_ok(self):
        check = await check_model(hub_of(), config_of("fake/echo"))

        assert (check.ok, check.origin, check.served_model, check.cost_usd) == (True, "fake", "fake", 0.0)

    async def test_it_asks_past_the_cache_and_the_fallbacks(self, tmp_path):
        cache = ResponseCache(tmp_path / "cache.db")
        hub = hub_of(cache=cache)
        config = config_of("fake/echo", fallbacks=(config_of("fake/constant"),))
        for _ in range(2):
            await check_model(hub, config)
        cache.close()

        assert len(hub._leaves["fake", "echo"].calls) == 2

    @pytest.mark.parametrize(
        ("config", "kind"),
        [
            (config_of("fake/error?message=broken", limits={"retries": 0}), "ServerError"),
            (config_of(endpoint="gateway"), "UsageError"),
            (config_of("nothing"), "UsageError"),
        ],
    )
    async def test_an_error_is_part_of_the_answer(self, config, kind):
        check = await check_model(hub_of(), config)

        assert (check.ok, check.error_kind) == (False, kind)
        assert check.error


def test_importing_models_loads_nothing_heavy():
    code = (
        "import sys, promptship.models as m; m.ModelHub(endpoints={}, env={});"
        "print(sorted({'aiohttp', 'litellm', 'torch', 'transformers', 'zstandard', 'tiktoken'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_what_is_exported_is_there_and_sorted():
    ours = [name for name in models.__all__ if name not in models._LOCAL]

    assert models.__all__ == sorted(models.__all__)
    assert all(hasattr(models, name) for name in ours)
