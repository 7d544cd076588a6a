import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import Case
from promptship.errors import UsageError
from promptship.evalsets import Selection, select_cases
from promptship.evalsets._pattern import parse_pattern

CASES = [
    Case(
        id=f"case-{number}",
        inputs={},
        tags={"language": ("de", "en", "es")[number % 3], **({"topic": "Refund now"} if number < 4 else {})},
        cluster="family-a" if number % 2 else None,
    )
    for number in range(12)
]


def ids(cases=CASES, **selection):
    return [int(case.id.removeprefix("case-")) for case in select_cases(iter(cases), Selection(**selection))]


def test_all_cases_are_selected_unless_something_is_said():
    assert ids() == list(range(12))
    assert Selection() == Selection(slices=(), seed=0)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("case-1", [1, 10, 11]),
        ("CASE-11 or case-3", [3, 11]),
        ("refund and not family", [0, 2]),
        ("not (language=de or language=en) and family-a", [5, 11]),
        ("'refund now' and language=es", [2]),
        ('"case-1" and family-a and not language=en', [11]),
        ("not not case-5", [5]),
        ("nothing", []),
        ("case-1 or case-2 and language=es", [1, 2, 10, 11]),
        ("NOT case-1 AND language=de", [0, 3, 6, 9]),
    ],
)
def test_a_pattern_searches_ids_tags_and_clusters(pattern, expected):
    assert ids(pattern=pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "column 1: a word is missing at the end"),
        ("a and", "column 6: a word is missing at the end"),
        ("(a or b", "column 8: ')' is missing"),
        ("a b", "column 3: 'b' is not expected here"),
        ("a)", "column 2: ')' is not expected here"),
        ("or a", "column 1: expected a word, found 'or'"),
        ("a and 'b", "column 6: a quote is not closed"),
        ("a and ''", "column 8: expected a word, found ''"),
        ("(" * 500, "nested deeper than 50 levels"),
    ],
)
def test_a_wrong_pattern_is_refused_before_any_case_is_read(pattern, said):
    def never():
        pytest.fail("a case was read")
        yield CASES[0]

    with pytest.raises(UsageError) as caught:
        select_cases(never(), Selection(pattern=pattern))
    assert said in str(caught.value)
    assert "and, or, not" in (caught.value.hint or "")


words = st.sampled_from(["aa", "bb", "cc", "zz"])
trees = st.recursive(
    words,
    lambda inner: st.tuples(st.just("not"), inner) | st.tuples(inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=8,
)


def write(tree):
    if isinstance(tree, str):
        return tree
    return f"({' '.join(part if part in {'and', 'or', 'not'} else write(part) for part in tree)})"


@given(trees, st.sets(st.sampled_from(["aa", "bb", "cc"])))
def test_a_pattern_means_what_python_would_make_of_it(tree, present):
    text = write(tree)
    known = {word: word in present for word in ("aa", "bb", "cc", "zz")}
    assert parse_pattern(text)(" ".join(sorted(present))) == eval(text, {}, known)  # noqa: S307 - our own expression


@given(st.text(max_size=12))
def test_any_text_is_a_pattern_or_refused_as_one(text):
    try:
        matches = parse_pattern(text)
    except UsageError as error:
        said = str(error)
        assert "column" in said
    else:
        assert matches("some text") in {True, False}


def test_values_of_one_tag_are_alternatives_and_tags_must_all_hold():
    assert ids(slices=(("language", "de"),)) == [0, 3, 6, 9]
    assert ids(slices=(("language", "de"), ("language", "en"))) == [0, 1, 3, 4, 6, 7, 9, 10]
    assert ids(slices=(("language", "de"), ("topic", "Refund now"))) == [0, 3]


@pytest.mark.parametrize(
    ("tag", "message", "hint"),
    [
        (
            ("language", "dee"),
            "no case has the tag language=dee; did you mean 'de'?",
            "values of 'language': de, en, es",
        ),
        (
            ("langage", "de"),
            "no case has a tag 'langage'; did you mean 'language'?",
            "tags of these cases: language, to",
        ),
    ],
)
@pytest.mark.parametrize("limit", [None, 1])
def test_a_slice_that_no_case_is_in_is_refused(tag, message, hint, limit):
    with pytest.raises(UsageError) as caught:
        ids(slices=(("language", "de"), tag), limit=limit)
    assert str(caught.value) == message
    assert (caught.value.hint or "").startswith(hint)


def test_a_slice_that_is_there_but_meets_no_other_is_only_empty():
    assert ids(slices=(("language", "de"), ("topic", "Refund now")), pattern="case-9") == []


def test_a_limit_takes_the_first_and_reads_no_more():
    seen = []

    def cases():
        for case in CASES:
            seen.append(case.id)
            yield case

    assert [case.id for case in select_cases(cases(), Selection(limit=2))] == ["case-0", "case-1"]
    assert len(seen) == 2


def test_ids_pick_cases():
    assert ids(only_ids=frozenset({"case-7", "case-2", "other"})) == [2, 7]
    assert ids(only_ids=frozenset()) == []


@given(st.permutations(CASES), st.integers(1, 15), st.integers(0, 5))
def test_a_sample_depends_on_ids_and_seed_alone_and_keeps_the_order(cases, size, seed):
    found = ids(cases, sample=size, seed=seed)
    assert sorted(found) == ids(sample=size, seed=seed)
    assert found == [number for number in ids(cases) if number in set(found)]
    assert len(found) == min(size, 12)


@given(st.integers(1, 11))
def test_a_larger_sample_holds_the_smaller_one(size):
    assert set(ids(sample=size)) < set(ids(sample=size + 1))


def test_a_sample_is_drawn_from_what_all_else_leaves_and_the_limit_cuts_it():
    assert set(ids(sample=3, slices=(("language", "de"),))) < {0, 3, 6, 9}
    assert ids(sample=3, limit=1) == ids(sample=3)[:1]


def test_another_seed_draws_another_sample_and_every_case_has_its_chance():
    drawn = [number for seed in range(3000) for number in ids(sample=3, seed=seed)]
    counts = [drawn.count(number) for number in range(12)]
    # 3000 draws of 3 in 12: mean 750, standard deviation sqrt(3000 * 1/4 * 3/4) = 23.7; five of them is 119.
    assert all(abs(count - 750) < 119 for count in counts)


def test_a_sample_survives_an_added_case():
    added = [*CASES, Case(id="new", inputs={})]
    random.Random(1).shuffle(added)  # noqa: S311 - any order will do
    before, after = set(ids(sample=6)), {case.id for case in select_cases(added, Selection(sample=6))}
    assert len({f"case-{number}" for number in before} & after) >= 5


@pytest.mark.parametrize("selection", [{"sample": 0}, {"sample": -1}, {"limit": 0}])
def test_a_sample_or_limit_below_one_is_refused(selection):
    with pytest.raises(UsageError, match="expected at least 1"):
        select_cases([], Selection(**selection))
