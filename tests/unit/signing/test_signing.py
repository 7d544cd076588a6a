"""Keys and envelopes: known answers, and everything that must not pass for a signature."""

import base64
import stat
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.errors import ReferenceNotFoundError, SignatureError, UsageError
from promptship.signing import (
    Envelope,
    Signature,
    create_key,
    encode_for_signing,
    load_public_key,
    load_signer,
    parse_public_key,
    sign_envelope,
    verify_envelope,
)

KIND = "application/vnd.in-toto+json"


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "keys" / "release.pem"
    return create_key(path, "release"), load_signer({}, path), path


def test_the_pre_authentication_encoding_is_that_of_the_specification():
    # DSSE v1, protocol.md, "Test vectors".
    assert encode_for_signing("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.text(), st.binary(), st.text(), st.binary())
def test_two_messages_are_never_encoded_alike(kind, payload, other_kind, other):
    same = encode_for_signing(kind, payload) == encode_for_signing(other_kind, other)
    assert same == ((kind, payload) == (other_kind, other))


def test_signatures_are_those_of_rfc_8032(tmp_path):
    # RFC 8032, 7.1, test 2: one byte, 0x72.
    secret = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    pem = base64.b64encode(bytes.fromhex("302e020100300506032b657004220420" + secret)).decode()
    env = {"PROMPTSHIP_SIGNING_KEY": f"-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"}
    assert load_signer(env, tmp_path / "none").sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_what_was_signed_is_verified_after_a_journey_through_json(made):
    public, signer, _ = made
    sent = sign_envelope(KIND, b'{"a": 1}', signer).as_json()
    assert verify_envelope(Envelope.from_json(sent), [public]) == (public,)


def test_only_its_owner_may_read_a_key_and_no_key_is_overwritten(made):
    public, _, path = made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_public_key(path.with_suffix(".pub"), "release") == public
    with pytest.raises(UsageError, match="there already"):
        create_key(path, "again")


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, payload=b"{}"),
        lambda one: replace(one, payload_type="text/plain"),
        lambda one: replace(one, signatures=(replace(one.signatures[0], value=b"\0" * 64),)),
        lambda one: replace(one, signatures=(one.signatures[0], replace(one.signatures[0], value=b"\0" * 64))),
    ],
)
def test_an_altered_envelope_is_refused(made, change):
    public, signer, _ = made
    with pytest.raises(SignatureError, match=r"signature of key 'release' \(\w{12}\) is wrong"):
        verify_envelope(change(sign_envelope(KIND, b'{"a": 1}', signer)), [public])


def test_a_signature_of_somebody_else_is_none(made, tmp_path):
    public, signer, _ = made
    other = create_key(tmp_path / "other.pem", "other")
    sealed = sign_envelope(KIND, b"x", signer)
    with pytest.raises(SignatureError, match="nobody here trusts"):
        verify_envelope(sealed, [other])
    beside = replace(sealed, signatures=(*sealed.signatures, Signature(keyid=other.keyid[::-1], value=b"")))
    assert verify_envelope(beside, [public, other]) == (public,)
    with pytest.raises(SignatureError, match="not signed"):
        verify_envelope(replace(sealed, signatures=()), [public])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "'signatures' is missing"),
        ([], "no DSSE envelope"),
        (None, "no DSSE envelope"),
        ({"signatures": [], "payloadType": 1, "payload": ""}, "'payloadType' is int"),
        ({"signatures": [], "payloadType": "x", "payload": "%"}, "'payload' is not base64"),
        ({"signatures": [{"keyid": "a"}], "payloadType": "x", "payload": ""}, "'sig'"),
        ({"signatures": [{}] * 17, "payloadType": "x", "payload": ""}, "at most 16"),
    ],
)
def test_what_is_no_envelope_is_said_to_be_none(value, said):
    with pytest.raises(SignatureError, match=said):
        Envelope.from_json(value)


def test_what_is_no_key_is_said_to_be_none_and_never_shown(tmp_path):
    with pytest.raises(UsageError, match="no Ed25519 public key"):
        parse_public_key("secret-text", name="x")
    with pytest.raises(UsageError, match="PROMPTSHIP_SIGNING_KEY: this is no Ed25519 private key") as caught:
        load_signer({"PROMPTSHIP_SIGNING_KEY": "secret-text"}, tmp_path / "none")
    assert "secret-text" not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(ReferenceNotFoundError, match="no signing key"):
        load_signer({}, tmp_path / "none")


class TestCommand:
    """A key that never leaves its place: a program signs."""

    @pytest.fixture
    def env(self, made, tmp_path):
        public, _, path = made
        program = tmp_path / "sign.py"
        program.write_text(
            "import base64, sys\nfrom pathlib import Path\nfrom promptship.signing import load_signer\n"
            f"signer = load_signer({{}}, Path({str(path)!r}))\n"
            "print(base64.b64encode(signer.sign(sys.stdin.buffer.read())).decode())\n"
        )
        command = f"{sys.executable} {program}"
        return {"PROMPTSHIP_SIGNING_COMMAND": command, "PROMPTSHIP_SIGNING_PUBLIC_KEY": public.pem}

    def test_its_signature_counts(self, made, env, tmp_path):
        sealed = sign_envelope(KIND, b"x", load_signer(env, tmp_path / "none"))
        assert verify_envelope(sealed, [made[0]]) == (made[0],)

    def test_another_key_behind_it_is_found_before_anything_is_sent(self, env, tmp_path):
        env["PROMPTSHIP_SIGNING_PUBLIC_KEY"] = create_key(tmp_path / "other.pem", "other").pem
        with pytest.raises(SignatureError, match="is wrong"):
            load_signer(env, tmp_path / "none").sign(b"x")

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            ("/nonexistent", "did not sign"),
            ("sh -c 'echo no >&2; exit 3'", "ended with 3: no"),
            ("echo aGFsbG8=", "printed no Ed25519 signature"),
            ("'", "did not sign"),
        ],
    )
    def test_one_that_fails_is_said_to_have_failed(self, env, tmp_path, command, said):
        env["PROMPTSHIP_SIGNING_COMMAND"] = command
        with pytest.raises(SignatureError, match=said):
            load_signer(env, tmp_path / "none").sign(b"x")
