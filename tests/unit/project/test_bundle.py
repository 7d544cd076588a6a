"""Bundles: the same bytes for the same labels, and everything that must not be taken for one."""

import io
import tarfile

import pytest

from promptship.domain import ModelConfig, canonical_json
from promptship.errors import SignatureError, UsageError
from promptship.project import Lock, LockedLabel, load_object, read_bundle, save_object, write_bundle
from promptship.prompts import build_closure, parse_prompt
from promptship.signing import create_key, load_signer


@pytest.fixture
def made(tmp_path):
    """A lock of two labels with its objects, a key, and a bundle of them."""
    digests = []
    for text in ("one {{ text }}", "two {{ text }}", "before {{ text }}"):
        document = parse_prompt(text, path="a.prompt")
        closure = build_closure(
            document, partials={}, examples=(), model=ModelConfig(name="default", model="fake/echo")
        )
        digests.append(save_object(tmp_path, canonical_json(closure.as_json())))
    evidence = save_object(tmp_path, b'{"payload":""}')
    named = {"model_name": "default", "sequence": 1, "at": "2026-11-23T10:00:00.000000Z"}
    first = LockedLabel(prompt="a", label="production", digest=digests[0], evidence=(evidence,), **named)
    second = LockedLabel(prompt="b", label="production", digest=digests[1], history=(digests[2],), **named)
    lock = Lock(labels={("b", "production"): second, ("a", "production"): first})
    key = create_key(tmp_path / "key.pem", "release")
    return lock, lambda digest: load_object(tmp_path, digest), key, load_signer({}, tmp_path / "key.pem")


def pack(lock, load, signer):
    target = io.BytesIO()
    write_bundle(target, lock, load, signer=signer)
    return target.getvalue()


def members(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [(one, archive.extractfile(one).read()) for one in archive]


def repack(found):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member, data in found:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def test_what_was_bundled_is_read_from_a_stream(made):
    lock, load, key, signer = made

    class Stream(io.RawIOBase):
        """Bytes that come once, as from a socket."""

        def __init__(self, data):
            self._rest = io.BytesIO(data)

        def readable(self):
            return True

        def read(self, size=-1):
            return self._rest.read(size)

    found = read_bundle(Stream(pack(lock, load, signer)), [key])
    assert found.signed_by == ("release",)
    assert {one.digest for one in found.lock.labels.values()} == {one.digest for one in lock.labels.values()}
    assert found.objects[lock.labels["a", "production"].digest] == load(lock.labels["a", "production"].digest)
    # What was served before is nobody's business who runs it.
    assert len(found.objects) == 3
    assert found.lock.labels["b", "production"].history == ()


def test_the_same_labels_give_the_same_bytes(made):
    lock, load, _, signer = made
    again = Lock(labels=dict(reversed(lock.labels.items())))
    assert pack(lock, load, signer) == pack(again, load, signer)


def test_a_signature_is_asked_for(made, tmp_path):
    lock, load, key, signer = made
    with pytest.raises(SignatureError, match="not signed"):
        read_bundle(io.BytesIO(pack(lock, load, None)), [key])
    assert read_bundle(io.BytesIO(pack(lock, load, None)), None).signed_by == ()
    with pytest.raises(SignatureError, match="nobody here trusts"):
        read_bundle(io.BytesIO(pack(lock, load, signer)), [create_key(tmp_path / "other.pem", "other")])


def changed(name, data):
    """Return a copy of a member under another name, with other data."""
    member = tarfile.TarInfo(name)
    return member, data


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it[1:], "its first member is 'promptship.lock'"),
        (lambda it: it[:-1], "1 members are missing"),
        (lambda it: [*it, it[-1]], "is there twice"),
        (lambda it: [*it[:-1], (it[-1][0], it[-1][1] + b" ")], "was changed"),
        (lambda it: [*it, changed("../evil", b"")], "'../evil' does not belong"),
        (lambda it: [*it, changed("promptship.lock.d/aa/../../x.json", b"")], "does not belong"),
        (lambda it: [*it, changed(f"promptship.lock.d/aa/{'a' * 64}.json", b"")], "is not in its manifest"),
        (lambda it: [changed("manifest.dsse.json", b"{}"), *it[1:]], "its manifest cannot be read"),
        (lambda it: [], "its first member is ''"),
    ],
)
def test_an_altered_bundle_is_refused(made, change, said):
    lock, load, key, signer = made
    data = repack(change(members(pack(lock, load, signer))))
    with pytest.raises((UsageError, SignatureError), match=said) as caught:
        read_bundle(io.BytesIO(data), [key])
    assert caught.value.hint


def test_links_and_devices_are_refused(made):
    lock, load, key, signer = made
    found = members(pack(lock, load, signer))
    link = tarfile.TarInfo("promptship.lock")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    data = repack([found[0], (link, b"")])
    with pytest.raises(UsageError, match="does not belong"):
        read_bundle(io.BytesIO(data), [key])


def test_every_truncated_bundle_is_refused(made):
    lock, load, key, signer = made
    data = pack(lock, load, signer)
    content = len(data.rstrip(b"\0"))
    for length in range(0, content, 97):
        with pytest.raises(UsageError, match="no whole bundle"):
            read_bundle(io.BytesIO(data[:length]), [key])


@pytest.mark.parametrize("data", [b"", b"garbage" * 1_000, b"\x1f\x8b" + b"\0" * 2_000])
def test_what_is_no_archive_is_refused(made, data):
    with pytest.raises(UsageError, match="no whole bundle"):
        read_bundle(io.BytesIO(data), [made[2]])


def test_a_member_that_claims_to_be_huge_is_not_read(made):
    lock, load, key, signer = made
    data = bytearray(pack(lock, load, signer))
    # The size of a tar member stands at byte 124, in octal; the checksum at 148.
    data[124:136] = b"%011o\0" % (2 * 10**9)
    data[148:156] = b"        "
    data[148:156] = b"%06o\0 " % sum(data[:512])
    with pytest.raises(UsageError, match="too large"):
        read_bundle(io.BytesIO(bytes(data)), [key])


def test_nothing_is_bundled_without_a_label(made):
    with pytest.raises(UsageError, match="no label to bundle"):
        pack(Lock(), made[1], made[3])
