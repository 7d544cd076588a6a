"""What changed between two tables of the same cases."""

import numpy as np
import pytest

from promptship.domain import ComparedSide
from promptship.errors import UsageError
from promptship.evaluation._compare import _compare, require_scored
from promptship.runner import CaseTable

LETTERS = {"p": 1.0, "f": 0.0}


def table_of(rows, *, clusters=None, tags=None, **scores):
    """A row for each text, a letter of it for each repeat: p, f, e, u."""
    ids = tuple(f"c{number}" for number in range(len(rows)))
    rate = np.array([[LETTERS.get(letter, np.nan) for letter in row] for row in rows])
    return CaseTable(
        case_ids=ids,
        clusters=tuple(clusters or ids),
        tags=tuple(tags or ({},) * len(rows)),
        outcomes=np.array([[ord(letter) for letter in row] for row in rows], dtype=np.uint8),
        metrics={
            "pass_rate": rate,
            "latency_s": np.ones(rate.shape),
            "cost_usd": np.full(rate.shape, 0.01),
            **{name: np.array(values, dtype=float).reshape(len(rows), -1) for name, values in scores.items()},
        },
    )


def compare(before, after, *, edited=(), left_out=(), least_overlap=0.5):
    sides = [
        ComparedSide(run_id=name, label="v", digest="d", evalset="s", evalset_digest="e", cases=len(table), repeats=1)
        for name, table in (("a", before), ("b", after))
    ]
    return _compare(tuple(sides), (before, after), frozenset(edited), frozenset(left_out), least_overlap)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("ppp", "ppp", "same"),
        ("ppp", "fff", "broken"),
        ("fff", "ppp", "fixed"),
        ("ppp", "pfp", "flaky"),
        ("pfp", "fff", "broken"),
        ("pfp", "ppp", "fixed"),
        ("ppp", "ppe", "error"),
        ("ppu", "ppp", "unscored"),
    ],
)
def test_a_case_is_told_by_what_all_its_repeats_say(before, after, kind):
    found = compare(table_of(["ppp", before]), table_of(["ppp", after]))
    assert found.counts[kind] == 1 + (kind == "same")


def test_metrics_are_tested_together_and_money_has_an_interval_only():
    before = table_of(["p"] * 40, polite=[0.5] * 40)
    after = table_of(["p"] * 30 + ["f"] * 10, polite=np.linspace(0.3, 0.5, 40))
    after.metrics["cost_usd"][:] = np.linspace(0.02, 0.03, 40).reshape(40, 1)
    found = compare(before, after)
    rate, polite, cost = (found.metric(name) for name in ("pass_rate", "polite", "cost_usd"))
    assert (rate.finding, polite.finding, cost.finding) == ("worse", "worse", "worse")
    assert polite.p_adjusted == 2 * polite.p_value
    assert rate.p_adjusted == rate.p_value
    assert cost.p_value is None
    assert cost.low < 0.015 < cost.high
    assert found.metric("latency_s").finding == "same"


def test_slices_are_corrected_and_small_ones_are_left_out():
    tags = [{"language": "de" if number < 4 else "en", "tier": str(number % 2)} for number in range(40)]
    before = table_of(["p"] * 40, tags=tags)
    after = table_of(["f"] * 8 + ["p"] * 32, tags=tags)
    found = {one.name: one.change for one in compare(before, after).slices}
    assert "language=de" not in found
    tested = [change.p_adjusted for change in found.values() if change.p_adjusted is not None]
    assert len(tested) == 3
    assert all(change.p_adjusted >= change.p_value for change in found.values() if change.p_value is not None)


def test_cases_of_one_origin_are_exchanged_together():
    before = table_of(["p"] * 40)
    after = table_of(["f"] * 8 + ["p"] * 32)
    alone = compare(before, after).metrics[0]
    clusters = [str(number // 8) for number in range(40)]
    families = compare(
        table_of(["p"] * 40, clusters=clusters), table_of(["f"] * 8 + ["p"] * 32, clusters=clusters)
    ).metrics[0]
    assert alone.finding == "worse"
    assert (families.finding, families.p_value) == ("unclear", 1.0)


def test_cases_in_quarantine_and_edited_ones_are_left_out():
    found = compare(table_of(["p"] * 10), table_of(["f"] * 2 + ["p"] * 8), left_out={"c0"}, edited={"c1"})
    assert (found.shared, found.edited, found.metrics[0].finding) == (8, 1, "same")
    assert "1 cases are in quarantine" in found.notes[-1]


def test_too_little_in_common_is_refused():
    with pytest.raises(UsageError, match="share 1 cases; a comparison needs at least 2"):
        compare(table_of(["p"]), table_of(["p"]))
    with pytest.raises(UsageError, match="share 3 of 10 cases, less than 50%"):
        compare(table_of(["p"] * 10), table_of(["p"] * 10), left_out={f"c{number}" for number in range(7)})
    few = {f"c{number}" for number in range(7)}
    assert compare(table_of(["p"] * 10), table_of(["p"] * 10), left_out=few, least_overlap=0.2).shared == 3


def test_nothing_but_errors_is_a_sentence():
    found = compare(table_of(["e"] * 10), table_of(["p"] * 10))
    assert found.metrics[0].difference is None
    with pytest.raises(UsageError, match="none of the 10 cases that runs a and b share was scored in both"):
        require_scored([found])


def test_a_figure_that_is_not_known_is_left_out_of_both_sides():
    before = table_of(["p"] * 10, polite=[0.5] * 9 + [np.nan])
    after = table_of(["p"] * 10, polite=[np.nan] + [0.6] * 9)
    change = compare(before, after).metric("polite")
    assert (change.n, round(change.difference, 9)) == (8, 0.1)
    assert change.finding == "better"
