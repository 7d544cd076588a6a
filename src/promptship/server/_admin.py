"""Routes of tokens, and of the server's health."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request  # noqa: TC002 - FastAPI reads annotations
from starlette.responses import Response

from promptship.domain import Scope, StoredToken, parse_scope
from promptship.errors import PromptshipError
from promptship.registry import NewToken
from promptship.server._described import gives
from promptship.server._fields import Name, OptionalText, TokenBody  # noqa: TC001 - FastAPI reads annotations
from promptship.server._problems import HttpError, problem
from promptship.server._replies import actor_of, change, reply, require, state_of

__all__ = ["health", "router"]

router = APIRouter(tags=["tokens"])
health = APIRouter(tags=["health"], include_in_schema=False)


@router.get("/me", responses=gives("StoredToken"))
def me(request: Request) -> Response:
    """Say whose token this is, and what it may do."""
    token = request.state.call.token
    if token is None:
        raise HttpError(401, "Unauthorized", "nobody: there was no token")
    return reply(request, StoredToken, _hidden(token))


@router.get("/tokens", responses=gives("StoredToken", many=True))
def tokens(request: Request) -> Response:
    """List tokens, the revoked and expired ones too."""
    require(request, "admin")
    found = [_hidden(one) for one in state_of(request).registry.tokens.list_all()]
    return reply(request, list[StoredToken], found)


@router.post("/tokens", responses=gives("NewToken", status=201), status_code=201)
def create_token(request: Request, body: TokenBody) -> Response:
    """Make a token; its text is in this answer and nowhere else, so an Idempotency-Key is refused here."""
    require(request, "admin")
    if request.state.call.key is not None:
        raise HttpError(400, "IdempotencyKey", "the answer to this request is kept nowhere", hint="leave the key out")
    for scope in body.scopes:
        _require_own(request, parse_scope(scope))
    actor = actor_of(request)
    return change(
        request,
        NewToken,
        lambda one: one.tokens.create(body.name, body.scopes, actor=actor, kind=body.kind, lifetime_s=body.lifetime_s),
        status=201,
    )


def _require_own(request: Request, scope: Scope) -> None:
    """Only who may do everything gives away anything; kept apart for finer rules than that."""
    require(request, "admin", label=None if scope.label == "*" else scope.label)


@router.delete("/tokens/{token_id}", responses=gives("StoredToken"))
def revoke_token(request: Request, token_id: Name, reason: OptionalText = None) -> Response:
    """Let a token be good no longer, from the next request on."""
    require(request, "admin")
    actor = actor_of(request)
    return change(request, StoredToken, lambda one: one.tokens.revoke(token_id, actor=actor, reason=reason or ""))


def _hidden(token: StoredToken) -> StoredToken:
    from dataclasses import replace

    return replace(token, hash="")


@health.get("/healthz")
async def healthz() -> Response:
    """Say that the process answers."""
    return Response(b"ok\n", media_type="text/plain")


@health.get("/readyz")
async def readyz(request: Request) -> Response:
    """Say whether the registry can be read."""
    try:
        await run_in_threadpool(state_of(request).registry.feed.head)
    except PromptshipError:
        # Whoever asks has no token, so the database's own words are not for them.
        return problem(503, "NotReady", "the registry cannot be read")
    return Response(b"ready\n", media_type="text/plain")


@health.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return counters of this worker."""
    state = state_of(request)
    return Response(state.metrics.render(head=state.seq), media_type="text/plain; version=0.0.4")
