"""An audit: everything about some labels in one archive that can be read, and checked, without Promptship."""

from __future__ import annotations

import io
import zipfile
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson

from promptship.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptship.domain import LedgerEvent
    from promptship.registry import Registry

__all__ = ["write_audit"]

_EPOCH = (1980, 1, 1, 0, 0, 0)
_README = """Audit of a Promptship registry: {place}
{count} events, {chosen}

events.jsonl      One event a line, by number. `payload` is the text that was hashed, kept as it was: `hash` is
                  `sha256:` and the SHA-256 of its UTF-8 bytes, and `prev_hash` the hash of the event before it.
                  Events of other prompts or labels are left out; `complete` in audit.json says whether the numbers
                  have no gap.
envelopes/        Evidence by the SHA-256 of its file: DSSE envelopes (github.com/secure-systems-lab/dsse) whose payload
                  is an in-toto statement. `sig` is an Ed25519 signature over
                  "DSSEv1 " + length and text of payloadType + length and bytes of the payload, with a space between.
keys.json         Public keys that were trusted (PEM), and since when they are not.
closures/         The versions, by digest: canonical JSON (RFC 8785) of everything that decides an answer.
audit.json        What was chosen, and the ledger's head at that time.

To check a file by hand: sha256sum envelopes/* closures/*  (the name is the digest).
"""


def write_audit(
    registry: Registry, path: Path, *, label: str | None = None, since: str | None = None, until: str | None = None
) -> int:
    """Write an archive of what happened.

    Args:
        registry: Whose.
        path: The archive, a zip file; must not exist.
        label: Only prompts that had this label, and what happened to them.
        since: Events from this time on, ISO 8601 UTC.
        until: Events up to this time.

    Returns:
        How many events there are in it.

    Raises:
        UsageError: The file exists, or nothing happened.
        StorageError: It cannot be written; then there is none.
    """
    if path.exists():
        raise UsageError(f"{str(path)!r} exists", hint="name a new file")
    events = registry.evidence.events(label=label, since=since, until=until)
    if not events:
        raise UsageError("nothing happened that is asked for", hint="promptctl log")
    chosen = ", ".join(f"{key} {value}" for key, value in (("label", label), ("from", since), ("to", until)) if value)
    files = _files(registry, events, chosen or "all of them")
    try:
        draft = path.with_name(f".{path.name}.tmp")
        draft.write_bytes(_zip(files))
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write {str(path)!r}: {error.strerror}") from None
    return len(events)


def _files(registry: Registry, events: Sequence[LedgerEvent], chosen: str) -> dict[str, bytes]:
    rows = [{name: getattr(event, name) for name in event.__slots__} for event in events]
    desk = registry.evidence
    trusted = desk.keys()
    keys = [{**asdict(one.key), "trusted_at": one.at, "revoked_at": one.revoked_at} for one in trusted]
    gapless = all(later.seq == event.seq + 1 for event, later in pairwise(events))
    facts = {"place": registry.place, "chosen": chosen, "complete": gapless, "head": asdict(desk.head())}
    files = {
        "README.txt": _README.format(place=registry.place, count=len(events), chosen=chosen).encode(),
        "audit.json": orjson.dumps(facts, option=orjson.OPT_INDENT_2),
        "events.jsonl": b"".join(orjson.dumps(row) + b"\n" for row in rows),
        "keys.json": orjson.dumps(keys, option=orjson.OPT_INDENT_2),
    }
    for event in events:
        facts_of = orjson.loads(event.payload)
        if event.kind == "attest" and event.evidence:
            files[f"envelopes/{event.evidence.removeprefix('sha256:')}"] = registry.evidence.content(event.evidence)
        if event.kind in {"push", "promote", "label", "rollback"}:
            digest = facts_of["digest"]
            files[f"closures/{digest.removeprefix('sha256:')}"] = registry.evidence.content(digest)
    return files


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            # The same events make the same bytes, whenever they are asked for.
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
