"""A policy file: what it may say, and how all that is wrong in one is named at once."""

import pytest

from promptship.domain import Actor
from promptship.errors import SourceError
from promptship.registry import NO_POLICY, LabelRule, parse_release_policy

WHOLE = b"""
promptship: 1
labels:
  staging: {}
  production:
    - prompts: [payments/*, legal/*]
      evidence:
        - evalset: golden
          gates: [pass_rate >= 0.95, {metric: pass_rate, versus: production}]
        - adversarial
      max_age: 14d
      approvals: 2
      approval_age: 48h
      may_move: ["kind:ci", "*@example.org>"]
    - evidence: [golden]
"""

GATES = ["pass_rate >= 0.95", "pass_rate not shown worse than production"]


def test_the_first_rule_that_covers_a_prompt_holds():
    policy = parse_release_policy(WHOLE, "promptship.policy.yaml")
    strict = policy.rule_for("payments/refund", "production")
    assert (strict.max_age_s, strict.approvals, strict.approval_age_s) == (14 * 86400, 2, 48 * 3600)
    assert [one.evalset for one in strict.evidence] == ["golden", "adversarial"]
    assert [gate.text for gate in strict.evidence[0].gates] == GATES
    assert policy.rule_for("support/reply", "production").approvals == 0
    assert policy.rule_for("support/reply", "staging") == LabelRule()
    assert policy.rule_for("support/reply", "canary") is None
    assert NO_POLICY.rule_for("support/reply", "production") is None


def test_gates_of_all_labels_are_decided_when_evidence_is_made():
    policy = parse_release_policy(WHOLE, "policy")
    assert [gate.text for gate in policy.gates_for("legal/terms", "golden")] == GATES
    assert policy.gates_for("support/reply", "golden") == ()


def test_its_digest_follows_what_it_says_and_not_how():
    one = parse_release_policy(b"labels: {production: {approvals: 1}}", "a").digest
    assert one == parse_release_policy(b"labels:\n  production:\n    approvals: 1\n    prompts: '*'\n", "b").digest
    assert one != parse_release_policy(b"labels: {production: {approvals: 2}}", "a").digest


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (Actor(name="job 7", kind="ci"), True),
        (Actor(name="Ada <ada@example.org>"), True),
        (Actor(name="Eve <eve@example.com>"), False),
        (Actor(name="ci"), False),
    ],
)
def test_who_may_move_a_label_is_a_kind_or_a_pattern_of_names(actor, may):
    rule = parse_release_policy(WHOLE, "policy").rule_for("payments/refund", "production")
    assert rule.lets_move(actor) is may


def test_everything_that_is_wrong_is_named_with_its_line():
    text = b"""labels:
  Production:
    aproval: 1
    max_age: 2 weeks
    approvals: -1
    self_approval: 1
    prompts: 7
    evidence:
      - gates: [pass_rate > 0.9]
  staging: 3
"""
    with pytest.raises(SourceError) as caught:
        parse_release_policy(text, "promptship.policy.yaml")
    said = {problem.line: problem.message for problem in caught.value.problems}
    assert "'Production' is not a label" in said[2]
    assert "unknown key 'aproval'; did you mean 'approvals'?" in said[3]
    assert "max_age: '2 weeks'; expected hours or days" in said[4]
    assert "approvals: -1; expected a number of people" in said[5]
    assert "self_approval: 1; expected true or false" in said[6]
    assert "prompts: 7; expected a pattern" in said[7]
    messages = [problem.message for problem in caught.value.problems]
    assert any("evalset: None; expected the name of an evalset" in one for one in messages)
    assert any("'pass_rate > 0.9'" in one for one in messages)
    assert "expected a mapping, not int" in said[10]


@pytest.mark.parametrize(
    "text", [b"[]", b"labels: []", b"promptship: 2\nlabels: {}", b"labels: {production: {evidence: 3}}"]
)
def test_what_is_no_policy_is_refused(text):
    with pytest.raises(SourceError):
        parse_release_policy(text, "policy")
