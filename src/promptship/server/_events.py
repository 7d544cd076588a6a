"""The change stream: the ledger's events as they come, as server-sent events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 - FastAPI reads annotations
from starlette.responses import Response, StreamingResponse

from promptship.errors import PromptshipError
from promptship.registry import LogEntry, dump_wire
from promptship.server._fields import Seq  # noqa: TC001 - FastAPI reads annotations
from promptship.server._problems import HttpError
from promptship.server._replies import may_read, require, state_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["router"]

router = APIRouter(tags=["read"])

_POLL_S = 0.1
_COMMENT_S = 15.0
_AT_ONCE = 500


@router.get("/events", responses={200: {"description": "Events", "content": {"text/event-stream": {}}}})
async def events(
    request: Request,
    after: Seq = None,
    last_event_id: Annotated[str | None, Header(max_length=20, pattern=r"^\d*$")] = None,
) -> Response:
    """Stream what happens, from the event after `Last-Event-ID` or `after` on; from now on without either."""
    require(request, "read", prompt=None if request.state.call.token is None else _any_prompt(request))
    state = state_of(request)
    if state.metrics.streams >= state.options.streams:
        raise HttpError(
            503, "TooManyStreams", "this worker serves as many streams as it may", headers={"retry-after": "5"}
        )
    seq = int(last_event_id) if last_event_id else after
    if seq is None:
        seq = await run_in_threadpool(state.registry.feed.head)
    return StreamingResponse(_follow(request, min(seq, 2**31 - 1)), media_type="text/event-stream")


def _any_prompt(request: Request) -> str | None:
    """Return a name that the token may read, so that whoever reads something may listen to that."""
    scopes = request.state.call.token.scopes
    return next((one.prompts for one in scopes if one.action == "read"), None)


async def _follow(request: Request, seq: int) -> AsyncIterator[bytes]:
    state, token = state_of(request), request.state.call.token
    state.metrics.streams += 1
    quiet_s = 0.0
    try:
        yield b"retry: 1000\n\n"
        while not await request.is_disconnected() and not state.is_stopped:
            state.refresh()
            if token is not None and not state.is_good(token):
                return
            if state.seq is None or state.seq > seq:
                found = await run_in_threadpool(state.registry.feed.after, seq, limit=_AT_ONCE)
                for entry in found:
                    seq, quiet_s = entry.seq, 0.0
                    if may_read(request, entry.prompt):
                        yield _render(entry)
                if found:
                    continue
            await asyncio.sleep(_POLL_S)
            quiet_s += _POLL_S
            if quiet_s >= _COMMENT_S:
                quiet_s = 0.0
                yield b": still here\n\n"
    except PromptshipError:
        # The reader comes again with its Last-Event-ID, and hears then what is wrong.
        return
    finally:
        state.metrics.streams -= 1


def _render(entry: LogEntry) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (entry.seq, entry.kind.encode(), dump_wire(LogEntry, entry))
