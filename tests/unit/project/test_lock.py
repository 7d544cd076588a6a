"""The lock: what it says, how it merges, and what of it is refused."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptship.domain import parse_reference
from promptship.errors import ReferenceNotFoundError, SourceError, StorageError
from promptship.project import LOCK_FILE, LOCK_FOLDER, Lock, LockedLabel, load_lock, load_object, save_object

DIGESTS = [f"sha256:{digit * 64}" for digit in "0123456789"]


def state(prompt="support/reply", label="production", digest=DIGESTS[1], **changes):
    named = {"model_name": "default", "sequence": 1, "at": "2026-11-23T10:00:00.000000Z", **changes}
    return LockedLabel(prompt=prompt, label=label, digest=digest, **named)


def lock_of(*states):
    return Lock(labels={(one.prompt, one.label): one for one in states})


names = st.from_regex(r"[a-z][a-z0-9_-]{0,9}(/[a-z][a-z0-9_-]{0,9})?", fullmatch=True)
states = st.builds(
    state,
    prompt=names,
    label=st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True),
    digest=st.sampled_from(DIGESTS),
    model_name=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1),
    sequence=st.integers(1, 10**6),
    commit=st.none() | st.just("abc+dirty"),
    evidence=st.lists(st.sampled_from(DIGESTS), max_size=3).map(tuple),
    history=st.lists(st.sampled_from(DIGESTS), max_size=3).map(tuple),
)


@settings(max_examples=40)
@given(found=st.lists(states, max_size=6, unique_by=lambda one: (one.prompt, one.label)))
def test_what_was_written_is_read(tmp_path_factory, found):
    root = tmp_path_factory.mktemp("lock")
    lock = lock_of(*found)
    lock.save(root)
    assert load_lock(root) == lock
    assert lock_of(*reversed(found)).render() == lock.render()


def test_without_a_file_there_are_no_labels(tmp_path):
    assert load_lock(tmp_path) == Lock()


def test_references_are_labels_and_digests():
    lock = lock_of(state(), state(label="staging", digest=DIGESTS[2]), state(prompt="sales/offer"))
    assert lock.resolve(parse_reference("support/reply@staging")).digest == DIGESTS[2]
    assert lock.resolve(parse_reference(f"support/reply@{DIGESTS[1][:14]}")).label == "production"
    with pytest.raises(ReferenceNotFoundError, match=r"no 'support/reply@canary'") as caught:
        lock.resolve(parse_reference("support/reply@canary"))
    assert caught.value.hint == "it has production 111111111111, staging 222222222222"
    with pytest.raises(ReferenceNotFoundError, match=r"no label of 'support/replay'; did you mean 'support/reply'\?"):
        lock.resolve(parse_reference("support/replay@production"))


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("lock: 1", "lock: 2"), 2, "lock: 2; this version reads 1"),
        (("sequence: 1", "sequence: 0"), 5, "sequence: 0; expected a number from 1"),
        ((DIGESTS[1], "sha256:abc"), 6, "expected sha256: and 64 hex digits"),
        (("model:", "modell:"), 7, "unknown key 'modell'; did you mean 'model'?"),
        (('    "production":', '<<<<<<< HEAD\n    "production":'), 5, "git left a merge conflict here"),
        (('"support/reply"', '"../reply"'), 4, "'../reply'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, change, line, said):
    text = lock_of(state()).render().replace(*change)
    (tmp_path / LOCK_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        load_lock(tmp_path)
    first = caught.value.problems[0]
    assert (first.line, said in first.message) == (line, True)


@pytest.mark.parametrize("text", ["", "[]", "lock: 1\nlabels: 3", "\0"])
def test_what_is_no_lock_is_refused(tmp_path, text):
    (tmp_path / LOCK_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(SourceError):
        load_lock(tmp_path)


def test_an_object_is_what_its_digest_says(tmp_path):
    digest = save_object(tmp_path, b"{}")
    assert load_object(tmp_path, digest) == b"{}"
    (found,) = (tmp_path / LOCK_FOLDER).rglob("*.json")
    found.write_bytes(b"[]")
    with pytest.raises(StorageError, match="was changed"):
        load_object(tmp_path, digest)
    found.unlink()
    with pytest.raises(StorageError, match=r"is not in promptship\.lock\.d"):
        load_object(tmp_path, digest)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "sha256:../x", f"sha256:{'A' * 64}"])
def test_no_digest_reaches_another_place_of_the_disk(tmp_path, digest):
    with pytest.raises(StorageError, match="is no digest"):
        load_object(tmp_path, digest)


def test_a_full_disk_leaves_the_lock_as_it_was(tmp_path, monkeypatch):
    lock_of(state()).save(tmp_path)
    before = (tmp_path / LOCK_FILE).read_bytes()

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        lock_of(state(digest=DIGESTS[2])).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]
    assert (tmp_path / LOCK_FILE).read_bytes() == before


def test_branches_that_move_other_prompts_merge_without_a_conflict(tmp_path, monkeypatch):
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "x")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "y")

    def git(*arguments):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    first = lock_of(*(state(prompt=f"support/{name}", evidence=(DIGESTS[5],)) for name in "abc"))
    git("init", "-qb", "main")
    first.save(tmp_path)
    git("add", ".")
    git("commit", "-qm", "first")
    for name in "abc":
        git("checkout", "-qb", name, "main")
        moved = state(prompt=f"support/{name}", digest=DIGESTS[2], sequence=2, history=(DIGESTS[1],))
        first.with_label(moved).save(tmp_path)
        git("commit", "-qam", name)
    git("checkout", "-q", "main")
    for name in "abc":
        git("merge", "-q", "--no-edit", name)
    assert {one.digest for one in load_lock(tmp_path).labels.values()} == {DIGESTS[2]}
