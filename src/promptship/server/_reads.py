"""Routes that read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 - FastAPI reads annotations
from starlette.responses import Response  # noqa: TC002 - the same

from promptship.domain import LabelState, StoredEvalset, StoredRun, StoredVersion, parse_reference
from promptship.registry import BlamedLine, LogEntry, StoredCell, VerifyReport, dump_wire
from promptship.server._described import gives, gives_page
from promptship.server._fields import After, Limit, Name, OptionalText, Ref, Seq, Time, Words  # noqa: TC001
from promptship.server._replies import may_read, page, prompt_of, reply, require, send, state_of, visible
from promptship.server._state import Resolved, etag_of

if TYPE_CHECKING:
    from promptship.registry import Registry

__all__ = ["router"]

router = APIRouter(tags=["read"])


def _registry(request: Request) -> Registry:
    return state_of(request).registry


@router.get("/resolve", responses=gives("StoredVersion"))
async def resolve(request: Request, ref: Ref, at: Time = None) -> Response:
    """Find the version that a reference means, now or at a time."""
    require(request, "read", prompt=prompt_of(ref))
    state, seq = state_of(request), request.state.call.seq
    version = await run_in_threadpool(state.registry.resolve, ref, at=at)
    body = dump_wire(StoredVersion, version)
    if at is None:
        answer = Resolved(version.prompt, etag_of(body).encode(), body)
        state.keep_resolved(request.scope["query_string"], answer, seq=seq)
    return send(request, body)


@router.get("/closure", responses={200: {"description": "The version and its closure"}})
def closure(request: Request, ref: Ref) -> Response:
    """Return the version that a reference means, with all that it is made of."""
    require(request, "read", prompt=prompt_of(ref))
    version, found = _registry(request).find_version(parse_reference(ref))
    content = orjson.dumps(found.as_json())
    return send(request, b'{"version":%s,"closure":%s}' % (dump_wire(StoredVersion, version), content))


@router.get("/prompts", responses=gives_page(None))
def prompts(request: Request, after: After = None, limit: Limit = 100) -> Response:
    """List the names of prompts."""
    names = [name for name in _registry(request).names() if may_read(request, name)]
    return page(request, str, names, key=str, after=after, limit=limit)


@router.get("/prompts/{name:path}/versions", responses=gives_page("StoredVersion"))
def versions(request: Request, name: Name, after: After = None, limit: Limit = 100) -> Response:
    """List the versions of a prompt by number, the withdrawn ones too."""
    require(request, "read", prompt=name)
    found = _registry(request).versions(name)
    return page(request, StoredVersion, found, key=lambda one: one.number, after=after, limit=limit)


@router.get("/labels", responses=gives_page("LabelState"))
def labels(request: Request, prompt: OptionalText = None, after: After = None, limit: Limit = 100) -> Response:
    """List where labels point: of one prompt, or of all."""
    found = visible(request, _registry(request).labels(prompt))
    return page(request, LabelState, found, key=lambda one: f"{one.prompt} {one.label}", after=after, limit=limit)


@router.get("/search", responses=gives("StoredVersion", many=True))
def search(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request,
    q: Words = "",
    tag: OptionalText = None,
    label: OptionalText = None,
    author: OptionalText = None,
    partial: OptionalText = None,
    *,
    old: bool = False,
    limit: Limit = 50,
) -> Response:
    """Find versions by words of their name, description, message, template, partials, model and tags."""
    found = _registry(request).search(q, tag=tag, label=label, author=author, partial=partial, old=old, limit=limit)
    return reply(request, list[StoredVersion], visible(request, found))


@router.get("/log", responses=gives_page("LogEntry"))
def log(
    request: Request,
    prompt: OptionalText = None,
    label: OptionalText = None,
    below: Seq = None,
    limit: Limit = 100,
) -> Response:
    """List what happened, the newest first; `next` is the `below` of the next page."""
    if prompt is not None:
        require(request, "read", prompt=prompt)
    # A page is cut before what the caller may not see is left out, so that its end still says where to go on.
    found = _registry(request).log(prompt, label=label, below=below, limit=limit)
    following = str(found[-1].seq) if len(found) == limit else None
    body = dump_wire(list[LogEntry], visible(request, found))
    return send(request, b'{"items":%s,"next":%s}' % (body, orjson.dumps(following)))


@router.get("/blame", responses=gives("BlamedLine", many=True))
def blame(request: Request, ref: Ref) -> Response:
    """Return each line of a version with the version that it came in with."""
    require(request, "read", prompt=prompt_of(ref))
    return reply(request, list[BlamedLine], _registry(request).blame(ref))


@router.get("/evalsets", responses=gives_page("StoredEvalset"))
def evalsets(request: Request, name: OptionalText = None, after: After = None, limit: Limit = 100) -> Response:
    """List stored evalsets in the order they came in."""
    require(request, "read")
    found = _registry(request).evalsets(name)
    return page(request, StoredEvalset, found, key=lambda one: one.event_seq, after=after, limit=limit)


@router.get("/runs", responses=gives_page("StoredRun"))
def runs(
    request: Request,
    version: OptionalText = None,
    evalset: OptionalText = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """List stored runs, the newest first: of a version's digest, of an evalset's digest."""
    require(request, "read")
    found = _registry(request).runs(version=version, evalset=evalset)
    return page(request, StoredRun, found, key=lambda one: -one.event_seq, after=after, limit=limit)


@router.get("/runs/{run_id}/cells", responses=gives("StoredCell", many=True))
def cells(request: Request, run_id: Name, version: OptionalText = None) -> Response:
    """List the cells of a run: what each counts as, and what each scorer said."""
    require(request, "read")
    return reply(request, list[StoredCell], _registry(request).cells(run_id, version=version))


@router.get("/verify", responses=gives("VerifyReport"))
def verify(request: Request) -> Response:
    """Recompute the whole ledger, every digest and every state."""
    require(request, "read")
    return reply(request, VerifyReport, _registry(request).verify())
