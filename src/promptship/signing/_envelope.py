"""DSSE, the envelope of in-toto: a payload, its type, and signatures over both."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptship.errors import SignatureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import JsonObject
    from promptship.signing._keys import PublicKey, Signer

__all__ = ["Envelope", "Signature", "encode_for_signing", "sign_envelope", "verify_envelope"]

_MOST_SIGNATURES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature, and the id of the key that it says it was made with."""

    keyid: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A payload with its signatures. Having one says nothing; `verify_envelope` tells who signed.

    Attributes:
        payload_type: What the payload is, as a media type.
        payload: Its bytes, exactly as they were signed.
        signatures: At least one in an envelope that counts.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...] = ()

    def as_json(self) -> JsonObject:
        """Return the envelope as DSSE writes it."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": one.keyid, "sig": base64.b64encode(one.value).decode()} for one in self.signatures
            ],
        }

    @classmethod
    def from_json(cls, value: Any) -> Envelope:
        """Read an envelope that somebody sent.

        Raises:
            SignatureError: It is none; the message says which part is wrong.
        """
        try:
            signatures = value["signatures"]
            if not isinstance(signatures, list) or len(signatures) > _MOST_SIGNATURES:
                raise SignatureError(f"an envelope has a list of at most {_MOST_SIGNATURES} signatures")
            return cls(
                payload_type=_text(value, "payloadType"),
                payload=_bytes(value, "payload"),
                signatures=tuple(Signature(keyid=_text(one, "keyid"), value=_bytes(one, "sig")) for one in signatures),
            )
        except (KeyError, TypeError) as error:
            raise SignatureError(f"this is no DSSE envelope: {error} is missing or of another type") from None


def encode_for_signing(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: an encoding in which type and payload cannot be taken for each other.

    Source:
        DSSE v1, protocol.md, "Signature Definition".

    Example:
        >>> encode_for_signing("http://example.com/HelloWorld", b"hello world")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload_type: str, payload: bytes, signer: Signer) -> Envelope:
    """Sign a payload.

    Raises:
        SignatureError: The key's command failed.
    """
    value = signer.sign(encode_for_signing(payload_type, payload))
    return Envelope(
        payload_type=payload_type, payload=payload, signatures=(Signature(keyid=signer.keyid, value=value),)
    )


def verify_envelope(envelope: Envelope, trusted: Sequence[PublicKey]) -> tuple[PublicKey, ...]:
    """Return the trusted keys that signed an envelope, at least one.

    A signature of a key that is not trusted neither helps nor harms. One that names a trusted key and is wrong spoils
    the envelope: somebody changed it.

    Raises:
        SignatureError: There is no signature, none of a trusted key, or a wrong one.
    """
    if not envelope.signatures:
        raise SignatureError("it is not signed", hint="promptctl keys create")
    keys = {key.keyid: key for key in trusted}
    message = encode_for_signing(envelope.payload_type, envelope.payload)
    found = [(keys[one.keyid], one) for one in envelope.signatures if one.keyid in keys]
    if not found:
        named = ", ".join(one.keyid[:12] for one in envelope.signatures)
        raise SignatureError(f"it is signed with {named}, which nobody here trusts", hint="promptctl keys trust FILE")
    for key, signature in found:
        key.require_signature(signature.value, message)
    return tuple(dict.fromkeys(key for key, _ in found))


def _text(value: Any, key: str) -> str:
    found = value[key]
    if not isinstance(found, str):
        raise SignatureError(f"this is no DSSE envelope: {key!r} is {type(found).__name__} and not text")
    return found


def _bytes(value: Any, key: str) -> bytes:
    try:
        return base64.b64decode(_text(value, key), validate=True)
    except binascii.Error:
        raise SignatureError(f"this is no DSSE envelope: {key!r} is not base64") from None
