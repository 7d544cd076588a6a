import hashlib
import json
import math

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from promptship.domain import canonical_json, digest_of
from promptship.errors import CanonicalError

LARGEST = 2**53 - 1
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ascii_text = st.text(st.characters(codec="ascii"), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | text | st.floats(-1e15, 1e15, allow_nan=False)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_text, inner, max_size=4), max_leaves=20
)


@given(values)
def test_canonical_json_reads_back_as_the_same_value(value):
    assert json.loads(canonical_json(value)) == value


@given(values)
def test_the_fast_road_writes_the_bytes_of_rfc_8785(value):
    assert canonical_json(value) == rfc8785.dumps(value)


@given(st.dictionaries(ascii_text, values, max_size=5))
def test_the_order_of_keys_does_not_change_the_digest(value):
    assert digest_of(dict(reversed(value.items()))) == digest_of(value)


def test_known_vectors_of_rfc_8785():
    # Source: RFC 8785, section 3.2.2 and 3.2.3.
    value = {
        "numbers": [333333333.33333329, 1e-27, 4.50, 2e-3],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert canonical_json(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e-27,4.5,0.002],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_a_digest_is_the_sha256_of_the_canonical_bytes():
    value = {"b": [1.0, "x"], "a": None}
    assert digest_of(value) == "sha256:" + hashlib.sha256(rfc8785.dumps(value)).hexdigest()


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [0, math.nan]}, "$.a[1]"),
        ({"a": {"b": math.inf}}, "$.a.b"),
        ([2**53], "$[0]"),
        ([-(2**53)], "$[0]"),
        ([2.0**60], "$[0]"),
        ({"a": b"bytes"}, "$.a"),
        ({"a": {1, 2}}, "$.a"),
        ({"a": "\ud800"}, "$.a"),
        ({1: "x"}, "$"),
        ({"é": 1, "e\u0301": 2}, "$"),
    ],
)
def test_a_value_without_a_canonical_form_is_refused_with_its_path(value, path):
    with pytest.raises(CanonicalError) as caught:
        canonical_json(value)
    assert str(caught.value).startswith(f"{path}: ")


def test_deep_nesting_is_refused_before_the_stack_ends():
    value = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(CanonicalError, match="deeper than 100"):
        canonical_json(value)
