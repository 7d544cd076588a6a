"""Bridge sets: outputs that two judges have both looked at, so that what either scored can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from promptship.domain.canonical import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BridgedCell", "JudgeBridge", "name_bridge"]

_DIGITS = 12


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BridgedCell(_Strict):
    """What two judges said of one output.

    Attributes:
        case: Id of the case.
        output_digest: Of the output, as `digest_output` names it.
        scores: By metric (a scorer, or `pass_rate`), what the former judge said and what the latter did, each 0 to 1;
            None where one gave no score.
        verdicts: By scorer, likewise whether they let it pass; None where one abstained.
    """

    case: str
    output_digest: str
    scores: dict[str, tuple[float | None, float | None]]
    verdicts: dict[str, tuple[bool | None, bool | None]] = Field(default_factory=dict)


class JudgeBridge(_Strict):
    """Outputs judged by two judges, or by two sets of them.

    Attributes:
        format: Version of this format.
        judges: By scorer, the digests of the former judge and of the latter.
        cells: What they said. Within what the former passed, and failed, of a run they are drawn at random.
    """

    format: Literal[1] = 1
    judges: dict[str, tuple[str, str]]
    cells: tuple[BridgedCell, ...] = ()


def name_bridge(judges: Mapping[str, tuple[str, str]]) -> str:
    """Return the name of the file that holds the bridge between these judges, without its ending."""
    sides = ({scorer: pair[side] for scorer, pair in judges.items()} for side in (0, 1))
    return "-".join(digest_of({**one}).removeprefix("sha256:")[:_DIGITS] for one in sides)
