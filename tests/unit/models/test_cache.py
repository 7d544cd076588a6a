from __future__ import annotations

import os
import sqlite3
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import ModelConfig, Response, TokenLogprob, ToolCall, Usage
from promptship.errors import ServerError, StorageError
from promptship.models import CacheWarning, FakeModel, ResponseCache
from promptship.models._cache import Cached
from promptship.models._codec import decode_response, encode_response

CONFIG = ModelConfig(name="m", model="fake/echo")
FULL = Response(
    text="Grüße",
    tool_calls=(ToolCall(id="1", name="f", arguments="{"),),
    usage=Usage(prompt_tokens=1, completion_tokens=2, cached_tokens=1),
    cost_usd=0.5,
    latency_s=0.25,
    finish_reason="length",
    served_model="m-1",
    logprobs=(TokenLogprob(token="G", logprob=-0.5, top=(("G", -0.5), ("H", -2.0))),),
    choice_logprobs={"a": -1.0},
    attempts=2,
)


@pytest.fixture
def cache(tmp_path):
    one = ResponseCache(tmp_path / "cache.db")
    yield one
    one.close()


def test_an_answer_survives_storing(cache, tmp_path):
    cache.put(b"k" * 32, FULL)
    fresh = cache.get(b"k" * 32)
    cache.flush()

    for found in (fresh, cache.get(b"k" * 32)):
        assert encode_response(found) == encode_response(FULL)
        assert found.provenance == "cached"


@given(st.text(max_size=50), st.one_of(st.none(), st.floats(0, 10)), st.integers(0, 10**9))
def test_every_answer_survives_the_codec(text, cost, tokens):
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    response = Response(text=text, cost_usd=cost, usage=Usage(prompt_tokens=tokens), provenance="cached")

    assert decode_response(encode_response(response), "cached") == response


async def test_the_second_call_is_answered_from_the_cache_with_its_first_price(cache, ask):
    model = FakeModel([Response(text="x", cost_usd=0.25, latency_s=1.5)])
    cached = Cached(model, cache, CONFIG)

    first, second = await cached.complete(ask()), await cached.complete(ask())

    assert (first.provenance, second.provenance) == ("called", "cached")
    assert (second.cost_usd, second.latency_s) == (0.25, 1.5)
    assert len(model.calls) == 1


async def test_repeats_have_their_own_answers(cache, ask):
    model = FakeModel(["one", "two", "three"])
    cached = Cached(model, cache, CONFIG)

    texts = [(await cached.complete(ask(repeat=index))).text for index in (0, 1, 2, 0, 1, 2)]

    assert texts == ["one", "two", "three"] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"temperature": 1}},
        {"tools": ({"type": "function", "function": {"name": "f"}},)},
        {"output_schema": {"type": "object"}},
        {"choices": ("a", "b")},
        {"prior": {"a": -1.0}},
        {"text": "Hello "},
    ],
)
async def test_everything_that_decides_an_answer_is_part_of_its_key(cache, ask, change):
    model = FakeModel(["one", "two"])
    cached = Cached(model, cache, CONFIG)

    await cached.complete(ask())

    assert (await cached.complete(ask(**change))).text == "two"


async def test_where_a_model_runs_and_what_it_costs_is_no_part_of_the_key(cache, ask):
    config = ModelConfig(name="a", model="openai/m", base_url="http://127.0.0.1:1/v1", api_key_env="A")
    other = config.model_copy(update={"name": "b", "base_url": "http://127.0.0.1:2/v1", "api_key_env": "B"})
    await Cached(FakeModel(["one"]), cache, config).complete(ask())

    assert (await Cached(FakeModel(["two"]), cache, other).complete(ask())).text == "one"
    elsewhere = config.model_copy(update={"base_url": None, "endpoint": "staging"})
    assert (await Cached(FakeModel(["two"]), cache, elsewhere).complete(ask())).text == "two"


async def test_errors_are_never_kept(cache, ask):
    cached = Cached(FakeModel([ServerError("x"), "fine"]), cache, CONFIG)

    with pytest.raises(ServerError):
        await cached.complete(ask())

    assert (await cached.complete(ask())).text == "fine"


async def test_what_the_model_refused_is_kept(cache, ask):
    cached = Cached(FakeModel([Response(text="", finish_reason="content_filter"), "other"]), cache, CONFIG)
    await cached.complete(ask())

    assert (await cached.complete(ask())).finish_reason == "content_filter"


async def test_a_streamed_answer_is_kept_too(cache, ask):
    cached = Cached(FakeModel(["one two"]), cache, CONFIG)

    first = [piece async for piece in cached.stream(ask())]
    second = [piece async for piece in cached.stream(ask())]

    assert first[:-1] == ["one ", "two"]
    assert (second[0], second[-1].provenance) == ("one two", "cached")


def test_answers_are_there_for_the_next_process(tmp_path):
    first = ResponseCache(tmp_path / "cache.db")
    for index in range(200):
        first.put(index.to_bytes(32), Response(text=str(index)))
    first.close()
    first.close()

    second = ResponseCache(tmp_path / "cache.db")
    assert [second.get(index.to_bytes(32)).text for index in range(200)] == [str(index) for index in range(200)]
    second.close()


def test_an_answer_is_on_disk_soon_without_being_asked(cache, tmp_path):
    cache.put(b"k" * 32, FULL)
    deadline = time.monotonic() + 5
    found = 0
    while not found and time.monotonic() < deadline:
        time.sleep(0.01)
        reader = sqlite3.connect(tmp_path / "cache.db")
        (found,) = reader.execute("select count(*) from answer").fetchone()
        reader.close()

    assert found == 1


def test_long_answers_are_compressed_and_short_ones_take_little(cache, tmp_path):
    cache.put(b"a" * 32, Response(text="word " * 10_000))
    cache.put(b"b" * 32, Response(text="short"))
    cache.flush()

    reader = sqlite3.connect(tmp_path / "cache.db")
    sizes = dict(reader.execute("select key, length(body) from answer"))
    reader.close()
    assert sizes[b"a" * 32] < 1_000
    assert sizes[b"b" * 32] < 60
    assert cache.get(b"a" * 32).text == "word " * 10_000


@pytest.mark.parametrize("damage", [b"this is no database at all" * 400, b"SQLite format 3\0" + b"\xff" * 8_000])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path, damage):
    path = tmp_path / "cache.db"
    path.write_bytes(damage)

    with pytest.warns(CacheWarning, match="damaged"):
        cache = ResponseCache(path)
    cache.put(b"k" * 32, FULL)
    cache.flush()

    assert cache.get(b"k" * 32).text == FULL.text
    cache.close()
    assert [file.read_bytes() for file in tmp_path.glob("cache.db.damaged-*")] == [damage]


def test_damage_found_while_reading_ends_in_a_new_file_next_time(tmp_path):
    path = tmp_path / "cache.db"
    first = ResponseCache(path)
    for index in range(500):
        first.put(index.to_bytes(32), Response(text=str(index) * 100))
    first.close()
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half:] = b"\xee" * (len(data) - half)
    path.write_bytes(data)

    second = ResponseCache(path)
    with pytest.warns(CacheWarning, match="is off from here on"):
        found = [second.get(index.to_bytes(32)) for index in range(500)]
    second.close()
    third = ResponseCache(path)
    third.put(b"k" * 32, FULL)
    third.close()

    assert None in found
    assert len(list(tmp_path.glob("cache.db.damaged-*"))) == 1


def test_a_file_of_a_newer_version_is_set_aside(tmp_path):
    newer = sqlite3.connect(tmp_path / "cache.db")
    newer.execute("pragma user_version = 99")
    newer.close()

    with pytest.warns(CacheWarning, match="newer Promptship"):
        cache = ResponseCache(tmp_path / "cache.db")
    cache.close()


def test_a_row_that_cannot_be_read_is_a_miss(cache, tmp_path):
    cache.put(b"k" * 32, FULL)
    cache.flush()
    writer = sqlite3.connect(tmp_path / "cache.db")
    for body in (b"{", b"[]", b'{"text": "x"}', b"\x28\xb5\x2f\xfdgarbage"):
        with writer:
            writer.execute("update answer set body = ?", (body,))
        assert cache.get(b"k" * 32) is None
    writer.close()


def test_a_folder_that_is_not_there_is_a_storage_error_with_a_hint(tmp_path):
    with pytest.raises(StorageError, match="cannot write the response cache") as raised:
        ResponseCache(tmp_path / "missing" / "cache.db")

    assert "--no-cache" in str(raised.value.hint)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_storage_error(tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(StorageError):
        ResponseCache(tmp_path / "cache.db")


async def test_a_full_disk_switches_the_cache_off_and_loses_no_answer(tmp_path, ask):
    cache = ResponseCache(tmp_path / "cache.db")
    # SQLite's own way to have no room left: the file may not grow beyond its present pages.
    cache._writer.execute("pragma max_page_count = 1")
    model = FakeModel(lambda request: Response(text=request.messages[0].text * 3_000))
    cached = Cached(model, cache, CONFIG)

    async def answer_all():
        texts = [(await cached.complete(ask(f"{index:03} "))).text for index in range(200)]
        cache.flush()
        texts += [(await cached.complete(ask(f"{index:03} "))).text for index in range(5)]
        cache.close()
        return texts

    with pytest.warns(CacheWarning, match="is off from here on: database or disk is full") as caught:
        texts = await answer_all()

    assert texts == [f"{index:03} " * 3_000 for index in [*range(200), *range(5)]]
    assert len(caught) == 1


def test_answers_of_another_process_are_found_also_after_a_hit(cache, tmp_path):
    other = ResponseCache(tmp_path / "cache.db")
    cache.put(b"a" * 32, FULL)
    cache.flush()
    # The second is read in the transaction that the first has opened, from before the other's answer.
    assert cache.get(b"a" * 32) is not None
    assert cache.get(b"a" * 32) is not None
    other.put(b"b" * 32, FULL)
    other.flush()
    other.close()

    assert cache.get(b"b" * 32) is not None


def test_no_reading_transaction_outlives_a_miss_or_an_answer_that_is_kept(cache):
    cache.put(b"a" * 32, FULL)
    cache.flush()
    cache.get(b"a" * 32)
    assert cache._reader.in_transaction
    cache.get(b"b" * 32)
    assert not cache._reader.in_transaction

    cache.get(b"a" * 32)
    cache.put(b"c" * 32, FULL)
    assert not cache._reader.in_transaction
    for _ in range(257):
        cache.get(b"a" * 32)
    assert not cache._reader.in_transaction


async def test_known_answers_are_recalled_in_the_order_of_the_requests(cache, ask):
    model = FakeModel(["one", "two"])
    cached = Cached(model, cache, CONFIG)
    await cached.complete(ask("a"))
    cache.flush()
    await cached.complete(ask("b"))
    requests = [ask("b"), ask("never asked"), ask("a"), ask("\ud800"), ask("b")]

    recalled = cached.recall(requests)

    assert [one and (one.text, one.provenance) for one in recalled] == [
        ("two", "cached"),
        None,
        ("one", "cached"),
        None,
        ("two", "cached"),
    ]
    assert len(model.calls) == 2


def test_more_keys_than_one_statement_takes_are_read(cache):
    keys = [number.to_bytes(32) for number in range(1000)]
    for key in keys[::2]:
        cache.write(key, b"x" + key)
    cache.flush()

    assert cache.read_all(keys) == {key: b"x" + key for key in keys[::2]}
