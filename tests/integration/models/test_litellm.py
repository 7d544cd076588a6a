"""The road through litellm, pointed at a real server on loopback."""

from __future__ import annotations

import subprocess
import sys

import pytest

from promptship.domain import ModelConfig, Price
from promptship.errors import (
    AuthenticationError,
    BadRequestError,
    CallTimeoutError,
    ConnectionFailedError,
    ModelError,
    RateLimitError,
    ServerError,
    UsageError,
)
from promptship.models._litellm import LiteLLMModel
from promptship.models._prices import resolve_rates
from promptship.models._secrets import Secret

pytest.importorskip("litellm")
pytestmark = [
    # litellm's clients belong to the process, and one event loop of a test leaves them to the next.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
KEY = "sk-very-secret-0123456789"


@pytest.fixture
async def open_model(server):
    models = []

    def make(*, timeout_s=5.0, base=None, **fields):
        config = ModelConfig(**{"name": "m", "model": "openai/gpt-4o-mini", **fields})
        key = Secret(KEY, source="K")
        base = base or server.url
        model = LiteLLMModel(
            config, api_key=key, env={}, rates=resolve_rates(config), timeout_s=timeout_s, api_base=base
        )
        models.append(model)
        return model

    yield make
    for model in models:
        await model.aclose()


async def test_an_answer_becomes_the_same_response_as_over_our_transport(server, open_model, lib):
    model = open_model(price=Price(input_usd_per_mtok=1, output_usd_per_mtok=10, cached_input_usd_per_mtok=0.5))

    response = await model.complete(lib.ask(params={"temperature": 0.5}))

    assert (response.text, response.finish_reason, response.served_model) == ("Paris", "stop", "served-1")
    assert (response.usage.prompt_tokens, response.usage.completion_tokens, response.usage.cached_tokens) == (10, 4, 6)
    assert response.cost_usd == pytest.approx(47e-6)
    assert server.received[0].json["temperature"] == 0.5
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


async def test_its_price_list_is_used_where_the_config_has_no_price(server, open_model, lib):
    response = await open_model().complete(lib.ask())

    assert response.cost_usd == pytest.approx((4 * 0.15 + 6 * 0.075 + 4 * 0.6) / 1e6)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, {"message": "bad key"}, AuthenticationError),
        (403, {"message": "no"}, AuthenticationError),
        (429, {"message": "slow"}, RateLimitError),
        (400, {"message": "bad temperature"}, BadRequestError),
        (404, {"message": "no such model"}, BadRequestError),
        (500, {"message": "oops"}, ServerError),
        (503, {"message": "busy"}, ServerError),
    ],
)
async def test_its_exceptions_become_ours(server, open_model, lib, status, error, kind):
    server.reply = lambda got: lib.http(
        {"error": {**error, "message": f"{error['message']} {got.headers['authorization']}"}}, status=status
    )

    with pytest.raises(ModelError) as raised:
        await open_model().complete(lib.ask())

    assert isinstance(raised.value, kind)
    assert KEY not in str(raised.value)
    assert len(server.received) == 1


async def test_a_retry_after_reaches_us(server, open_model, lib):
    server.reply = lambda _: lib.http({"error": {"message": "slow"}}, status=429, Retry_After="7")

    with pytest.raises(RateLimitError) as raised:
        await open_model().complete(lib.ask())

    assert raised.value.retry_after_s == 7


async def test_a_context_that_is_too_long_is_an_answer(server, open_model, lib):
    error = {"message": "This model's maximum context length is 10 tokens.", "code": "context_length_exceeded"}
    server.reply = lambda _: lib.http({"error": error}, status=400)

    assert (await open_model().complete(lib.ask())).finish_reason == "context_length"


async def test_no_answer_in_time_is_a_timeout(server, open_model, lib):
    server.reply = lambda _: lib.HANG

    with pytest.raises(CallTimeoutError):
        await open_model(timeout_s=0.3).complete(lib.ask())


async def test_a_closed_port_is_a_failed_connection(open_model, lib):
    with pytest.raises((ConnectionFailedError, ServerError)):
        await open_model(base="http://127.0.0.1:9/v1").complete(lib.ask())


async def test_it_streams(server, open_model, lib):
    import orjson

    rows = [{"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "served-1"} for _ in range(4)]
    rows[0]["choices"] = [{"index": 0, "delta": {"role": "assistant", "content": "Pa"}, "finish_reason": None}]
    rows[1]["choices"] = [{"index": 0, "delta": {"content": "ris"}, "finish_reason": None}]
    rows[2]["choices"] = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    rows[3] |= {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    body = b"".join(b"data: " + orjson.dumps(row) + b"\n\n" for row in rows) + b"data: [DONE]\n\n"
    server.reply = lambda _: lib.http(body, content_type="text/event-stream")

    *pieces, response = [piece async for piece in open_model().stream(lib.ask())]

    assert "".join(pieces) == response.text == "Paris"
    assert response.usage.completion_tokens == 2


@pytest.mark.parametrize(
    "name", ["api_base", "base_url", "api_key", "extra_headers", "custom_llm_provider", "temprature"]
)
def test_a_config_cannot_send_calls_elsewhere(open_model, name):
    with pytest.raises(UsageError, match=f"params.{name} is no sampling parameter"):
        open_model(params={name: "http://evil.example"})


async def test_a_request_cannot_send_calls_elsewhere_either(server, open_model, lib):
    with pytest.raises(UsageError, match="api_base"):
        await open_model().complete(lib.ask(params={"api_base": "http://evil.example"}))


def test_an_unknown_provider_is_refused(open_model):
    with pytest.raises(UsageError, match="no provider 'antropic'; did you mean 'anthropic'"):
        open_model(model="antropic/claude-x")


def test_a_missing_key_is_found_when_the_model_is_opened(open_hub, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    with pytest.raises(UsageError, match="needs the environment variable 'ANTHROPIC_API_KEY'"):
        open_hub().open(ModelConfig(name="m", model="anthropic/claude-3-5-haiku-latest"))
    open_hub(env={"ANTHROPIC_API_KEY": KEY}).open(ModelConfig(name="m", model="anthropic/claude-3-5-haiku-latest"))


def test_importing_it_connects_to_nobody_and_reads_no_env_file(tmp_path):
    (tmp_path / ".env").write_text("PLANTED=yes\n")
    code = """
import os, socket
def refuse(*args): raise AssertionError(f"connects to {args}")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = refuse
from promptship.models._litellm import load_litellm
litellm = load_litellm()
assert litellm.telemetry is False
assert "PLANTED" not in os.environ
print(len(litellm.model_cost) > 1000)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, capture_output=True, text=True)

    assert (ran.stdout, ran.stderr, ran.returncode) == ("True\n", "", 0)


def test_a_cached_run_does_not_import_litellm(tmp_path):
    program = (
        "import sys\n"
        "from promptship.models import ModelHub\n"
        "from promptship.domain import ModelConfig\n"
        "hub = ModelHub(endpoints={}, env={'OPENAI_API_KEY': 'sk-made-up'})\n"
        "hub.open(ModelConfig(name='m', model='openai/gpt-4o-mini'))\n"
        "sys.exit('litellm' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
