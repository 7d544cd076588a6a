"""A registry behind a server, with the methods of one that is opened directly."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self, TypeVar

from promptship.domain import (
    CellRecord,
    LabelState,
    PromptVersion,
    RunManifest,
    RunSummary,
    StoredEvalset,
    StoredRun,
    StoredVersion,
    Verdict,
    canonical_json,
)
from promptship.errors import StorageError, UsageError
from promptship.prompts import parse_closure
from promptship.registry._history import BlamedLine, LogEntry
from promptship.registry._http import open_connection
from promptship.registry._labels import LabelMove
from promptship.registry._push import Pushed
from promptship.registry._records import StoredCell
from promptship.registry._registry import Registry
from promptship.registry._remote_desks import RemoteEvidence, RemoteTokens
from promptship.registry._texts import format_time
from promptship.registry._verify import VerifyReport
from promptship.registry._wire import dump_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptship.domain import Actor, Closure, JsonObject, Reference
    from promptship.evalsets import Evalset
    from promptship.registry._http import Connection

__all__ = ["RemoteRegistry"]

_Kind = TypeVar("_Kind")
_MOST_FOUND = 1_000


class RemoteRegistry(Registry):
    """A registry behind a server. Each `actor` is who the token belongs to: what is named here is not believed there.

    It is a `Registry` so that each caller takes either; a test holds that every method is one of its own. For what each
    does see there.

    Args:
        connection: The server, and who asks.

    Example:
        with RemoteRegistry.connect("https://prompts.example.org", token) as registry:
            registry.resolve("support/reply@production").number
    """

    tokens: RemoteTokens

    def __init__(self, connection: Connection) -> None:
        # Not the constructor above: there is no database here.
        self._connection = connection
        self.evidence = RemoteEvidence(connection)
        self.tokens = RemoteTokens(connection)

    @classmethod
    def connect(cls, url: str, token: str | None, *, plain_http: bool = False) -> Self:
        """Open the registry behind a server; nothing is sent yet. See `open_connection`."""
        return cls(open_connection(url, token, plain_http=plain_http))

    @property
    def place(self) -> str:
        """The server, as messages name it."""
        return self._connection.place

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()

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
        """Store a closed prompt as its prompt's next version."""
        del actor
        closure = version.closure
        body: JsonObject = {
            "closure": closure.as_json(),
            "model_name": closure.model.name,
            "digest": version.digest,
            "message": message,
            "description": description,
            "git_commit": git_commit,
            "tags": list(tags),
        }
        # A push is done once by its digest, and needs no key.
        headers = {"content-type": "application/json"}
        path = f"/prompts/{version.name}/versions"
        answer = self._connection.fetch("POST", path, content=canonical_json(body), headers=headers)
        return self._connection.parse(Pushed, answer)

    def fork(self, reference: str, name: str, *, actor: Actor, message: str = "") -> Pushed:
        """Copy a version to another prompt."""
        del actor
        return self._send("POST", "/forks", Pushed, {"reference": reference, "name": name, "message": message})

    def withdraw(self, reference: str, *, actor: Actor, reason: str) -> StoredVersion:
        """Put a tombstone on a version."""
        del actor
        return self._send("POST", "/withdrawals", StoredVersion, {"reference": reference, "reason": reason})

    def reinstate(self, reference: str, *, actor: Actor, reason: str = "") -> StoredVersion:
        """Take a version's tombstone away."""
        del actor
        return self._send("POST", "/reinstatements", StoredVersion, {"reference": reference, "reason": reason})

    def tag(
        self, reference: str, *, actor: Actor, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> StoredVersion:
        """Add tags to a version and take tags away."""
        del actor
        body = {"reference": reference, "add": list(add), "remove": list(remove)}
        return self._send("POST", "/tags", StoredVersion, body)

    def put_label(
        self, reference: str, label: str, *, actor: Actor, reason: str = "", evidence: str | None = None
    ) -> LabelMove:
        """Let a label point at a version."""
        del actor
        body = {"reference": reference, "reason": reason, "evidence": evidence}
        return self._send("PUT", f"/labels/{label}", LabelMove, body)

    def drop_label(self, name: str, label: str, *, actor: Actor, reason: str = "") -> LabelMove:
        """Take a label away."""
        del actor
        return self._send("DELETE", f"/prompts/{name}/labels/{label}", LabelMove, reason=reason or None)

    def roll_back(self, name: str, label: str, *, actor: Actor, reason: str = "") -> LabelMove:
        """Let a label point where it pointed before."""
        del actor
        return self._send("POST", f"/prompts/{name}/labels/{label}/rollback", LabelMove, {"reason": reason})

    def resolve(self, reference: str | Reference, *, at: str | datetime | None = None) -> StoredVersion:
        """Find the version that a reference means."""
        when = format_time(at) if isinstance(at, datetime) else at
        return self._get("/resolve", StoredVersion, ref=str(reference), at=when)

    def find_version(self, reference: Reference) -> tuple[StoredVersion, Closure]:
        """Return the version that a reference means, and its closure, whose digest is computed here."""
        found = self._connection.get_json("/closure", ref=str(reference))
        version: StoredVersion = self._connection.read(StoredVersion, found["version"])
        content = canonical_json(found["closure"])
        closure = parse_closure(content, model_name=version.model_name, ref=version.ref)
        if closure.digest != version.digest:
            raise StorageError(f"{self.place!r} sent a closure of {version.ref} that does not have its digest")
        return version, closure

    def names(self) -> list[str]:
        """Return the names of all prompts, sorted."""
        return self._connection.list_all("/prompts", str)

    def versions(self, name: str) -> list[StoredVersion]:
        """Return all versions of a prompt by number."""
        return self._connection.list_all(f"/prompts/{name}/versions", StoredVersion)

    def labels(self, name: str | None = None) -> list[LabelState]:
        """Return where labels point."""
        return self._connection.list_all("/labels", LabelState, prompt=name)

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
        """Find versions by words; a thousand at most."""
        chosen: dict[str, object] = {"tag": tag, "label": label, "author": author, "partial": partial}
        most = min(limit, _MOST_FOUND)
        return self._get("/search", list[StoredVersion], q=text, old=str(old).lower(), limit=most, **chosen)

    def log(
        self, name: str | None = None, *, label: str | None = None, below: int | None = None, limit: int | None = None
    ) -> list[LogEntry]:
        """Return what happened, the newest first."""
        return self._connection.list_all(
            "/log", LogEntry, limit=limit, cursor="below", prompt=name, label=label, below=below
        )

    def blame(self, reference: str) -> list[BlamedLine]:
        """Return every line of a version with the version that it came in with."""
        return self._get("/blame", list[BlamedLine], ref=reference)

    def store_evalset(self, evalset: Evalset, *, actor: Actor) -> StoredEvalset:
        """Store an evalset by its digest."""
        del actor
        lines = [line.decode() for line in evalset.canonical_lines()]
        body = {"name": evalset.spec.name, "kind": evalset.spec.kind, "digest": evalset.digest, "lines": lines}
        return self._send("POST", "/evalsets", StoredEvalset, body)

    def store_run(
        self,
        manifest: RunManifest,
        summary: RunSummary,
        verdict: Verdict | None,
        records: Iterable[CellRecord],
        *,
        actor: Actor,
    ) -> StoredRun:
        """Store a finished run."""
        del actor
        body = {
            "manifest": dump_plain(RunManifest, manifest),
            "summary": dump_plain(RunSummary, summary),
            "verdict": None if verdict is None else dump_plain(Verdict, verdict),
            "records": dump_plain(list[CellRecord], list(records)),
        }
        return self._send("POST", "/runs", StoredRun, body)

    def evalsets(self, name: str | None = None) -> list[StoredEvalset]:
        """Return the stored evalsets, in the order they came in."""
        return self._connection.list_all("/evalsets", StoredEvalset, name=name)

    def runs(self, *, version: str | None = None, evalset: str | None = None) -> list[StoredRun]:
        """Return the stored runs, the newest first."""
        return self._connection.list_all("/runs", StoredRun, version=version, evalset=evalset)

    def cells(self, run_id: str, *, version: str | None = None) -> list[StoredCell]:
        """Return the cells of a stored run."""
        return self._get(f"/runs/{run_id}/cells", list[StoredCell], version=version)

    def erase(
        self, *, actor: Actor, subject: str | None = None, before: str | None = None, reason: str = ""
    ) -> tuple[int, int]:
        """Erase payloads for good."""
        del actor
        body = {"subject": subject, "before": before, "reason": reason}
        found = self._send("POST", "/erasures", dict[str, int], body)
        return found["payloads"], found["bytes"]

    def verify(self) -> VerifyReport:
        """Let the server recompute everything."""
        return self._get("/verify", VerifyReport)

    def rebuild(self) -> None:
        """Refuse: tables are made anew where the database is.

        Raises:
            UsageError: Always.
        """
        raise UsageError("this is done where the database is", hint="there: promptctl db check --repair")

    def _get(self, path: str, kind: type[_Kind], **parameters: object) -> _Kind:
        return self._connection.get(path, kind, **parameters)

    def _send(
        self, method: str, path: str, kind: type[_Kind], body: object = None, *, reason: str | None = None
    ) -> _Kind:
        return self._connection.send(method, path, kind, body, reason=reason)
