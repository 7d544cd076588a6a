"""A prompt as it was found: in a file, in a commit, or in a registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.domain import PromptVersion
from promptship.prompts import PromptDocument

if TYPE_CHECKING:
    from promptship.domain import Closure, Reference, StoredVersion

__all__ = ["LoadedPrompt", "build_stored"]


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
    document = PromptDocument(
        path=version.ref,
        body=closure.template,
        body_line=1,
        declares_inputs=True,
        model=version.model_name,
        input_schema=closure.input_schema,
        defaults=closure.defaults,
        trust=closure.trust,
        examples=closure.examples or None,
        output=closure.output,
        tools=closure.tools,
        description=version.description,
        tags=version.tags,
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
