"""What a registry does, on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from promptship.domain import Actor, parse_reference
from promptship.errors import PromptshipError, ReferenceNotFoundError, StorageError, UsageError
from promptship.prompts import Renderer


def test_numbers_follow_each_other_by_prompt(push):
    assert [version.number for version in push("one", "two", "three")] == [1, 2, 3]
    assert [version.number for version in push("one", name="another")] == [1]


def test_the_same_content_is_pushed_once(registry, make_version, ada):
    first = registry.push(make_version("a", "Hello\n"), actor=ada, message="first")
    again = registry.push(make_version("a", "Hello\r\n"), actor=ada, message="again")
    assert (first.created, again.created) == (True, False)
    assert again.version == first.version
    assert len(registry.log("a")) == 1


def test_a_version_keeps_who_pushed_it_and_why(registry, make_version, clock):
    bot = Actor(name="release job", kind="ci")
    before = clock.now
    pushed = registry.push(
        make_version("a", "Hi"), actor=bot, message=" Be brief \n", description="Greets", git_commit="abc", tags=["x"]
    ).version
    assert (pushed.author, pushed.author_kind, pushed.message) == ("release job", "ci", "Be brief")
    assert (pushed.description, pushed.git_commit, pushed.tags) == ("Greets", "abc", ("x",))
    assert pushed.created_at == f"{before + timedelta(milliseconds=1):%Y-%m-%dT%H:%M:%S.%fZ}"
    assert registry.versions("a") == [pushed]


def test_a_pushed_prompt_renders_without_the_working_tree(registry, make_version, ada):
    text = "{% system %}\n{% include '_tone.j2' %}\n{% user %}\n{{ mail }}"
    version = make_version("a", text, partials={"_tone.j2": "Be {{ tone }}."})
    registry.push(version, actor=ada)
    loaded = registry.load("a@1")
    assert loaded.digest == version.digest
    inputs = {"mail": "Hi", "tone": "kind"}
    assert Renderer(loaded.closure).render(inputs) == Renderer(version.closure).render(inputs)


def test_semantic_versions_follow_the_contract(push):
    versions = push("Hi {{ name }}", "Hello {{ name }}", "Hello {{ name }} of {{ town }}", "Hello {{ name }}!")
    assert [version.semver_text for version in versions] == ["1.0.0", "1.0.1", "2.0.0", "3.0.0"]


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ("support/reply@2", 2),
        ("support/reply@latest", 4),
        ("support/reply@production", 2),
        ("support/reply@^1", 2),
        ("support/reply@^1.0.1", 2),
        ("support/reply@^2", 3),
    ],
)
def test_references_resolve(registry, push, ada, reference, number):
    push("Hi {{ name }}", "Hello {{ name }}", "Hello {{ town }}", "Hello {{ street }}")
    registry.put_label("support/reply@2", "production", actor=ada)
    assert registry.resolve(reference).number == number


def test_a_digest_resolves_by_its_beginning(registry, push):
    first, second = push("one", "two")
    assert registry.resolve(f"support/reply@{first.digest}") == first
    assert registry.resolve(f"support/reply@{second.digest[:20]}") == second


def test_a_label_resolves_as_it_stood(registry, push, ada, clock):
    push("one", "two")
    registry.put_label("support/reply@1", "production", actor=ada)
    between = clock()
    registry.put_label("support/reply@2", "production", actor=ada)
    assert registry.resolve("support/reply@production", at=between).number == 1
    assert registry.resolve("support/reply@production", at=clock()).number == 2
    with pytest.raises(ReferenceNotFoundError, match="no label 'production' at 2020-01-01"):
        registry.resolve("support/reply@production", at="2020-01-01")


def test_a_time_is_looked_at_before_a_withdrawal_too(registry, push, ada, clock):
    push("one", "two")
    before = clock()
    registry.withdraw("support/reply@2", actor=ada, reason="wrong price")
    assert registry.resolve("support/reply@latest", at=before).number == 2
    assert registry.resolve("support/reply@latest").number == 1
    assert registry.resolve("support/reply@2", at=before).tombstone is not None


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("support/reply@7", "has no version 7: the latest is 2", "promptctl log support/reply"),
        ("support/reply@99999999999999999999", "has no version", "promptctl log"),
        ("support/reply@producton", "no label 'producton'; did you mean 'production'?", "its labels: production"),
        ("support/replay@1", "no prompt 'support/replay'; did you mean 'support/reply'?", "promptctl push"),
        ("support/reply@^3", "has no version ^3", "promptctl log"),
        ("support/reply@sha256:0000", "has no version sha256:0000", "promptctl log"),
        ("support/reply", "names no version in a registry", "support/reply@latest"),
        ("support/reply@git:main", "names no version in a registry", "support/reply@latest"),
    ],
)
def test_what_is_not_there_is_named(registry, push, ada, reference, message, hint):
    push("one", "two")
    registry.put_label("support/reply@1", "production", actor=ada)
    with pytest.raises(UsageError) as caught:
        registry.resolve(reference)
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_names_that_begin_alike_are_kept_apart(registry, push, ada):
    push("one", name="greet")
    push("two", name="greeting-long")
    push("three", name="a-label")
    registry.put_label("greet@1", "production", actor=ada)
    assert [state.prompt for state in registry.labels()] == ["greet"]
    assert registry.labels("greeting-long") == []
    with pytest.raises(ReferenceNotFoundError):
        registry.resolve("a-label@production")


def test_the_number_of_a_withdrawn_version_is_never_given_again(registry, push, ada):
    push("one", "two")
    registry.withdraw("support/reply@2", actor=ada, reason="leaks")
    assert push("three")[0].number == 3
    with pytest.raises(ReferenceNotFoundError, match=r"support/reply@2 was withdrawn on 2026-11-01 by Ada .*: leaks"):
        registry.resolve("support/reply@2")
    assert [one.number for one in registry.versions("support/reply")] == [1, 2, 3]


def test_withdrawn_content_does_not_come_back_by_a_push(registry, push, ada):
    push("one", "two")
    registry.withdraw("support/reply@2", actor=ada, reason="leaks")
    with pytest.raises(UsageError, match="withdrawn as support/reply@2") as caught:
        push("two")
    assert "--undo" in caught.value.hint
    registry.reinstate("support/reply@2", actor=ada)
    assert push("two")[0].number == 2
    assert registry.resolve("support/reply@2").tombstone is None


def test_a_labelled_version_is_not_withdrawn(registry, push, ada):
    push("one")
    registry.put_label("support/reply@1", "production", actor=ada)
    with pytest.raises(UsageError, match="support/reply@1 is production") as caught:
        registry.withdraw("support/reply@1", actor=ada, reason="leaks")
    assert "promptctl rollback support/reply production" in caught.value.hint


def test_a_withdrawn_version_is_not_labelled(registry, push, ada):
    push("one", "two")
    registry.withdraw("support/reply@1", actor=ada, reason="leaks")
    with pytest.raises(ReferenceNotFoundError, match="was withdrawn"):
        registry.put_label("support/reply@1", "production", actor=ada)


def test_a_fork_is_a_version_of_another_prompt(registry, push, ada):
    push("one", "two")
    forked = registry.fork("support/reply@2", "sales/reply", actor=ada).version
    assert (forked.ref, forked.forked_from) == ("sales/reply@1", "support/reply@2")
    assert forked.digest == registry.resolve("support/reply@2").digest
    assert registry.fork("support/reply@2", "sales/reply", actor=ada).created is False
    with pytest.raises(UsageError, match="a version of 'support/reply' already"):
        registry.fork("support/reply@1", "support/reply", actor=ada)


def test_tags_come_and_go(registry, push, ada):
    push("one", tags=["draft"])
    tagged = registry.tag("support/reply@1", actor=ada, add=["v2", "draft"], remove=["gone"])
    assert tagged.tags == ("draft", "v2")
    assert registry.tag("support/reply@1", actor=ada, remove=["draft"]).tags == ("v2",)
    assert registry.resolve("support/reply@1").tags == ("v2",)
    events = len(registry.log())
    registry.tag("support/reply@1", actor=ada, add=["v2"])
    assert len(registry.log()) == events


def test_rollback_restores_the_previous_target(registry, push, ada):
    push("one", "two", "three")
    for number in (1, 2, 3):
        registry.put_label(f"support/reply@{number}", "production", actor=ada)
    back = registry.roll_back("support/reply", "production", actor=ada, reason="complaints")
    assert (back.before, back.after) == (3, 2)
    assert registry.roll_back("support/reply", "production", actor=ada).after == 1
    with pytest.raises(ReferenceNotFoundError, match="nothing to roll 'production'"):
        registry.roll_back("support/reply", "production", actor=ada)
    assert registry.resolve("support/reply@production").number == 1


def test_a_label_goes_forward_again_after_a_rollback(registry, push, ada):
    push("one", "two", "three")
    for number in (1, 2):
        registry.put_label(f"support/reply@{number}", "production", actor=ada)
    registry.roll_back("support/reply", "production", actor=ada)
    registry.put_label("support/reply@3", "production", actor=ada)
    assert registry.roll_back("support/reply", "production", actor=ada).after == 1


def test_rollback_passes_over_withdrawn_versions(registry, push, ada):
    push("one", "two", "three")
    for number in (1, 2, 3):
        registry.put_label(f"support/reply@{number}", "production", actor=ada)
    registry.withdraw("support/reply@2", actor=ada, reason="leaks")
    assert registry.roll_back("support/reply", "production", actor=ada).after == 1


def test_a_dropped_label_can_be_rolled_back_to(registry, push, ada):
    push("one")
    registry.put_label("support/reply@1", "staging", actor=ada)
    gone = registry.drop_label("support/reply", "staging", actor=ada)
    assert (gone.before, gone.after) == (1, None)
    assert registry.labels() == []
    assert registry.roll_back("support/reply", "staging", actor=ada).after == 1


def test_a_label_that_is_there_already_moves_nothing(registry, push, ada):
    push("one")
    registry.put_label("support/reply@1", "staging", actor=ada)
    again = registry.put_label("support/reply@1", "staging", actor=ada)
    assert again.moved is False
    assert len(registry.log("support/reply", label="staging")) == 1


def test_the_log_says_who_moved_what_and_on_which_evidence(registry, push, ada):
    push("one", "two", message="Shorter")
    registry.put_label("support/reply@1", "production", actor=ada)
    registry.put_label("support/reply@2", "production", actor=ada, reason="passed", evidence="sha256:" + "a" * 64)
    newest, *_, oldest = registry.log("support/reply")
    assert (newest.kind, newest.before, newest.number, newest.text) == ("label", 1, 2, "passed")
    assert (newest.actor, newest.evidence) == (ada, "sha256:" + "a" * 64)
    assert (oldest.kind, oldest.number, oldest.text) == ("push", 1, "Shorter")
    assert [entry.seq for entry in registry.log(below=newest.seq, limit=2)] == [3, 2]


def test_blame_names_the_version_of_each_line(registry, push):
    first, second, _ = push("one\ntwo\nthree", "one\n2\nthree", "zero\none\n2\nthree")
    lines = registry.blame("support/reply@3")
    assert [(line.text, line.version.number) for line in lines] == [("zero", 3), ("one", 1), ("2", 2), ("three", 1)]
    assert (lines[1].version, lines[2].version) == (first, second)


def test_blame_looks_into_partials(registry, make_version, ada):
    text = "{% include '_tone.j2' %}"
    for tone in ("kind\nbrief", "kind\nlong"):
        registry.push(make_version("a", text, partials={"_tone.j2": tone}), actor=ada)
    found = [(line.path, line.line, line.version.number) for line in registry.blame("a@2")]
    assert found == [("", 1, 1), ("_tone.j2", 1, 1), ("_tone.j2", 2, 2)]


def test_search_finds_words_tags_labels_authors_and_partials(registry, make_version, push, ada):
    push("Wo ist mein Päckchen?", "Where is my PARCEL? 100%", tags=["mail"])
    push("Summarise", name="digest", description="Daily parcel figures")
    partial = make_version("b", "{% include '_x.j2' %}", partials={"_x.j2": "inside"})
    registry.push(partial, actor=Actor(name="Grace"))
    registry.put_label("support/reply@1", "production", actor=ada)

    def found(*arguments, **options):
        return [version.ref for version in registry.search(*arguments, **options)]

    assert found("parcel") == ["digest@1", "support/reply@2"]
    assert found("PARCEL where") == ["support/reply@2"]
    assert found("päckchen") == []
    assert found("PÄCKCHEN", old=True) == ["support/reply@1"]
    assert found("100%") == ["support/reply@2"]
    assert found("1_0") == []
    assert found(tag="mail") == ["support/reply@2"]
    assert found(label="production") == ["support/reply@1"]
    assert found(author="grace") == ["b@1"]
    assert found("inside") == found(partial="_x.j2") == ["b@1"]
    assert found(limit=1) == ["b@1"]


@pytest.mark.parametrize("label", ["latest", "Production", "v 2", "", "1st", "a" * 64])
def test_what_is_no_label_is_refused(registry, push, ada, label):
    push("one")
    with pytest.raises(UsageError, match=r"label|newest"):
        registry.put_label("support/reply@1", label, actor=ada)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"message": "a\x00b"}, "control character"),
        ({"message": "x" * 10_001}, "10,001 characters"),
        ({"tags": ["two words"]}, "not a tag"),
        ({"description": "\x1b[31mred"}, "control character"),
    ],
)
def test_texts_that_could_do_harm_are_refused(registry, make_version, ada, change, message):
    with pytest.raises(UsageError, match=message):
        registry.push(make_version("a", "Hi"), actor=ada, **change)
    assert registry.names() == []


@pytest.mark.parametrize("name", ["../up", "a b", "", "a@1", "cafe\u0301"])
def test_a_name_that_is_none_is_refused(registry, make_version, ada, name):
    with pytest.raises(UsageError):
        registry.push(replace(make_version("a", "Hi"), name=name), actor=ada)


def test_templates_with_odd_characters_come_back_as_they_were(registry, make_version, ada):
    version = make_version("a", "tab\t emoji 😀 nul \x00 line \u2028 end")
    registry.push(version, actor=ada)
    assert registry.load("a@1").closure.template == version.closure.template


def test_a_clock_that_is_a_little_behind_takes_the_last_events_time(registry, push, clock):
    first = push("one")[0]
    clock.now -= timedelta(seconds=3)
    assert push("two")[0].created_at == first.created_at


def test_a_clock_that_went_back_is_refused(registry, push, clock):
    push("one")
    clock.now -= timedelta(minutes=1)
    with pytest.raises(StorageError, match="this machine's clock says") as caught:
        push("two")
    assert "set the clock" in caught.value.hint
    assert len(registry.versions("support/reply")) == 1


def test_a_failed_change_leaves_nothing(registry, push, ada):
    push("one")
    with pytest.raises(PromptshipError):
        registry.put_label("support/reply@9", "production", actor=ada)
    assert len(registry.log()) == 1
    assert registry.verify().flaws == ()


def test_threads_share_a_registry(registry, make_version, ada):
    def work(place):
        for turn in range(5):
            pushed = registry.push(make_version("a", f"{place} {turn}"), actor=ada).version
            registry.put_label(pushed.ref, f"thread-{place}", actor=ada)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert [version.number for version in registry.versions("a")] == list(range(1, 41))
    assert len(registry.labels("a")) == 8
    assert registry.verify().flaws == ()


def test_a_registry_serves_as_a_source_of_versions(registry, push):
    pushed = push("one")[0]
    version, closure = registry.find_version(parse_reference("support/reply@1"))
    assert (version, closure.digest) == (pushed, pushed.digest)
