"""Which outputs a person is asked about, in which order, and with what probability each came up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from promptship.errors import SourceError, StorageError, UsageError
from promptship.judges._budget import NextLabel
from promptship.judges._run_outputs import RunOutput, outputs_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptship.domain import JsonObject, JsonValue, JudgedItem, Output
    from promptship.judges._label_store import LabelStore
    from promptship.runner import Run

__all__ = ["LabelQueue", "QueuedOutput", "load_plan", "queue_plan", "queue_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedOutput:
    """An output to ask a person about; nothing of it says what a judge thinks.

    Attributes:
        case_id: The case.
        digest: How labels know the output.
        inputs: What the case asks.
        expected: What it expects; None for nothing.
        output: The answer.
        propensity: Probability with which it was drawn.
        run: The run that it is of; "" where a judge's `items` have it.
        found: The cell of the run; None where `items` have it.
    """

    case_id: str
    digest: str
    inputs: JsonObject
    expected: JsonValue
    output: Output
    propensity: float
    run: str = ""
    found: RunOutput | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Case and output, which together name what is labelled."""
        return self.case_id, self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelQueue:
    """What one person is asked about.

    Attributes:
        outputs: In the order in which they are asked about.
        offered: How many outputs they were drawn from.
        done: Of those drawn, how many this person has labelled before; they are not in `outputs`.
    """

    outputs: tuple[QueuedOutput, ...]
    offered: int
    done: int

    @property
    def drawn(self) -> int:
        """How many outputs were drawn in all."""
        return len(self.outputs) + self.done


def queue_run(run: Run, store: LabelStore, *, rater: str, count: int, seed: int = 0) -> LabelQueue:
    """Draw outputs of a run at random, each once.

    The same run, count and seed draw the same outputs, so that work goes on where it stopped and two people label the
    same ones.

    Args:
        run: The run.
        store: What is labelled already.
        rater: Who is asked.
        count: How many to draw; all where there are fewer.
        seed: Of the draw and the order.

    Raises:
        UsageError: The run has no output that can be labelled.
        StorageError: The run is damaged.
    """
    found = list(outputs_of(run))
    if not found:
        raise UsageError(f"run {run.manifest.run_id} has no output that could be labelled", hint="promptctl runs show")
    drawn = random.Random(seed).sample(found, min(count, len(found)))  # noqa: S311 - a draw, no secret
    propensity = len(drawn) / len(found)
    queued = [_from_run(one, run.manifest.run_id, propensity) for one in drawn]
    return _without_done(queued, store, rater, offered=len(found))


def load_plan(path: Path) -> list[NextLabel]:
    """Load what `promptctl judge budget NAME --json` wrote.

    Raises:
        SourceError: The file is no such plan.
        StorageError: It cannot be read.
    """
    try:
        rows = orjson.loads(path.read_bytes())["labels"]
        return [_planned(row) for row in rows]
    except OSError as error:
        raise StorageError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        hint = "write it with: promptctl judge budget NAME --json"
        raise SourceError.at(str(path), None, None, "this is no plan of labels", hint=hint) from None


def _planned(row: dict[str, Any]) -> NextLabel:
    propensity = float(row["propensity"])
    if not 0 < propensity <= 1:
        raise ValueError(propensity)
    return NextLabel(
        case=row["case"], output_digest=row["output_digest"], verdict=row["verdict"], propensity=propensity
    )


def queue_plan(
    plan: Sequence[NextLabel], items: Sequence[JudgedItem], store: LabelStore, *, rater: str, seed: int = 0
) -> LabelQueue:
    """Take the outputs that a judge's budget names, in random order: by strata they would tell what the judge thinks.

    Args:
        plan: What to label, with propensities.
        items: The judge's items.
        store: What is labelled already.
        rater: Who is asked.
        seed: Of the order.

    Raises:
        UsageError: The plan names outputs that are not among the items.
    """
    known = {item.key: item for item in items}
    missing = [one.case for one in plan if (one.case, one.output_digest) not in known]
    if missing:
        raise UsageError(
            f"the plan names outputs of {len(missing)} cases that are not in the judge's `items`: {missing[0]!r} …",
            hint="plan anew: promptctl judge budget NAME --json",
        )
    queued = [_from_item(known[one.case, one.output_digest], one.propensity) for one in plan]
    random.Random(seed).shuffle(queued)  # noqa: S311 - an order, no secret
    return _without_done(queued, store, rater, offered=len(known))


def _from_run(found: RunOutput, run_id: str, propensity: float) -> QueuedOutput:
    record = found.record
    return QueuedOutput(
        case_id=record.key.case_id,
        digest=found.digest,
        inputs=record.inputs,
        expected=record.expected,
        output=found.output,
        propensity=propensity,
        run=run_id,
        found=found,
    )


def _from_item(item: JudgedItem, propensity: float) -> QueuedOutput:
    return QueuedOutput(
        case_id=item.case.id,
        digest=item.digest,
        inputs=item.case.inputs,
        expected=item.case.expected,
        output=item.output,
        propensity=propensity,
    )


def _without_done(queued: Sequence[QueuedOutput], store: LabelStore, rater: str, *, offered: int) -> LabelQueue:
    waiting = tuple(one for one in queued if (*one.key, rater) not in store.labels)
    return LabelQueue(outputs=waiting, offered=offered, done=len(queued) - len(waiting))
