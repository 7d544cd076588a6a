"""`promptctl login | logout | token`: who one is to a server, and who may do what there."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.domain import StoredToken

__all__ = ["login", "logout", "token_app"]

token_app = typer.Typer(name="token", help="Tokens that a server takes.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Url = Annotated[str, typer.Argument(metavar="URL", help="The server, as in https://prompts.example.org.")]
_UNITS = {"h": 3_600, "d": 86_400, "w": 7 * 86_400}


def login(
    context: typer.Context,
    url: _Url,
    *,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Send the token over a network without TLS.")
    ] = False,
) -> None:
    """Keep a token for a server, for all projects of this user. It is asked for, or read from a pipe."""
    from promptship.assembly import Credentials
    from promptship.errors import UsageError
    from promptship.registry import RemoteRegistry

    given = typer.prompt("token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    text = given.strip()
    if not text:
        raise UsageError("no token was given", hint="promptctl token create makes one")
    with RemoteRegistry.connect(url, text, plain_http=plain_http) as registry:
        token = registry.tokens.me()
    Credentials.of_user().keep(url, text)
    note(f"logged in to {url} as {token.name}, who may {_say_scopes(token)}")
    if open_workspace(context).project.settings.server_url != url:
        note(f'this project does not use it yet: server_url = "{url}" in its settings, or PROMPTSHIP_SERVER_URL')


def logout(url: _Url) -> None:
    """Forget the token for a server; revoke it too where others may have it."""
    from promptship.assembly import Credentials

    note(f"forgot the token for {url}" if Credentials.of_user().forget(url) else f"there was no token for {url}")


@token_app.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what uses it; the actor of all it does.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="read, push:support/*, promote:payments/*:production, approve, attest, label, admin; repeatable.",
        ),
    ] = None,
    kind: Annotated[
        Literal["human", "ci", "service"], typer.Option(metavar="KIND", help="human, ci or service.")
    ] = "human",
    expires: Annotated[str, typer.Option(metavar="TIME", help="12h, 90d, 4w, or never.")] = "90d",
    *,
    as_json: _Json = False,
) -> None:
    """Make a token and print it; nobody can find it out again."""
    from promptship.assembly import local_actor, open_registry

    workspace = open_workspace(context)
    with open_registry(workspace.project) as registry:
        made = registry.tokens.create(
            name,
            scopes or ["read"],
            actor=local_actor(workspace.project, workspace.env),
            kind=kind,
            lifetime_s=_parse_lifetime(expires),
        )
    if as_json:
        print_json({**_as_json(made.token), "token": made.text})
        return
    note(f"{made.token.id}: {name} may {_say_scopes(made.token)}, until {made.token.expires_at or 'it is revoked'}")
    typer.echo(made.text)


@token_app.command("list")
def list_tokens(context: typer.Context, *, as_json: _Json = False) -> None:
    """Print all tokens, the revoked and expired ones too."""
    from promptship.assembly import open_registry

    with open_registry(open_workspace(context).project) as registry:
        found = registry.tokens.list_all()
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    rows = [
        [one.id, one.name, one.kind, _say_scopes(one), one.expires_at or "never", one.revoked_at or ""] for one in found
    ]
    print_table(["id", "name", "kind", "may", "expires", "revoked"], rows)


@token_app.command("revoke")
def revoke(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As promptctl token list prints it.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the ledger.")] = "",
    *,
    as_json: _Json = False,
) -> None:
    """Let a token be good no longer, at once and for good."""
    from promptship.assembly import local_actor, open_registry

    workspace = open_workspace(context)
    with open_registry(workspace.project) as registry:
        token = registry.tokens.revoke(token_id, actor=local_actor(workspace.project, workspace.env), reason=reason)
    if as_json:
        print_json(_as_json(token))
        return
    note(f"{token.id}: {token.name} may do nothing any more")


def _parse_lifetime(text: str) -> float | None:
    from promptship.errors import UsageError

    if text == "never":
        return None
    match = re.fullmatch(r"(\d{1,5})([hdw])", text)
    if match is None:
        raise UsageError(f"--expires {text!r} is no time", hint="write it like 12h, 90d, 4w, or never")
    return float(match[1]) * _UNITS[match[2]]


def _say_scopes(token: StoredToken) -> str:
    return ", ".join(map(str, token.scopes))


def _as_json(token: StoredToken) -> dict[str, Any]:
    found = asdict(token) | {"scopes": [str(scope) for scope in token.scopes]}
    del found["hash"]
    return found
