"""Columns of a table of cases to what a case holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

from promptship.errors import UsageError, did_you_mean
from promptship.evalsets._shorthand import parse_shorthand

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from promptship.domain import JsonObject

__all__ = ["Columns"]

_RESERVED: Final = frozenset({"id", "expected", "cluster", "note"})
_TAGS = "tags."
_JSON = ":json"
_EXPECTED = "__expected"
_HINT = "columns that begin with __ are promptfoo's; of those, __expected, __expected1, __expected2 … are read"


class _Column(NamedTuple):
    """Where a column's values go: into the case, its inputs or its tags under `name`, or to its scorers."""

    goes_to: Literal["case", "inputs", "tags", "scorers"]
    name: str
    is_json: bool = False


class Columns:
    """The columns of one table.

    `id`, `expected`, `cluster`, `note` and `tags.NAME` are a case's own; `__expected` columns are scorers in
    promptfoo's shorthand; every other column is an input. A name that ends in `:json` is read as JSON.

    Args:
        names: The header.
        taken: Names of scorers that the evalset has for every case.

    Raises:
        UsageError: The header is wrong; with the first thing that is.
    """

    def __init__(self, names: Sequence[str], taken: Collection[str]) -> None:
        _check_names(names)
        self._columns = [_parse_name(name) for name in names]
        self._taken = taken

    def __len__(self) -> int:
        return len(self._columns)

    def row(self, values: Sequence[Any]) -> JsonObject:
        """Return a row as a case writes it.

        Args:
            values: One for each column; None, and empty text anywhere but in an input, is absent.

        Raises:
            UsageError: A cell that cannot be read.
        """
        inputs: JsonObject = {}
        tags: JsonObject = {}
        row: JsonObject = {"inputs": inputs}
        cells = []
        for (goes_to, name, is_json), value in zip(self._columns, values, strict=True):
            if value is None or (value == "" and (is_json or goes_to != "inputs")):
                continue
            if goes_to == "inputs":
                inputs[name] = _read_json(name, value) if is_json else value
            elif goes_to == "case":
                row[name] = _read_json(name, value) if is_json else value
            elif goes_to == "tags":
                tags[name] = value
            else:
                cells.append(str(value))
        if tags:
            row["tags"] = tags
        if cells:
            row["scorers"] = list(self._scorers(cells))
        return row

    def _scorers(self, cells: list[str]) -> Iterator[JsonObject]:
        """Read scorers; a cell has no room for a name, so a second one of a type is called `type-2`."""
        taken = set(self._taken)
        for cell in cells:
            scorer = parse_shorthand(cell)
            name, number = str(scorer["type"]), 1
            while name in taken:
                number += 1
                name = f"{scorer['type']}-{number}"
            taken.add(name)
            yield scorer if number == 1 else {**scorer, "name": name}


def _check_names(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise UsageError(f"column {number} has no name", hint="the first line names the columns")
        if name in seen:
            raise UsageError(f"two columns are called {name!r}")
        seen.add(name)
    if len(names) == 1 and any(sign in names[0] for sign in ";\t"):
        raise UsageError(f"the header {names[0]!r} is one column", hint="separate columns with commas")


def _parse_name(name: str) -> _Column:
    if name.startswith("__"):
        if name.removeprefix(_EXPECTED).isdecimal() or name == _EXPECTED:
            return _Column("scorers", name)
        raise UsageError(f"unknown column {name!r}{did_you_mean(name, [_EXPECTED])}", hint=_HINT)
    bare = name.removesuffix(_JSON)
    is_json = bare != name
    if bare in _RESERVED:
        return _Column("case", bare, is_json)
    if name.startswith(_TAGS) and name != _TAGS:
        return _Column("tags", name.removeprefix(_TAGS))
    return _Column("inputs", bare, is_json)


def _read_json(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise UsageError(f"the column {name + _JSON!r} holds {value!r}; expected JSON text")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        message = f"the column {name + _JSON!r} is not JSON: {error.msg}, at character {error.pos + 1}"
        raise UsageError(message, hint=f"name the column {name!r} if it is plain text") from None
