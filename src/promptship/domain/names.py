"""Names of prompts, partials, inputs and evalsets, and references to prompts."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, NewType

from promptship.errors import UsageError

__all__ = ["CaseId", "PromptName", "Reference", "RunId", "parse_prompt_name", "parse_reference"]

PromptName = NewType("PromptName", str)
"""`namespace/name`, without the `.prompt` ending."""
CaseId = NewType("CaseId", str)
RunId = NewType("RunId", str)

_SEGMENT = re.compile(r"[^\W_][\w.-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{4,64}")
_LABEL = re.compile(r"[a-z][a-z0-9-]{0,62}")
_LONGEST_NAME = 200

_RANGE = re.compile(r"\^[0-9]{1,9}(\.[0-9]{1,9}){0,2}")

ReferenceKind = Literal["working", "path", "git", "version", "label", "digest", "range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where a prompt is to be taken from.

    Attributes:
        kind: `working` is the working tree, `path` a file; the rest say what `selector` is.
        name: The prompt's name, or for `path` the path as written.
        selector: Git revision, version number, label, digest, or range such as `^2` of semantic versions; "" for
            `working` and `path`.
    """

    kind: ReferenceKind
    name: str
    selector: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "working" | "path":
                return self.name
            case "git":
                return f"{self.name}@git:{self.selector}"
            case _:
                return f"{self.name}@{self.selector}"


def parse_prompt_name(text: str) -> PromptName:
    """Check a prompt's name.

    Args:
        text: Segments of letters, digits, `_`, `-` and `.`, joined by `/`, each beginning with a letter or digit.

    Raises:
        UsageError: The text is not such a name, or not in Unicode NFC.

    Example:
        >>> parse_prompt_name("support/reply")
        'support/reply'
    """
    if unicodedata.normalize("NFC", text) != text:
        raise UsageError(
            f"the prompt name {text!r} is not in Unicode NFC",
            hint=f"write it as {unicodedata.normalize('NFC', text)!r}",
        )
    if not text or len(text) > _LONGEST_NAME or not all(_SEGMENT.fullmatch(part) for part in text.split("/")):
        raise UsageError(
            f"{text!r} is not a prompt name",
            hint="a name is like 'support/reply': letters, digits, '_', '-' and '.', joined by '/'",
        )
    return PromptName(text)


def parse_reference(text: str) -> Reference:
    """Parse a reference such as `support/reply`, `support/reply@git:main~1` or `prompts/hello.prompt`.

    Raises:
        UsageError: The text is none of the forms.

    Example:
        >>> parse_reference("support/reply@git:main~1")
        Reference(kind='git', name='support/reply', selector='main~1')
    """
    if text.endswith(".prompt") and "@" not in text:
        return Reference(kind="path", name=text)
    name, at, selector = text.partition("@")
    parse_prompt_name(name)
    if not at:
        return Reference(kind="working", name=name)
    if selector.startswith("git:") and len(selector) > len("git:"):
        return Reference(kind="git", name=name, selector=selector.removeprefix("git:"))
    if kind := _kind_of(selector):
        return Reference(kind=kind, name=name, selector=selector)
    msg = f"{text!r} is not a reference to a prompt: {selector!r} is no version, label, digest or git revision"
    raise UsageError(
        msg, hint="write name, name@git:REV, name@7, name@label, name@^2, name@sha256:…, or a path to a .prompt file"
    )


def _kind_of(selector: str) -> ReferenceKind | None:
    """Return what a selector of a registry is; None where it is none."""
    if selector.isascii() and selector.isdigit() and int(selector) > 0:
        return "version"
    patterns: tuple[tuple[re.Pattern[str], ReferenceKind], ...] = (
        (_DIGEST, "digest"), (_RANGE, "range"), (_LABEL, "label")
    )  # fmt: skip
    return next((kind for pattern, kind in patterns if pattern.fullmatch(selector)), None)
