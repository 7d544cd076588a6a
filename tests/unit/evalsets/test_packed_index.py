from hypothesis import given
from hypothesis import strategies as st

from promptship.evalsets._index import PackedIndex, hash_key

entries = st.lists(st.tuples(st.text(max_size=2), st.integers(0, 2**64 - 1)), max_size=40)


@given(entries)
def test_the_first_number_of_a_key_is_found(pairs):
    index = PackedIndex()
    expected: dict[str, int] = {}
    for name, number in pairs:
        index.add(hash_key(name), number)
        expected.setdefault(name, number)
    assert {name: index.find(hash_key(name)) for name in expected} == expected
    assert index.find(hash_key("absent", "key")) is None
    assert len(index) == len(pairs)


@given(st.lists(st.tuples(st.text(max_size=1), st.integers()), max_size=30))
def test_every_later_entry_of_a_key_is_repeated(pairs):
    index = PackedIndex()
    first: dict[str, int] = {}
    expected = []
    for number, (name, _) in enumerate(pairs):
        index.add(hash_key(name), number)
        if name in first:
            expected.append((first[name], number))
        first.setdefault(name, number)
    assert sorted(index.repeated()) == sorted(expected)


def test_a_match_that_straddles_two_entries_is_passed_over():
    index = PackedIndex()
    key = bytes(range(16))
    # The end of this number and the start of the next entry would read as the key in the raw bytes.
    wrong = bytes([0, 0]) + b"\1" * 14
    index.add(bytes([0, 1]) + b"\2" * 14, int.from_bytes(key[:8], "little"))
    index.add(key[8:10] + b"\3" * 14, 0)
    index.add(wrong, 5)
    assert index.find(key) is None
    assert index.find(wrong) == 5


def test_parts_of_a_key_do_not_run_together():
    assert hash_key("a", "b") != hash_key("ab")
    assert len(hash_key("a")) == 16
