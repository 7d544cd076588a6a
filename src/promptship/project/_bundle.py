"""Bundles: what labels serve, in one signed archive that needs neither registry nor git.

A bundle is a tar archive without compression: the same labels make the same bytes on every machine. Its first member is
the signed manifest with the digest of every other member, so that a reader can check each one as it comes in and never
holds anything that nobody signed.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import orjson

from promptship.domain import canonical_json
from promptship.errors import SignatureError, SourceError, UsageError
from promptship.project._lock import LOCK_FILE, Lock, object_path, parse_lock
from promptship.signing import Envelope, sign_envelope, verify_envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from promptship.signing import PublicKey, Signer

__all__ = ["BUNDLE_TYPE", "Bundle", "read_bundle", "write_bundle"]

BUNDLE_TYPE = "application/vnd.promptship.bundle+json"
_FORMAT = 1
_MANIFEST = "manifest.dsse.json"
_NAME = re.compile(r"promptship\.lock|promptship\.lock\.d/[0-9a-f]{2}/[0-9a-f]{64}\.json")
_MOST_MEMBERS = 100_000
_LARGEST_MEMBER = 50_000_000
_LARGEST_BUNDLE = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that was read and checked.

    Attributes:
        lock: Its labels.
        objects: Closures and envelopes by digest.
        signed_by: Names of the trusted keys that signed it; empty where it is not signed and that was allowed.
    """

    lock: Lock
    objects: dict[str, bytes]
    signed_by: tuple[str, ...]


def write_bundle(target: IO[bytes], lock: Lock, load: Callable[[str], bytes], *, signer: Signer | None) -> int:
    """Write what a lock's labels serve, with the evidence for it; what they served before is left out.

    Args:
        target: Where the bytes go, from first to last.
        lock: The labels.
        load: Gives the content of a digest.
        signer: Signs it; None for a bundle that only its own digests protect.

    Returns:
        How many members it has.

    Raises:
        UsageError: There is no label.
        StorageError: Content is missing or was changed.
    """
    if not lock.labels:
        raise UsageError("there is no label to bundle", hint="promptctl label NAME production")
    lock = Lock(labels={key: one.without_history() for key, one in lock.labels.items()})
    digests = {digest for one in lock.labels.values() for digest in (one.digest, *one.evidence)}
    members = {LOCK_FILE: lock.render().encode()}
    members |= {object_path(digest): load(digest) for digest in digests}
    manifest = canonical_json({"bundle": _FORMAT, "files": {name: _hash(data) for name, data in members.items()}})
    envelope = Envelope(payload_type=BUNDLE_TYPE, payload=manifest)
    if signer is not None:
        envelope = sign_envelope(BUNDLE_TYPE, manifest, signer)
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, _MANIFEST, canonical_json(envelope.as_json()))
        for name, data in sorted(members.items()):
            _add(archive, name, data)
    return len(members) + 1


def read_bundle(source: IO[bytes], trusted: Sequence[PublicKey] | None) -> Bundle:
    """Read a bundle from first to last, and check all of it.

    Args:
        source: Its bytes; need not be seekable.
        trusted: Keys of which one must have signed it; None to accept it unsigned.

    Raises:
        SignatureError: It is not signed by a key that is trusted.
        UsageError: It is no bundle, of an unknown format, truncated, altered, or too large; nothing of it is kept.
    """
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            return _read(archive, trusted)
    except (tarfile.TarError, EOFError) as error:
        raise _refuse(f"it is truncated or no archive ({error})") from None


def _read(archive: tarfile.TarFile, trusted: Sequence[PublicKey] | None) -> Bundle:
    members = _members(archive)
    name, data = next(members, ("", b""))
    if name != _MANIFEST:
        raise _refuse(f"its first member is {name!r} and not {_MANIFEST!r}")
    envelope = _envelope(data)
    keys = () if trusted is None else verify_envelope(envelope, trusted)
    due = _files(envelope)
    found: dict[str, bytes] = {}
    for name, data in members:
        if name in found or name not in due:
            raise _refuse(f"{name!r} is {'there twice' if name in found else 'not in its manifest'}")
        if _hash(data) != due[name]:
            raise _refuse(f"{name!r} was changed: it is not what the manifest says")
        found[name] = data
    if missing := sorted(due.keys() - found.keys()):
        raise _refuse(f"{len(missing)} members are missing, {missing[0]!r} among them")
    lock = _lock(found.pop(LOCK_FILE, b""))
    objects = {_hash(data): data for data in found.values()}
    for one in lock.labels.values():
        if lacking := {one.digest, *one.evidence} - objects.keys():
            raise _refuse(f"{one.prompt}@{one.label} needs {min(lacking)[:19]}…, which it does not have")
    return Bundle(lock=lock, objects=objects, signed_by=tuple(key.name for key in keys))


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    size = count = 0
    for member in archive:
        count, size = count + 1, size + member.size
        if not member.isreg() or not (member.name == _MANIFEST or _NAME.fullmatch(member.name)):
            raise _refuse(f"{member.name!r} does not belong into a bundle")
        if count > _MOST_MEMBERS or member.size > _LARGEST_MEMBER or size > _LARGEST_BUNDLE:
            raise _refuse(f"it is too large: {count:,} members, {size:,} bytes so far")
        file = archive.extractfile(member)
        data = b"" if file is None else file.read()
        if len(data) != member.size:
            raise _refuse(f"it is truncated within {member.name!r}")
        yield member.name, data


def _envelope(data: bytes) -> Envelope:
    try:
        envelope = Envelope.from_json(orjson.loads(data))
    except (orjson.JSONDecodeError, SignatureError) as error:
        raise _refuse(f"its manifest cannot be read: {error}") from None
    if envelope.payload_type != BUNDLE_TYPE:
        raise _refuse(f"its manifest is {envelope.payload_type!r}")
    return envelope


def _files(envelope: Envelope) -> dict[str, str]:
    try:
        value: Any = orjson.loads(envelope.payload)
        if value["bundle"] != _FORMAT:
            said = f"the bundle has format {value['bundle']!r}; this version reads {_FORMAT}"
            raise UsageError(said, hint="pip install --upgrade promptship")
        return {str(name): str(digest) for name, digest in value["files"].items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise _refuse(f"its manifest cannot be read: {error}") from None


def _lock(data: bytes) -> Lock:
    try:
        return parse_lock(data)
    except SourceError as error:
        raise _refuse(str(error)) from None


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    # Everything else of a member (times, owners, rights) stays at its default, which is the same everywhere.
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _hash(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _refuse(reason: str) -> UsageError:
    return UsageError(f"this is no whole bundle: {reason}", hint="nothing of it was taken; fetch or make it again")
