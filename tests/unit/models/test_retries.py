from __future__ import annotations

import pytest

from promptship.domain import Response
from promptship.errors import (
    AuthenticationError,
    BadRequestError,
    BadResponseError,
    BudgetExceededError,
    CallTimeoutError,
    ConnectionFailedError,
    RateLimitError,
    ServerError,
)
from promptship.models import FakeModel
from promptship.models._retries import Retrying


def retrying(script, clock, *, retries=3, jitter=0.0):
    model = FakeModel(script)
    return model, Retrying(model, retries=retries, sleep=clock.sleep, jitter=lambda: jitter)


@pytest.mark.parametrize(
    "kind", [RateLimitError, ServerError, CallTimeoutError, ConnectionFailedError, BadResponseError]
)
async def test_a_retryable_error_is_tried_again(clock, ask, kind):
    model, wrapped = retrying([kind("x"), kind("x"), "fine"], clock)

    response = await wrapped.complete(ask())

    assert (response.text, response.attempts) == ("fine", 3)
    assert len(model.calls) == 3


@pytest.mark.parametrize("kind", [AuthenticationError, BadRequestError, BudgetExceededError])
async def test_an_error_that_stays_is_not_tried_again(clock, ask, kind):
    model, wrapped = retrying([kind("x"), "fine"], clock)

    with pytest.raises(kind):
        await wrapped.complete(ask())

    assert len(model.calls) == 1


async def test_a_model_that_asks_to_slow_down_for_ever_ends_in_its_error(clock, ask):
    model, wrapped = retrying([RateLimitError("x", status=429)], clock, retries=4)

    with pytest.raises(RateLimitError):
        await wrapped.complete(ask())

    assert len(model.calls) == 5


async def test_no_retries_means_one_attempt(clock, ask):
    model, wrapped = retrying([ServerError("x"), "fine"], clock, retries=0)

    with pytest.raises(ServerError):
        await wrapped.complete(ask())

    assert (len(model.calls), clock.slept) == (1, [])


async def test_the_wait_doubles_up_to_a_bound(clock, ask):
    _, wrapped = retrying([ServerError("x")], clock, retries=10, jitter=1.0)

    with pytest.raises(ServerError):
        await wrapped.complete(ask())

    assert clock.slept == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]


async def test_jitter_halves_the_wait_at_most(clock, ask):
    _, wrapped = retrying([ServerError("x")], clock, retries=1, jitter=0.0)

    with pytest.raises(ServerError):
        await wrapped.complete(ask())

    assert clock.slept == [0.25]


async def test_what_the_server_asks_to_wait_is_waited(clock, ask):
    _, wrapped = retrying([RateLimitError("x", retry_after_s=7.0), "fine"], clock)

    await wrapped.complete(ask())

    assert clock.slept == [7.0]


async def test_a_server_that_asks_to_wait_for_an_hour_is_not_waited_for(clock, ask):
    model, wrapped = retrying([RateLimitError("x", retry_after_s=3600.0), "fine"], clock)

    with pytest.raises(RateLimitError):
        await wrapped.complete(ask())

    assert (len(model.calls), clock.slept) == (1, [])


async def test_a_stream_is_retried_before_it_begins(clock, ask):
    model, wrapped = retrying([ServerError("x"), "one two"], clock)

    *pieces, response = [piece async for piece in wrapped.stream(ask())]

    assert pieces == ["one ", "two"]
    assert (response.text, response.attempts, len(model.calls)) == ("one two", 2, 2)


async def test_a_stream_that_has_begun_is_not_begun_again(clock, ask):
    class Breaks(FakeModel):
        async def stream(self, request):
            self.calls.append(request)
            yield "one "
            raise ConnectionFailedError("cut")

    model = Breaks(["unused"])
    wrapped = Retrying(model, retries=3, sleep=clock.sleep)

    with pytest.raises(ConnectionFailedError):
        _ = [piece async for piece in wrapped.stream(ask())]

    assert len(model.calls) == 1


async def test_an_answer_at_the_first_attempt_is_passed_on_as_it_is(clock, ask):
    answer = Response(text="x")

    assert await retrying([answer], clock)[1].complete(ask()) is answer
