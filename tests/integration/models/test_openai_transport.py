"""Our transport against a real server on loopback."""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
import time
import traceback
from email.utils import formatdate
from typing import Any

import pytest

from promptship.domain import Message, Response, ToolCall, Usage
from promptship.errors import (
    AuthenticationError,
    BadRequestError,
    BadResponseError,
    CallTimeoutError,
    ConnectionFailedError,
    InputError,
    ModelError,
    RateLimitError,
    ServerError,
)
from promptship.models import ModelHub
from promptship.models._openai_transport import OpenAIModel, OpenAITransport
from promptship.models._secrets import Secret

KEY = "sk-very-secret-0123456789"


async def test_an_answer_becomes_a_response(server, config, open_hub, lib):
    response = await open_hub().open(config()).complete(lib.ask())

    assert response.text == "Paris"
    assert response.usage == Usage(prompt_tokens=10, completion_tokens=4, cached_tokens=6)
    assert (response.finish_reason, response.served_model, response.provenance) == ("stop", "served-1", "called")
    assert response.latency_s > 0


async def test_the_body_is_the_protocols(server, config, open_hub, lib):
    tool = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    model = open_hub().open(config(params={"temperature": 0.2, "max_tokens": 9}))

    await model.complete(lib.ask(tools=(tool,), output_schema=schema, params={"temperature": 0.7}))

    sent = server.received[0]
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.json == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Capital of France?"}],
        "temperature": 0.7,
        "max_tokens": 9,
        "tools": [tool],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "output", "schema": schema, "strict": True},
        },
    }


async def test_a_schema_that_strict_mode_refuses_is_sent_without_it(server, config, open_hub, lib):
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x"}}}

    await open_hub().open(config()).complete(lib.ask(output_schema=schema))

    assert server.received[0].json["response_format"]["json_schema"] == {"name": "output", "schema": schema}


async def test_tool_calls_come_back_with_their_arguments_untouched(server, config, open_hub, lib):
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"id": 7,'}}
    server.reply = lambda _: lib.http(lib.completion(None, finish="tool_calls", tool_calls=[call]))

    response = await open_hub().open(config()).complete(lib.ask())

    assert response.tool_calls == (ToolCall(id="c1", name="find", arguments='{"id": 7,'),)
    assert (response.text, response.finish_reason) == ("", "tool_calls")


async def test_logprobs_are_kept(server, config, open_hub, lib):
    body = lib.completion("A")
    entry = {
        "token": "A",
        "logprob": -0.1,
        "top_logprobs": [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -3}],
    }
    body["choices"][0]["logprobs"] = {"content": [entry]}
    server.reply = lambda _: lib.http(body)

    response = await open_hub().open(config()).complete(lib.ask())

    assert [(one.token, one.logprob, one.top) for one in response.logprobs] == [("A", -0.1, (("A", -0.1), ("B", -3.0)))]


@pytest.mark.parametrize(
    ("said", "text", "finish"),
    [
        ('{"choice": "billing"}', "billing", "stop"),
        (" billing\n", "billing", "stop"),
        ('{"choice": "weather"}', '{"choice": "weather"}', "invalid_output"),
        ("It is about billing.", "It is about billing.", "invalid_output"),
    ],
)
async def test_choices_are_constrained_by_an_enum_and_unwrapped(server, config, open_hub, lib, said, text, finish):
    server.reply = lambda _: lib.http(lib.completion(said))

    response = await open_hub().open(config()).complete(lib.ask(choices=("billing", "other")))

    sent = server.received[0].json["response_format"]["json_schema"]["schema"]
    assert sent["properties"]["choice"]["enum"] == ["billing", "other"]
    assert (response.text, response.finish_reason) == (text, finish)


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("tool_calls", "tool_calls"),
        ("banana", "other"),
        (None, "stop"),
    ],
)
async def test_finish_reasons_are_mapped(server, config, open_hub, lib, stated, meant):
    server.reply = lambda _: lib.http(lib.completion(finish=stated))

    assert (await open_hub().open(config()).complete(lib.ask())).finish_reason == meant


@pytest.mark.parametrize(
    ("status", "error", "finish"),
    [
        (400, {"code": "context_length_exceeded", "message": "too long"}, "context_length"),
        (400, {"message": "This model's maximum context length is 4097 tokens."}, "context_length"),
        (400, {"type": "exceed_context_size_error", "code": 400, "message": "exceeds"}, "context_length"),
        (400, {"code": "content_filter", "message": "The response was filtered"}, "content_filter"),
    ],
)
async def test_what_the_input_caused_is_an_answer_not_an_error(server, config, open_hub, lib, status, error, finish):
    server.reply = lambda _: lib.http({"error": error}, status=status)

    response = await open_hub().open(config()).complete(lib.ask())

    assert (response.text, response.finish_reason) == ("", finish)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, {"message": "Incorrect API key"}, AuthenticationError),
        (403, {"message": "no access"}, AuthenticationError),
        (402, {"message": "no money"}, AuthenticationError),
        (429, {"message": "slow down"}, RateLimitError),
        (429, {"message": "quota", "code": "insufficient_quota"}, AuthenticationError),
        (408, {"message": "late"}, CallTimeoutError),
        (400, {"message": "temperature: 9"}, BadRequestError),
        (404, {"message": "no such model"}, BadRequestError),
        (422, {"message": "unprocessable"}, BadRequestError),
        (500, {"message": "oops"}, ServerError),
        (503, {"message": "busy"}, ServerError),
        (529, {"message": "overloaded"}, ServerError),
        (599, {"message": "?"}, ServerError),
    ],
)
async def test_every_status_has_its_type(server, config, open_hub, lib, status, error, kind):
    server.reply = lambda _: lib.http({"error": error}, status=status)

    with pytest.raises(ModelError) as raised:
        await open_hub().open(config()).complete(lib.ask())

    assert type(raised.value) is kind
    assert raised.value.status == status
    assert "gpt-4o-mini" in str(raised.value)
    assert server.url.removesuffix("/v1") in str(raised.value)


async def test_a_success_without_content_is_a_bad_response(server, config, open_hub, lib):
    server.reply = lambda _: b"HTTP/1.1 204 No Content\r\n\r\n"

    with pytest.raises(BadResponseError):
        await open_hub().open(config()).complete(lib.ask())


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>502</html>", b"[]", b"null", b'"no"', b'{"error": "plain"}', b'{"error": null}', b"\xff\xfe\x00"],
)
async def test_an_error_body_of_any_shape_keeps_the_type_of_its_status(server, config, open_hub, lib, body):
    server.reply = lambda _: lib.http(body, status=502)

    with pytest.raises(ServerError, match="502 Bad Gateway"):
        await open_hub().open(config()).complete(lib.ask())


async def test_terminal_escapes_of_a_server_do_not_reach_the_message(server, config, open_hub, lib):
    server.reply = lambda _: lib.http({"error": {"message": "\x1b[31mred\r\nnext\u202e" + "x" * 5_000}}, status=400)

    with pytest.raises(BadRequestError) as raised:
        await open_hub().open(config()).complete(lib.ask())

    assert "\x1b" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "\u202e" not in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("payload", "content_type"),
    [
        (b"<html>hello</html>", "text/html"),
        (b"\x00\xff\xfegarbage", "application/json"),
        (b'{"choices": [{"mess', "application/json"),
        (b"", "application/json"),
        (b"[1, 2]", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"choices": []}', "application/json"),
        (b'{"choices": null}', "application/json"),
        (b'{"choices": [{}]}', "application/json"),
        (b'{"choices": [{"message": {"content": 7}}]}', "application/json"),
        (b'{"choices": [{"message": {"content": "x", "tool_calls": [{}]}}]}', "application/json"),
        (b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "many"}}', "application/json"),
        (b'{"choices": [{"message": {"content": "x"}, "logprobs": {"content": [{}]}}]}', "application/json"),
    ],
)
async def test_an_answer_that_is_not_of_the_protocol_is_a_bad_response(
    server, config, open_hub, lib, payload, content_type
):
    server.reply = lambda _: lib.http(payload, content_type=content_type)

    with pytest.raises(BadResponseError, match="gpt-4o-mini"):
        await open_hub().open(config()).complete(lib.ask())


async def test_an_error_with_status_200_is_an_error(server, config, open_hub, lib):
    server.reply = lambda _: lib.http({"error": {"message": "upstream is down", "code": 502}})

    with pytest.raises(ServerError, match="upstream is down"):
        await open_hub().open(config()).complete(lib.ask())


async def test_bytes_that_are_no_http_are_a_bad_response(server, config, open_hub, lib):
    server.close_after = True
    server.reply = lambda _: b"SSH-2.0-OpenSSH_9.6\r\n\r\n"

    with pytest.raises(BadResponseError, match="does not speak HTTP"):
        await open_hub().open(config()).complete(lib.ask())


async def test_half_an_answer_is_a_broken_connection(server, config, open_hub, lib):
    server.close_after = True
    server.reply = lambda _: lib.http(lib.completion())[:-20]

    with pytest.raises(ConnectionFailedError, match="in the middle of the answer") as raised:
        await open_hub().open(config()).complete(lib.ask())

    assert raised.value.status == 200


async def test_a_connection_closed_without_an_answer_is_a_broken_connection(server, config, open_hub, lib):
    server.close_after = True
    server.reply = lambda _: b""

    with pytest.raises(ConnectionFailedError):
        await open_hub().open(config()).complete(lib.ask())


async def test_a_closed_port_is_a_failed_connection(config, open_hub, lib):
    model = open_hub().open(config(base_url="http://127.0.0.1:9/v1"))

    with pytest.raises(ConnectionFailedError) as raised:
        await model.complete(lib.ask())

    assert raised.value.hint is not None


async def test_a_server_that_never_answers_ends_in_a_timeout(server, config, open_hub, lib):
    server.reply = lambda _: lib.HANG
    model = open_hub(timeout_s=0.2).open(config())
    started = time.monotonic()

    with pytest.raises(CallTimeoutError, match=r"within 0\.2 s"):
        await model.complete(lib.ask())

    assert time.monotonic() - started < 3


async def test_a_server_that_stops_in_the_middle_ends_in_a_timeout(server, config, open_hub, lib):
    async def stall(_: Any) -> bytes:
        return lib.http(lib.completion(), Content_Length="99999")

    server.reply = stall

    with pytest.raises(CallTimeoutError):
        await open_hub(timeout_s=0.2).open(config()).complete(lib.ask())


@pytest.mark.parametrize("compressed", [False, True])
async def test_an_answer_is_read_up_to_a_bound(server, lib, compressed):
    payload = b'{"choices": "' + b"x" * 300_000 + b'"}'
    if compressed:
        server.reply = lambda _: lib.http(gzip.compress(payload), Content_Encoding="gzip")
    else:
        server.reply = lambda _: lib.http(payload)
    transport = OpenAITransport(server.url, most_bytes=100_000)
    model = OpenAIModel(transport, "m", rates=None, timeout_s=5)

    with pytest.raises(BadResponseError, match="more than 100,000 bytes"):
        await model.complete(lib.ask())
    with pytest.raises(BadResponseError, match="more than 100,000 bytes"):
        _ = [piece async for piece in model.stream(lib.ask())]

    await transport.aclose()


async def test_redirects_are_not_followed_and_the_key_stays_here(server, config, open_hub, lib):
    server.reply = lambda _: lib.http(b"", status=308, Location="http://127.0.0.1:9/elsewhere")
    hub = open_hub(env={"K": KEY})

    with pytest.raises(BadRequestError) as raised:
        await hub.open(config(api_key_env="K")).complete(lib.ask())

    assert "127.0.0.1:9" in str(raised.value.hint)
    assert len(server.received) == 1


async def test_proxies_of_the_environment_are_not_used(server, config, open_hub, lib, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert (await open_hub().open(config()).complete(lib.ask())).text == "Paris"


async def test_connections_are_kept_alive_and_not_limited(server, config, open_hub, lib):
    async def slow(_: Any) -> bytes:
        await asyncio.sleep(0.05)
        return lib.http(lib.completion())

    server.reply = slow
    model = open_hub(concurrency=200).open(config())

    await asyncio.gather(*(model.complete(lib.ask(repeat=i)) for i in range(150)))
    await asyncio.gather(*(model.complete(lib.ask(repeat=i)) for i in range(150)))

    assert server.peak == 150
    assert server.connections <= 200


async def test_a_text_that_json_cannot_carry_is_the_users_error(server, config, open_hub, lib):
    with pytest.raises(InputError, match="cannot be sent as JSON"):
        await open_hub().open(config()).complete(lib.ask("\ud800"))

    assert server.received == []


async def test_null_content_and_unknown_keys_of_a_history_pass_through(server, config, open_hub, lib):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "7", "tool_call_id": "c"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}], "name": "ada"},
    ]
    request = lib.ask()
    request = type(request)(messages=tuple(map(Message.from_json, history)))

    await open_hub().open(config()).complete(request)

    assert server.received[0].json["messages"] == history


class TestSecrets:
    async def test_the_key_is_in_the_authorization_header_alone(self, server, config, open_hub, lib):
        await open_hub(env={"K": f" {KEY}\n"}).open(config(api_key_env="K")).complete(lib.ask())

        sent = server.received[0]
        assert sent.headers.pop("authorization") == f"Bearer {KEY}"
        assert KEY not in str(sent)

    @pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
    async def test_a_server_that_echoes_the_key_does_not_get_it_into_an_error(
        self, server, config, open_hub, lib, status, caplog
    ):
        caplog.set_level(logging.DEBUG)
        server.reply = lambda got: lib.http(
            {"error": {"message": f"you sent {got.headers['authorization']}"}}, status=status
        )

        with pytest.raises(ModelError) as raised:
            await open_hub(env={"K": KEY}).open(config(api_key_env="K")).complete(lib.ask())

        shown = "".join(traceback.format_exception(raised.value))
        assert "[redacted]" in str(raised.value)
        assert KEY not in shown + repr(raised.value) + str(raised.value.hint) + caplog.text

    async def test_a_server_that_echoes_the_key_does_not_get_it_into_an_answer(self, server, config, open_hub, lib):
        server.reply = lambda got: lib.http(lib.completion(f"key {got.headers['authorization']}"))

        response = await open_hub(env={"K": KEY}).open(config(api_key_env="K")).complete(lib.ask())

        assert response.text == "key Bearer [redacted]"

    async def test_a_garbled_answer_with_the_key_in_it_is_redacted_too(self, server, config, open_hub, lib):
        server.reply = lambda got: lib.http(b"<html>" + got.headers["authorization"].encode())

        with pytest.raises(BadResponseError) as raised:
            await open_hub(env={"K": KEY}).open(config(api_key_env="K")).complete(lib.ask())

        assert KEY not in str(raised.value)

    async def test_no_repr_shows_the_key(self, server, config, open_hub, lib):
        hub = open_hub(env={"K": KEY})
        model = hub.open(config(api_key_env="K"))
        await model.complete(lib.ask())

        shown = repr(hub) + repr(model) + repr(list(hub._transports.values())) + repr(Secret(KEY, source="K"))
        assert KEY not in shown


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({"Retry_After": "7"}, 7.0),
            ({"Retry_After": "0.5"}, 0.5),
            ({"retry_after_ms": "250"}, 0.25),
            ({"Retry_After": "-3"}, 0.0),
            ({"Retry_After": "soon"}, None),
            ({"Retry_After": "nan"}, None),
            ({"Retry_After": "inf"}, None),
            ({}, None),
        ],
    )
    async def test_it_is_read(self, server, config, open_hub, lib, headers, expected):
        server.reply = lambda _: lib.http({}, status=429, **headers)

        with pytest.raises(RateLimitError) as raised:
            await open_hub().open(config()).complete(lib.ask())

        assert raised.value.retry_after_s == expected

    async def test_it_may_be_a_date(self, server, config, open_hub, lib):
        server.reply = lambda _: lib.http({}, status=503, Retry_After=formatdate(time.time() + 20, usegmt=True))

        with pytest.raises(ServerError) as raised:
            await open_hub().open(config()).complete(lib.ask())

        assert raised.value.retry_after_s == pytest.approx(20, abs=2)


def events(*deltas: dict[str, Any], finish: str | None = "stop", done: bool = True) -> bytes:
    import orjson

    rows = [{"model": "served-1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    if finish:
        rows.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        rows.append({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    text = b"".join(b"data: " + orjson.dumps(row) + b"\n\n" for row in rows)
    return b": comment\n\n" + text + (b"data: [DONE]\n\n" if done else b"")


class TestStreaming:
    async def collect(self, model: Any, request: Any) -> tuple[list[str], Response]:
        *pieces, last = [piece async for piece in model.stream(request)]
        assert isinstance(last, Response)
        return pieces, last

    async def test_pieces_come_first_and_the_response_last(self, server, config, open_hub, lib):
        server.reply = lambda _: lib.http(
            events({"content": "Pa"}, {"content": "ris"}), content_type="text/event-stream"
        )

        pieces, response = await self.collect(open_hub().open(config()), lib.ask())

        assert pieces == ["Pa", "ris"]
        assert (response.text, response.finish_reason, response.served_model) == ("Paris", "stop", "served-1")
        assert response.usage == Usage(prompt_tokens=3, completion_tokens=2)
        assert server.received[0].json["stream_options"] == {"include_usage": True}

    async def test_pieces_of_tool_calls_are_put_together(self, server, config, open_hub, lib):
        first = {"index": 0, "id": "c1", "function": {"name": "find", "arguments": '{"a"'}}
        second = {"index": 0, "function": {"arguments": ": 1}"}}
        other = {"index": 1, "id": "c2", "function": {"name": "look", "arguments": "{}"}}
        body = events({"tool_calls": [first]}, {"tool_calls": [second, other]}, finish="tool_calls")
        server.reply = lambda _: lib.http(body)

        pieces, response = await self.collect(open_hub().open(config()), lib.ask())

        assert pieces == []
        assert response.tool_calls == (
            ToolCall(id="c1", name="find", arguments='{"a": 1}'),
            ToolCall(id="c2", name="look", arguments="{}"),
        )

    async def test_a_choice_comes_in_one_unwrapped_piece(self, server, config, open_hub, lib):
        server.reply = lambda _: lib.http(events({"content": '{"choice":'}, {"content": ' "a"}'}))

        pieces, response = await self.collect(open_hub().open(config()), lib.ask(choices=("a", "b")))

        assert pieces == ["a"]
        assert response.text == "a"

    async def test_a_server_that_does_not_stream_is_understood(self, server, config, open_hub, lib):
        pieces, response = await self.collect(open_hub().open(config()), lib.ask())

        assert pieces == ["Paris"]
        assert response.usage.prompt_tokens == 10

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (events({"content": "Pa"}, finish=None, done=False), ConnectionFailedError),
            (b"", ConnectionFailedError),
            (b"data: {broken\n\n", BadResponseError),
            (b"data: [1]\n\n", BadResponseError),
            (b'data: {"error": {"message": "overloaded", "code": 529}}\n\n', ServerError),
            (b'data: {"error": {"message": "slow", "code": "rate_limit_exceeded"}}\n\n', RateLimitError),
            (b"<html></html>", ConnectionFailedError),
        ],
    )
    async def test_a_broken_stream_has_its_type(self, server, config, open_hub, lib, body, kind):
        server.reply = lambda _: lib.http(body, content_type="text/event-stream")

        with pytest.raises(kind):
            await self.collect(open_hub().open(config()), lib.ask())

    async def test_a_refused_stream_has_its_type(self, server, config, open_hub, lib):
        server.reply = lambda _: lib.http({"error": {"message": "no"}}, status=401)

        with pytest.raises(AuthenticationError):
            await self.collect(open_hub().open(config()), lib.ask())

    async def test_a_context_that_is_too_long_is_an_answer(self, server, config, open_hub, lib):
        server.reply = lambda _: lib.http({"error": {"code": "context_length_exceeded"}}, status=400)

        assert (await self.collect(open_hub().open(config()), lib.ask()))[1].finish_reason == "context_length"

    async def test_a_connection_cut_in_mid_stream_has_its_type(self, server, config, open_hub, lib):
        server.close_after = True
        server.reply = lambda _: lib.http(events({"content": "Pa"}), Content_Length="99999")

        with pytest.raises(ConnectionFailedError):
            await self.collect(open_hub().open(config()), lib.ask())

    async def test_a_consumer_that_stops_early_frees_its_place(self, server, config, open_hub, lib):
        server.reply = lambda _: lib.http(events(*({"content": "x"} for _ in range(50))))
        hub = open_hub(concurrency=1)
        model = hub.open(config())

        stream = model.stream(lib.ask())
        assert await anext(stream) == "x"
        await stream.aclose()

        assert (await asyncio.wait_for(self.collect(model, lib.ask()), 5))[1].text == "x" * 50


async def test_a_hub_may_be_used_in_two_event_loops_and_closed_in_one(server, config, lib):
    hub = ModelHub(endpoints={}, env={})
    model = hub.open(config())
    other = asyncio.new_event_loop()
    thread = threading.Thread(target=other.run_forever)
    thread.start()

    there = asyncio.run_coroutine_threadsafe(model.complete(lib.ask()), other)
    assert (await asyncio.wrap_future(there)).text == "Paris"
    assert (await model.complete(lib.ask())).text == "Paris"
    await hub.aclose()
    await hub.aclose()

    assert server.connections == 2
    other.call_soon_threadsafe(other.stop)
    thread.join()
    other.close()


async def test_a_hub_may_be_closed_after_the_loop_it_was_used_in(server, config, lib):
    server.close_after = True
    server.reply = lambda _: lib.http(lib.completion(), Connection="close")
    hub = ModelHub(endpoints={}, env={})
    model = hub.open(config())

    response = await asyncio.to_thread(lambda: asyncio.run(model.complete(lib.ask())))
    await hub.aclose()

    assert response.text == "Paris"
