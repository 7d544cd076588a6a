"""A prompt as it was found: in a file, in a commit, or in a registry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from promptship.domain import PromptVersion
from promptship.prompts import PromptDocument

if TYPE_CHECKING:
    from promptship.domain import Closure, Reference, StoredVersion
    from promptship.project._lock import LockedLabel

__all__ = ["LoadedPrompt", "build_locked", "build_stored"]


@dataclass(frozen=True, kw_only=True)
class LoadedPrompt:
    """A prompt as found: its closed version, and the document it was made from (for lint and places in messages).

    Attributes:
        version: The closed version.
        document: The parsed file.
        partials: Text of each partial it reaches, by name.
        path: The file, as messages name it.
        text: The file's text; of a stored version its template.
        stored: What the registry knows of it; None for a file.
    """

    version: PromptVersion
    document: PromptDocument
    partials: dict[str, str]
    path: str
    text: str
    stored: StoredVersion | None = None


def build_stored(reference: Reference, version: StoredVersion, closure: Closure, *, model: str | None) -> LoadedPrompt:
    """Make a loaded prompt of a stored version.

    Args:
        reference: What was asked for.
        version: What that is.
        closure: Its closure, with the model that is to be called.
        model: Name of the model config that replaces its own; None where it was kept.
    """
    document = replace(
        _document_of(closure, version.ref, version.model_name), description=version.description, tags=version.tags
    )
    label = f"{reference}+{model}" if model else str(reference)
    return LoadedPrompt(
        version=PromptVersion(name=version.prompt, closure=closure, origin=version.ref, label=label),
        document=document,
        partials=dict(closure.partials),
        path=version.ref,
        text=closure.template,
        stored=version,
    )


def build_locked(reference: Reference, locked: LockedLabel, closure: Closure, *, model: str | None) -> LoadedPrompt:
    """Make a loaded prompt of what a label of `promptship.lock` serves; see `build_stored`."""
    origin = f"{locked.prompt}@{locked.digest}"
    label = f"{reference}+{model}" if model else str(reference)
    return LoadedPrompt(
        version=PromptVersion(name=locked.prompt, closure=closure, origin=origin, label=label),
        document=_document_of(closure, str(reference), locked.model_name),
        partials=dict(closure.partials),
        path=str(reference),
        text=closure.template,
    )


def _document_of(closure: Closure, path: str, model_name: str) -> PromptDocument:
    """Return what a prompt's file would have said, as far as it decides an answer."""
    return PromptDocument(
        path=path,
        body=closure.template,
        body_line=1,
        declares_inputs=True,
        model=model_name,
        input_schema=closure.input_schema,
        defaults=closure.defaults,
        trust=closure.trust,
        examples=closure.examples or None,
        output=closure.output,
        tools=closure.tools,
    )
