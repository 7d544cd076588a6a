"""What happened: the log, who wrote which line, and which version broke a case."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from promptship.domain import Actor
from promptship.errors import UsageError
from promptship.registry._change import read_payload
from promptship.registry._push import load_closure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from promptship.domain import Closure, LedgerEvent, StoredVersion
    from promptship.store import UnitOfWork

__all__ = [
    "BisectResult",
    "BlamedLine",
    "LogEntry",
    "as_entry",
    "bisect_versions",
    "blame_version",
    "export_events",
]


_NAMES = ("run_id", "evalset", "release", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """An event, as people read it.

    Attributes:
        seq: Its place in the ledger.
        kind: What happened.
        at: ISO 8601 UTC.
        actor: Who did it.
        prompt: To which prompt; None for an evalset, a run or an erasure.
        label: Which label moved; None for other kinds.
        number: The version that it is about; None where there is none.
        before: The number that the label pointed at before; None where there was none.
        text: Message, or reason; for which the glass was broken where it was.
        evidence: Digest of what it was decided on; None without.
        name: The run, evalset, release or key; "" for other kinds.
        hash: The event's hash.
    """

    seq: int
    kind: str
    at: str
    actor: Actor
    prompt: str | None
    label: str | None
    number: int | None
    before: int | None
    text: str
    evidence: str | None
    name: str
    hash: str


def as_entry(event: LedgerEvent) -> LogEntry:
    """Read an event for the log."""
    facts = read_payload(event)
    return LogEntry(
        seq=event.seq,
        kind=event.kind,
        at=event.at,
        actor=Actor(**facts["actor"]),
        prompt=event.prompt,
        label=event.label,
        number=facts.get("number"),
        before=facts.get("from", {}).get("number"),
        text=facts.get("message") or facts.get("break_glass") or facts.get("reason") or "",
        evidence=event.evidence,
        name=str(next((facts[key] for key in _NAMES if facts.get(key)), "")),
        hash=event.hash,
    )


def export_events(
    unit: UnitOfWork, *, label: str | None = None, since: str | None = None, until: str | None = None
) -> list[LedgerEvent]:
    """Return whole events in their order.

    Args:
        unit: Where to look.
        label: Only of prompts that ever had this label, together with what is of no prompt (keys, releases).
        since: From this time on, ISO 8601 UTC.
        until: Up to this time.
    """
    events = [event for event in unit.ledger.stream() if (since or "") <= event.at <= (until or event.at)]
    if label is None:
        return events
    prompts = {event.prompt for event in unit.ledger.find(label=label)}
    return [
        event for event in events if event.prompt is None or (event.prompt in prompts and event.label in {None, label})
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlamedLine:
    """A line of a version's text, and the version that it came in with.

    Attributes:
        path: The partial; "" for the template itself.
        line: 1-based.
        text: The line.
        version: The version that wrote it.
    """

    path: str
    line: int
    text: str
    version: StoredVersion


def blame_version(unit: UnitOfWork, version: StoredVersion) -> list[BlamedLine]:
    """Return every line of a version's template and partials with the version of the prompt that wrote it."""
    earlier = [one for one in unit.versions.list_all(version.prompt) if one.number <= version.number]
    files: dict[str, list[tuple[str, StoredVersion]]] = {}
    for one in earlier:
        files = {
            path: _carry(files.get(path, []), text.split("\n"), one)
            for path, text in _texts(load_closure(unit, one)).items()
        }
    return [
        BlamedLine(path=path, line=number, text=text, version=author)
        for path, lines in files.items()
        for number, (text, author) in enumerate(lines, start=1)
    ]


def _texts(closure: Closure) -> dict[str, str]:
    return {"": closure.template.removesuffix("\n")} | {
        path: text.removesuffix("\n") for path, text in sorted(closure.partials.items())
    }


def _carry(
    before: Sequence[tuple[str, StoredVersion]], lines: Sequence[str], version: StoredVersion
) -> list[tuple[str, StoredVersion]]:
    """Give each line that stayed its author, and each other one this version."""
    found = [(line, version) for line in lines]
    matcher = SequenceMatcher(None, [text for text, _ in before], lines, autojunk=False)
    for block in matcher.get_matching_blocks():
        found[block.b : block.b + block.size] = before[block.a : block.a + block.size]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectResult:
    """The last good version before a bad one, that bad one, and how many versions had to be tried."""

    good: StoredVersion
    bad: StoredVersion
    tried: int


async def bisect_versions(
    versions: Sequence[StoredVersion], passes: Callable[[StoredVersion], Awaitable[bool]]
) -> BisectResult:
    """Find the version with which a case broke, by halving.

    Args:
        versions: By number; the first is held for good, the last for bad, and both are tried.
        passes: Tells whether the case passes with a version.

    Returns:
        Two neighbours in `versions` of which one passes and the next does not. Where passing changed more than once
        it is one of those changes.

    Raises:
        UsageError: There are fewer than two versions, the first fails, or the last passes.
    """
    if len(versions) < 2:  # noqa: PLR2004 - one on either side
        raise UsageError("there are no two versions to look between", hint="promptctl log PROMPT")
    low, high = 0, len(versions) - 1
    if not await passes(versions[low]):
        raise UsageError(f"{versions[low].ref} fails too", hint="name an older version with --good")
    if await passes(versions[high]):
        raise UsageError(f"{versions[high].ref} passes", hint="name the version that fails with --bad")
    tried = 2
    while high - low > 1:
        middle = (low + high) // 2
        if await passes(versions[middle]):
            low = middle
        else:
            high = middle
        tried += 1
    return BisectResult(good=versions[low], bad=versions[high], tried=tried)
