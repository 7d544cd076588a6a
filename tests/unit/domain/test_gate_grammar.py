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
        ({"metric": "pass_rate", "versus": "production", "not_worse_by": 0.03}, "not available in this version"),
    ],
)
def test_what_is_no_gate_is_refused_with_what_was_expected(value, said):
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        parse_gate(value)
