"""A registry and the same behind a server: one contract."""

import inspect

import pytest

from promptship.domain import Actor, parse_reference
from promptship.errors import PromptshipError, ReferenceNotFoundError, UsageError
from promptship.registry import EvidenceDesk, Registry, RemoteRegistry, TokenDesk
from promptship.registry._remote_desks import RemoteEvidence, RemoteTokens
from promptship.signing import create_key, load_signer


@pytest.fixture
def registry(database):
    """On both databases."""
    with Registry.open(database.address) as opened:
        yield opened


@pytest.fixture(params=["direct", "remote"])
def either(request, registry):
    return registry if request.param == "direct" else request.getfixturevalue("remote")


@pytest.mark.parametrize(
    ("here", "there"), [(Registry, RemoteRegistry), (EvidenceDesk, RemoteEvidence), (TokenDesk, RemoteTokens)]
)
def test_every_method_is_one_of_the_remote_s_own_with_the_same_signature(here, there):
    # `load` asks `find_version` alone.
    own = {"open", "connect", "load"}
    public = {name for name, one in vars(here).items() if not name.startswith("_")} - own
    assert public <= vars(there).keys()
    for name in public:
        if inspect.isfunction(vars(here)[name]):
            assert inspect.signature(vars(here)[name]) == inspect.signature(vars(there)[name])


def test_versions_are_pushed_once_and_read_back(either, make_version, ada):
    first = either.push(make_version(), actor=ada, message="First", tags=["kind"], description="Answers")
    again = either.push(make_version(), actor=ada)
    second = either.push(make_version(text="Two: {{ mail }}"), actor=ada, git_commit="abc")
    assert (first.created, again.created, second.created) == (True, False, True)
    assert again.version == first.version
    assert [one.number for one in either.versions("support/reply")] == [1, 2]
    assert either.resolve("support/reply@latest") == second.version
    assert either.resolve("support/reply@1", at="2100-01-01") == first.version
    version, closure = either.find_version(parse_reference("support/reply@1"))
    assert closure.digest == version.digest == make_version().digest
    assert either.load("support/reply@2").closure.template == "Two: {{ mail }}"
    assert either.names() == ["support/reply"]
    assert [line.version.number for line in either.blame("support/reply@2")] == [2]


def test_labels_move_and_go_back(either, make_version, ada):
    for text in ("One.", "Two.", "Three."):
        either.push(make_version(text=text), actor=ada)
    moves = [either.put_label(f"support/reply@{number}", "production", actor=ada, reason="r") for number in (1, 2, 3)]
    assert [(move.before, move.after) for move in moves] == [(None, 1), (1, 2), (2, 3)]
    assert either.roll_back("support/reply", "production", actor=ada).after == 2
    assert either.labels("support/reply")[0].number == 2
    assert either.resolve("support/reply@production").number == 2
    assert [entry.kind for entry in either.log("support/reply", limit=2)] == ["rollback", "label"]
    assert either.drop_label("support/reply", "production", actor=ada, reason="Gone").after is None
    assert either.labels() == []


def test_versions_are_withdrawn_tagged_copied_and_found(either, make_version, ada):
    either.push(make_version(), actor=ada, tags=["a"])
    assert either.tag("support/reply@1", actor=ada, add=["b"], remove=["a"]).tags == ("b",)
    copy = either.fork("support/reply@1", "other/reply", actor=ada)
    assert copy.version.forked_from == "support/reply@1"
    assert [one.ref for one in either.search("kindly", tag="b")] == ["other/reply@1", "support/reply@1"]
    assert either.withdraw("other/reply@1", actor=ada, reason="Leaks").tombstone.reason == "Leaks"
    with pytest.raises(ReferenceNotFoundError, match="was withdrawn"):
        either.resolve("other/reply@1")
    assert either.reinstate("other/reply@1", actor=ada).tombstone is None


@pytest.mark.parametrize(
    "call",
    [
        lambda one, ada: one.resolve("support/replay@1"),
        lambda one, ada: one.resolve("support/reply"),
        lambda one, ada: one.versions("nothing"),
        lambda one, ada: one.put_label("support/reply@1", "latest", actor=ada),
        lambda one, ada: one.put_label("support/reply@9", "beta", actor=ada),
        lambda one, ada: one.roll_back("support/reply", "beta", actor=ada),
        lambda one, ada: one.withdraw("support/reply@1", actor=ada, reason=""),
        lambda one, ada: one.tag("support/reply@1", actor=ada, add=["no tag"]),
        lambda one, ada: one.erase(actor=ada),
        lambda one, ada: one.cells("no-run"),
        lambda one, ada: one.tokens.create("ci", ["write"], actor=ada),
        lambda one, ada: one.evidence.answer(7, actor=ada),
        lambda one, ada: one.evidence.roll_back_release("none", actor=ada),
    ],
)
def test_mistakes_are_the_same_errors_on_both(registry, remote, make_version, ada, call):
    registry.push(make_version(), actor=ada)
    said = []
    for one in (registry, remote):
        with pytest.raises(PromptshipError) as caught:
            call(one, ada)
        said.append((caught.type, caught.value.hint))
    assert said[0] == said[1]


def test_who_acts_is_the_token_s_bearer_whatever_the_client_says(remote, registry, make_version):
    remote.push(make_version(), actor=Actor(name="The Queen", authenticated=True))
    entry = registry.log("support/reply")[0]
    assert (entry.actor.name, entry.actor.authenticated) == ("root", True)


def test_evidence_keys_and_promotions_pass_through(either, make_version, ada, tmp_path):
    pushed = either.push(make_version(), actor=ada).version
    key = create_key(tmp_path / "key.pem", "ci")
    assert load_signer({}, tmp_path / "key.pem").keyid == key.keyid
    either.evidence.trust(key, actor=ada)
    (trusted,) = either.evidence.keys()
    assert trusted.key.keyid == key.keyid
    decision = either.evidence.check(pushed.ref, "production", actor=ada)
    assert not decision.allowed
    with pytest.raises(UsageError) as refused:
        either.evidence.promote(pushed.ref, "production", actor=ada)
    assert refused.value.missing == decision.missing
    move = either.evidence.promote(pushed.ref, "production", actor=ada, break_glass="On fire")
    assert move.after == 1
    assert either.evidence.revoke(key.keyid, actor=ada).revoked_at is not None
    asked = either.evidence.request(pushed.ref, "beta", actor=ada)
    assert [one.id for one in either.evidence.requests()] == [asked.id]
    assert either.evidence.head().seq == len(either.evidence.events())
    assert either.evidence.content(pushed.digest)
    assert either.verify().flaws == ()


def test_tokens_are_made_listed_and_revoked(either, ada):
    before = len(either.tokens.list_all())
    made = either.tokens.create("ci", ["push:support/*"], actor=ada, kind="ci", lifetime_s=60)
    assert made.text.startswith(f"ps_{made.token.id}_")
    assert either.tokens.revoke(made.token.id, actor=ada).revoked_at is not None
    assert len(either.tokens.list_all()) == before + 1


def test_a_remote_registry_is_mended_where_its_database_is(remote):
    with pytest.raises(UsageError, match="where the database is"):
        remote.rebuild()
