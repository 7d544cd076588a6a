from hypothesis import given
from hypothesis import strategies as st

from promptship.models.local._prefixes import PrefixStore, common_prefix

rows = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=5)


@given(rows)
def test_the_common_prefix_is_shared_by_all_and_leaves_a_token_of_each(found):
    length = common_prefix(found)
    assert all(row[:length] == found[0][:length] for row in found)
    assert all(len(row) > length for row in found)
    longer = {tuple(row[: length + 1]) for row in found}
    assert len(longer) > 1 or any(len(row) == length + 1 for row in found)


class Cache:
    def __init__(self, tokens):
        self.tokens = tokens
        self.rows = 1

    def batch_repeat_interleave(self, count):
        self.rows *= count


def test_a_beginning_is_computed_once_and_given_out_as_copies():
    computed = []
    store = PrefixStore(lambda tokens: computed.append(tokens) or Cache(tokens))
    shared = list(range(40))
    first, one = store.find([[*shared, 1], [*shared, 2]])
    second, two = store.find([[*shared, 3], [*shared, 4], [*shared, 5]])
    assert (first, second, len(computed)) == (40, 40, 1)
    assert (one.rows, two.rows) == (2, 3)


def test_a_short_beginning_and_a_lone_first_row_are_not_worth_it():
    store = PrefixStore(Cache)
    assert store.find([[1, 2, 3], [1, 2, 4]]) == (0, None)
    assert PrefixStore(Cache).find([list(range(50))]) == (0, None)


def test_the_store_stays_small():
    store = PrefixStore(Cache)
    for start in range(20):
        shared = list(range(start * 100, start * 100 + 30))
        store.find([[*shared, -1], [*shared, -2]])
    assert len(store._kept) <= 4
