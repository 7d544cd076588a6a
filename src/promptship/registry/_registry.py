"""A registry, opened: the one door for every face."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from promptship.domain import PromptVersion, parse_reference
from promptship.errors import UsageError
from promptship.registry._change import Change
from promptship.registry._evidence_desk import EvidenceDesk
from promptship.registry._feed import Feed
from promptship.registry._history import as_entry, blame_version
from promptship.registry._labels import drop_label, put_label, roll_back
from promptship.registry._policy import NO_POLICY
from promptship.registry._push import (
    Pushed,
    change_tags,
    fork_version,
    load_closure,
    make_draft,
    push_draft,
    reinstate_version,
    withdraw_version,
)
from promptship.registry._records import evalset_draft, keep_evalset, keep_run, load_cells, run_draft
from promptship.registry._resolve import require_prompt, resolve_version
from promptship.registry._texts import check_text, format_time, next_time, parse_time
from promptship.registry._tokens import TokenDesk
from promptship.registry._verify import rebuild_states, verify_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from promptship.domain import (
        Actor,
        CellRecord,
        Closure,
        JsonObject,
        LabelState,
        Reference,
        RunManifest,
        RunSummary,
        StoredEvalset,
        StoredRun,
        StoredVersion,
        Verdict,
    )
    from promptship.evalsets import Evalset
    from promptship.registry._history import BlamedLine, LogEntry
    from promptship.registry._labels import LabelMove
    from promptship.registry._policy import ReleasePolicy
    from promptship.registry._records import StoredCell
    from promptship.registry._verify import VerifyReport
    from promptship.store import Store, UnitOfWork

__all__ = ["Registry"]

_WORDS = 20


def _now() -> datetime:
    return datetime.now(UTC)


class Registry:
    """Versions, labels and their ledger. Every change is one transaction; threads may share a registry.

    Args:
        store: Its database.
        policy: What labels ask before they move; a label that it names moves by `evidence.promote` alone.
        clock: Tells the time, with a zone.
        guard: Called first in each transaction that changes something; what it raises undoes it.

    Attributes:
        evidence: Evidence, keys, requests, promotions and releases.
        tokens: Who may use a server of this registry, and for what.
        feed: What happened since, for a server.

    Example:
        registry = Registry.open(".promptship/registry.db")
        ada = Actor(name="Ada <ada@example.org>")
        pushed = registry.push(version, actor=ada, message="Be brief")
        registry.put_label(pushed.version.ref, "production", actor=ada)
        registry.resolve("support/reply@production").number
    """

    def __init__(
        self,
        store: Store,
        *,
        policy: ReleasePolicy = NO_POLICY,
        clock: Callable[[], datetime] = _now,
        guard: Callable[[UnitOfWork], None] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._guard = guard
        self.evidence = EvidenceDesk(store, self._change, policy, clock)
        self.tokens = TokenDesk(store, self._change, clock)
        self.feed = Feed(store, clock, lambda guard: Registry(store, policy=policy, clock=clock, guard=guard))

    @classmethod
    def open(
        cls,
        address: str,
        *,
        make: bool = True,
        policy: ReleasePolicy = NO_POLICY,
        clock: Callable[[], datetime] = _now,
    ) -> Self:
        """Open the registry at a path or URL.

        Args:
            address: Path of a SQLite file, or `postgresql+psycopg://…`.
            make: Make a SQLite file where there is none.
            policy: What labels ask before they move.
            clock: Tells the time, with a zone.

        Raises:
            ReferenceNotFoundError: There is none, and none is to be made.
            StorageError: It cannot be reached, or has the schema of another version.
            MissingExtraError: The extra `eval` or `postgres` is not installed.
        """
        from promptship.store import open_store

        return cls(open_store(address, make=make), policy=policy, clock=clock)

    @property
    def place(self) -> str:
        """The database, as messages name it."""
        return self._store.place

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def push(
        self,
        version: PromptVersion,
        *,
        actor: Actor,
        message: str = "",
        description: str = "",
        git_commit: str | None = None,
        tags: Iterable[str] = (),
    ) -> Pushed:
        """Store a closed prompt as its prompt's next version; once, however often it is pushed.

        Args:
            version: The prompt.
            actor: Who pushes.
            message: What changed, and why.
            description: What the prompt does.
            git_commit: Commit that it came from.
            tags: Words to find it by.

        Raises:
            UsageError: A name or text is wrong, or the same content was withdrawn.
            StorageError: The database failed; nothing was stored.
        """
        draft = make_draft(
            version.name,
            version.closure,
            message=message,
            description=description,
            git_commit=git_commit,
            tags=tags,
        )
        with self._change(actor) as change:
            return push_draft(change, draft)

    def fork(self, reference: str, name: str, *, actor: Actor, message: str = "") -> Pushed:
        """Copy a version to another prompt, as that prompt's next version.

        Raises:
            ReferenceNotFoundError: There is no such version.
            UsageError: The name is none, or that of the prompt itself.
        """
        with self._store.read() as unit:
            draft = fork_version(unit, reference, name, message=message)
        with self._change(actor) as change:
            return push_draft(change, draft)

    def withdraw(self, reference: str, *, actor: Actor, reason: str) -> StoredVersion:
        """Put a tombstone on a version: nobody can resolve it any more, and its number stays taken.

        Raises:
            UsageError: There is no reason, or a label points at it.
            ReferenceNotFoundError: There is no such version, or it was withdrawn before.
        """
        with self._change(actor) as change:
            return withdraw_version(change, reference, reason=reason)

    def reinstate(self, reference: str, *, actor: Actor, reason: str = "") -> StoredVersion:
        """Take a version's tombstone away.

        Raises:
            UsageError: It was not withdrawn.
            ReferenceNotFoundError: There is no such version.
        """
        with self._change(actor) as change:
            return reinstate_version(change, reference, reason=reason)

    def tag(
        self, reference: str, *, actor: Actor, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> StoredVersion:
        """Add tags to a version and take tags away.

        Raises:
            UsageError: A tag is none.
            ReferenceNotFoundError: There is no such version.
        """
        with self._change(actor) as change:
            return change_tags(change, reference, add=add, remove=remove)

    def put_label(
        self, reference: str, label: str, *, actor: Actor, reason: str = "", evidence: str | None = None
    ) -> LabelMove:
        """Let a label point at a version.

        Args:
            reference: The version.
            label: `production`, `staging`, …
            actor: Who moves it.
            reason: Why.
            evidence: Digest of what it was decided on.

        Raises:
            UsageError: The label or the reason is wrong, or the policy asks for evidence.
            ReferenceNotFoundError: There is no such version, or it was withdrawn.
        """
        self._require_free(reference.partition("@")[0], label, f"promptctl promote {reference} {label}")
        with self._change(actor) as change:
            return put_label(change, reference, label, reason=reason, evidence=evidence)

    def drop_label(self, name: str, label: str, *, actor: Actor, reason: str = "") -> LabelMove:
        """Take a label away.

        Raises:
            ReferenceNotFoundError: It is not there.
            UsageError: The policy asks for evidence.
        """
        self._require_free(name, label, f"promptctl rollback {name} {label}")
        with self._change(actor) as change:
            return drop_label(change, name, label, reason=reason)

    def roll_back(self, name: str, label: str, *, actor: Actor, reason: str = "") -> LabelMove:
        """Let a label point where it pointed before its present target; again, and it goes one further back.

        Raises:
            ReferenceNotFoundError: There is no such label, or it never pointed anywhere else.
        """
        with self._change(actor) as change:
            return roll_back(change, name, label, reason=reason)

    def resolve(self, reference: str | Reference, *, at: str | datetime | None = None) -> StoredVersion:
        """Find the version that a reference means.

        Args:
            reference: `name@7`, `name@label`, `name@latest`, `name@^2` or `name@sha256:…`.
            at: As it was at this time, a text in ISO 8601 or a time with a zone; None for now.

        Raises:
            UsageError: It is no reference to a version, or no time.
            ReferenceNotFoundError: There is no such version, there was none yet, or it was withdrawn.
        """
        when = format_time(at) if isinstance(at, datetime) else parse_time(at) if at else None
        with self._store.read() as unit:
            return resolve_version(unit, reference, at=when)

    def find_version(self, reference: Reference) -> tuple[StoredVersion, Closure]:
        """Return the version that a reference means, and its closure; see `VersionSource`."""
        with self._store.read() as unit:
            version = resolve_version(unit, reference)
            return version, load_closure(unit, version)

    def load(self, reference: str) -> PromptVersion:
        """Return the closed prompt that a reference means. Its model has no address, price or limits of its own.

        Raises:
            ReferenceNotFoundError: There is no such version, or it was withdrawn.
            StorageError: What is stored does not have the version's digest.
        """
        version, closure = self.find_version(parse_reference(reference))
        return PromptVersion(name=version.prompt, closure=closure, origin=version.ref, label=reference)

    def names(self) -> list[str]:
        """Return the names of all prompts, sorted."""
        with self._store.read() as unit:
            return unit.versions.names()

    def versions(self, name: str) -> list[StoredVersion]:
        """Return all versions of a prompt by number, the withdrawn ones too.

        Raises:
            ReferenceNotFoundError: There is no such prompt.
        """
        with self._store.read() as unit:
            require_prompt(unit, name)
            return unit.versions.list_all(name)

    def labels(self, name: str | None = None) -> list[LabelState]:
        """Return where labels point: of one prompt, or of all."""
        with self._store.read() as unit:
            return unit.states.labels(name)

    def search(
        self,
        text: str = "",
        *,
        tag: str | None = None,
        label: str | None = None,
        author: str | None = None,
        partial: str | None = None,
        old: bool = False,
        limit: int = 50,
    ) -> list[StoredVersion]:
        """Find versions by words of their name, description, message, template, partials, model and tags.

        Args:
            text: Words, or parts of words, in any case; all must occur.
            tag: Only versions with this tag.
            label: Only versions that this label points at.
            author: Only versions whose author's name holds this.
            partial: Only versions that are made of this partial, by its path.
            old: Look at all versions of a prompt, not at its latest alone.
            limit: So many at most, from 1.

        Returns:
            Versions by name, the newest first; none that was withdrawn.

        Raises:
            UsageError: More than twenty words.
        """
        words = text.casefold().split()
        if len(words) > _WORDS:
            raise UsageError(f"{len(words)} words; at most {_WORDS} are looked for")
        with self._store.read() as unit:
            return unit.versions.search(
                words, tag=tag, label=label, author=author, partial=partial, old=old, limit=limit
            )

    def log(
        self, name: str | None = None, *, label: str | None = None, below: int | None = None, limit: int | None = None
    ) -> list[LogEntry]:
        """Return what happened, the newest first.

        Args:
            name: To this prompt; None for everything.
            label: To this label.
            below: Events with a smaller number, to go on where a list ended.
            limit: So many at most.

        Raises:
            ReferenceNotFoundError: There is no such prompt.
        """
        with self._store.read() as unit:
            if name is not None:
                require_prompt(unit, name)
            return [as_entry(event) for event in unit.ledger.find(prompt=name, label=label, below=below, limit=limit)]

    def blame(self, reference: str) -> list[BlamedLine]:
        """Return every line of a version's template and partials, with the version that it came in with.

        Raises:
            ReferenceNotFoundError: There is no such version.
        """
        with self._store.read() as unit:
            return blame_version(unit, resolve_version(unit, reference))

    def store_evalset(self, evalset: Evalset, *, actor: Actor) -> StoredEvalset:
        """Store an evalset by its digest; once, however often it is stored.

        Raises:
            SourceError: Its cases are wrong.
        """
        draft = evalset_draft(evalset, at=format_time(self._clock()))
        with self._change(actor) as change:
            return keep_evalset(change, draft)

    def store_run(
        self,
        manifest: RunManifest,
        summary: RunSummary,
        verdict: Verdict | None,
        records: Iterable[CellRecord],
        *,
        actor: Actor,
    ) -> StoredRun:
        """Store a finished run: figures and outcomes in a document by digest, inputs and outputs in payloads.

        Args:
            manifest: What it is of.
            summary: Its figures.
            verdict: What its gates said; None where they were not asked.
            records: Its cells.
            actor: Who stores it.

        Raises:
            UsageError: It is not finished, or the registry has another run of that id.
        """
        draft = run_draft(manifest, summary, verdict, records, at=format_time(self._clock()))
        with self._change(actor) as change:
            return keep_run(change, draft)

    def evalsets(self, name: str | None = None) -> list[StoredEvalset]:
        """Return the stored evalsets, in the order they came in."""
        with self._store.read() as unit:
            return unit.records.evalsets(name)

    def runs(self, *, version: str | None = None, evalset: str | None = None) -> list[StoredRun]:
        """Return the stored runs, the newest first: of a version's digest, of an evalset's digest."""
        with self._store.read() as unit:
            return unit.records.runs(version=version, evalset=evalset)

    def cells(self, run_id: str, *, version: str | None = None) -> list[StoredCell]:
        """Return the cells of a stored run; they stay when payloads are erased.

        Args:
            run_id: The run.
            version: Of the variants with this digest only.

        Raises:
            ReferenceNotFoundError: There is no such run.
        """
        with self._store.read() as unit:
            return load_cells(unit, run_id, version=version)

    def erase(
        self, *, actor: Actor, subject: str | None = None, before: str | None = None, reason: str = ""
    ) -> tuple[int, int]:
        """Erase payloads (cases, inputs, outputs) for good; everything still verifies.

        Args:
            actor: Who does it.
            subject: Of this subject: a case's tag `subject`, else its cluster. It is not written into the ledger.
            before: Stored before this time, ISO 8601; with `subject`, both must hold.
            reason: Why.

        Returns:
            How many payloads were erased, and their bytes.

        Raises:
            UsageError: Neither subject nor time is given.
        """
        if subject is None and before is None:
            raise UsageError("nothing says what to erase", hint="name a subject, a time, or both")
        until = parse_time(before) if before else None
        with self._change(actor) as change:
            count, size = change.unit.blobs.erase(subject=subject, before=until, at=change.at)
            facts: JsonObject = {"payloads": count, "bytes": size, "by_subject": subject is not None}
            facts |= {"before": until} if until else {}
            facts |= {"reason": check_text("reason", reason)} if reason else {}
            if count:
                change.record("erase", facts=facts)
        self._store.settle()
        return count, size

    def verify(self) -> VerifyReport:
        """Recompute the whole chain, every digest, and every table that follows from the events."""
        with self._store.read() as unit:
            return verify_all(unit)

    def rebuild(self) -> None:
        """Make labels, tags, tombstones and counters anew from the ledger.

        Raises:
            StorageError: The ledger itself is wrong; nothing is changed.
        """
        with self._store.write() as unit:
            rebuild_states(unit)

    def _require_free(self, prompt: str, label: str, instead: str) -> None:
        if self.evidence.policy.rule_for(prompt, label) is not None:
            raise UsageError(f"the policy asks for evidence before {label!r} of {prompt!r} moves", hint=instead)

    @contextmanager
    def _change(self, actor: Actor) -> Iterator[Change]:
        with self._store.write() as unit:
            if self._guard is not None:
                self._guard(unit)
            yield Change(unit=unit, actor=actor, at=next_time(unit.head, self._clock()))
