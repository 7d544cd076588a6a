"""The outputs of a run as people label them: each once, however many repeats and variants gave the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptship.report import output_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from promptship.domain import CellRecord, JsonObject, JsonValue, Output
    from promptship.runner import Run

__all__ = ["RunOutput", "item_row", "outputs_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutput:
    """An output of a run.

    Attributes:
        digest: How labels know it.
        record: The first cell that gave it.
        output: What the cell holds.
    """

    digest: str
    record: CellRecord
    output: Output

    @property
    def key(self) -> tuple[str, str]:
        """Case and output, which together name what is labelled."""
        return self.record.key.case_id, self.digest


def outputs_of(run: Run, case_ids: Collection[str] | None = None) -> Iterator[RunOutput]:
    """Yield the outputs of a run that can be labelled, in the plan's order.

    Args:
        run: The run.
        case_ids: Of these cases only; None for all.

    Raises:
        StorageError: The run is damaged.
    """
    seen: set[tuple[str, str]] = set()
    for record in run.records(case_ids):
        digest = output_digest(record)
        if record.output is None or digest is None or (record.key.case_id, digest) in seen:
            continue
        seen.add((record.key.case_id, digest))
        yield RunOutput(digest=digest, record=record, output=record.output)


def item_row(found: RunOutput) -> JsonObject:
    """Return an output with its case as a line of a judge's `items`, which gives it the same digest again."""
    record, output = found.record, found.output
    row: JsonObject = {"id": record.key.case_id, "inputs": record.inputs}
    if record.expected is not None:
        row["expected"] = record.expected
    if record.tags:
        row["tags"] = dict(record.tags)
    if record.cluster is not None:
        row["cluster"] = record.cluster
    if passages := _passages(output):
        row["contexts"] = passages
    if output.text or (output.data is None and not output.messages):
        row["output"] = output.text
        return row
    row["output"] = output.data
    if output.messages:
        row["messages"] = list(output.messages)
    return row


def _passages(output: Output) -> list[JsonValue]:
    """Return what was retrieved, as a case writes passages; nothing where one has another shape."""
    found: list[JsonValue] = []
    for passage in output.contexts:
        text, name = passage.get("text"), passage.get("id")
        if not isinstance(text, str):
            return []
        found.append({"id": name, "text": text} if isinstance(name, str) and name else {"text": text})
    return found
