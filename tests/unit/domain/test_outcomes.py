import pytest

from promptship.domain import CellError, Score, Totals, decide_outcome

PASS, FAIL, ABSTAIN = Score(value=1, passed=True), Score(value=0, passed=False), Score(value=None, passed=None)
REQUIRED = frozenset({"a", "b"})


@pytest.mark.parametrize(
    ("scores", "outcome"),
    [
        ({"a": PASS, "b": PASS}, "passed"),
        ({"a": PASS, "b": FAIL}, "failed"),
        ({"a": ABSTAIN, "b": PASS}, "unscored"),
        ({"a": ABSTAIN, "b": FAIL}, "failed"),
        ({"a": PASS, "b": PASS, "measured": FAIL}, "passed"),
        ({}, "passed"),
    ],
)
def test_only_required_scorers_decide_and_abstaining_is_never_passing(scores, outcome):
    assert decide_outcome(None, scores, REQUIRED) == outcome


def test_an_error_is_neither_a_pass_nor_a_fail():
    assert decide_outcome(CellError(kind="ServerError", message="500"), {"a": PASS, "b": FAIL}, REQUIRED) == "error"


def test_errors_and_unscored_cells_stay_out_of_the_pass_rate():
    totals = Totals(cases=10, passed=3, failed=1, error=4, unscored=2)
    assert (totals.pass_rate, totals.scored_share) == (0.75, 0.4)
    assert Totals(cases=2, error=2).pass_rate is None
