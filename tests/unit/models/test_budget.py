from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.domain import CompletionRequest, Message, Response, Usage
from promptship.errors import (
    BadResponseError,
    BudgetExceededError,
    CallTimeoutError,
    ConnectionFailedError,
    RateLimitError,
    UsageError,
)
from promptship.models import Budget, FakeModel
from promptship.models._budget import Budgeted
from promptship.models._prices import FREE, Rates

RATES = Rates(input=1e-6, output=1e-3, cached_input=1e-6)


def budgeted(script, limit, *, rates=RATES, latency_s=0.0):
    model, budget = FakeModel(script, latency_s=latency_s), Budget(limit)
    return model, budget, Budgeted(model, budget, rates)


def answer(cost):
    return Response(text="x", cost_usd=cost, usage=Usage(prompt_tokens=1, completion_tokens=1))


@pytest.mark.parametrize("limit", [-1.0, float("nan"), float("inf")])
def test_a_budget_is_a_number_of_at_least_zero(limit):
    with pytest.raises(UsageError, match="expected a number"):
        Budget(limit)


async def test_a_call_that_could_cost_too_much_is_not_sent(ask):
    model, budget, wrapped = budgeted([answer(0.001)], 0.05)

    with pytest.raises(BudgetExceededError, match="could cost"):
        await wrapped.complete(ask(params={"max_tokens": 100}))

    assert model.calls == []
    assert budget.spent_usd == 0


async def test_what_was_spent_is_what_it_cost_not_what_was_feared(ask):
    _, budget, wrapped = budgeted([answer(0.001)], 0.2)

    for _ in range(100):
        await wrapped.complete(ask(params={"max_tokens": 100}))

    assert budget.spent_usd == pytest.approx(0.1)
    assert budget.reserved_usd == 0
    with pytest.raises(BudgetExceededError):
        await wrapped.complete(ask(params={"max_tokens": 100}))


async def test_a_call_waits_for_those_in_flight_before_it_is_refused(ask):
    model, budget, wrapped = budgeted([answer(0.001)], 0.15, latency_s=0.005)

    answers = await asyncio.gather(*(wrapped.complete(ask(params={"max_tokens": 100})) for _ in range(10)))

    assert len(answers) == 10
    assert model.peak == 1
    assert budget.spent_usd == pytest.approx(0.01)


async def test_without_a_limit_money_is_counted(ask):
    _, budget, wrapped = budgeted([answer(0.5)], None)

    await wrapped.complete(ask())

    assert (budget.spent_usd, budget.remaining_usd) == (0.5, None)


async def test_a_budget_of_nothing_lets_free_models_answer(ask):
    _, budget, wrapped = budgeted([answer(0.0)], 0.0, rates=FREE)

    assert (await wrapped.complete(ask())).text == "x"
    assert budget.spent_usd == 0


@pytest.mark.parametrize(
    ("error", "billed"),
    [
        (RateLimitError("x", status=429), False),
        (ConnectionFailedError("refused"), False),
        (CallTimeoutError("late"), True),
        (BadResponseError("garbled"), True),
        (ConnectionFailedError("cut", status=200), True),
    ],
)
async def test_a_call_whose_fate_is_unknown_counts_at_its_worst(ask, error, billed):
    _, budget, wrapped = budgeted([error], 1.0)

    with pytest.raises(type(error)):
        await wrapped.complete(ask(params={"max_tokens": 100}))

    assert (budget.spent_usd > 0.1) is billed
    assert budget.reserved_usd == 0


async def test_an_answer_without_usage_counts_at_its_worst(ask):
    _, budget, wrapped = budgeted([Response(text="x", cost_usd=None)], 1.0)

    await wrapped.complete(ask(params={"max_tokens": 100}))

    assert budget.spent_usd > 0.1


async def test_a_stream_is_paid_for_too(ask):
    _, budget, wrapped = budgeted([answer(0.25)], 1.0)

    _ = [piece async for piece in wrapped.stream(ask(params={"max_tokens": 100}))]

    assert (budget.spent_usd, budget.reserved_usd) == (0.25, 0)


async def test_a_stream_that_is_left_early_counts_at_its_worst(ask):
    _, budget, wrapped = budgeted([answer(0.0)], 1.0)

    stream = wrapped.stream(ask(params={"max_tokens": 100}))
    await anext(stream)
    await stream.aclose()

    assert budget.spent_usd > 0.1
    assert budget.reserved_usd == 0


@settings(max_examples=60, deadline=None)
@given(
    limit=st.floats(0, 2),
    calls=st.lists(
        st.tuples(st.integers(1, 300), st.floats(0, 1), st.sampled_from(["ok", "late", "429"])), max_size=40
    ),
    workers=st.integers(1, 16),
)
def test_however_many_calls_run_at_once_no_more_is_spent_than_allowed(limit, calls, workers):
    async def work() -> None:
        budget = Budget(limit)

        async def call(most, share, fate):
            outcome = {
                "ok": answer(most * RATES.output * share),
                "late": CallTimeoutError("x"),
                "429": RateLimitError("x"),
            }
            wrapped = Budgeted(FakeModel([outcome[fate]], latency_s=1e-6), budget, RATES)
            request = CompletionRequest(messages=(Message(role="user", content="x"),), params={"max_tokens": most})
            async with places:
                await asyncio.gather(wrapped.complete(request), return_exceptions=True)
            assert budget.spent_usd + budget.reserved_usd <= limit + 1e-9

        places = asyncio.Semaphore(workers)
        await asyncio.gather(*(call(*one) for one in calls))
        assert budget.spent_usd <= limit + 1e-9
        assert budget.reserved_usd == pytest.approx(0)

    asyncio.run(work())
