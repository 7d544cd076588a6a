"""Tokens of a server, and what each may do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, get_args

from promptship.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from promptship.domain.registry import ActorKind

__all__ = ["Action", "Scope", "StoredToken", "parse_scope"]

Action = Literal["read", "push", "label", "promote", "break-glass", "approve", "attest", "flags", "feedback", "admin"]

_ACTIONS: tuple[str, ...] = get_args(Action)
_PATTERN = re.compile(r"[\w.*/-]{1,200}")
_WITH_LABEL = ("label", "promote", "break-glass", "approve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Something that a token may do.

    Attributes:
        action: What; `admin` is everything.
        prompts: To prompts of which names; `*` stands for any characters, `/` too.
        label: With labels of which names; of `label`, `promote`, `break-glass` and `approve` alone.
    """

    action: Action
    prompts: str = "*"
    label: str = "*"

    def __str__(self) -> str:
        parts = [self.action, self.prompts, self.label]
        while parts[-1] == "*":
            parts.pop()
        return ":".join(parts)

    def covers(self, action: Action, prompt: str | None = None, label: str | None = None) -> bool:
        """Tell whether it allows an action.

        Args:
            action: What is to be done.
            prompt: To which prompt; None for what is of no prompt, which takes a scope for all prompts.
            label: With which label; None for none.
        """
        if self.action == "admin":
            return True
        if self.action != action or (label is not None and not fnmatchcase(label, self.label)):
            return False
        return self.prompts == "*" if prompt is None else fnmatchcase(prompt, self.prompts)


def parse_scope(text: str) -> Scope:
    """Parse a scope.

    Args:
        text: `ACTION`, `ACTION:PROMPTS` or `ACTION:PROMPTS:LABEL`.

    Raises:
        UsageError: It is none.

    Example:
        >>> parse_scope("promote:payments/*:production").covers("promote", "payments/refund", "production")
        True
    """
    action, *patterns = text.split(":")
    if action not in _ACTIONS:
        hint = f"a token may {', '.join(_ACTIONS)}"
        meant = did_you_mean(action, _ACTIONS)
        raise UsageError(f"{text!r} is no scope: {action!r} is nothing to allow{meant}", hint=hint)
    most = 2 if action in _WITH_LABEL else 0 if action == "admin" else 1
    if len(patterns) > most or not all(_PATTERN.fullmatch(pattern) for pattern in patterns):
        raise UsageError(
            f"{text!r} is no scope", hint="write it like read, push:support/* or promote:payments/*:production"
        )
    prompts, label = (*patterns, "*", "*")[:2]
    return Scope(action=action, prompts=prompts, label=label)  # type: ignore[arg-type]  # it is in _ACTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """A token as a registry keeps it; its secret is known to its bearer alone.

    Attributes:
        id: What it is called in lists and in the ledger; the beginning of the token itself.
        name: Whose it is; becomes the actor of what is done with it.
        kind: A person, a CI job, or a service.
        hash: Hex SHA-256 of the secret.
        scopes: What it may do.
        created_at: ISO 8601 UTC.
        created_by: Name of the actor that made it.
        expires_at: ISO 8601 UTC; None where it does not.
        revoked_at: ISO 8601 UTC; None while it is good.
    """

    id: str
    name: str
    kind: ActorKind
    hash: str
    scopes: tuple[Scope, ...]
    created_at: str
    created_by: str
    expires_at: str | None = None
    revoked_at: str | None = None

    def may(self, action: Action, prompt: str | None = None, label: str | None = None) -> bool:
        """Tell whether one of its scopes allows an action; see `Scope.covers`."""
        return any(scope.covers(action, prompt, label) for scope in self.scopes)
