from __future__ import annotations

import pytest

from promptship.domain import ModelConfig
from promptship.errors import AuthenticationError, BudgetExceededError, ConnectionFailedError, ServerError
from promptship.models import FakeModel
from promptship.models._fallbacks import WithFallbacks

FIRST = ModelConfig(name="first", model="fake/echo", params={"temperature": 0, "max_tokens": 5})
SECOND = ModelConfig(name="second", model="fake/echo", params={"temperature": 1})


def chain(first, second):
    models = FakeModel(first), FakeModel(second)
    return *models, WithFallbacks([(FIRST, models[0]), (SECOND, models[1])])


@pytest.mark.parametrize("error", [ServerError("x"), AuthenticationError("x"), ConnectionFailedError("x")])
async def test_the_next_model_is_asked_when_one_fails(ask, error):
    _, _, model = chain([error], ["from the second"])

    assert (await model.complete(ask())).text == "from the second"


async def test_the_next_model_is_not_asked_otherwise(ask):
    _, second, model = chain(["from the first"], ["unused"])

    assert (await model.complete(ask())).text == "from the first"
    assert second.calls == []


async def test_an_empty_purse_is_no_reason_to_ask_another_model(ask):
    _, second, model = chain([BudgetExceededError("x")], ["unused"])

    with pytest.raises(BudgetExceededError):
        await model.complete(ask())

    assert second.calls == []


async def test_when_all_fail_the_first_error_tells_of_the_others(ask):
    _, _, model = chain([AuthenticationError("no key", hint="look")], [ServerError("down")])

    with pytest.raises(AuthenticationError, match="no key") as raised:
        await model.complete(ask())

    assert raised.value.hint == "look\nfallback 'second' failed too: down"


async def test_a_fallback_has_its_own_params_but_keeps_what_the_request_changed(ask):
    first, second, model = chain([ServerError("x")], ["fine"])

    await model.complete(ask(params={"temperature": 0, "max_tokens": 9, "seed": 7}))

    assert first.calls[0].params == {"temperature": 0, "max_tokens": 9, "seed": 7}
    assert second.calls[0].params == {"temperature": 1, "max_tokens": 9, "seed": 7}


async def test_a_stream_falls_back_before_it_begins(ask):
    _, _, model = chain([ServerError("x")], ["one"])

    assert await anext(model.stream(ask())) == "one"
