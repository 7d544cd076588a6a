"""Changes that should not matter: reproducible, small, and never none."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import Case
from promptship.errors import UsageError
from promptship.testing._changes import CHANGES, changed_values

TEXT = "Please tell me where the parcel is. I have been waiting for two weeks."


def values(value, change, variants=1, seed=0):
    return changed_values(Case(id="c", inputs={"text": value}), "text", change, variants=variants, seed=seed)


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_change_follows_from_text_and_seed_alone(change):
    assert values(TEXT, change, variants=3) == values(TEXT, change, variants=3)
    drawn = {str(values(TEXT, change, seed=seed)) for seed in range(20)}
    assert len(drawn) > 1


@given(st.text(), st.integers())
def test_typos_keep_short_words_and_change_little(text, seed):
    changed = CHANGES["typos"](text, random.Random(seed))  # noqa: S311 - reproducible
    assert abs(len(changed) - len(text)) <= 1 + len(text) // 8
    if not any(len(word) >= 4 for word in text.split()):
        assert changed == text


@given(st.text(min_size=1), st.integers())
def test_order_and_case_keep_what_there_is(text, seed):
    ordered = CHANGES["order"](text, random.Random(seed))  # noqa: S311 - reproducible
    if "\n" in text.strip():
        assert sorted(ordered.split("\n")) == sorted(text.split("\n"))
    else:
        assert sorted("".join(ordered.split())) == sorted("".join(text.split()))


@given(st.lists(st.integers()), st.integers())
def test_a_list_is_permuted(items, seed):
    assert sorted(CHANGES["order"](items, random.Random(seed))) == sorted(items)  # noqa: S311 - reproducible


def test_sentences_and_lines_are_reordered():
    found = {
        str(values("One. Two. Three.", "order", seed=seed)[0])
        for seed in range(30)
        if values("One. Two. Three.", "order", seed=seed)
    }
    assert found <= {
        f"{a} {b} {c}"
        for a in ("One.", "Two.", "Three.")
        for b in ("One.", "Two.", "Three.")
        for c in ("One.", "Two.", "Three.")
    }
    assert len(found) == 5


def test_what_does_not_change_is_left_out_and_nothing_is_given_twice():
    assert values("123", "typos") == []
    assert values(7, "case") == []
    assert len(values("ab", "case", variants=20)) == 1
    assert values(TEXT, lambda text: text) == []
    assert values(TEXT, str.upper) == [TEXT.upper()]


def test_paraphrases_are_given_by_case():
    assert values(TEXT, {"c": ["Where is it?", TEXT, "Where is it?"], "d": ["x"]}) == ["Where is it?"]
    assert values(TEXT, {"d": ["x"]}) == []


@pytest.mark.parametrize(
    ("name", "change", "said"), [("txt", "typos", "no input 'txt'"), ("text", "tpyos", "no change 'tpyos'")]
)
def test_unknown_names_are_told(name, change, said):
    with pytest.raises(UsageError, match=said):
        changed_values(Case(id="c", inputs={"text": TEXT}), name, change, variants=1, seed=0)
