"""Whether a label may move: the decision by itself."""

from dataclasses import replace

import pytest

from promptship.domain import Actor, Attestation, Evidence, GateEvidence, StoredVersion, parse_gate
from promptship.registry import Approval, EvidenceRule, LabelRule, decide_promotion

NOW = "2026-11-20T12:00:00.000000Z"
ADA, BOB, EVE = (Actor(name=name, authenticated=True) for name in ("ada", "bob", "eve"))
VERSION = StoredVersion(
    prompt="support/reply",
    number=7,
    digest=f"sha256:{'7' * 64}",
    semver=(1, 0, 0),
    model_name="default",
    description="",
    message="",
    author="ada",
    author_kind="human",
    git_commit=None,
    forked_from=None,
    created_at=NOW,
    event_seq=1,
)
GATE = GateEvidence(
    gate="pass_rate >= 0.9",
    outcome="pass",
    finding="pass",
    value=0.95,
    low=0.91,
    high=0.98,
    n=200,
    decided_by="bound",
)
EVIDENCE = Evidence(
    prompt="support/reply",
    digest=VERSION.digest,
    evalset="golden",
    evalset_digest=f"sha256:{'1' * 64}",
    run_id="20261119-120000-aaaaaa",
    scoring_digest="s",
    model="openai/gpt-x",
    served_model="gpt-x-1",
    origin="https://api.example.org",
    outcome="pass",
    gates=(GATE,),
    cells=200,
    errors=0,
    created_at="2026-11-19T12:00:00.000000Z",
)
RULE = LabelRule(evidence=(EvidenceRule(evalset="golden", gates=(parse_gate("pass_rate >= 0.9"),)),))


def attested(**changes):
    evidence = replace(EVIDENCE, **changes)
    return Attestation(evidence=evidence, digest=f"sha256:{evidence.run_id}", keyid="k", key_name="release")


def decide(rule, *attestations, approvals=(), actor=ADA):
    return decide_promotion(rule, VERSION, attestations, approvals, actor=actor, now=NOW)


def agreed(actor, *, requested_by="ada", expires_at="2026-11-21T12:00:00.000000Z"):
    return Approval(actor=actor, requested_by=requested_by, at=NOW, expires_at=expires_at)


def test_with_all_that_is_asked_the_label_may_move():
    decision = decide(RULE, attested())
    assert (decision.allowed, decision.attestations) == (True, (f"sha256:{EVIDENCE.run_id}",))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "no evidence of support/reply@7 (777777777777) on evalset 'golden'"),
        ([attested(digest=f"sha256:{'8' * 64}")], "no evidence of support/reply@7"),
        ([attested(prompt="support/triage")], "no evidence of support/reply@7"),
        ([attested(evalset="other")], "no evidence of support/reply@7"),
        ([attested(expires_at=NOW)], "its evidence expired on 2026-11-20T12:00"),
        ([attested(gates=())], "gate 'pass_rate >= 0.9' was not decided when the evidence was made"),
        ([attested(gates=(replace(GATE, outcome="fail", finding="fail"),))], "fails: 0.95 (0.91 to 0.98), n = 200"),
        ([attested(gates=(replace(GATE, outcome="warn", finding="inconclusive"),))], "is inconclusive: 0.95"),
        (
            [attested(gates=(GATE, replace(GATE, gate="is-json >= 1", outcome="fail", finding="fail")))],
            "'is-json >= 1'",
        ),
    ],
)
def test_what_is_missing_is_named(found, said):
    (missing,) = decide(RULE, *found).missing
    assert said in missing


def test_evidence_grows_old():
    rule = replace(RULE, max_age_s=86400 + 1)
    assert decide(rule, attested()).allowed
    (missing,) = decide(replace(RULE, max_age_s=86400 - 1), attested()).missing
    assert "its evidence is 24 hours old, and 24 hours is the limit" in missing


def test_the_newest_evidence_decides_and_not_the_best():
    failed = attested(
        run_id="20261120-110000-bbbbbb",
        created_at="2026-11-20T11:00:00.000000Z",
        gates=(replace(GATE, outcome="fail", finding="fail"),),
    )
    assert not decide(RULE, attested(), failed).allowed
    assert not decide(RULE, failed, attested()).allowed


def test_a_first_version_has_nothing_to_be_compared_with():
    asked = parse_gate({"metric": "pass_rate", "versus": "production"})
    first = replace(GATE, gate=asked.text, outcome="warn", decided_by="no_baseline")
    rule = LabelRule(evidence=(EvidenceRule(evalset="golden", gates=(asked,)),))
    assert decide(rule, attested(gates=(first,))).allowed


def test_without_a_rule_some_evidence_is_needed_and_none_may_speak_against():
    assert not decide(None).allowed
    assert decide(None, attested()).allowed
    bad = attested(evalset="adversarial", outcome="fail", gates=())
    assert not decide(None, attested(), bad).allowed


class TestApprovals:
    RULE = replace(RULE, approvals=1)

    def missing(self, *approvals, rule=None):
        return decide(rule or self.RULE, attested(), approvals=approvals).missing

    def test_one_of_somebody_else_is_enough(self):
        assert decide(self.RULE, attested(), approvals=[agreed(BOB)]).approved_by == ("bob",)
        assert self.missing(agreed(BOB)) == ()

    @pytest.mark.parametrize(
        "approval",
        [
            agreed(ADA),
            agreed(EVE, requested_by="eve"),
            agreed(Actor(name="bob")),
            agreed(BOB, expires_at=NOW),
        ],
        ids=["of the author", "of who asked", "of somebody whom nobody has checked", "that has expired"],
    )
    def test_one_does_not_count(self, approval):
        assert self.missing(approval) == ("1 of 1 approvals, of people other than the author and who asked",)

    def test_one_person_counts_once(self):
        rule = replace(self.RULE, approvals=2)
        assert "1 of 2 approvals" in self.missing(agreed(BOB), agreed(BOB), rule=rule)[0]
        assert self.missing(agreed(BOB), agreed(EVE), rule=rule) == ()

    def test_where_the_policy_says_so_the_author_may(self):
        assert self.missing(agreed(ADA), rule=replace(self.RULE, self_approval=True)) == ()


def test_who_may_not_move_the_label_is_told():
    (missing,) = decide(replace(RULE, may_move=("kind:ci",)), attested()).missing
    assert missing == "'ada' may not move this label; kind:ci may"


class TestStatement:
    def test_evidence_survives_being_a_statement(self):
        statement = EVIDENCE.as_statement()
        assert Evidence.from_statement(statement) == EVIDENCE
        assert statement["subject"] == [{"name": "support/reply", "digest": {"sha256": "7" * 64}}]

    @pytest.mark.parametrize(
        "change",
        [
            lambda it: it.update(predicateType="https://slsa.dev/provenance/v1"),
            lambda it: it.update(subject=[]),
            lambda it: it["predicate"].update(more=1),
            lambda it: it["predicate"].pop("run_id"),
            lambda it: it["predicate"].update(outcome="great"),
            lambda it: it["predicate"].update(created_at=7),
            lambda it: it["predicate"].update(cells="many"),
            lambda it: it["predicate"]["gates"][0].update(value="0.9"),
        ],
    )
    def test_what_is_no_evidence_is_refused(self, change):
        from promptship.errors import UsageError

        statement = EVIDENCE.as_statement()
        statement["predicate"]["gates"] = [dict(gate) for gate in statement["predicate"]["gates"]]
        change(statement)
        with pytest.raises(UsageError, match="no evidence of an evaluation"):
            Evidence.from_statement(statement)
