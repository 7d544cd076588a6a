"""promptfoo's tests to cases: tables, files, matrices of variables, scenarios and defaults."""

from __future__ import annotations

import csv
import fnmatch
import io
import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.converters._promptfoo_scorers import parse_cell
from promptship.errors import SourceError
from promptship.prompts import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from promptship.converters._ledger import Ledger
    from promptship.converters._source_folder import SourceFolder
    from promptship.domain import JsonObject, JsonValue
    from promptship.prompts import YamlDocument

__all__ = ["ForeignTest", "TestReader"]

_KNOWN: Final = {"description", "vars", "assert", "threshold", "metadata", "options"}
_OPTIONS: Final = {"disableDefaultAsserts", "disableVarExpansion"}
_CONFIG_CELL: Final = re.compile(r"__config:__expected(\d*):threshold")
_METADATA: Final = "__metadata:"
_TABLE_READ: Final = ("__expected", "__description", "__threshold", "__metric", _METADATA)
_TABLE_KEYS: Final = ("__prefix", "__suffix", "__providerOutput")


@dataclass(frozen=True, slots=True)
class ForeignTest:
    """A test with its variables multiplied out.

    Attributes:
        variables: Variables by name.
        asserts: Assertions of the test itself.
        line_of: Line of an assertion, by its index.
        threshold: What the weighted mean of its assertions has to reach; None where all have to pass.
        description: For people.
        metadata: Whatever was noted.
        keeps_defaults: Whether the assertions of `defaultTest` hold for it too.
        path: File it stands in.
        line: Line there.
    """

    variables: Mapping[str, JsonValue]
    asserts: list[Any]
    line_of: Callable[[int], int]
    threshold: float | None
    description: str
    metadata: Mapping[str, JsonValue]
    keeps_defaults: bool
    path: str
    line: int


@dataclass
class TestReader:
    """Reads `tests` and `scenarios` of a promptfoo config."""

    __test__ = False  # pytest: this class is no test

    document: YamlDocument
    ledger: Ledger
    folder: SourceFolder
    known_types: Mapping[str, Any]
    tests: list[ForeignTest] = field(default_factory=list)

    def read(self, value: Any, keys: tuple[str | int, ...] = ("tests",)) -> None:
        """Read a list of tests, or the name of a file that holds them."""
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            place = (*keys, index) if isinstance(value, list) else keys
            if isinstance(item, str):
                self._read_file(item, self.document.place(place)[0])
            elif isinstance(item, dict) and "path" in item and "vars" not in item:
                self._refuse_code(str(item["path"]), self.document.place(place)[0])
            else:
                self._add(item, self.document, place, self.ledger)

    def read_scenarios(self, value: Any) -> None:
        """Read scenarios: every configuration with every test."""
        for index, scenario in enumerate(value if isinstance(value, list) else []):
            keys: tuple[str | int, ...] = ("scenarios", index)
            if not isinstance(scenario, dict):
                self.ledger.add("lost", "scenario", f"{scenario!r} is no scenario", line=self.document.place(keys)[0])
                continue
            for config, (number, test) in itertools.product(
                _listed(scenario.get("config")), enumerate(_listed(scenario.get("tests")))
            ):
                merged = _merge(config, test)
                self._add(merged, self.document, (*keys, "tests", number), self.ledger)

    # Files

    def _read_file(self, written: str, line: int) -> None:
        name = written.removeprefix("file://").removeprefix("./")
        names = [name]
        if any(sign in name for sign in "*?["):
            names = fnmatch.filter(self.folder.list_files(".yaml", ".yml", ".json", ".csv", ".jsonl"), name)
        readers = {"csv": self._read_table, "jsonl": self._read_lines, "json": self._read_data, "yaml": self._read_data}
        readers["yml"] = self._read_data
        read = False
        for one in names:
            reader = readers.get(one.rpartition(".")[2].lower())
            text = self.folder.read(one) if reader else None
            if reader is not None and text is not None:
                read = True
                reader(one, text)
        if not read:
            self._refuse_code(written, line)

    def _refuse_code(self, written: str, line: int) -> None:
        message = f"tests of {written!r} were left out: only data files beside the config are read"
        self.ledger.add("lost", "tests", message, line=line, hint="save them as CSV, JSONL or YAML")

    def _read_table(self, name: str, text: str) -> None:
        ledger = self.ledger.of(self.folder.show(name))
        reader = csv.reader(io.StringIO(text, newline=""))
        header = [one.strip() for one in next(reader, [])]
        line = reader.line_num + 1
        for values in reader:
            if values and any(values):
                self._add_row(dict(zip(header, values, strict=False)), ledger, line)
            line = reader.line_num + 1

    def _add_row(self, row: dict[str, str], ledger: Ledger, line: int) -> None:
        own = {key: value for key, value in row.items() if key.startswith("__")}
        cells = [
            parse_cell(value, self.known_types)
            for key, value in own.items()
            if key.startswith("__expected") and value.strip()
        ]
        for key, value in own.items():
            if key.startswith("__config:") or key in _TABLE_KEYS:
                self._config_cell(key, value, cells, ledger, line)
            elif not key.startswith(_TABLE_READ):
                ledger.add("lost", "column", f"the column {key!r} has no counterpart", line=1)
        for cell in cells if own.get("__metric") else ():
            cell["metric"] = own["__metric"]
        metadata = {key: value for key, value in own.items() if key.startswith(_METADATA) and value.strip()}
        test: JsonObject = {
            "description": own.get("__description", ""),
            "threshold": _number(own.get("__threshold", "")),
            "vars": {key: value for key, value in row.items() if not key.startswith("__")},
            "metadata": {key.removeprefix(_METADATA).removesuffix("[]"): value for key, value in metadata.items()},
            "assert": list(cells),
            "options": {"disableVarExpansion": True},
        }
        self._append(test, ledger, line, lambda _: line)

    def _config_cell(self, key: str, value: str, cells: list[JsonObject], ledger: Ledger, line: int) -> None:
        """Take `__config:__expected2:threshold`, the threshold of the row's second assertion."""
        found = _CONFIG_CELL.fullmatch(key)
        number = int(found[1] or "1") if found else 0
        if value.strip() and 0 < number <= len(cells):
            cells[number - 1]["threshold"] = _number(value)
        elif value.strip():
            ledger.add("lost", "column", f"the column {key!r} has no counterpart", line=line)

    def _read_lines(self, name: str, text: str) -> None:
        ledger = self.ledger.of(self.folder.show(name))
        for number, row in enumerate(text.split("\n"), 1):
            if not row.strip():
                continue
            try:
                value = orjson.loads(row)
            except orjson.JSONDecodeError as error:
                raise SourceError.at(ledger.path, number, error.colno, f"not JSON: {error.msg}") from None
            self._append(value, ledger, number, _constant(number))

    def _read_data(self, name: str, text: str) -> None:
        shown = self.folder.show(name)
        document = parse_yaml(text, path=shown)
        for index, item in enumerate(_listed(document.value)):
            self._add(item, document, (index,) if isinstance(document.value, list) else (), self.ledger.of(shown))

    # Tests

    def _add(self, item: Any, document: YamlDocument, keys: tuple[str | int, ...], ledger: Ledger) -> None:
        line = document.place(keys)[0]
        self._append(item, ledger, line, lambda index: document.place((*keys, "assert", index))[0])

    def _append(self, item: Any, ledger: Ledger, line: int, line_of: Callable[[int], int]) -> None:
        if not isinstance(item, dict):
            ledger.add("lost", "test", f"{item!r} is no test", line=line)
            return
        _tell_unknown(item, ledger, line)
        given = item.get("options")
        options: JsonObject = given if isinstance(given, dict) else {}
        variables = self._load_variables(item.get("vars"), ledger, line)
        rows = [variables] if options.get("disableVarExpansion") else list(_multiply(variables))
        threshold = item.get("threshold")
        metadata = item.get("metadata")
        for row in rows:
            self.tests.append(
                ForeignTest(
                    variables=row,
                    asserts=_listed(item.get("assert")),
                    line_of=line_of,
                    threshold=float(threshold) if isinstance(threshold, int | float) else None,
                    description=str(item.get("description") or ""),
                    metadata=metadata if isinstance(metadata, dict) else {},
                    keeps_defaults=not options.get("disableDefaultAsserts"),
                    path=ledger.path,
                    line=line,
                )
            )

    def _load_variables(self, value: Any, ledger: Ledger, line: int) -> JsonObject:
        if value is not None and not isinstance(value, dict):
            ledger.add("lost", "vars", f"vars {value!r} are not written out", line=line)
        found: JsonObject = {}
        for name, item in value.items() if isinstance(value, dict) else ():
            found[name] = self._load_value(name, item, ledger, line)
        return found

    def _load_value(self, name: str, value: JsonValue, ledger: Ledger, line: int) -> JsonValue:
        if not isinstance(value, str):
            return value
        if not value.startswith("file://"):
            return value.removesuffix("\n")
        file = value.removeprefix("file://").removeprefix("./")
        text = self.folder.read(file) if not file.endswith((".js", ".py", ".ts", ".mjs", ".cjs")) else None
        if text is None:
            message = f"the variable {name!r} is {value!r}, which is no text file beside it"
            ledger.add("lost", "vars", message, line=line)
            return value
        if file.endswith((".yaml", ".yml")):
            return orjson.dumps(parse_yaml(text, path=self.folder.show(file)).value).decode()
        return text.strip()


def _tell_unknown(item: JsonObject, ledger: Ledger, line: int) -> None:
    for key in item.keys() - _KNOWN:
        ledger.add("lost", "test-key", f"a test's {key} has no counterpart", line=line)
    options = item.get("options")
    for key in (options if isinstance(options, dict) else {}).keys() - _OPTIONS:
        ledger.add("lost", "test-option", f"a test's option {key} has no counterpart", line=line)


def _multiply(variables: Mapping[str, JsonValue]) -> Iterator[JsonObject]:
    """Yield every combination of variables that are lists of texts."""
    choices = [
        value if isinstance(value, list) and value and isinstance(value[0], str) else [value]
        for value in variables.values()
    ]
    for combination in itertools.product(*choices):
        yield dict(zip(variables, combination, strict=True))


def _merge(config: Any, test: Any) -> Any:
    if not isinstance(config, dict) or not isinstance(test, dict):
        return test
    merged = {**config, **test}
    for key in ("vars", "metadata", "options"):
        if isinstance(config.get(key), dict) and isinstance(test.get(key), dict):
            merged[key] = {**config[key], **test[key]}
    return merged


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _constant(line: int) -> Callable[[int], int]:
    return lambda _: line
