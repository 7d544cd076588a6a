"""Hub, retries, pace, cache and money together, against a real server."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

import pytest

from promptship.domain import Price
from promptship.errors import BudgetExceededError, RateLimitError, UsageError
from promptship.models import Budget, Cassette, ResponseCache, check_model

if TYPE_CHECKING:
    from pathlib import Path

PRICE = Price(input_usd_per_mtok=1.0, output_usd_per_mtok=10.0, cached_input_usd_per_mtok=0.5)
# 4 fresh and 6 cached prompt tokens and 4 generated ones, as the server of these tests states.
COST = (4 * 1.0 + 6 * 0.5 + 4 * 10.0) / 1e6


async def test_a_price_becomes_a_cost(server, config, open_hub, lib):
    response = await open_hub().open(config(price=PRICE)).complete(lib.ask())

    assert response.cost_usd == pytest.approx(COST)


async def test_no_price_and_no_usage_give_no_cost(server, config, open_hub, lib):
    response = await open_hub().open(config(model="openai/nobody-knows")).complete(lib.ask())
    server.reply = lambda _: lib.http({**lib.completion(), "usage": None})
    silent = await open_hub().open(config(price=PRICE)).complete(lib.ask())

    assert (response.cost_usd, silent.cost_usd) == (None, None)


async def test_429_and_then_an_answer(server, config, open_hub, lib):
    replies = itertools.chain(
        [lib.http({}, status=429, Retry_After="0.1")] * 2, itertools.repeat(lib.http(lib.completion()))
    )
    server.reply = lambda _: next(replies)
    started = time.monotonic()

    response = await open_hub(retries=3).open(config()).complete(lib.ask())

    assert (response.text, response.attempts) == ("Paris", 3)
    assert time.monotonic() - started >= 0.2
    assert response.latency_s < 0.2


async def test_429_for_ever_ends_in_its_error_after_the_attempts_allowed(server, config, open_hub, lib):
    server.reply = lambda _: lib.http({}, status=429, Retry_After="0.01")

    with pytest.raises(RateLimitError):
        await open_hub(retries=4).open(config()).complete(lib.ask())

    assert len(server.received) == 5


async def test_a_server_that_bears_eight_at_once_is_given_eight_or_so(server, config, open_hub, lib):
    async def limited(_):
        if server.in_flight > 8:
            return lib.http({}, status=429, Retry_After="0.05")
        await asyncio.sleep(0.01)
        return lib.http(lib.completion())

    server.reply = limited
    model = open_hub(retries=10).open(config(limits={"concurrency": 64}))

    answers = await asyncio.gather(*(model.complete(lib.ask(repeat=index)) for index in range(300)))

    refused = len(server.received) - 300
    assert len(answers) == 300
    assert refused < 300


async def test_concurrency_is_really_held(server, config, open_hub, lib):
    async def slow(_):
        await asyncio.sleep(0.1)
        return lib.http(lib.completion())

    server.reply = slow
    model = open_hub(concurrency=50).open(config())
    started = time.monotonic()

    await asyncio.gather(*(model.complete(lib.ask(repeat=index)) for index in range(200)))

    assert server.peak == 50
    assert time.monotonic() - started < 1.5


async def test_money_is_not_overspent_by_calls_in_flight(server, config, open_hub, lib):
    budget = Budget(COST * 20)
    model = open_hub(budget=budget).open(config(price=PRICE, params={"max_tokens": 4}))

    outcomes = await asyncio.gather(
        *(model.complete(lib.ask(repeat=index)) for index in range(64)), return_exceptions=True
    )

    refused = [one for one in outcomes if isinstance(one, BudgetExceededError)]
    assert budget.spent_usd <= COST * 20
    assert 10 <= len(server.received) <= 20
    assert len(refused) == 64 - len(server.received)


def read_all(folder: Path, pattern: str) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob(pattern))


async def test_neither_cache_nor_cassette_holds_a_key(server, config, open_hub, lib, tmp_path: Path):
    key = "sk-very-secret-0123456789"
    server.reply = lambda got: lib.http(lib.completion(got.headers["authorization"]))
    cache, cassette = ResponseCache(tmp_path / "cache.db"), Cassette.record(tmp_path / "c.zst")
    hub = open_hub(env={"K": key}, cache=cache, cassette=cassette)

    await hub.open(config(api_key_env="K")).complete(lib.ask())
    cassette.close()
    cache.close()

    import zstandard

    stored = zstandard.ZstdDecompressor().stream_reader((tmp_path / "c.zst").read_bytes()).read()
    stored += read_all(tmp_path, "cache.db*")
    assert b"[redacted]" in stored
    assert key.encode() not in stored


async def test_another_key_finds_the_same_answers(server, config, open_hub, lib, tmp_path: Path):
    cache = ResponseCache(tmp_path / "cache.db")
    for key in ("sk-first-000000", "sk-second-00000"):
        await open_hub(env={"K": key}, cache=cache).open(config(api_key_env="K")).complete(lib.ask())
    cache.close()

    assert len(server.received) == 1


async def test_a_frozen_run_calls_nobody(server, config, open_hub, lib, tmp_path: Path):
    cassette = Cassette.record(tmp_path / "c.zst")
    await open_hub(cassette=cassette).open(config()).complete(lib.ask())
    cassette.close()

    frozen = open_hub(cassette=Cassette.frozen(tmp_path / "c.zst"))
    response = await frozen.open(config(base_url="http://127.0.0.1:9/v1", api_key_env="UNSET")).complete(lib.ask())

    assert (response.text, response.provenance, len(server.received)) == ("Paris", "replayed", 1)


async def test_a_model_is_tested_by_one_small_call(server, config, open_hub, lib):
    good = await check_model(open_hub(), config(price=PRICE))
    server.reply = lambda _: lib.http({"error": {"message": "bad key"}}, status=401)
    bad = await check_model(open_hub(), config())

    assert (good.ok, good.served_model, good.prompt_tokens, good.completion_tokens) == (True, "served-1", 10, 4)
    assert good.cost_usd == pytest.approx(COST)
    assert (bad.ok, bad.error_kind, bad.hint is None) == (False, "AuthenticationError", False)


async def test_nothing_is_paid_when_something_is_missing(server, config, open_hub, lib):
    with pytest.raises(UsageError):
        open_hub().open(config(fallbacks=(config(api_key_env="UNSET"),)))

    assert server.received == []
