"""`promptctl log | blame | bisect | search | resolve | verify`: what a registry says."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptship.cli import _lock
from promptship.cli._bundle import verify_bundle
from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.domain import PromptVersion, StoredVersion
    from promptship.evalsets import Evalset
    from promptship.registry import LogEntry, Registry, VerifyReport
    from promptship.runner import Run

__all__ = ["bisect", "blame", "log", "resolve", "search", "verify"]

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Version = Annotated[str, typer.Argument(metavar="REF", help="name@7, name@label, name@^2 or name@sha256:…")]
_LONGEST = 60


def log(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of this prompt; everything if none.")] = None,
    label: Annotated[str | None, typer.Option(metavar="LABEL", help="Moves of this label.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The newest N.")] = 20,
    *,
    as_json: _Json = False,
) -> None:
    """Say who pushed, labelled, rolled back or withdrew what, when and why; the newest first."""
    with _open(open_workspace(context)) as registry:
        found = registry.log(name, label=label, limit=limit)
    if as_json:
        print_json([asdict(entry) for entry in found])
        return
    rows = [
        (str(one.seq), one.at[:19], one.kind, _subject(one), _who(one.actor.name), _shorten(one.text)) for one in found
    ]
    print_table(("event", "when (UTC)", "what", "of", "by", "why"), rows)


def _subject(entry: LogEntry) -> str:
    if entry.prompt is None:
        return entry.name
    version = f"{entry.prompt}@{entry.number}" if entry.number else entry.prompt
    if entry.label is None:
        return version
    before = f"{entry.before} -> " if entry.before else ""
    return f"{entry.prompt} {entry.label}: {before}{entry.number or 'nothing'}"


def _who(actor: str) -> str:
    """Return a name without its address."""
    return _shorten(actor.partition(" <")[0] or actor)


def _shorten(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def resolve(
    context: typer.Context,
    reference: _Version,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="As it was then: 2026-11-23, or with a time.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Print the version that a reference means, now or at a time."""
    workspace = open_workspace(context)
    if _lock.is_lock_asked(workspace, reference) and "@" in reference:
        _lock.resolve(workspace, reference, at=at, as_json=as_json)
        return
    with _open(workspace) as registry:
        version = registry.resolve(reference, at=at)
    if as_json:
        print_json(_version_json(version))
        return
    typer.echo(f"{version.ref} {version.digest}")


def search(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="WORD", help="All must occur, in any case.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="With this tag.")] = None,
    label: Annotated[str | None, typer.Option(metavar="LABEL", help="That this label points at.")] = None,
    author: Annotated[str | None, typer.Option(metavar="NAME", help="Pushed by somebody called so.")] = None,
    part: Annotated[str | None, typer.Option("--partial", metavar="PATH", help="Made of this partial.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="So many at most.")] = 50,
    *,
    old: Annotated[bool, typer.Option("--all", help="Older versions of a prompt, too.")] = False,
    as_json: _Json = False,
) -> None:
    """Find versions by words of their name, description, message, template, partials, model and tags."""
    with _open(open_workspace(context)) as registry:
        found = registry.search(
            " ".join(words or []), tag=tag, label=label, author=author, partial=part, old=old, limit=limit
        )
    if as_json:
        print_json([_version_json(version) for version in found])
        return
    rows = [
        (one.ref, one.semver_text, one.created_at[:10], _who(one.author), _shorten(one.message or one.description))
        for one in found
    ]
    print_table(("version", "semver", "pushed", "by", "message"), rows)


def blame(context: typer.Context, reference: _Version, *, as_json: _Json = False) -> None:
    """Print a version's template and partials with the version that each line came in with."""
    with _open(open_workspace(context)) as registry:
        found = registry.blame(reference)
    if as_json:
        print_json([{**asdict(line), "version": _version_json(line.version)} for line in found])
        return
    from promptship.report import escape_terminal

    path = ""
    for line in found:
        if line.path != path:
            path = line.path
            typer.echo(f"\n{escape_terminal(path)}")
        who = f"{line.version.number:>4} {line.version.created_at[:10]} {_who(line.version.author)[:24]:<24}"
        typer.echo(f"{escape_terminal(who)} {line.line:>4} {escape_terminal(line.text)}".rstrip())


def bisect(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a prompt.")],
    evalset: Annotated[str, typer.Argument(metavar="EVALSET", help="Whose case.")],
    case: Annotated[str, typer.Argument(metavar="CASE", help="Id of the case that broke.")],
    good: Annotated[int | None, typer.Option(min=1, metavar="N", help="It passed here; the first if none.")] = None,
    bad: Annotated[int | None, typer.Option(min=1, metavar="N", help="It fails here; the last if none.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Find the version that broke a case, by halving; runs that were stored are not paid for again."""
    import asyncio

    from promptship.evaluation import bisect_case

    workspace = open_workspace(context)
    chosen = workspace.load_evalsets([evalset])[0]
    with _open(workspace) as registry:
        living = [one for one in registry.versions(name) if one.tombstone is None]
        versions = [one for one in living if (good or 1) <= one.number <= (bad or living[-1].number)]
        evaluate = partial(_evaluate_case, workspace, chosen)
        found = asyncio.run(
            bisect_case(workspace.project, registry, chosen, case, versions=versions, evaluate=evaluate)
        )
    if as_json:
        pair = {"good": _version_json(found.good), "bad": _version_json(found.bad)}
        print_json({**pair, "tried": found.tried})
        return
    bad_one = found.bad
    typer.echo(f"{bad_one.ref} broke {case}: pushed {bad_one.created_at[:10]} by {_who(bad_one.author)}")
    if bad_one.message:
        typer.echo(f"  {_shorten(bad_one.message)}")
    note(f"{found.tried} versions tried; promptctl diff {found.good.ref} {bad_one.ref}")


async def _evaluate_case(workspace: Workspace, evalset: Evalset, version: PromptVersion, case: str) -> Run:
    from promptship.evalsets import Selection
    from promptship.evaluation import EvalOptions

    options = EvalOptions(versions=(version,), selection=Selection(only_ids=frozenset({case})))
    async with workspace:
        return await workspace.evaluate(evalset, options)


def verify(
    context: typer.Context,
    bundle: Annotated[
        Path | None, typer.Argument(metavar="[BUNDLE]", help="A bundle; the registry or the lock if none.")
    ] = None,
    anchor: Annotated[
        Path | None, typer.Option("--anchor", metavar="FILE", help="The ledger must still hold what is anchored here.")
    ] = None,
    *,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Take a bundle that nobody signed.")] = False,
    as_json: _Json = False,
) -> None:
    """Recompute the whole ledger, every digest and every state; name the first row that is not as it was written."""
    from promptship.errors import ExitCode
    from promptship.project import LOCK_FILE

    workspace = open_workspace(context)
    if bundle is not None:
        verify_bundle(workspace, bundle, unsigned=unsigned, as_json=as_json)
        return
    if workspace.project.source == "git" and (workspace.project.root / LOCK_FILE).exists():
        _lock.verify(workspace, as_json=as_json)
        return
    with _open(workspace) as registry:
        report = registry.verify()
        broken = _check_anchors(registry, anchor) if anchor else []
    if as_json:
        print_json({**asdict(report), "anchors": broken})
    else:
        _print_report(report)
        for line in broken:
            typer.echo(f"NOT ANCHORED: {line}")
    raise typer.Exit(ExitCode.INFRASTRUCTURE if report.flaws or broken else ExitCode.PASS)


def _check_anchors(registry: Registry, path: Path) -> list[str]:
    from promptship.release import check_anchors, load_anchors

    return check_anchors(load_anchors(path), registry.log())


def _print_report(report: VerifyReport) -> None:
    from promptship.report import escape_terminal

    for flaw in report.flaws:
        typer.echo(escape_terminal(str(flaw)))
    counts = (
        f"{report.events:,} events, {report.versions:,} versions, {report.blobs:,} contents ({report.erased:,} erased),"
        f" {report.evalsets:,} evalsets, {report.runs:,} runs, {report.attestations:,} pieces of evidence"
    )
    typer.echo(f"{'NOT VERIFIED' if report.flaws else 'verified'}: {counts}")
    typer.echo(f"head: event {report.events:,}, {report.head}")
    if report.flaws:
        note("hint: the ledger cannot be mended; restore a backup (promptctl db restore). Where only states are wrong:")
        note("hint: promptctl db check --repair")


def _version_json(version: StoredVersion) -> dict[str, Any]:
    return {**asdict(version), "ref": version.ref, "semver": version.semver_text}


def _open(workspace: Workspace) -> Registry:
    from promptship.assembly import open_registry

    return open_registry(workspace.project)
