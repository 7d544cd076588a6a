"""`promptctl serve`: the registry for a team."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptship.cli._console import note, open_workspace

__all__ = ["serve"]

_TLS = "End TLS here"


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8200,
    workers: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Processes.")] = 1,
    database: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A SQLite file or a PostgreSQL URL; the project's registry if none."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name that clients may call it by; repeatable.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help=f"{_TLS}: the certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help=f"{_TLS}: its key.")] = None,
    *,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Take tokens without TLS: a proxy before it ends it.")
    ] = False,
    anonymous_reads: Annotated[bool, typer.Option("--anonymous-reads", help="Let anybody read.")] = False,
) -> None:
    """Serve a registry to a team over HTTP, until Ctrl-C.

    The first time it prints a token that may do everything, for a week: log in with it and make others.
    """
    from promptship.assembly import POLICY_FILE, registry_address
    from promptship.server import ServeSettings, make_first_token
    from promptship.server import serve as run_server

    project = open_workspace(context).project
    policy = project.root / POLICY_FILE
    settings = ServeSettings(
        address=database or registry_address(project),
        host=host,
        port=port,
        workers=workers,
        hosts=tuple(allow_host or ()),
        policy=str(policy) if policy.exists() else None,
        tls_cert=str(tls_cert) if tls_cert else None,
        tls_key=str(tls_key) if tls_key else None,
        plain_http=plain_http,
        anonymous_reads=anonymous_reads,
    )
    first = make_first_token(settings)

    def say(url: str) -> None:
        note(f"serving at {url}")
        if first is not None:
            note("its first token, good for a week and shown once; promptctl login takes it:")
            typer.echo(first.text)

    run_server(settings, on_ready=say)
