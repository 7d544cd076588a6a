"""Words, names, answers: what is shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import Output
from promptship.testing import Answer
from promptship.testing._nodes import readable
from promptship.testing._words import mark_differences

WORDS = st.lists(st.sampled_from(["Paris", "is", "a", "the", "city", "of", "France", ",", "."]), max_size=12)


@pytest.mark.parametrize(
    ("expected", "given", "marked"),
    [
        ("Paris is the capital", "Paris is a capital", "Paris is [-the-]{+a+} capital"),
        ("Paris", "Paris it is", "Paris{+ it is+}"),
        ("same", "same", ""),
        ("one two three", "one three", "one [-two -]three"),
        ("a b c d", "w x y z", ""),
        ("word " * 500, "word " * 499, ""),
    ],
)
def test_differences_are_marked_word_by_word(expected, given, marked):
    assert mark_differences(expected, given) == marked


@given(WORDS, WORDS)
def test_without_its_marks_the_text_is_what_was_given(expected, given):
    marked = mark_differences(" ".join(expected), " ".join(given))
    if marked:
        assert re.sub(r"\{\+(.*?)\+\}", r"\1", re.sub(r"\[-.*?-\]", "", marked)) == " ".join(given)


@given(st.text())
def test_a_name_never_breaks_a_node_id_or_a_line(text):
    name = readable(text)
    assert "::" not in name or ":::" in text
    assert "\n" not in name
    name.encode()


def answer(text, data=None):
    return Answer(output=Output(text=text, data=data), prompt="p", model="fake/echo", inputs={"a": 1})


def test_an_answer_equals_its_text_or_its_data():
    assert answer("x") == "x"
    assert answer("x") != "y"
    assert answer('{"a": 1}', {"a": 1}) == {"a": 1}
    assert answer("x") == answer("x")
    assert answer("x") != answer("x", {"a": 1})
    assert hash(answer("x")) == hash("x")
    assert "b" in answer("abc")
    assert str(answer("x")) == "x"
    assert repr(answer("x")) == "<Answer of 'p' by 'fake/echo': 'x'>"
