"""Human labels, and the outputs that were labelled, from JSONL files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.domain import JudgedItem, Label, Output, digest_output
from promptship.errors import CanonicalError, SourceError
from promptship.evalsets._cases import CASE, CaseBuilder, CaseDefaults
from promptship.evalsets._files import find_file
from promptship.evalsets._json_lines import read_json_lines
from promptship.evalsets._places import RowSpot
from promptship.evalsets._problems import ProblemList
from promptship.evalsets._shapes import Anything, Choice, Flaw, Listed, Mapped, Record, Shape, Text, describe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptship.domain import Case, JsonObject
    from promptship.evalsets._files import SourceFile
    from promptship.evalsets._places import Keys

__all__ = ["LABEL", "build_label", "items_schema", "labels_schema", "load_items", "load_labels"]


class _Propensity:
    """A probability above 0."""

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return type(value) in {int, float} and 0 < value <= 1

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if not self.accepts(value):
            yield Flaw(keys, f"{keys[-1]}: expected a probability above 0 and up to 1, found {describe(value)}")

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"type": "number", "exclusiveMinimum": 0, "maximum": 1}


_LABEL_FIELDS: Final[dict[str, Shape]] = {
    "case": Text("the id of a case"),
    "output_digest": Text("the digest of an output"),
    "rating": Choice(("good", "bad", "unsure")),
    "note": Text(empty=True),
    "correction": Text(empty=True),
    "rater": Text(empty=True),
    "guideline_digest": Text(empty=True),
    "source": Choice(("sample", "escalation", "feedback", "model")),
    "propensity": _Propensity(),
    "run": Text(empty=True),
}
LABEL: Final = Record(
    "a label",
    _LABEL_FIELDS,
    required=frozenset({"case", "output_digest", "rating"}),
    elsewhere={"label": "call it `rating`: good, bad or unsure", "id": "call it `case`", "score": "people rate here"},
    example='write {"case": "late-birthday-en", "output_digest": "sha256:…", "rating": "good", "rater": "ada"}',
)
_ITEM: Final = Record(
    "a labelled output",
    {**CASE.fields, "output": Anything(), "messages": Listed(Mapped(Anything())), "versus": Text("the other answer")},
    required=frozenset({"inputs", "output"}),
    elsewhere={key: hint for key, hint in CASE.elsewhere.items() if key != "output"},
    example='write {"id": "case-1", "inputs": {"question": "..."}, "output": "Paris"}',
)


def load_labels(path: Path, *, root: Path) -> list[Label]:
    """Load a file of labels.

    Args:
        path: A JSONL file, one label on each line: `case`, `output_digest`, `rating` (good, bad, unsure) and, where
            they are known, `note`, `correction`, `rater`, `guideline_digest`, `source` (sample, escalation, feedback,
            model), `propensity` and `run`. Two equal ratings of one rater count once.
        root: The project; nothing outside of it is read.

    Raises:
        SourceError: The file is wrong, or a rater rates one output both ways; with everything that is wrong in it.
    """
    problems = ProblemList()
    first: dict[tuple[str, str, str], Label] = {}
    file = _find(path, root, "labels")
    for line in read_json_lines(file, problems, strict=True):
        spot = RowSpot(file.shown, line.number, line.text)
        if not LABEL.accepts(line.value):
            problems.extend(flaw.at(spot) for flaw in LABEL.flaws(line.value, ()))
            continue
        label = build_label(line.value, spot)
        before = first.setdefault((label.case_id, label.output_digest, label.rater), label)
        if before.rating != label.rating:
            problems.add(_contradiction(before, label).at(spot))
    problems.raise_any()
    return list(first.values())


def load_items(path: Path, *, root: Path) -> list[JudgedItem]:
    """Load outputs that were put before raters.

    Args:
        path: A JSONL file; each line a case with the key `output` (text, or JSON for an answer that is data),
            `messages` where the answer has no text but tool calls, and `versus` where raters said whether `output` is
            better than another answer.
        root: The project; nothing outside of it is read.

    Raises:
        SourceError: The file is wrong; with everything that is wrong in it.
    """
    problems = ProblemList()
    builder = CaseBuilder(CaseDefaults())
    seen: dict[tuple[str, str], int] = {}
    found = []
    file = _find(path, root, "outputs")
    for line in read_json_lines(file, problems, strict=True):
        spot = RowSpot(file.shown, line.number, line.text)
        if not _ITEM.accepts(line.value):
            problems.extend(flaw.at(spot) for flaw in _ITEM.flaws(line.value, ()))
            continue
        try:
            item = _build_item(line.value, builder.build(line.value, spot))
        except SourceError as error:
            problems.extend(error.problems)
            continue
        except CanonicalError as error:
            problems.add(Flaw(("output",), f"output: {error}").at(spot))
            continue
        if seen.setdefault(item.key, line.number) != line.number:
            message = f"this output of the case {item.case.id!r} stands in line {seen[item.key]} already"
            problems.add(file.problem(message, line=line.number))
        found.append(item)
    problems.raise_any()
    return found


def labels_schema() -> JsonObject:
    """Return the JSON Schema of one line of a file of labels."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **LABEL.schema()}


def items_schema() -> JsonObject:
    """Return the JSON Schema of one line of a file of labelled outputs."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_ITEM.schema()}


def _find(path: Path, root: Path, what: str) -> SourceFile:
    file = find_file(path, root)
    if not path.name.endswith(".jsonl"):
        raise SourceError.at(file.shown, None, None, f"{what} are read from .jsonl files", hint="one on each line")
    return file


def build_label(row: Any, spot: RowSpot) -> Label:
    """Return the label that a row holds which `LABEL` accepts."""
    get = row.get
    return Label(
        case_id=get("case"),
        output_digest=get("output_digest"),
        rating=get("rating"),
        rater=get("rater") or "",
        note=get("note") or "",
        correction=get("correction") or "",
        source=get("source") or "sample",
        propensity=get("propensity"),
        guideline=get("guideline_digest") or "",
        run=get("run") or "",
        path=spot.path,
        line=spot.line,
    )


def _contradiction(before: Label, label: Label) -> Flaw:
    who = f"{label.rater!r}" if label.rater else "the rater without a name"
    return Flaw(
        ("rating",),
        f"contradictory labels: {who} calls this output of {label.case_id!r} {label.rating!r} here and "
        f"{before.rating!r} in line {before.line}",
        "keep the one that is meant; where two people disagree, give each a `rater`",
    )


def _build_item(row: Any, case: Case) -> JudgedItem:
    value, versus = row["output"], row.get("versus")
    messages = tuple(row.get("messages") or ())
    # As a run has it: what is text there is text here, and data without text is known by the data.
    seen = Output(text=value) if isinstance(value, str) else Output(text="", data=value)
    return JudgedItem(
        case=case,
        output=replace(_output(value), messages=messages),
        digest=digest_output(replace(seen, messages=messages)),
        versus=None if versus is None else _output(versus),
    )


def _output(value: Any) -> Output:
    if isinstance(value, str):
        return Output(text=value, provenance="stored")
    return Output(text="" if value is None else orjson.dumps(value).decode(), data=value, provenance="stored")
