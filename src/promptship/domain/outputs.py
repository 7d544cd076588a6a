"""What a target produced for a case."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

from promptship.domain.completions import Usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from promptship.domain.cases import Case
    from promptship.domain.completions import FinishReason, Provenance
    from promptship.domain.json_types import JsonObject, JsonValue

__all__ = ["BegunOutput", "EagerTarget", "Output", "Step", "Target", "VersionUsed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step on the way to an output: a model call, a tool call, or a retrieval."""

    kind: Literal["model", "tool", "retrieval"]
    name: str
    input: JsonValue = None
    output: JsonValue = None
    error: str | None = None
    usage: Usage | None = None
    latency_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionUsed:
    """A prompt version that took part in an output."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output.

    Attributes:
        text: The answer as text; "" where there is none (a tool call, a filter).
        data: The answer as data: parsed JSON where the contract is JSON, or what a callable returned.
        messages: The answer's messages in the protocol's shape, tool calls included; empty where `text` says all.
        steps: What happened on the way, where more than one call was made.
        contexts: Passages that were retrieved.
        versions: Prompt versions used.
        usage: Tokens of all model calls together.
        cost_usd: USD of all model calls together, as if none had been cached; None where a price is unknown.
        latency_s: Seconds of the model calls, or of the whole target where it made none.
        finish_reason: Of the last model call.
        served_model: The model that really answered, of the last model call.
        provenance: Where the answer came from; `called` if any part of it was called now.
        calls: Model calls made now and paid.
        cached_calls: Model calls answered by the cache or a cassette.
        logprob_mean: Mean natural log-probability per generated token, where the model gave it.
        choice_logprobs: Log-probability of each choice, where the model decided by likelihood.
    """

    text: str
    data: JsonValue = None
    messages: tuple[JsonObject, ...] = ()
    steps: tuple[Step, ...] = ()
    contexts: tuple[JsonObject, ...] = ()
    versions: tuple[VersionUsed, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    latency_s: float = 0.0
    finish_reason: FinishReason = "stop"
    served_model: str = ""
    provenance: Provenance = "called"
    calls: int = 0
    cached_calls: int = 0
    logprob_mean: float | None = None
    choice_logprobs: dict[str, float] = field(default_factory=dict)


class Target(Protocol):
    """What turns a case into an Output. Built once per variant of a run, called from one event loop."""

    async def run(self, case: Case, *, repeat: int) -> Output:
        """Produce the output of `case`.

        Args:
            case: The case.
            repeat: 0-based; another repeat is another sample.

        Raises:
            ModelError: The infrastructure failed; the cell is an error.
            BudgetExceededError: Nothing was paid; the run stops and can be resumed.
            PromptshipError: Anything else that is wrong with the case or the target; the cell is an error.
        """
        ...


BegunOutput: TypeAlias = "Output | Callable[[], Awaitable[Output]]"
"""An output that is known, or what asks for it and raises what `Target.run` raises."""


@runtime_checkable
class EagerTarget(Target, Protocol):
    """A target that can look at many cells before it is asked for one, and knows some outputs without a call."""

    def begin(self, cells: Sequence[tuple[Case, int]]) -> Sequence[BegunOutput]:
        """Do for all cells what needs no waiting. Nothing is paid and nothing raised.

        Args:
            cells: Cases and 0-based repeats.

        Returns:
            One for each cell, in their order.
        """
        ...
