from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.report._figures import percent, plain, seconds, usd
from promptship.report._width import display_width, fill, shorten, wrap


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        # Known answers of the wcwidth project's test suite (wcwidth 0.2.13, tests/test_core.py) and of UTS 51.
        ("コンニチハ, セカイ!", 19),
        ("cafe\u0301", 4),
        ("--\u05bf--", 4),
        ("A\u0488 ", 2),
        ("👩\u200d🔬", 2),
        ("👍🏽", 2),
        ("🇩🇪", 2),
        ("❤\ufe0f", 2),
        ("\x1b[31mred\x1b[0m", 3),
        ("", 0),
    ],
)
def test_width_of_known_texts(text: str, columns: int) -> None:
    assert display_width(text) == columns


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])), st.integers(0, 30))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    assert display_width(shorten(text, width)) <= width


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"])), st.integers(2, 30), st.integers(1, 5))
def test_wrapped_lines_fit_and_are_not_more_than_asked(text: str, width: int, lines: int) -> None:
    wrapped = wrap(text, width, lines=lines)
    assert len(wrapped) <= lines
    assert all(display_width(line) <= width for line in wrapped)


def test_wrapping_breaks_at_blanks_and_says_what_is_missing() -> None:
    assert wrap("one two three four", 9, lines=3) == ["one two", "three", "four"]
    assert wrap("one two three four", 9, lines=2) == ["one two", "three …"]
    assert wrap("unbreakable", 5, lines=9) == ["unbre", "akabl", "e"]


def test_filling_aligns_wide_text() -> None:
    assert fill("日本", 6) == "日本  "
    assert fill("日本", 6, right=True) == "  日本"


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        (percent(0.99996), "99.9%"),
        (percent(0.00001), "0.1%"),
        (percent(1.0), "100%"),
        (percent(None), "-"),
        (usd(0.00042), "$0.00042"),
        (usd(1234.5), "$1,234.50"),
        (usd(None), "-"),
        (seconds(0.0004), "0 ms"),
        (seconds(119.96), "120.0 s"),
        (seconds(3605), "60 min 5 s"),
        (plain(1e-7), "1e-07"),
        (plain(3.0), "3"),
    ],
)
def test_figures_read_as_people_write_them(rendered: str, expected: str) -> None:
    assert rendered == expected
