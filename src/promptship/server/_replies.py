"""From a use case to an answer: who asks, whether they may, pages, validators, and requests that are done once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import orjson
from starlette.responses import Response

from promptship.domain import Actor
from promptship.errors import UsageError
from promptship.registry import dump_wire
from promptship.server._gate import is_match
from promptship.server._problems import HttpError
from promptship.server._state import etag_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from promptship.domain import Action
    from promptship.registry import Registry
    from promptship.server._gate import Call
    from promptship.server._state import ServerState

__all__ = ["actor_of", "change", "may_read", "page", "prompt_of", "reply", "require", "send", "state_of", "visible"]

_ANONYMOUS = "anonymous"


class _OfPrompt(Protocol):
    @property
    def prompt(self) -> str | None: ...


_Item = TypeVar("_Item")
_Told = TypeVar("_Told", bound=_OfPrompt)


def state_of(request: Request) -> ServerState:
    """Return the worker's memory."""
    found: ServerState = request.app.state.server
    return found


def _call(request: Request) -> Call:
    found: Call = request.state.call
    return found


def prompt_of(reference: str) -> str:
    """Return the name that a reference begins with."""
    return reference.partition("@")[0]


def require(request: Request, *actions: Action, prompt: str | None = None, label: str | None = None) -> None:
    """Refuse a caller whose token allows none of some actions.

    Args:
        request: The request.
        actions: Any of them will do.
        prompt: To which prompt; None for what is of no prompt.
        label: With which label.

    Raises:
        HttpError: 403.
    """
    token = _call(request).token
    # Without a token the gate lets nothing but reading pass, and that only where it was asked to.
    if token is None or any(token.may(action, prompt, label) for action in actions):
        return
    wanted = ":".join(part for part in (actions[0], prompt or "*", label) if part)
    raise HttpError(403, "Forbidden", f"the token {token.name!r} may not {wanted}", hint="promptctl token create")


def may_read(request: Request, prompt: str | None) -> bool:
    """Whether the caller may see what is of a prompt, or of none."""
    token = _call(request).token
    return token is None or token.may("read", prompt)


def visible(request: Request, items: Sequence[_Told]) -> list[_Told]:
    """Return what the caller may see."""
    return [item for item in items if may_read(request, item.prompt)]


def actor_of(request: Request) -> Actor:
    """Return who changes something: the token's bearer, whom the server has checked."""
    token = _call(request).token
    return Actor(name=token.name, kind=token.kind, authenticated=True) if token else Actor(name=_ANONYMOUS)


def send(request: Request, body: bytes, *, status: int = 200) -> Response:
    """Answer with JSON; a reader who has it already gets 304."""
    if request.method != "GET":
        return Response(body, status_code=status, media_type="application/json")
    etag = etag_of(body)
    wanted = request.headers.get("if-none-match")
    if wanted is not None and is_match(wanted.encode("latin-1"), etag.encode()):
        return Response(status_code=304, headers={"etag": etag})
    return Response(body, status_code=status, headers={"etag": etag}, media_type="application/json")


def reply(request: Request, kind: Any, value: Any, *, status: int = 200) -> Response:
    """Answer with a value of a type; see `dump_wire`."""
    return send(request, dump_wire(kind, value), status=status)


def page(
    request: Request,
    kind: Any,
    items: Sequence[_Item],
    *,
    key: Callable[[_Item], str | int],
    after: str | None,
    limit: int,
) -> Response:
    """Answer with a part of a list, and where the next part begins.

    Args:
        request: The request.
        kind: Type of the items.
        items: All of them.
        key: What they are sorted by; no two have the same.
        after: Key of the last item that the caller has; None for the beginning.
        limit: Items at most.

    Raises:
        UsageError: `after` is no key.
    """
    ordered = sorted(items, key=key)
    if after is not None and ordered:
        start = _parse_key(after, key(ordered[0]))
        ordered = [item for item in ordered if key(item) > start]  # type: ignore[operator]  # both are of one type
    chosen = ordered[:limit]
    last = key(chosen[-1]) if len(ordered) > len(chosen) else None
    cursor = orjson.dumps(None if last is None else str(last))
    return send(request, b'{"items":%s,"next":%s}' % (dump_wire(list[kind], chosen), cursor))


def _parse_key(text: str, like: str | int) -> str | int:
    try:
        return type(like)(text)
    except ValueError:
        raise UsageError(f"after: {text!r} is no cursor", hint="take it from the `next` of the page before") from None


def change(
    request: Request, kind: Any, act: Callable[[Registry], Any], *, status: int | Callable[[Any], int] = 200
) -> Response:
    """Change something, once where the request has a key, and answer with what came of it.

    Args:
        request: The request.
        kind: Type of what comes of it.
        act: The change, on the registry that is given.
        status: Of the answer.

    Raises:
        HttpError: 409, where the key was used for another request, or its answer is lost.
    """
    call, registry = _call(request), state_of(request).registry
    if call.key is None or call.token is None:
        value = act(registry)
        return reply(request, kind, value, status=status(value) if callable(status) else status)
    fingerprint = call.digest.hexdigest()
    kept = registry.feed.find_answer(call.token.id, call.key)
    if kept is not None:
        return _again(kept, fingerprint)
    value = act(registry.feed.claim(call.token.id, call.key, fingerprint))
    body, code = dump_wire(kind, value), status(value) if callable(status) else status
    registry.feed.keep_answer(call.token.id, call.key, status=code, body=body)
    return send(request, body, status=code)


def _again(kept: tuple[str, int | None, bytes | None], fingerprint: str) -> Response:
    known, status, body = kept
    if known != fingerprint:
        raise HttpError(
            409, "IdempotencyKey", "this Idempotency-Key was used for another request", hint="use a new key"
        )
    if status is None:
        said = "this was done, and its answer was lost when the server stopped"
        raise HttpError(409, "AnswerLost", said, hint="promptctl log says what came of it")
    return Response(body, status_code=status, headers={"idempotency-replayed": "true"}, media_type="application/json")
