"""`promptctl bundle`: what labels serve, in one file."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptship.cli._console import note, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.signing import PublicKey

__all__ = ["bundle", "verify_bundle"]


def bundle(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The bundle.")],
    labels: Annotated[list[str] | None, typer.Option("--label", metavar="LABEL", help="Only this one.")] = None,
    key: Annotated[str, typer.Option("--key", metavar="NAME", help="Key that signs; see promptctl keys.")] = "default",
    *,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Leave the signature out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the versions that labels serve, and their evidence, into one signed file that needs no registry.

    The same labels give the same bytes.
    """
    from promptship.assembly import open_registry, signing_key_path
    from promptship.release import save_bundle
    from promptship.signing import load_signer

    workspace = open_workspace(context)
    signer = None if unsigned else load_signer(workspace.env, signing_key_path(key))
    from_lock = workspace.project.source == "git"
    with nullcontext() if from_lock else open_registry(workspace.project) as registry:
        count = save_bundle(output, workspace.project, registry, labels=labels or [], signer=signer)
    if as_json:
        print_json({"file": str(output), "labels": count, "signed": not unsigned})
        return
    note(f"{count} labels written to {output}")


def verify_bundle(workspace: Workspace, path: Path, *, unsigned: bool, as_json: bool) -> None:
    """Check every byte of a bundle, and who signed it."""
    from promptship.errors import StorageError
    from promptship.project import read_bundle

    try:
        with path.open("rb") as file:
            found = read_bundle(file, None if unsigned else _trusted(workspace))
    except OSError as error:
        raise StorageError(f"cannot read {str(path)!r}: {error.strerror}") from None
    states = sorted(found.lock.labels.values(), key=lambda one: (one.prompt, one.label))
    if as_json:
        labels = [{"prompt": one.prompt, "label": one.label, "digest": one.digest} for one in states]
        print_json({"signed_by": found.signed_by, "labels": labels})
        return
    rows = [(one.prompt, one.label, one.digest[7:19], one.at[:19]) for one in states]
    print_table(("prompt", "label", "digest", "since"), rows)
    signed = f"signed with {', '.join(found.signed_by)}" if found.signed_by else "not signed"
    typer.echo(f"verified: {len(states)} labels, {len(found.objects)} contents, {signed}")


def _trusted(workspace: Workspace) -> list[PublicKey]:
    """Return the keys that count here: of the policy where labels are in git, else of the registry's trust list."""
    from promptship.assembly import load_release_policy, open_registry

    if workspace.project.source == "git":
        return list(load_release_policy(workspace.project)[0].keys)
    with open_registry(workspace.project) as registry:
        known = registry.evidence.keys()
    return [one.key for one in known if one.revoked_at is None]
