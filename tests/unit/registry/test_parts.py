"""The parts of a registry that need no database."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import (
    NO_EVENT,
    Actor,
    Closure,
    LedgerHead,
    ModelConfig,
    OutputContract,
    StoredVersion,
    canonical_json,
)
from promptship.errors import MissingExtraError, StorageError, UsageError
from promptship.prompts import parse_closure
from promptship.registry import bisect_versions
from promptship.registry._change import hash_payload, make_event, read_payload
from promptship.registry._labels import label_targets
from promptship.registry._records import payload_name
from promptship.registry._texts import check_tags, check_text, format_time, next_time, parse_time

ADA = Actor(name="Ada")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def event(head=None, *, kind="label", **facts):
    named = {"prompt": "a", "label": "production", "evidence": None}
    return make_event(head or LedgerHead(), kind=kind, at=format_time(NOON), actor=ADA, facts=facts, **named)


def test_an_event_is_canonical_json_under_its_hash():
    made = event(number=3, reason="é 😀")
    said = read_payload(made)
    assert canonical_json(said).decode() == made.payload
    assert (said["ledger"], said["seq"], said["prev"], said["number"]) == (1, 1, NO_EVENT, 3)
    assert made.hash == hash_payload(made.payload)


def test_the_bytes_of_an_event_never_change():
    """A known answer: whoever changes what is hashed makes every ledger that exists fail."""
    made = event(number=1, digest="sha256:00")
    assert made.payload == (
        '{"actor":{"authenticated":false,"kind":"human","name":"Ada"},"at":"2026-11-23T12:00:00.000000Z",'
        '"digest":"sha256:00","kind":"label","label":"production","ledger":1,"number":1,'
        '"prev":"sha256:0000000000000000000000000000000000000000000000000000000000000000","prompt":"a","seq":1}'
    )


def test_each_event_names_the_one_before():
    first = event(number=1)
    second = event(LedgerHead(seq=first.seq, hash=first.hash, at=first.at), number=2)
    assert (second.seq, second.prev_hash) == (2, first.hash)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5).filter(str.isprintable),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("abc", min_size=1, max_size=3), JSON, max_size=3)
MODELS = st.builds(
    ModelConfig,
    name=st.just("default"),
    model=st.sampled_from(["fake/echo", "openai/gpt"]),
    params=OBJECTS,
    endpoint=st.none() | st.just("house"),
    fallbacks=st.just(()) | st.just((ModelConfig(name="b", model="fake/b"),)),
)
CLOSURES = st.builds(
    Closure,
    template=st.text(max_size=20),
    model=MODELS,
    partials=st.dictionaries(st.text("ab", min_size=1), st.text(max_size=9), max_size=2),
    input_schema=OBJECTS,
    defaults=OBJECTS,
    trust=st.dictionaries(st.text("ab", min_size=1), st.just("untrusted"), max_size=2),
    examples=st.lists(OBJECTS, max_size=2).map(tuple),
    output=st.just(OutputContract()) | st.just(OutputContract(choices=("x", "y"), prior={"x": -0.5})),
    tools=st.lists(OBJECTS, max_size=2).map(tuple),
)


@given(CLOSURES)
def test_a_closure_comes_back_with_its_digest(closure):
    content = canonical_json(closure.as_json())
    assert parse_closure(content, model_name="default", ref="a@1").digest == closure.digest


def test_a_closure_of_a_newer_format_is_refused():
    with pytest.raises(StorageError, match="format 2") as caught:
        parse_closure(b'{"closure":2}', model_name="default", ref="a@1")
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"closure":1}', b'{"closure":1,"template":"x","model":{}}'])
def test_what_is_no_closure_is_refused(content):
    with pytest.raises(StorageError, match="damaged"):
        parse_closure(content, model_name="default", ref="a@1")


def moves(*steps):
    """Events of one label, the newest first; a number, `back 2`, or `gone`."""
    made = []
    for step in steps:
        if step == "gone":
            made.append(event(kind="unlabel"))
        else:
            kind, number = ("label", step) if isinstance(step, int) else ("rollback", int(step.split()[1]))
            made.append(event(kind=kind, number=number))
    return made[::-1]


@pytest.mark.parametrize(
    ("steps", "targets"),
    [
        ((), []),
        ((1, 2, 3), [1, 2, 3]),
        ((1, 2, 3, "back 2"), [1, 2]),
        ((1, 2, 3, "back 2", "back 1"), [1]),
        ((1, 2, "back 1", 3), [1, 3]),
        ((1, 2, 1, "back 2"), [1, 2]),
        ((1, "gone"), [1, None]),
        ((1, "gone", "back 1"), [1]),
        ((1, "gone", 2), [1, None, 2]),
        ((1, 2, 3, "back 1"), [1]),
    ],
)
def test_what_a_label_can_be_rolled_back_through(steps, targets):
    assert label_targets(moves(*steps)) == targets


def version(number):
    return StoredVersion(
        prompt="a", number=number, digest="", semver=(1, 0, number), model_name="", description="", message="",
        author="", author_kind="human", git_commit=None, forked_from=None, created_at="", event_seq=number,
    )  # fmt: skip


@given(st.integers(2, 200), st.data())
def test_bisect_finds_the_break_in_few_steps(count, data):
    broken = data.draw(st.integers(2, count))
    asked = []

    async def passes(one):
        asked.append(one.number)
        return one.number < broken

    found = asyncio.run(bisect_versions([version(number) for number in range(1, count + 1)], passes))
    assert (found.good.number, found.bad.number, found.tried) == (broken - 1, broken, len(asked))
    assert len(asked) == len(set(asked)) <= 2 + count.bit_length()


@pytest.mark.parametrize(
    ("outcomes", "message"), [([True], "no two"), ([False, False], "fails"), ([True, True], "passes")]
)
def test_bisect_needs_a_good_and_a_bad_end(outcomes, message):
    async def passes(one):
        return outcomes[one.number - 1]

    with pytest.raises(UsageError, match=message):
        asyncio.run(bisect_versions([version(number) for number in range(1, len(outcomes) + 1)], passes))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-23", "2026-11-23T00:00:00.000000Z"),
        ("2026-11-23T10:00+01:00", "2026-11-23T09:00:00.000000Z"),
        ("2026-11-23T10:00:00.5Z", "2026-11-23T10:00:00.500000Z"),
    ],
)
def test_times_are_read(text, time):
    assert parse_time(text) == time


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00+10:00"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match="not a date or time"):
        parse_time(text)


def test_times_of_events_never_go_back():
    head = LedgerHead(seq=1, at=format_time(NOON))
    assert next_time(LedgerHead(), NOON) == format_time(NOON)
    assert next_time(head, NOON + timedelta(seconds=1)) == format_time(NOON + timedelta(seconds=1))
    assert next_time(head, NOON - timedelta(seconds=5)) == head.at
    with pytest.raises(StorageError, match="clock"):
        next_time(head, NOON - timedelta(seconds=5.001))


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_texts_of_times_sort_as_times_do(one, other):
    assert (format_time(one) < format_time(other)) == (one < other)


def test_texts_are_kept_without_what_stands_around_them():
    assert check_text("message", " a\r\nb\t \n") == "a\nb"
    assert check_tags(["b", "a", "b"]) == ["a", "b"]


@given(st.binary(max_size=50), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_payloads_name_depends_on_its_salt(content, salt, other):
    assert (payload_name(content, salt) == payload_name(content, other)) == (salt == other)


def test_a_missing_extra_is_named(monkeypatch):
    import sys

    import promptship.store

    for name in [name for name in sys.modules if name.startswith("promptship.store._")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingExtraError, match="a registry needs the package 'sqlalchemy'") as caught:
        _ = promptship.store.open_store
    assert "promptship[eval]" in caught.value.hint
