"""Evidence, promotions, requests and releases, on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from promptship.domain import Actor, Evidence, GateEvidence, canonical_json
from promptship.errors import (
    PromotionRefusedError,
    ReferenceNotFoundError,
    SignatureError,
    StorageError,
    UsageError,
)
from promptship.registry import NO_POLICY, STATEMENT_MEDIA_TYPE, Registry, parse_release_policy
from promptship.signing import create_key, load_signer, sign_envelope

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
POLICY = b"labels: {production: {evidence: [{evalset: golden, gates: [pass_rate >= 0.9]}]}}"
APPROVED = b"labels: {production: {evidence: [golden], approvals: 1, approval_age: 48h}}"
BOB = Actor(name="bob", authenticated=True)


@pytest.fixture
def policy():
    return parse_release_policy(POLICY, "policy")


@pytest.fixture
def registry(database, clock, policy):
    with Registry.open(database.address, clock=clock, policy=policy) as opened:
        yield opened


@pytest.fixture
def under(database, clock):
    """Opens the same registry under another policy."""
    opened = []

    def open_under(text):
        opened.append(Registry.open(database.address, clock=clock, policy=parse_release_policy(text, "policy")))
        return opened[-1]

    yield open_under
    for one in opened:
        one.close()


@pytest.fixture
def signer(registry, ada, tmp_path):
    key = create_key(tmp_path / "release.pem", "release")
    registry.evidence.trust(key, actor=ada)
    return load_signer({}, tmp_path / "release.pem")


@pytest.fixture
def attest(registry, signer, ada, clock):
    """Signs and stores evidence about a version; `changes` differ from evidence that passes."""

    def attest(version, **changes):
        evidence = replace(
            Evidence(
                prompt=version.prompt,
                digest=version.digest,
                evalset="golden",
                evalset_digest="e",
                run_id="20261101-120000-aaaaaa",
                scoring_digest="s",
                model="fake/echo",
                origin="fake",
                served_model="fake",
                outcome="pass",
                gates=(GATE,),
                cells=200,
                errors=0,
                created_at=clock().isoformat(timespec="microseconds").replace("+00:00", "Z"),
            ),
            **changes,
        )
        sealed = sign_envelope(STATEMENT_MEDIA_TYPE, canonical_json(evidence.as_statement()), signer)
        return registry.evidence.attest(sealed, actor=ada)

    return attest


def test_a_label_moves_on_evidence_and_not_without(registry, push, attest, ada):
    one, two = push("one", "two")
    with pytest.raises(PromotionRefusedError, match="no evidence of support/reply@1") as refused:
        registry.evidence.promote(one.ref, "production", actor=ada)
    assert refused.value.exit_code == 1
    kept = attest(one)
    move = registry.evidence.promote(one.ref, "production", actor=ada, reason="It passed")
    assert (move.before, move.after) == (None, 1)
    entry = registry.log(limit=1)[0]
    assert (entry.kind, entry.evidence, entry.text) == ("promote", kept.digest, "It passed")
    with pytest.raises(PromotionRefusedError):
        registry.evidence.promote(two.ref, "production", actor=ada)
    assert registry.resolve("support/reply@production").number == 1
    assert registry.evidence.promote(one.ref, "production", actor=ada).moved is False
    assert registry.verify().flaws == ()


def test_what_is_under_a_policy_moves_by_no_other_road(registry, push, attest, ada):
    one, two = push("one", "two")
    attest(one)
    attest(two)
    with pytest.raises(UsageError, match="the policy asks for evidence") as refused:
        registry.put_label(one.ref, "production", actor=ada)
    assert refused.value.hint == "promptctl promote support/reply@1 production"
    registry.evidence.promote(one.ref, "production", actor=ada)
    with pytest.raises(UsageError, match="the policy asks for evidence"):
        registry.drop_label("support/reply", "production", actor=ada)
    registry.evidence.promote(two.ref, "production", actor=ada)
    assert registry.roll_back("support/reply", "production", actor=ada).after == 1
    registry.put_label(two.ref, "staging", actor=ada)
    assert registry.verify().flaws == ()


def test_breaking_the_glass_works_and_says_what_was_missing(registry, push, ada):
    (one,) = push("one")
    with pytest.raises(UsageError, match="break-glass needs a reason"):
        registry.evidence.promote(one.ref, "production", actor=ada, break_glass=" ")
    registry.evidence.promote(one.ref, "production", actor=ada, break_glass="The old one leaks")
    assert registry.log(limit=1)[0].text == "The old one leaks"
    (event,) = [one for one in registry.evidence.events() if one.kind == "promote"]
    facts = orjson.loads(event.payload)
    assert facts["break_glass"] == "The old one leaks"
    assert facts["missing"] == [f"no evidence of support/reply@1 ({one.digest[7:19]}) on evalset 'golden'"]
    assert facts["policy"] == registry.evidence.policy.digest


def test_evidence_is_kept_once(registry, push, attest, signer, ada):
    (one,) = push("one")
    attest(one)
    events = len(registry.log())
    (kept,) = registry.evidence.attestations("support/reply")
    sealed = sign_envelope(STATEMENT_MEDIA_TYPE, canonical_json(kept.evidence.as_statement()), signer)
    assert registry.evidence.attest(sealed, actor=ada) == kept
    assert len(registry.log()) == events
    assert registry.verify().attestations == 1


def test_what_was_never_pushed_or_is_still_to_come_is_refused(registry, push, attest, clock):
    (one,) = push("one")
    with pytest.raises(ReferenceNotFoundError, match="which was never pushed"):
        attest(replace(one, digest=f"sha256:{'0' * 64}"))
    later = (clock.now + timedelta(hours=1)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    with pytest.raises(UsageError, match="which is still to come"):
        attest(one, created_at=later)


def test_only_trusted_keys_count_and_only_until_they_are_revoked(registry, push, attest, signer, ada, tmp_path):
    (one,) = push("one")
    attest(one)
    other = create_key(tmp_path / "other.pem", "other")
    sealed = sign_envelope(STATEMENT_MEDIA_TYPE, b"{}", load_signer({}, tmp_path / "other.pem"))
    with pytest.raises(SignatureError, match="nobody here trusts"):
        registry.evidence.attest(sealed, actor=ada)
    revoked = registry.evidence.revoke(signer.keyid[:8], actor=ada, reason="It was on a laptop")
    assert revoked.revoked_at is not None
    assert registry.evidence.attestations("support/reply") == []
    with pytest.raises(PromotionRefusedError):
        registry.evidence.promote(one.ref, "production", actor=ada)
    with pytest.raises(UsageError, match="was revoked on"):
        registry.evidence.trust(revoked.key, actor=ada)
    with pytest.raises(ReferenceNotFoundError, match="0 keys that are trusted begin with"):
        registry.evidence.revoke(other.keyid, actor=ada)
    # Once it was evidence; the ledger is right to hold it.
    assert registry.verify().flaws == ()


@pytest.mark.parametrize("payload", [b"{}", b"garbage", b"[]"])
def test_a_signature_does_not_make_evidence_of_anything(registry, signer, ada, payload):
    with pytest.raises(UsageError, match="no evidence"):
        registry.evidence.attest(sign_envelope(STATEMENT_MEDIA_TYPE, payload, signer), actor=ada)
    with pytest.raises(UsageError, match="'text/plain' is no evidence"):
        registry.evidence.attest(sign_envelope("text/plain", payload, signer), actor=ada)


class TestApprovals:
    @pytest.fixture
    def ready(self, registry, push, attest, under, ada):
        """A version with evidence, under a policy that asks for an approval too."""
        (one,) = push("one")
        attest(one)
        return under(APPROVED).evidence, one

    def test_somebody_else_approves_and_the_label_moves(self, ready, registry, ada):
        desk, one = ready
        request = desk.request(one.ref, "production", actor=ada, reason="Please")
        with pytest.raises(PromotionRefusedError, match="1 of 1 approvals"):
            desk.promote(one.ref, "production", actor=ada)
        answered = desk.answer(request.id, actor=BOB)
        assert [one.actor for one in answered.approvals] == [BOB]
        assert desk.promote(one.ref, "production", actor=ada).after == 1
        assert registry.verify().flaws == ()

    def test_an_approval_is_of_one_digest(self, ready, push, attest, ada):
        desk, one = ready
        desk.answer(desk.request(one.ref, "production", actor=ada).id, actor=BOB)
        (two,) = push("two")
        attest(two)
        with pytest.raises(PromotionRefusedError, match="1 of 1 approvals"):
            desk.promote(two.ref, "production", actor=ada)

    def test_nobody_approves_whom_nobody_has_checked(self, ready, ada):
        desk, one = ready
        request = desk.request(one.ref, "production", actor=ada)
        with pytest.raises(UsageError, match="the approval would not count"):
            desk.answer(request.id, actor=Actor(name="bob"))

    def test_a_request_expires(self, ready, ada, clock):
        desk, one = ready
        request = desk.request(one.ref, "production", actor=ada)
        desk.answer(request.id, actor=BOB)
        clock.now += timedelta(hours=48)
        with pytest.raises(PromotionRefusedError, match="1 of 1 approvals"):
            desk.promote(one.ref, "production", actor=ada)
        with pytest.raises(UsageError, match=rf"request {request.id} expired on"):
            desk.answer(request.id, actor=BOB)

    def test_a_rejected_request_is_closed(self, ready, ada):
        desk, one = ready
        request = desk.request(one.ref, "production", actor=ada)
        desk.answer(request.id, actor=BOB)
        desk.answer(request.id, actor=BOB, reject="The Spanish slice fell")
        (found,) = desk.requests("support/reply")
        assert (found.rejected_by, found.rejection) == ("bob", "The Spanish slice fell")
        with pytest.raises(UsageError, match="was rejected by bob"):
            desk.answer(request.id, actor=BOB)
        with pytest.raises(PromotionRefusedError, match="1 of 1 approvals"):
            desk.promote(one.ref, "production", actor=ada)

    def test_there_must_be_a_request(self, ready):
        with pytest.raises(ReferenceNotFoundError, match="there is no request 99"):
            ready[0].answer(99, actor=BOB)


class TestReleases:
    @pytest.fixture
    def versions(self, push, attest):
        made = [*push("r1", "r2", name="support/reply"), *push("t1", "t2", name="support/triage")]
        for version in made:
            attest(version)
        return made

    def test_several_move_together_and_back_together(self, registry, versions, ada):
        desk = registry.evidence
        desk.promote("support/reply@1", "production", actor=ada)
        made = desk.release("autumn", ["support/reply@2", "support/triage@2"], "production", actor=ada)
        assert made.members == (("support/reply", 2, 1), ("support/triage", 2, None))
        assert [state.number for state in registry.labels()] == [2, 2]
        moves = desk.roll_back_release("autumn", actor=ada)
        assert [(move.prompt, move.after) for move in moves] == [("support/reply", 1), ("support/triage", None)]
        assert [(state.prompt, state.number) for state in registry.labels()] == [("support/reply", 1)]
        assert registry.verify().flaws == ()

    def test_where_one_lacks_evidence_none_moves(self, registry, versions, push, ada):
        (three,) = push("t3", name="support/triage")
        with pytest.raises(PromotionRefusedError, match="support/triage@3: no evidence"):
            registry.evidence.release("autumn", ["support/reply@2", three.ref], "production", actor=ada)
        assert registry.labels() == []
        assert registry.evidence.releases() == []

    def test_later_work_is_not_undone(self, registry, versions, ada):
        desk = registry.evidence
        desk.release("autumn", ["support/reply@1", "support/triage@1"], "production", actor=ada)
        desk.promote("support/triage@2", "production", actor=ada)
        with pytest.raises(UsageError, match=r"'production' of support/triage was moved since release 'autumn'"):
            desk.roll_back_release("autumn", actor=ada)

    @pytest.mark.parametrize(
        ("name", "references", "said"),
        [
            ("autumn", ["support/reply@1"], "there is a release 'autumn' already"),
            ("no name", ["support/reply@1"], "is no name of a release"),
            ("winter", ["support/reply@1", "support/reply@2"], "support/reply is named twice"),
            ("winter", [], "0 versions"),
        ],
    )
    def test_bad_releases_are_refused(self, registry, versions, ada, name, references, said):
        registry.evidence.release("autumn", ["support/reply@1"], "production", actor=ada)
        with pytest.raises(UsageError, match=said):
            registry.evidence.release(name, references, "production", actor=ada)

    def test_there_must_be_a_release(self, registry, ada):
        with pytest.raises(ReferenceNotFoundError, match="no release 'spring'"):
            registry.evidence.roll_back_release("spring", actor=ada)


class TestVerify:
    def test_another_envelope_in_the_place_of_one_is_found(self, registry, database, push, attest):
        (one,) = push("one")
        attest(one)
        content = {"sqlite": "X'7B7D'", "postgresql": "'{}'"}[database.dialect]
        where = "WHERE media_type = 'application/vnd.dsse+json'"
        database.execute(f"UPDATE blob SET content = {content}, size = 2 {where}", guarded=False)  # noqa: S608 - ours
        tables = [flaw.table for flaw in registry.verify().flaws]
        assert tables == ["blob", "ledger_event"]
        with pytest.raises((SignatureError, StorageError)):
            registry.evidence.promote(one.ref, "production", actor=BOB)

    def test_a_promotion_is_rebuilt_with_the_other_labels(self, registry, database, push, attest, ada):
        (one,) = push("one")
        attest(one)
        registry.evidence.promote(one.ref, "production", actor=ada)
        database.execute("DELETE FROM label", guarded=False)
        assert [flaw.table for flaw in registry.verify().flaws] == ["label"]
        registry.rebuild()
        assert registry.verify().flaws == ()
        assert registry.resolve("support/reply@production").number == 1


def test_of_many_who_promote_at_once_each_finds_what_the_others_did(database, registry, push, attest, ada):
    versions = push(*(f"text {number}" for number in range(6)))
    for version in versions:
        attest(version)

    def work(version):
        with Registry.open(database.address, policy=registry.evidence.policy, clock=registry._clock) as mine:
            return mine.evidence.promote(version.ref, "production", actor=ada)

    with ThreadPoolExecutor(len(versions)) as pool:
        assert all(move.moved for move in pool.map(work, versions))
    moves = [entry for entry in reversed(registry.log(label="production")) if entry.kind == "promote"]
    assert sorted(entry.number for entry in moves) == [1, 2, 3, 4, 5, 6]
    assert [entry.before for entry in moves] == [None, *(entry.number for entry in moves[:-1])]
    assert registry.verify().flaws == ()


def test_without_a_policy_promote_asks_for_some_evidence(database, registry, push, attest, ada, clock):
    (one,) = push("one")
    with Registry.open(database.address, clock=clock) as free:
        assert free.evidence.policy == NO_POLICY
        with pytest.raises(PromotionRefusedError, match="on any evalset"):
            free.evidence.promote(one.ref, "staging", actor=ada)
        attest(one)
        assert free.evidence.promote(one.ref, "staging", actor=ada).after == 1
