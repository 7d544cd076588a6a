"""What clients send: bodies and parameters, bounded and checked before any use case sees them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "After",
    "AnswerBody",
    "AttestBody",
    "Break",
    "EraseBody",
    "EvalsetBody",
    "ForkBody",
    "KeyBody",
    "LabelBody",
    "LabelName",
    "Limit",
    "Name",
    "OptionalText",
    "PromotionBody",
    "PushBody",
    "ReasonBody",
    "Ref",
    "ReleaseBody",
    "RunBody",
    "Seq",
    "TagBody",
    "Time",
    "TokenBody",
    "VersionBody",
    "Words",
]

# Neither database keeps U+0000, and no other control character is part of a name.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
_LONGEST_TEXT = 20_000

Name = Annotated[str, Path(max_length=200, pattern=_PLAIN)]
LabelName = Annotated[str, Path(max_length=63, pattern=r"^[a-z][a-z0-9-]*$")]
Ref = Annotated[str, Query(max_length=300, pattern=_PLAIN, description="name@7, name@label, name@^2, name@sha256:…")]
OptionalText = Annotated[str | None, Query(max_length=300, pattern=_PLAIN)]
Words = Annotated[str, Query(max_length=1_000, pattern=_PLAIN)]
Time = Annotated[str | None, Query(max_length=40, pattern=_PLAIN, description="ISO 8601")]
After = Annotated[str | None, Query(max_length=300, pattern=_PLAIN, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
Seq = Annotated[int | None, Query(ge=0, le=2**31 - 1)]

_Text = Annotated[str, Field(max_length=_LONGEST_TEXT)]
_Reference = Annotated[str, Field(max_length=300, pattern=_PLAIN)]
_PromptName = Annotated[str, Field(max_length=200, pattern=_PLAIN)]
_Label = Annotated[str, Field(max_length=63, pattern=r"^[a-z][a-z0-9-]*$")]
_Line = Annotated[str, Field(max_length=300, pattern=_PLAIN)]
_Tags = Annotated[list[Annotated[str, Field(max_length=63)]], Field(max_length=50)]
_Object = dict[str, Any]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Model(_Body):
    model: Annotated[str, Field(min_length=1, max_length=300)]
    params: _Object = Field(default_factory=dict)
    endpoint: _Line | None = None
    fallbacks: Annotated[list[_Model], Field(max_length=20)] = Field(default_factory=list)


class _Output(_Body):
    format: Literal["text", "json"] = "text"
    schema_: Annotated[_Object | None, Field(alias="schema")] = None
    choices: list[str] = Field(default_factory=list)
    prior: dict[str, float] = Field(default_factory=dict)


class _Closure(_Body):
    """A closure as its digest is made of it; see the reference of prompt files."""

    closure: Literal[1]
    template: str
    model: _Model
    partials: dict[str, str] = Field(default_factory=dict)
    input: _Object = Field(default_factory=dict)
    defaults: _Object = Field(default_factory=dict)
    trust: dict[str, Literal["plain", "untrusted"]] = Field(default_factory=dict)
    examples: list[_Object] = Field(default_factory=list)
    output: _Output = Field(default_factory=_Output)
    tools: list[_Object] = Field(default_factory=list)


class PushBody(_Body):
    """A version; with a digest it is refused where the content does not have it."""

    closure: _Closure
    model_name: Annotated[str, Field(min_length=1, max_length=200, pattern=_PLAIN)]
    digest: Annotated[str | None, Field(pattern=r"^sha256:[0-9a-f]{64}$")] = None
    message: _Text = ""
    description: _Text = ""
    git_commit: _Line | None = None
    tags: _Tags = Field(default_factory=list)


class VersionBody(_Body):
    """A version, and why something is done to it."""

    reference: _Reference
    reason: _Text = ""


class ForkBody(_Body):
    """A version that is copied to another prompt."""

    reference: _Reference
    name: _PromptName
    message: _Text = ""


class TagBody(_Body):
    """Tags to add and to take away."""

    reference: _Reference
    add: _Tags = Field(default_factory=list)
    remove: _Tags = Field(default_factory=list)


class LabelBody(_Body):
    """Where a label points from now on."""

    reference: _Reference
    reason: _Text = ""
    evidence: _Line | None = None


class ReasonBody(_Body):
    """Why."""

    reason: _Text = ""


class EvalsetBody(_Body):
    """An evalset: the canonical lines that its digest is made of, the first of them its content."""

    name: _PromptName
    kind: Annotated[str, Field(max_length=40, pattern=r"^[a-z]+$")]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    lines: Annotated[list[str], Field(min_length=1, max_length=200_000)]


class RunBody(_Body):
    """A finished run, as its own files have it."""

    manifest: _Object
    summary: _Object
    verdict: _Object | None = None
    records: Annotated[list[_Object], Field(max_length=200_000)]


class EraseBody(_Body):
    """Which payloads are erased for good."""

    subject: _Line | None = None
    before: _Line | None = None
    reason: _Text = ""


class TokenBody(_Body):
    """A token to be made."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=_PLAIN)]
    scopes: Annotated[list[_Line], Field(min_length=1, max_length=50)]
    kind: Literal["human", "ci", "service"] = "human"
    lifetime_s: Annotated[float | None, Field(gt=0, le=3650 * 86_400)] = None


class KeyBody(_Body):
    """A public key to trust."""

    name: _Line
    pem: Annotated[str, Field(max_length=5_000)]


class AttestBody(_Body):
    """A DSSE envelope with evidence."""

    envelope: _Object


class Break(_Body):
    """Why a label moves although something is missing; None to refuse then."""

    reason: _Text = ""
    break_glass: _Text | None = None


class PromotionBody(Break):
    """A promotion, or a request for one."""

    reference: _Reference
    label: _Label


class AnswerBody(_Body):
    """Agreement, or a reason against."""

    reject: _Text | None = None


class ReleaseBody(Break):
    """Versions that are promoted together."""

    name: _Line
    references: Annotated[list[_Reference], Field(min_length=1, max_length=200)]
    label: _Label
