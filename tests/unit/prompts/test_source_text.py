from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.errors import SourceError
from promptship.prompts import decode_source


def place_of(error: SourceError) -> tuple[int | None, int | None]:
    (problem,) = error.problems
    return problem.line, problem.column


def test_one_byte_order_mark_is_dropped_and_newlines_become_line_feeds() -> None:
    assert decode_source(b"\xef\xbb\xbfa\r\nb\rc\n", path="x") == "a\nb\nc\n"


def test_only_the_first_byte_order_mark_is_dropped() -> None:
    assert decode_source(b"\xef\xbb\xbf\xef\xbb\xbfa", path="x") == "\ufeffa"


@pytest.mark.parametrize("text", ["a\x0bb", "a\x0cb", "a\x85b", "a\u2028b", "a\u2029b"])
def test_characters_that_splitlines_takes_for_newlines_stay(text: str) -> None:
    assert decode_source(text.encode(), path="x") == text


@pytest.mark.parametrize(
    ("data", "place"),
    [(b"ab\x00", (1, 3)), (b"a\r\nb\xffc", (2, 2)), ("ä\nöx".encode() + b"\xc3(", (2, 3)), (b"a\rb\rc\x00", (3, 2))],
)
def test_a_binary_file_is_refused_at_its_first_bad_byte(data: bytes, place: tuple[int, int]) -> None:
    with pytest.raises(SourceError, match=r"^b\.prompt:") as caught:
        decode_source(data, path="b.prompt")
    assert place_of(caught.value) == place
    assert caught.value.hint


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(SourceError, match=r"UTF|NUL"):
        decode_source("hello".encode(encoding), path="x")


def test_a_file_over_five_megabytes_is_refused_unread() -> None:
    with pytest.raises(SourceError, match="100,000,000 bytes"):
        decode_source(b"a" * 100_000_000, path="x")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff")))
def test_text_without_carriage_returns_comes_back_unchanged(text: str) -> None:
    assert decode_source(text.encode(), path="x") == text
    assert decode_source(text.replace("\n", "\r\n").encode(), path="x") == text
