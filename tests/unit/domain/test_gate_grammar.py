import pytest

from promptship.domain import GateSpec, parse_gate
from promptship.errors import UsageError


def test_sugar_is_decided_on_the_bound():
    assert parse_gate("pass_rate >= 0.9") == GateSpec(text="pass_rate >= 0.9", metric="pass_rate", at_least=0.9)


def test_observed_is_decided_on_the_figure():
    gate = parse_gate("observed(latency_p95_s) <= 4")
    assert (gate.metric, gate.at_most, gate.decide) == ("latency_p95_s", 4.0, "observed")


def test_a_mapping_may_name_a_slice():
    gate = parse_gate({"slice": "language=de", "metric": "pass_rate", ">=": 0.85})
    assert (gate.tag, gate.at_least, gate.at_most) == (("language", "de"), 0.85, None)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("pass_rate > 0.9", "gates know >= and <="),
        ("pass rate >= 0.9", "is not a gate"),
        ("pass_rate >= high", "is not a gate"),
        (3, "is not a gate"),
        ({"metric": "pass_rate"}, "needs either at_least"),
        ({"metric": "pass_rate", "at_least": 0.9, "at_most": 1}, "needs either at_least"),
        ({"metric": "pass_rate", "at_least": True}, "expected one number"),
        ({"metric": "pass_rate", "atleast": 0.9}, "unknown key 'atleast'"),
        ({"at_least": 0.9}, "names no metric"),
        ({"metric": "pass_rate", "at_least": 0.9, "slice": "de"}, "expected tag=value"),
        ({"metric": "pass_rate", "at_least": 0.9, "decide": "guess"}, "expected 'bound' or 'observed'"),
        ({"metric": "pass_rate", "not_worse_by": 0.03}, "has not_worse_by and no `versus`"),
        ({"no_new_failures": True}, "has no_new_failures and no `versus`"),
        ({"metric": "pass_rate", "versus": "base", "at_least": 0.9}, "both at_least and `versus`"),
        ({"metric": "a", "versus": "base", "better_by": 0.1, "not_worse_by": 0.1}, "several of"),
        ({"metric": "a", "versus": "base", "not_worse_by": 0}, "expected more than 0"),
        ({"metric": "a", "versus": "base", "non_inferior_by": 0.1, "not_worse_by": 0.1}, "is there already"),
        ({"metric": "a", "versus": "base", "alpha": 0.7}, "between 0 and 0.5"),
        ({"metric": "a", "versus": 3}, "expected text"),
        ({"metric": "a", "at_least": 0.9, "on_inconclusive": "shrug"}, "expected 'observed', 'pass', 'warn' or 'fail'"),
        ({"metric": "a", "at_least": 0.9, "slice": "a=b", "each": "a"}, "not both"),
    ],
)
def test_what_is_no_gate_is_refused_with_what_was_expected(value, said):
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        parse_gate(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"metric": "pass_rate", "versus": "base"}, "pass_rate not shown worse than base"),
        ({"metric": "pass_rate", "versus": "base", "non_inferior_by": 0.03}, "pass_rate not worse than base by 0.03"),
        ({"metric": "polite", "versus": "base", "better_by": 0}, "polite better than base by 0"),
        (
            {"metric": "polite", "versus": "r1", "equivalent_within": 0.1, "each": "language"},
            "polite within 0.1 of r1 [each language]",
        ),
        ({"no_new_failures": "tier=1", "versus": "base"}, "no new failures versus base [tier=1]"),
    ],
)
def test_a_gate_versus_a_baseline_says_what_it_asks(value, text):
    assert parse_gate(value).text == text
