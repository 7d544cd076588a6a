"""Whatever a server sends, we give a response or a typed error; and a stream may be cut into any pieces."""

from __future__ import annotations

import contextlib
import itertools

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from promptship.domain import CompletionRequest, Message, Response
from promptship.errors import BadResponseError, ModelError
from promptship.models._prices import Rates
from promptship.models._refusals import Refusal, parse_retry_after, status_in
from promptship.models._requests import build_body
from promptship.models._responses import parse_completion, parse_json
from promptship.models._sse import StreamedCompletion

REQUEST = CompletionRequest(messages=(Message(role="user", content="x"),), choices=("a", "b"))
RATES = Rates(input=1.0, output=1.0, cached_input=1.0)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**18) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
KNOWN = st.sampled_from(["content", "tool_calls", "refusal", "function", "name", "arguments", "id", "logprobs", "type"])
MESSAGE = st.dictionaries(KNOWN, JSON | st.lists(st.dictionaries(KNOWN, JSON, max_size=3), max_size=2), max_size=4)
CHOICE = st.fixed_dictionaries({"message": MESSAGE}, optional={"finish_reason": JSON, "logprobs": JSON})
USAGE = st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), JSON, max_size=2)
COMPLETION = st.fixed_dictionaries(
    {"choices": st.lists(CHOICE, max_size=1)}, optional={"usage": JSON | USAGE, "model": JSON}
)


@given(st.binary(max_size=60) | JSON.map(orjson.dumps))
def test_bytes_are_an_object_or_a_bad_response(payload):
    with contextlib.suppress(BadResponseError):
        assert isinstance(parse_json(payload, shown="m"), dict)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(COMPLETION)
@example({"choices": [{"message": {"content": "x"}, "finish_reason": []}]})
@example({"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -5}})
@example({"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": float("inf")}})
def test_a_completion_is_a_response_or_a_bad_response(body):
    try:
        response = parse_completion(body, REQUEST, rates=RATES, latency_s=0.1, shown="m")
    except BadResponseError:
        return
    assert isinstance(response, Response)
    assert response.cost_usd is None or response.cost_usd >= 0


@given(st.integers(300, 599), st.binary(max_size=60) | JSON.map(orjson.dumps), st.text(max_size=20))
def test_every_refusal_is_an_answer_or_a_typed_error(status, payload, retry_after):
    refusal = Refusal(status, payload, headers={"retry-after": retry_after}, now=0.0)

    assert refusal.finish_reason in (None, "context_length", "content_filter")
    assert isinstance(refusal.as_error("m"), ModelError)
    assert 400 <= status_in(payload) < 600


@given(st.text(max_size=30))
def test_a_retry_after_is_seconds_or_nothing(value):
    seconds = parse_retry_after({"retry-after": value}, 0.0)

    assert seconds is None or 0 <= seconds < float("inf")


def stream(*, line_end: bytes) -> bytes:
    rows = [{"choices": [{"delta": {"content": piece}}]} for piece in ("Grü", "ße ", "🎉", "\n\ndata: x")]
    rows.append({"choices": [{"delta": {}, "finish_reason": "stop"}], "model": "m-1"})
    lines = b"".join(b"data: " + orjson.dumps(row) + line_end * 2 for row in rows)
    return b": hello" + line_end * 2 + b"event: message" + line_end + lines + b"data: [DONE]"


@given(cuts=st.lists(st.integers(0, 400), max_size=12), line_end=st.sampled_from([b"\n", b"\r\n"]))
def test_a_stream_may_be_cut_anywhere(cuts, line_end):
    data = stream(line_end=line_end)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    streamed = StreamedCompletion("m")

    pieces = [piece for a, b in itertools.pairwise(places) for piece in streamed.feed(data[a:b])]
    streamed.end()

    assert "".join(pieces) == "Grüße 🎉\n\ndata: x"
    assert streamed.finished
    assert orjson.loads(streamed.payload())["choices"][0]["message"]["content"] == "Grüße 🎉\n\ndata: x"


@given(st.lists(st.binary(max_size=30) | JSON.map(lambda row: b"data: " + orjson.dumps(row) + b"\n\n"), max_size=6))
def test_any_stream_is_read_or_a_bad_response(chunks):
    streamed = StreamedCompletion("m")
    try:
        for chunk in chunks:
            streamed.feed(chunk)
        streamed.end()
    except BadResponseError:
        return
    assert isinstance(streamed.payload(), bytes)


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {}, "required": [], "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {}}, "required": [], "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
        ({"type": "object"}, False),
        ({"type": "string", "minLength": 2}, False),
        ({"type": "array", "items": {"type": "object"}}, False),
    ],
)
def test_strict_is_asked_for_where_it_is_accepted(schema, strict):
    request = CompletionRequest(messages=REQUEST.messages, output_schema=schema)

    sent = build_body("m", request)["response_format"]["json_schema"]

    assert sent.get("strict", False) is strict


def test_a_response_format_of_the_config_wins_over_the_schema():
    params = {"response_format": {"type": "json_object"}}
    request = CompletionRequest(messages=REQUEST.messages, output_schema={"type": "object"}, params=params)

    assert build_body("m", request)["response_format"] == {"type": "json_object"}
