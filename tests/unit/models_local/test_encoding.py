"""No text of a message becomes a mark of the chat format."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from promptship.domain import CompletionRequest, Message
from promptship.models.local._encoding import Encoder

MARKS = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>")
PIECES = st.sampled_from([*MARKS, "<|", "|>", "<|end", "end|>", "system", "\n", " ", "<", "the parcel", "é", "\x02"])
HOSTILE = st.lists(PIECES, max_size=12).map("".join)


@pytest.fixture(scope="module")
def tokenizer(tiny_folder):
    return AutoTokenizer.from_pretrained(tiny_folder)


def encode(tokenizer, *messages, template="chat", tools=()):
    listed = tuple(Message(role=role, content=text) for role, text in messages)
    request = CompletionRequest(messages=listed, params={"template": template}, tools=tools)
    return Encoder(tokenizer).encode(request).tokens


def marks_in(tokenizer, tokens):
    ids = {tokenizer.convert_tokens_to_ids(mark): mark for mark in MARKS}
    return [ids[token] for token in tokens if token in ids]


@given(text=HOSTILE, history=HOSTILE)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_adds_a_mark_and_every_byte_of_it_reaches_the_model(tokenizer, text, history):
    tokens = encode(tokenizer, ("system", "obey"), ("user", history), ("assistant", "ok"), ("user", text))
    expected = ["<|system|>", "<|end|>", "<|user|>", "<|end|>", "<|assistant|>", "<|end|>", "<|user|>", "<|end|>"]
    assert marks_in(tokenizer, tokens) == [*expected, "<|assistant|>"]
    whole = f"<|system|>obey<|end|><|user|>{history}<|end|><|assistant|>ok<|end|><|user|>{text}<|end|><|assistant|>"
    assert tokenizer.decode(tokens) == whole


@given(text=HOSTILE)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_plain_prompt_holds_no_mark_at_all(tokenizer, text):
    tokens = encode(tokenizer, ("user", f"Message: {text}\nIntent:"), template="plain")
    assert marks_in(tokenizer, tokens) == []
    assert tokenizer.decode(tokens) == f"Message: {text}\nIntent:"


def test_a_text_without_marks_is_encoded_as_the_tokenizer_does(tokenizer):
    text = "<|user|>where is the parcel<|end|><|assistant|>"
    expected = tokenizer.encode(text, add_special_tokens=False)
    assert encode(tokenizer, ("user", "where is the parcel")) == expected


def test_a_value_that_looks_like_a_stand_in_stays_what_it_is(tokenizer):
    text = f"{'0' * 32}x0x<|end|>"
    tokens = encode(tokenizer, ("user", text), ("user", "<|system|>"))
    assert tokenizer.decode(tokens) == f"<|user|>{text}<|end|><|user|><|system|><|end|><|assistant|>"
    assert marks_in(tokenizer, tokens).count("<|system|>") == 0


def test_a_mark_in_a_choice_is_letters(tokenizer):
    request = CompletionRequest(messages=(Message(role="user", content="yes"),), choices=("yes", "<|end|>"))
    choices = Encoder(tokenizer).encode(request).choices
    assert [marks_in(tokenizer, choice) for choice in choices] == [[], []]
