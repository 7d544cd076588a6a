"""The program: its commands in the order of `--help`, and what happens to errors."""

from __future__ import annotations

import contextlib
import copy
import gc
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from promptship import __version__
from promptship.cli import (
    _audit,
    _bundle,
    _compare,
    _convert,
    _coverage,
    _db,
    _demo,
    _diff,
    _eval,
    _gate,
    _history,
    _init,
    _judge,
    _models,
    _mutate,
    _power,
    _prompts,
    _registry,
    _release,
    _review,
    _run,
    _runs,
    _schema,
    _score,
    _serve,
    _status,
    _sync,
    _token,
)
from promptship.cli._console import print_error
from promptship.cli._streams import flush_stdout, prepare_streams
from promptship.errors import ExitCode, PromptshipError, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

_ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000
_FRONT, _PROMPTS, _EVALUATION, _MODELS = "Front door", "Prompts", "Evaluation", "Models"
_REGISTRY = "Registry"

app = typer.Typer(
    name="promptctl",
    help="Release engineering for prompts: version, evaluate, gate, ship.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _show_version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"promptctl {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    context: typer.Context,
    directory: Annotated[str, typer.Option("-C", metavar="DIR", help="Run as if started in DIR.")] = ".",
    *,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option(
            "--version", callback=lambda value: _show_version(asked=value), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    context.obj = directory


app.command("init", rich_help_panel=_FRONT)(_init.init)
app.command("demo", rich_help_panel=_FRONT)(_demo.demo)
app.command("run", rich_help_panel=_FRONT)(_run.run)
app.command("eval", rich_help_panel=_FRONT)(_eval.evaluate)
app.command("diff", rich_help_panel=_FRONT)(_diff.diff)
app.command("status", rich_help_panel=_FRONT)(_status.status)
app.command("promote", rich_help_panel=_FRONT)(_release.promote)
app.command("rollback", rich_help_panel=_FRONT)(_registry.rollback)
app.command("serve", rich_help_panel=_FRONT)(_serve.serve)
app.command("list", rich_help_panel=_PROMPTS)(_prompts.list_prompts)
app.command("show", rich_help_panel=_PROMPTS)(_prompts.show)
app.command("render", rich_help_panel=_PROMPTS)(_prompts.render)
app.command("lint", rich_help_panel=_PROMPTS)(_prompts.lint)
app.command("import", rich_help_panel=_PROMPTS)(_convert.import_)
app.command("export", rich_help_panel=_PROMPTS)(_convert.export)
app.add_typer(_runs.app, name="runs", rich_help_panel=_EVALUATION)
app.command("compare", rich_help_panel=_EVALUATION)(_compare.compare)
app.command("gate", rich_help_panel=_EVALUATION)(_gate.gate)
app.command("affected", rich_help_panel=_EVALUATION)(_diff.affected)
app.command("coverage", rich_help_panel=_EVALUATION)(_coverage.coverage)
app.command("mutate", rich_help_panel=_EVALUATION)(_mutate.mutate)
app.command("power", rich_help_panel=_EVALUATION)(_power.power)
app.add_typer(_judge.app, name="judge", rich_help_panel=_EVALUATION)
app.add_typer(_review.app, name="review", rich_help_panel=_EVALUATION)
app.command("score", rich_help_panel=_EVALUATION)(_score.score)
app.command("schema", rich_help_panel=_EVALUATION)(_schema.schema)
app.command("push", rich_help_panel=_REGISTRY)(_registry.push)
app.command("log", rich_help_panel=_REGISTRY)(_history.log)
app.command("label", rich_help_panel=_REGISTRY)(_registry.label)
app.command("resolve", rich_help_panel=_REGISTRY)(_history.resolve)
app.command("search", rich_help_panel=_REGISTRY)(_history.search)
app.command("blame", rich_help_panel=_REGISTRY)(_history.blame)
app.command("bisect", rich_help_panel=_REGISTRY)(_history.bisect)
app.command("fork", rich_help_panel=_REGISTRY)(_registry.fork)
app.command("tag", rich_help_panel=_REGISTRY)(_registry.tag)
app.command("withdraw", rich_help_panel=_REGISTRY)(_registry.withdraw)
app.command("verify", rich_help_panel=_REGISTRY)(_history.verify)
app.command("attest", rich_help_panel=_REGISTRY)(_release.attest)
app.command("evidence", rich_help_panel=_REGISTRY)(_release.evidence)
app.command("approve", rich_help_panel=_REGISTRY)(_release.approve)
app.add_typer(_release.keys_app, name="keys", rich_help_panel=_REGISTRY)
app.add_typer(_release.release_app, name="release", rich_help_panel=_REGISTRY)
app.add_typer(_audit.app, name="audit", rich_help_panel=_REGISTRY)
app.command("bundle", rich_help_panel=_REGISTRY)(_bundle.bundle)
app.command("sync", rich_help_panel=_REGISTRY)(_sync.sync)
app.command("anchor", rich_help_panel=_REGISTRY)(_audit.anchor)
app.add_typer(_db.app, name="db", rich_help_panel=_REGISTRY)
app.command("login", rich_help_panel=_REGISTRY)(_token.login)
app.command("logout", rich_help_panel=_REGISTRY)(_token.logout)
app.add_typer(_token.token_app, name="token", rich_help_panel=_REGISTRY)
app.add_typer(_models.app, name="models", rich_help_panel=_MODELS)


def main() -> None:
    """Run the program and leave with its exit code; a user's mistake never shows a traceback."""
    # Start-up and a run make much that stays and few cycles; looking for those young would cost a tenth of the time.
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    prepare_streams()
    sys.exit(_exit_code())


def _exit_code() -> int | str | None:
    try:
        code = _run_app()
        flush_stdout()
    except PromptshipError as error:
        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except OSError as error:
        # The parts raise errors of ours, so this is the terminal, the pipe or the file that stdout goes to.
        print_error(StorageError(f"cannot write the output: {error}"))
        with contextlib.suppress(OSError):
            flush_stdout()
        return StorageError.exit_code
    return code


def _run_app() -> int | str | None:
    try:
        _narrow(sys.argv[1:])()
    except SystemExit as leaving:
        return leaving.code
    return ExitCode.PASS


def _narrow(arguments: Sequence[str]) -> typer.Typer:
    """Return the program with the one command that is called, or with all where it takes all to answer."""
    called = _called_command(arguments)
    commands = [one for one in app.registered_commands if one.name == called]
    groups = [one for one in app.registered_groups if one.name == called]
    if not (commands or groups):
        return app
    # Typer reads the options of each command it has before it runs one: 100 ms for all of them, 5 ms for one.
    narrow = copy.copy(app)
    narrow.registered_commands, narrow.registered_groups = commands, groups
    return narrow


def _called_command(arguments: Sequence[str]) -> str | None:
    """Return the first argument that is no option; None where there is none, or an option but `-C DIR` before it."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "-C":
            next(rest, None)
        else:
            return None if argument.startswith("-") else argument
    return None
