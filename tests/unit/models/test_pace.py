from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.domain import Limits, Response, Usage
from promptship.errors import AuthenticationError, RateLimitError, ServerError
from promptship.models import FakeModel
from promptship.models._pace import Pace, Paced, TokenBucket


def pace_of(clock, **limits):
    return Pace(Limits(**limits), clock=clock, sleep=clock.sleep)


async def succeed(pace, times=1):
    for _ in range(times):
        pace.leave(await pace.enter())


async def test_no_more_calls_are_in_flight_than_configured(ask):
    model = FakeModel(["x"], latency_s=0.005)
    paced = Paced(model, Pace(Limits(concurrency=7)))

    await asyncio.gather(*(paced.complete(ask()) for _ in range(50)))

    assert (model.peak, len(model.calls)) == (7, 50)


async def test_it_starts_at_the_configured_concurrency(clock):
    pace = pace_of(clock, concurrency=64)

    for _ in range(64):
        await pace.enter()

    assert (pace.in_flight, clock.slept) == (64, [])


@pytest.mark.parametrize("error", [RateLimitError("x", status=429), ServerError("x", status=503)])
async def test_it_halves_once_for_calls_that_were_in_flight_together(clock, error):
    pace = pace_of(clock, concurrency=64)
    tickets = [await pace.enter() for _ in range(64)]

    for ticket in tickets:
        pace.leave(ticket, error)

    assert (pace.limit, pace.in_flight) == (32, 0)


async def test_it_halves_again_for_a_later_call_and_never_below_one(clock):
    pace = pace_of(clock, concurrency=4)

    limits = []
    for _ in range(4):
        pace.leave(await pace.enter(), RateLimitError("x"))
        limits.append(pace.limit)

    assert limits == [2, 1, 1, 1]


@pytest.mark.parametrize("error", [ServerError("x", status=500), AuthenticationError("x", status=401)])
async def test_errors_that_do_not_ask_to_slow_down_leave_the_pace_alone(clock, error):
    pace = pace_of(clock, concurrency=8)

    pace.leave(await pace.enter(), error)

    assert pace.limit == 8


async def test_it_grows_back_to_the_configured_concurrency_and_no_further(clock):
    pace = pace_of(clock, concurrency=8)
    pace.leave(await pace.enter(), RateLimitError("x"))

    limits = [pace.limit]
    for rounds in (5, 6, 7, 8, 1_000):
        await succeed(pace, rounds)
        limits.append(pace.limit)

    assert limits == [4, 5, 6, 7, 8, 8]


async def test_everybody_waits_as_long_as_the_server_asks(clock):
    pace = pace_of(clock, concurrency=8)
    pace.leave(await pace.enter(), RateLimitError("x", retry_after_s=5.0))

    await pace.enter()

    assert clock.slept == [5.0]


async def test_a_pause_is_bounded(clock):
    pace = pace_of(clock, concurrency=8)
    pace.leave(await pace.enter(), RateLimitError("x", retry_after_s=86_400.0))

    await pace.enter()

    assert clock.slept == [60.0]


async def test_a_cancelled_waiter_gives_its_place_back(clock):
    pace = pace_of(clock, concurrency=1)
    ticket = await pace.enter()
    waiter = asyncio.ensure_future(pace.enter())
    await asyncio.sleep(0)

    pace.leave(ticket)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

    assert pace.in_flight == 0
    await asyncio.wait_for(pace.enter(), 1)


async def test_the_stricter_of_two_limits_applies(clock):
    pace = pace_of(clock, concurrency=8, rpm=100)

    pace.tighten(Limits(concurrency=3, rpm=1_000))

    assert pace.limit == 3
    assert pace._requests.per_minute == 100


@settings(max_examples=60, deadline=None)
@given(
    concurrency=st.integers(1, 20),
    outcomes=st.lists(st.sampled_from(["ok", "ok", "ok", "throttled", "error", "cancel"]), min_size=1, max_size=120),
)
def test_the_limit_holds_whatever_happens_and_no_place_is_lost(concurrency, outcomes):
    async def work() -> None:
        pace = Pace(Limits(concurrency=concurrency))
        script = iter(outcomes)

        def answer(_):
            outcome = next(script)
            if outcome == "throttled":
                return RateLimitError("x", status=429)
            return ServerError("x", status=500) if outcome == "error" else "fine"

        model = FakeModel(answer)
        paced = Paced(model, pace)

        async def call(outcome):
            task = asyncio.ensure_future(paced.complete(make()))
            if outcome == "cancel":
                await asyncio.sleep(0)
                task.cancel()
            with_error = await asyncio.gather(task, return_exceptions=True)
            assert pace.in_flight <= concurrency
            assert 1 <= pace.limit <= concurrency
            return with_error

        await asyncio.gather(*map(call, outcomes))
        assert pace.in_flight == 0
        assert pace.peak <= concurrency
        # Whatever it was pressed down to, successes bring it back to where it began.
        for _ in range(concurrency * (concurrency + 3)):
            pace.leave(await pace.enter())
        assert pace.limit == concurrency

    from promptship.domain import CompletionRequest, Message

    def make():
        return CompletionRequest(messages=(Message(role="user", content="x"),))

    asyncio.run(work())


@settings(max_examples=200, deadline=None)
@given(per_minute=st.integers(1, 500), gaps=st.lists(st.floats(0, 20), min_size=1, max_size=300))
def test_no_minute_sees_more_than_its_units(per_minute, gaps):
    bucket, now, sent = TokenBucket(per_minute, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        now += bucket.take(1, now)
        sent.append(now)

    for begin in sent:
        assert sum(begin <= time < begin + 60 - 1e-6 for time in sent) <= per_minute


async def test_requests_a_minute_are_kept(clock, ask):
    model = FakeModel(["x"])
    paced = Paced(model, pace_of(clock, rpm=60))
    begun = clock.now

    for _ in range(120):
        await paced.complete(ask())

    assert clock.now - begun == pytest.approx((120 - 6) / (54 / 60))


async def test_tokens_a_minute_count_what_was_used_not_what_was_feared(clock, ask):
    answer = Response(text="x", usage=Usage(prompt_tokens=5, completion_tokens=5))
    paced = Paced(FakeModel([answer]), pace_of(clock, tpm=1_000))
    begun = clock.now

    for _ in range(100):
        await paced.complete(ask(params={"max_tokens": 50}))

    # 100 calls of 10 tokens against 900 refilled a minute after a burst of 100.
    assert clock.now - begun == pytest.approx((1_000 - 100) / 15, abs=6)
