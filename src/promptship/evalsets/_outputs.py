"""Stored outputs: what a target once answered, by case."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.domain import Digest, Output, Step, Usage, VersionUsed, canonical_json
from promptship.errors import CanonicalError, SourceError
from promptship.evalsets._files import find_file
from promptship.evalsets._index import PackedIndex, hash_key
from promptship.evalsets._json_lines import read_json_lines
from promptship.evalsets._places import RowSpot
from promptship.evalsets._problems import ProblemList
from promptship.evalsets._shapes import Anything, Choice, Flaw, Listed, Mapped, Number, Record, Text

if TYPE_CHECKING:
    from pathlib import Path

    from promptship.evalsets._files import SourceFile

__all__ = ["StoredOutputs", "load_outputs", "outputs_record"]

_OBJECTS: Final = Listed(Mapped(Anything()))
_FIGURE: Final = Number(least=0)
_COUNT: Final = Number(least=0, whole=True)
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "cached_tokens")
_USAGE: Final = Record("usage", dict.fromkeys(_TOKENS, _COUNT))
_STEP: Final = Record(
    "a step",
    {
        "kind": Choice(("model", "tool", "retrieval")),
        "name": Text(empty=True),
        "input": Anything(),
        "output": Anything(),
        "error": Text(empty=True),
        "usage": _USAGE,
        "latency_s": _FIGURE,
    },
    required=frozenset({"kind", "name"}),
)
_FINISHED: Final = ("stop", "length", "tool_calls", "content_filter", "context_length", "invalid_output", "other")
_OUTPUT: Final = Record(
    "a stored output",
    {
        "id": Text(),
        "repeat": _COUNT,
        "text": Text(empty=True),
        "data": Anything(),
        "messages": _OBJECTS,
        "steps": Listed(_STEP),
        "contexts": _OBJECTS,
        "versions": Listed(
            Record("a version", {"name": Text(), "digest": Text()}, required=frozenset({"name", "digest"}))
        ),
        "usage": _USAGE,
        "cost_usd": _FIGURE,
        "latency_s": _FIGURE,
        "finish_reason": Choice(_FINISHED),
        "served_model": Text(empty=True),
    },
    required=frozenset({"id"}),
    elsewhere={"output": "write the answer as `text`, or as `data` where it is JSON", "case_id": "call it `id`"},
    example='write {"id": "case-1", "text": "Paris"}',
)
_REPEATED_SHOWN: Final = 20
_ANSWERS: Final = ("text", "data", "messages")
_NO_ANSWER: Final = Flaw((), "a stored output has one of the keys 'text', 'data' and 'messages'")


class StoredOutputs:
    """The outputs of a JSONL file, found by case and repeat; each is read from disk when it is asked for.

    Attributes:
        path: The file, as messages name it.
        digest: Digest of all outputs in the order of the file.
    """

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._stamp = file.stamp()
        self._index = PackedIndex()
        self.path = file.shown
        self.digest = self._read_all()

    def __len__(self) -> int:
        return len(self._index)

    def find(self, case_id: str, *, repeat: int = 0) -> Output | None:
        """Return the output of a case; None where the file has none for it.

        Args:
            case_id: The case.
            repeat: 0-based; where a file says nothing of repeats, its outputs are of repeat 0.

        Raises:
            UsageError: The file was changed since it was loaded.
        """
        offset = self._index.find(hash_key(case_id, str(repeat)))
        if offset is None:
            return None
        self._file.require_stamp(self._stamp)
        with self._file.open() as stream:
            stream.seek(offset)
            return _build(orjson.loads(stream.readline()))

    def _read_all(self) -> Digest:
        problems = ProblemList()
        digest = hashlib.sha256(b"outputs 1\n")
        for line in read_json_lines(self._file, problems, strict=True):
            flaws, content = _check(line.value)
            if flaws:
                spot = RowSpot(self.path, line.number, line.text)
                problems.extend(flaw.at(spot) for flaw in flaws)
                continue
            digest.update(content + b"\n")
            self._index.add(_key(line.value), line.offset)
        self._note_repeated(problems)
        problems.raise_any()
        return Digest("sha256:" + digest.hexdigest())

    def _note_repeated(self, problems: ProblemList) -> None:
        repeated = sorted((later, first) for first, later in self._index.repeated())
        shown = repeated[:_REPEATED_SHOWN]
        wanted = {offset for pair in shown for offset in pair}
        lines = read_json_lines(self._file, ProblemList(), strict=False) if wanted else ()
        found = {line.offset: line for line in lines if line.offset in wanted}
        for later, first in shown:
            value = found[later].value
            which = f"{value['id']!r}, repeat {value.get('repeat') or 0},"
            message = f"the output of the case {which} stands in line {found[first].number} already"
            problems.add(self._file.problem(message, line=found[later].number))
        problems.count_more(len(repeated) - len(shown))


def load_outputs(path: Path, *, root: Path) -> StoredOutputs:
    """Check a file of stored outputs and index it; the outputs themselves stay on disk.

    Args:
        path: A JSONL file, one object on each line: `id` of the case, `repeat` (0 if none), and of `Output` the fields
            `text`, `data`, `messages`, `steps`, `contexts`, `versions`, `usage`, `cost_usd`, `latency_s`,
            `finish_reason` and `served_model`; at least one of the first three.
        root: The project; nothing outside of it is read.

    Raises:
        SourceError: The file is wrong; with everything that is wrong in it.
    """
    file = find_file(path, root)
    if not path.name.endswith(".jsonl"):
        raise SourceError.at(
            file.shown, None, None, "outputs are read from .jsonl files", hint="one output on each line"
        )
    return StoredOutputs(file)


def outputs_record() -> Record:
    """Return what a stored output may hold."""
    return _OUTPUT


def _check(value: Any) -> tuple[list[Flaw], bytes]:
    """Return what is wrong with a row, and its canonical bytes where nothing is."""
    flaws = list(_OUTPUT.flaws(value, ())) if not _OUTPUT.accepts(value) else []
    if not flaws and all(value.get(key) is None for key in _ANSWERS):
        flaws = [_NO_ANSWER]
    if flaws:
        return flaws, b""
    try:
        content = {key: item for key, item in value.items() if item is not None and not key.startswith("x-")}
        return [], canonical_json(content)
    except CanonicalError as error:
        return [Flaw((), str(error))], b""


def _key(value: Any) -> bytes:
    return hash_key(value["id"], str(value.get("repeat") or 0))


def _build(value: Any) -> Output:
    get = value.get
    text, data = get("text"), get("data")
    if text is None:
        text = "" if data is None else orjson.dumps(data).decode()
    return Output(
        text=text,
        data=data,
        messages=tuple(get("messages") or ()),
        steps=tuple(map(_build_step, get("steps") or ())),
        contexts=tuple(get("contexts") or ()),
        versions=tuple(VersionUsed(name=one["name"], digest=one["digest"]) for one in get("versions") or ()),
        usage=_build_usage(get("usage")) or Usage(),
        cost_usd=get("cost_usd"),
        latency_s=get("latency_s") or 0.0,
        finish_reason=get("finish_reason") or "stop",
        served_model=get("served_model") or "",
        provenance="stored",
    )


def _build_step(value: Any) -> Step:
    get = value.get
    return Step(
        kind=value["kind"],
        name=value["name"],
        input=get("input"),
        output=get("output"),
        error=get("error"),
        usage=_build_usage(get("usage")),
        latency_s=get("latency_s"),
    )


def _build_usage(value: Any) -> Usage | None:
    return Usage(**{key: item for key, item in value.items() if key in _TOKENS and item is not None}) if value else None
