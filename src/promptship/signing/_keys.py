"""Ed25519 keys: in a file, in the environment, or behind a command that signs (a KMS, an agent, a token)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from promptship.errors import MissingExtraError, ReferenceNotFoundError, SignatureError, StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["PublicKey", "Signer", "create_key", "load_public_key", "load_signer", "parse_public_key"]

_COMMAND_TIMEOUT_S = 60
_SIGNATURE_BYTES = 64
_LARGEST_FILE = 100_000


class Signer(Protocol):
    """Something that signs with one key."""

    @property
    def keyid(self) -> str:
        """Id of the key; see `PublicKey.keyid`."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a message, 64 bytes.

        Raises:
            SignatureError: It cannot be made.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that signatures are checked with.

    Attributes:
        keyid: SHA-256 of its SubjectPublicKeyInfo (DER), hex; whoever has the key can compute it.
        name: For people; it proves nothing.
        pem: The key.
    """

    keyid: str
    name: str
    pem: str

    def require_signature(self, signature: bytes, message: bytes) -> None:
        """Check a signature.

        Raises:
            SignatureError: It is not this key's signature of this message.
        """
        key, invalid = _load_public(self.pem), _crypto().exceptions.InvalidSignature
        try:
            key.verify(signature, message)
        except invalid:
            said = f"the signature of key {self.name!r} ({self.keyid[:12]}) is wrong"
            hint = "what it signs was changed after it was signed; take it from where it came from"
            raise SignatureError(said, hint=hint) from None


@dataclass(frozen=True, slots=True)
class _KeySigner:
    keyid: str
    key: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


@dataclass(frozen=True, slots=True)
class _CommandSigner:
    keyid: str
    command: str
    public: PublicKey

    def sign(self, message: bytes) -> bytes:
        signature = _ask_command(self.command, message)
        # A command with another key would make evidence that nobody accepts; here it can still be said why.
        self.public.require_signature(signature, message)
        return signature


def create_key(path: Path, name: str) -> PublicKey:
    """Make a key pair: the private key in a file that only its owner may read, the public one beside it as `.pub`.

    Raises:
        UsageError: There is a key already.
        StorageError: The file cannot be written.
    """
    serialization, ed25519 = _crypto().serialization, _crypto().ed25519
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = _public_of(key.public_key(), name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        path.with_suffix(".pub").write_text(public.pem, encoding="ascii")
    except FileExistsError:
        raise UsageError(f"{str(path)!r} is there already", hint="give the new key another name") from None
    except OSError as error:
        raise StorageError(f"cannot write {str(path)!r}: {error.strerror}") from None
    return public


def load_signer(env: Mapping[str, str], path: Path) -> Signer:
    """Return what signs here: PROMPTSHIP_SIGNING_COMMAND, else PROMPTSHIP_SIGNING_KEY, else the key in a file.

    Args:
        env: The environment. The command reads the message on its standard input and prints the signature in base64;
            PROMPTSHIP_SIGNING_PUBLIC_KEY then holds its public key. Keys are PEM.
        path: File of the private key.

    Raises:
        ReferenceNotFoundError: There is no key.
        UsageError: A key cannot be read as one.
        MissingExtraError: `cryptography` is not installed.
    """
    if command := env.get("PROMPTSHIP_SIGNING_COMMAND"):
        public = parse_public_key(env.get("PROMPTSHIP_SIGNING_PUBLIC_KEY", ""), name="command")
        return _CommandSigner(public.keyid, command, public)
    if pem := env.get("PROMPTSHIP_SIGNING_KEY"):
        return _load_private(pem.encode(), "PROMPTSHIP_SIGNING_KEY")
    if not path.exists():
        raise ReferenceNotFoundError(f"there is no signing key at {str(path)!r}", hint="promptctl keys create")
    return _load_private(_read(path), str(path))


def load_public_key(path: Path, name: str) -> PublicKey:
    """Read a public key from a PEM file.

    Raises:
        UsageError: It is none.
        StorageError: The file cannot be read.
    """
    return parse_public_key(_read(path).decode("ascii", "replace"), name=name)


def parse_public_key(pem: str, *, name: str) -> PublicKey:
    """Read a public key.

    Raises:
        UsageError: The text is no Ed25519 public key in PEM.
    """
    return _public_of(_load_public(pem), name)


def _load_public(pem: str) -> Ed25519PublicKey:
    crypto = _crypto()
    try:
        key = crypto.serialization.load_pem_public_key(pem.encode())
    except (ValueError, crypto.exceptions.UnsupportedAlgorithm):
        key = None
    if not isinstance(key, crypto.ed25519.Ed25519PublicKey):
        hint = "a file that begins with '-----BEGIN PUBLIC KEY-----', such as NAME.pub of promptctl keys create"
        raise UsageError("this is no Ed25519 public key in PEM", hint=hint)
    found: Ed25519PublicKey = key
    return found


def _load_private(pem: bytes, place: str) -> Signer:
    crypto = _crypto()
    try:
        key = crypto.serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, crypto.exceptions.UnsupportedAlgorithm):
        key = None
    # The key itself is never part of a message.
    if not isinstance(key, crypto.ed25519.Ed25519PrivateKey):
        hint = "an unencrypted PKCS #8 key in PEM, as promptctl keys create makes it"
        raise UsageError(f"{place}: this is no Ed25519 private key", hint=hint)
    return _KeySigner(_public_of(key.public_key(), "").keyid, key)


def _public_of(key: Ed25519PublicKey, name: str) -> PublicKey:
    serialization = _crypto().serialization
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    keyid = hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()
    return PublicKey(keyid=keyid, name=name, pem=key.public_bytes(serialization.Encoding.PEM, form).decode())


def _ask_command(command: str, message: bytes) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, from their own environment
            shlex.split(command), input=message, capture_output=True, check=False, timeout=_COMMAND_TIMEOUT_S
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SignatureError(f"PROMPTSHIP_SIGNING_COMMAND did not sign: {error}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise SignatureError(f"PROMPTSHIP_SIGNING_COMMAND ended with {done.returncode}: {said}")
    try:
        signature = base64.b64decode(done.stdout.strip(), validate=True)
    except binascii.Error:
        signature = b""
    if len(signature) != _SIGNATURE_BYTES:
        hint = "it reads the message on its standard input and prints 64 bytes in base64"
        raise SignatureError("PROMPTSHIP_SIGNING_COMMAND printed no Ed25519 signature", hint=hint)
    return signature


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_FILE)
    except OSError as error:
        raise StorageError(f"cannot read {str(path)!r}: {error.strerror}") from None


class _Crypto:
    """What is used of `cryptography`, in one place."""

    def __init__(self) -> None:
        from cryptography import exceptions
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519

        self.exceptions: Any = exceptions
        self.serialization: Any = serialization
        self.ed25519: Any = ed25519


def _crypto() -> _Crypto:
    try:
        return _Crypto()
    except ModuleNotFoundError:
        raise MissingExtraError("cryptography", extra="signing", needed_for="a signature") from None
