"""Ed25519 keys, and DSSE envelopes that are signed with them.

What is signed is bytes to this package; what they say is known to `promptship.domain`, and whose signature counts to
whoever asks. `cryptography` is imported where a key is used.
"""

from promptship.signing._envelope import Envelope, Signature, encode_for_signing, sign_envelope, verify_envelope
from promptship.signing._keys import (
    PublicKey,
    Signer,
    create_key,
    load_public_key,
    load_signer,
    parse_public_key,
)

__all__ = [
    "Envelope",
    "PublicKey",
    "Signature",
    "Signer",
    "create_key",
    "encode_for_signing",
    "load_public_key",
    "load_signer",
    "parse_public_key",
    "sign_envelope",
    "verify_envelope",
]
