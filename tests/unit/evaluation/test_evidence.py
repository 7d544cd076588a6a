"""Every weakening of an evalset is reported as one, and no tightening is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.domain import parse_gate
from promptship.evalsets import load_evalset
from promptship.evaluation._evidence import _gates, diff_evidence, diff_limits
from promptship.settings import Settings

CASES = [
    {"id": f"c{n}", "inputs": {"text": f"t{n}"}, "expected": f"t{n}", "tags": {"lang": "de" if n % 2 else "en"}}
    for n in range(10)
]
SCORERS = [
    "icontains",
    {"type": "levenshtein", "name": "near", "threshold": 3},
    {"type": "rouge-n", "name": "rouge", "threshold": 0.6},
    {"type": "contains-all", "name": "all", "value": ["a", "b"]},
    {"type": "contains-any", "name": "any", "value": ["a", "b"]},
    {"type": "not-contains-any", "name": "none", "value": ["x", "y"]},
    {"type": "assert-set", "name": "both", "scorers": ["equals", "is-json"], "threshold": 0.9},
]
GATES = [
    "pass_rate >= 0.8",
    "observed(pass_rate) >= 0.9",
    "cost_usd_per_case <= 0.01",
    {"metric": "pass_rate", "versus": "base"},
    {"metric": "rouge", "versus": "base", "not_worse_by": 0.03},
    {"metric": "pass_rate", "at_least": 0.7, "slice": "lang=de", "on_inconclusive": "fail"},
]


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    def load(**changes):
        root = tmp_path_factory.mktemp("set")
        spec = {"prompt": "p", "scorers": SCORERS, "gates": GATES, "cases": CASES, "holdout": 0.2, **changes}
        (root / "s.yaml").write_text(json.dumps({key: value for key, value in spec.items() if value is not None}))
        return load_evalset(root / "s.yaml", root=root)

    return load


def but(rows, place, **changes):
    """The rows with one of them changed; None takes a key away."""
    found = [{**row, **changes} if index == place else row for index, row in enumerate(rows)]
    return [
        {key: value for key, value in row.items() if value is not None} if isinstance(row, dict) else row
        for row in found
    ]


def scorer(place, **changes):
    named = [one if isinstance(one, dict) else {"type": one} for one in SCORERS]
    return {"scorers": but(named, place, **changes)}


def gates(place, new):
    return {"gates": [new if index == place else gate for index, gate in enumerate(GATES)]}


LOOSER = {
    "a gate dropped though another of its subject stays": {"gates": GATES[1:]},
    "its sibling dropped": {"gates": [GATES[0], *GATES[2:]]},
    "a lower threshold": gates(0, "pass_rate >= 0.5"),
    "a lower observed threshold beside a bound": gates(1, "observed(pass_rate) >= 0.85"),
    "a higher limit": gates(2, "cost_usd_per_case <= 0.02"),
    "a smaller alpha of a test": gates(3, {"metric": "pass_rate", "versus": "base", "alpha": 0.001}),
    "a missing baseline passes": gates(3, {"metric": "pass_rate", "versus": "base", "no_baseline": "pass"}),
    "a wider margin": gates(4, {"metric": "rouge", "versus": "base", "not_worse_by": 0.3}),
    "an inconclusive slice passes": gates(
        5, {"metric": "pass_rate", "at_least": 0.7, "slice": "lang=de", "on_inconclusive": "pass"}
    ),
    "a scorer dropped": {"scorers": SCORERS[1:]},
    "a scorer that only measures": scorer(1, required=False),
    "more edits": scorer(1, threshold=9),
    "more edits by default": scorer(1, threshold=None),
    "less overlap": scorer(2, threshold=0.1),
    "a text less to contain": scorer(3, value=["a"]),
    "a text more to choose from": scorer(4, value=["a", "b", "c"]),
    "a text less to avoid": scorer(5, value=["x"]),
    "a member less": scorer(6, scorers=["equals"]),
    "a lower share of members": scorer(6, threshold=0.4),
    "a case removed": {"cases": CASES[1:]},
    "a case in quarantine": {"quarantine": [{"case": "c3", "until": "2030-01-01"}]},
    "more set aside": {"holdout": 0.6},
}


@pytest.mark.parametrize("changes", LOOSER.values(), ids=LOOSER)
def test_what_is_loosened_is_weakened_and_the_way_back_strengthens(write, changes):
    was, now = write(), write(**changes)
    there, back = diff_evidence(was, now), diff_evidence(now, was)
    assert there[0].effect == "weakened", there
    assert {change.effect for change in back} <= {"strengthened", "changed"}, back
    assert back


def test_equal_evalsets_differ_in_nothing(write):
    assert diff_evidence(write(), write()) == []
    assert diff_evidence(write(), write(gates=[*reversed(GATES)])) == []


def test_what_is_neither_is_said_to_be_changed(write):
    cases = but(CASES, 0, expected="else")
    cases = but(cases, 1, inputs={"text": "other"})
    cases = but(cases, 2, tags={})
    cases = but(cases, 3, contexts=[{"id": "d", "text": "x"}])
    found = diff_evidence(write(holdout=None), write(holdout=None, cases=cases, kind="synthetic"))
    assert [(change.effect, change.what) for change in found] == [
        ("changed", "2 cases with other inputs: c1, c3"),
        ("changed", "1 case with another expected value: c0"),
        ("changed", "1 case with other tags or another cluster: c2"),
        ("changed", "the cases are synthetic instead of golden"),
    ]


def test_scorers_of_single_cases_count_too(write):
    before = but(CASES, 4, scorers=[{"type": "word-count", "value": 3}, "starts-with"])
    after = but(CASES, 4, scorers=["starts-with"])
    (found,) = diff_evidence(write(holdout=None, cases=before), write(holdout=None, cases=after))
    assert (found.effect, found.what) == ("weakened", "1 case with scorers loosened or dropped: c4")


def test_an_evalset_that_goes_or_comes_is_said(write):
    assert [change.effect for change in diff_evidence(write(), None)] == ["weakened"]
    assert [change.effect for change in diff_evidence(None, write())] == ["strengthened"]


def test_limits_of_the_project_are_evidence():
    found = diff_limits(Settings(), Settings(max_error_rate=0.5, min_scored=1.0))
    assert [(change.effect, change.what) for change in found] == [
        ("weakened", "max_error_rate is 0.5 instead of 0.01"),
        ("strengthened", "min_scored is 1 instead of 0.99"),
    ]


SHARE = st.integers(1, 100).map(lambda n: n / 100)
WRITTEN = st.lists(
    st.tuples(st.sampled_from(["pass_rate", "f1"]), st.booleans(), SHARE), min_size=1, max_size=5, unique=True
)


def write_gate(metric, observed, share):
    return parse_gate(f"observed({metric}) >= {share}" if observed else f"{metric} >= {share}")


@settings(deadline=None)
@given(WRITTEN, st.data())
def test_lowering_any_threshold_among_any_gates_is_a_weakening(written, data):
    place = data.draw(st.integers(0, len(written) - 1))
    metric, observed, share = written[place]
    lower = write_gate(metric, observed, round(share * data.draw(st.floats(0, 0.9)), 4))
    before = [write_gate(*one) for one in written]
    after = [lower if index == place else gate for index, gate in enumerate(before)]
    assert [change.effect for change in _gates("s", before, after)] == ["weakened"]
    assert [change.effect for change in _gates("s", after, before)] == ["strengthened"]
    assert [*_gates("s", before, [*reversed(before)])] == []
