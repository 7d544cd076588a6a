"""JSON Schemas for editors, from the very tables by which files are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.evalsets._cases import CASE
from promptship.evalsets._header import HEADER
from promptship.evalsets._outputs import outputs_record
from promptship.evalsets._scorers import scorer_definition

if TYPE_CHECKING:
    from promptship.domain import JsonObject

__all__ = ["case_schema", "evalset_schema", "outputs_schema"]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def evalset_schema() -> JsonObject:
    """Return the JSON Schema (2020-12) of an evalset file.

    It refuses what the reader refuses, but for what a schema cannot say: names that stand twice, files that are not
    there, and prompt references and figures of gates in all their forms.
    """
    definitions: JsonObject = {"case": CASE.schema(), "scorer": scorer_definition()}
    return {"$schema": _DRAFT, "title": "Promptship evalset", **HEADER.schema(), "$defs": definitions}


def case_schema() -> JsonObject:
    """Return the JSON Schema (2020-12) of one case: a line of a .jsonl file, or an item of `cases`."""
    definitions: JsonObject = {"scorer": scorer_definition()}
    return {"$schema": _DRAFT, "title": "Promptship case", **CASE.schema(), "$defs": definitions}


def outputs_schema() -> JsonObject:
    """Return the JSON Schema (2020-12) of one line of a file of stored outputs."""
    answers: JsonObject = {"anyOf": [{"required": ["text"]}, {"required": ["data"]}, {"required": ["messages"]}]}
    return {"$schema": _DRAFT, "title": "Promptship stored output", **outputs_record().schema(), **answers}
