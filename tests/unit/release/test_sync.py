"""Which of two labels has moved on: the story of each, the oldest first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.release import find_ahead

STORIES = st.lists(st.sampled_from("abcd"), max_size=5)


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ("a", "", "here"),  # there it never was
        ("ab", "a", "here"),  # moved on
        ("aba", "ab", "here"),  # rolled back
        ("abcde", "ad", "here"),  # there it saw only some steps
        ("ade", "abcd", "here"),  # here it saw only some steps, then moved on
        ("abc", "abd", "neither"),  # both moved
        ("x", "a", "neither"),  # nothing in common
        ("acb", "abc", "neither"),  # each was where the other is
    ],
)
def test_who_moved_on_is_ahead(here, there, expected):
    other = {"here": "there", "there": "here", "neither": "neither"}
    assert find_ahead(list(here), list(there)) == expected
    assert find_ahead(list(there), list(here)) == other[expected]


@given(STORIES, STORIES.filter(bool))
def test_what_goes_on_is_ahead_and_never_behind(story, more):
    assert find_ahead(story + more, story) == "here"
    assert find_ahead(story, story + more) == "there"
