from __future__ import annotations

import asyncio

import pytest

from promptship.domain import Message, Response
from promptship.errors import ServerError, UsageError
from promptship.models import FakeModel
from promptship.models._fake import open_fake


async def test_echo_says_the_last_user_message(ask):
    request = ask("first")
    request = type(request)(messages=(*request.messages, Message(role="assistant", content="second")))

    assert (await open_fake("echo").complete(request)).text == "first"


async def test_echo_chooses_a_choice(ask):
    assert (await open_fake("echo").complete(ask("I want b", choices=("a!", "b")))).text == "b"
    assert (await open_fake("echo").complete(ask("neither", choices=("a!", "b!")))).text == "a!"


async def test_constant_says_its_text(ask):
    assert (await open_fake("constant?text=Hello%20you").complete(ask())).text == "Hello you"


async def test_error_fails(ask):
    with pytest.raises(ServerError, match="gone"):
        await open_fake("error?message=gone").complete(ask())


async def test_a_script_is_played_in_order_and_its_last_answer_repeated(ask):
    model = FakeModel(["a", Response(text="b"), ServerError("c"), "d"])

    assert [(await model.complete(ask())).text for _ in range(2)] == ["a", "b"]
    with pytest.raises(ServerError):
        await model.complete(ask())
    assert [(await model.complete(ask())).text for _ in range(2)] == ["d", "d"]


async def test_it_knows_how_many_were_answered_at_once(ask):
    model = FakeModel(["x"], latency_s=0.01)

    await asyncio.gather(*(model.complete(ask()) for _ in range(5)))

    assert (model.peak, model.in_flight, len(model.calls)) == (5, 0, 5)


async def test_a_stream_gives_the_words_and_then_the_response(ask):
    *pieces, last = [piece async for piece in FakeModel([" two  words\n"]).stream(ask())]

    assert "".join(pieces) == last.text == " two  words\n"
    assert len(pieces) == 2


@pytest.mark.parametrize("name", ["echo?latency_s=soon", "constant?txt=x", "oracle"])
def test_a_wrong_name_is_refused(name):
    with pytest.raises(UsageError):
        open_fake(name)


def test_an_empty_script_is_refused():
    with pytest.raises(UsageError, match="script is empty"):
        FakeModel([])
