"""What a judge is: everything that can change a verdict, as one digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from promptship.domain import digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import Digest, JsonObject, JsonValue

__all__ = ["JudgeSpec"]

_AFTERWARDS: Final = frozenset({"disagreement"})
"""Parameters that say what becomes of votes, and change none."""
_FLOW: Final = 1
"""Fixes how answers are read, repaired and refused; a changed rule is another number, and so another judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSpec:
    """A judge, stated.

    Attributes:
        type: Scorer type.
        prompts: Digests of the closures of its prompts by role; they hold model, parameters and fallbacks.
        rubric: What it is asked, in full: criteria, weights, levels.
        policy: What people who label for it are told, and it too; "" for nothing.
        params: What else decides its verdicts, such as the form of its answers or the number of samples.
        members: Digests of the judges it is made of.
        calibration: Map from its score to a probability; None for none.
        threshold: From which score an output passes, or below and above which scores it decides.
    """

    type: str
    prompts: JsonObject = field(default_factory=dict)
    rubric: JsonValue = None
    policy: str = ""
    params: JsonObject = field(default_factory=dict)
    members: tuple[str, ...] = ()
    calibration: JsonObject | None = None
    threshold: JsonValue = None

    def asked(self, members: Sequence[str] = ()) -> Digest:
        """Return the digest of what is asked alone: judges that differ elsewhere make other scores of the same votes.

        Args:
            members: What the judges it is made of ask.
        """
        listed: list[JsonValue] = list(members)
        return digest_of(
            {
                "asked": _FLOW,
                "type": self.type,
                "prompts": self.prompts,
                "rubric": _without_weights(self.rubric),
                "policy": self.policy,
                "params": {} if members else _asked_by(self.params),
                "members": listed,
            }
        )

    def digest(self) -> Digest:
        """Return the digest that every score of the judge cites."""
        members: list[JsonValue] = list(self.members)
        return digest_of(
            {
                "judge": _FLOW,
                "type": self.type,
                "prompts": self.prompts,
                "rubric": self.rubric,
                "policy": self.policy,
                "params": self.params,
                "members": members,
                "calibration": self.calibration,
                "threshold": self.threshold,
            }
        )


def _asked_by(params: JsonObject) -> JsonObject:
    return {key: value for key, value in params.items() if key not in _AFTERWARDS}


def _without_weights(rubric: JsonValue) -> JsonValue:
    """Return a rubric as it is asked: how much each answer counts is decided afterwards."""
    if isinstance(rubric, list):
        return [_without_weights(one) for one in rubric]
    if isinstance(rubric, dict):
        return {key: _without_weights(one) for key, one in rubric.items() if key != "weight"}
    return rubric
