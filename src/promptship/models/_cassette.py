"""Recorded answers in a file that is committed, so that a run can be repeated without a key and without the network."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import orjson

from promptship.domain import Response
from promptship.errors import CassetteMissError, MissingExtraError, StorageError, UsageError
from promptship.models._codec import response_as_json, response_from_json
from promptship.models._keys import KeyMaker, question_key
from promptship.models._middleware import Middleware, OpenStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    from promptship.domain import CompletionModel, CompletionRequest, JsonObject, ModelConfig

__all__ = ["Cassette", "FrozenModel", "Recording", "ReplayModel"]

_HEADER = {"promptship": 1, "kind": "cassette"}
# Written once and committed: size counts, time does not.
_LEVEL = 19
# A few kilobytes can unpack to gigabytes.
_LONGEST_LINE = 64 * 2**20
_HINT = "record it with: promptctl eval --record"


class Cassette:
    """Answers by the key of what was asked. Made by `record` or `frozen`.

    The file is zstd-compressed JSONL, sorted by key and without times, so equal answers make equal bytes. It holds no
    prompts, no addresses and no keys.

    Args:
        path: The file.
        mode: Whether answers are added or looked up.
        rows: What it holds.
    """

    def __init__(self, path: Path, *, mode: Literal["record", "frozen"], rows: dict[str, JsonObject]) -> None:
        self.path = path
        self.mode = mode
        self._rows = rows
        self._written = False

    @classmethod
    def record(cls, path: Path, *, keep: bool = False) -> Self:
        """Begin a recording, which `close` writes.

        Args:
            path: The file; its folder is made when it is written.
            keep: Also keep the answers of an existing file that are not asked for this time.

        Raises:
            StorageError: The existing file is to be kept and is damaged.
            MissingExtraError: zstandard is not installed.
        """
        _import_zstandard()
        rows = _load_rows(path) if keep and path.exists() else {}
        return cls(path, mode="record", rows=rows)

    @classmethod
    def frozen(cls, path: Path) -> Self:
        """Open a recording to answer from.

        Raises:
            CassetteMissError: There is no such file.
            StorageError: It is damaged.
            MissingExtraError: zstandard is not installed.
        """
        return cls(path, mode="frozen", rows=_load_rows(path))

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: bytes) -> Response | None:
        """Return the answer recorded under `key`; None where there is none."""
        row = self._rows.get(key.hex())
        return None if row is None else _parse_answer(row, self.path)

    def put(self, key: bytes, request: CompletionRequest, model: str, response: Response) -> None:
        """Record an answer.

        Args:
            key: Of request and model.
            request: What was asked; only a digest of it is kept.
            model: `provider/model` that was asked.
            response: The answer.
        """
        question = question_key(request).hex()
        self._rows[key.hex()] = {"question": question, "model": model, "answer": response_as_json(response)}
        self._written = False

    def answers_by_question(self, model: str | None) -> dict[str, Response]:
        """Return the answers by the digest of the question alone, for a model that replays them.

        Args:
            model: Only answers that this `provider/model` gave; None for all.

        Raises:
            UsageError: There are different answers to one question.
        """
        found: dict[str, tuple[str, JsonObject]] = {}
        for row in self._rows.values():
            question, recorded = str(row["question"]), str(row["model"])
            if model not in (None, recorded):
                continue
            earlier = found.setdefault(question, (recorded, row))
            if earlier[1]["answer"] != row["answer"]:
                models = " and ".join(dict.fromkeys((earlier[0], recorded)))
                raise UsageError(
                    f"{str(self.path)!r} holds different answers to one question, by {models}",
                    hint=f"name one: replay/{self.path}?model={earlier[0]}",
                )
        return {question: _parse_answer(row, self.path) for question, (_, row) in found.items()}

    def close(self) -> None:
        """Write a recording, whole or not at all. Harmless when called twice, and for a frozen one.

        Raises:
            StorageError: It cannot be written.
        """
        if self.mode == "record" and not self._written:
            _write_atomically(self.path, _render(self._rows))
            self._written = True

    def discard(self) -> None:
        """Forget the recording, so that `close` leaves an existing file alone."""
        self._written = True


class Recording(Middleware):
    """Records every answer that passes, called or cached.

    Args:
        inner: What answers.
        cassette: Where to.
        config: The model's, fallbacks included.
    """

    def __init__(self, inner: CompletionModel, cassette: Cassette, config: ModelConfig) -> None:
        super().__init__(inner)
        self._cassette = cassette
        self._keys = KeyMaker(config, with_fallbacks=True)
        self._model = config.model

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`."""
        response = await self._inner.complete(request)
        self._cassette.put(self._keys.key(request), request, self._model, response)
        return response

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`."""
        async with OpenStream(self._inner.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Response):
                    self._cassette.put(self._keys.key(request), request, self._model, piece)
                yield piece


class FrozenModel:
    """Answers from a cassette alone; it has no way to call anything.

    Args:
        cassette: Where from.
        config: The model that was recorded, fallbacks included.
    """

    def __init__(self, cassette: Cassette, config: ModelConfig) -> None:
        self._cassette = cassette
        self._keys = KeyMaker(config, with_fallbacks=True)
        self._model = config.model

    async def complete(self, request: CompletionRequest) -> Response:
        """Return the recorded answer.

        Raises:
            CassetteMissError: There is none.
        """
        response = self._cassette.get(self._keys.key(request))
        if response is None:
            raise CassetteMissError(
                f"{str(self._cassette.path)!r} holds no answer of {self._model!r} to this call", hint=_HINT
            )
        return response

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`; the answer comes in one piece."""
        response = await self.complete(request)
        if response.text:
            yield response.text
        yield response

    async def aclose(self) -> None:
        """Do nothing: there is nothing open."""


class ReplayModel:
    """The provider `replay/`: what a cassette answers, whichever model and params it was recorded with.

    Args:
        name: Path of the cassette, then perhaps `?model=provider/model` to choose one of several recorded models.

    Raises:
        CassetteMissError: There is no such file.
        StorageError: It is damaged.
        UsageError: It holds different answers to one question.
    """

    def __init__(self, name: str) -> None:
        path, _, query = name.partition("?")
        wanted = query.removeprefix("model=") if query.startswith("model=") else None
        self._path = path
        self._answers = Cassette.frozen(Path(path)).answers_by_question(wanted)

    async def complete(self, request: CompletionRequest) -> Response:
        """Return the recorded answer.

        Raises:
            CassetteMissError: There is none.
        """
        response = self._answers.get(question_key(request).hex())
        if response is None:
            raise CassetteMissError(f"{self._path!r} holds no answer to this call", hint=_HINT)
        return response

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str | Response]:
        """See `CompletionModel.stream`; the answer comes in one piece."""
        response = await self.complete(request)
        if response.text:
            yield response.text
        yield response

    async def aclose(self) -> None:
        """Do nothing: there is nothing open."""


def _import_zstandard() -> ModuleType:
    try:
        import zstandard
    except ImportError:
        raise MissingExtraError("zstandard", extra="eval", needed_for="a cassette") from None
    return zstandard


def _render(rows: dict[str, JsonObject]) -> bytes:
    lines = [orjson.dumps(_HEADER)]
    lines += [orjson.dumps({"key": key, **rows[key]}, option=orjson.OPT_SORT_KEYS) for key in sorted(rows)]
    compressed: bytes = _import_zstandard().ZstdCompressor(level=_LEVEL).compress(b"\n".join(lines) + b"\n")
    return compressed


def _load_rows(path: Path) -> dict[str, JsonObject]:
    zstandard = _import_zstandard()
    rows: dict[str, JsonObject] = {}
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            lines = io.BufferedReader(stream)
            _check_header(_read_line(lines))
            while line := _read_line(lines):
                row = orjson.loads(line)
                rows[row.pop("key")] = {"question": row["question"], "model": row["model"], "answer": row["answer"]}
    except FileNotFoundError:
        raise CassetteMissError(f"there is no cassette {str(path)!r}", hint=_HINT) from None
    except OSError as error:
        raise StorageError(f"cannot read the cassette {str(path)!r}: {error.strerror}") from None
    except (zstandard.ZstdError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"the cassette {str(path)!r} is damaged: {error}", hint=_HINT) from None
    return rows


def _read_line(lines: io.BufferedReader) -> bytes:
    line = lines.readline(_LONGEST_LINE)
    if line and not line.endswith(b"\n"):
        raise ValueError("it is cut off" if len(line) < _LONGEST_LINE else "a line is longer than 64 MiB")
    return line


def _check_header(line: bytes) -> None:
    header: Any = orjson.loads(line) if line else None
    if header != _HEADER:
        raise ValueError(f"its first line is {line[:80]!r}, expected {orjson.dumps(_HEADER)!r}")


def _parse_answer(row: JsonObject, path: Path) -> Response:
    answer = row["answer"]
    try:
        return response_from_json(answer if isinstance(answer, dict) else {}, "replayed")
    except ValueError as error:
        raise StorageError(f"the cassette {str(path)!r} is damaged: {error}", hint=_HINT) from None


def _write_atomically(path: Path, data: bytes) -> None:
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # Temporary files are private; this one is going to be committed and read by others.
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write the cassette {str(path)!r}: {error.strerror}") from None
