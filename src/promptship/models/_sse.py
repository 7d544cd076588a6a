"""Server-sent events of a streamed chat completion, put together to the completion that they are pieces of."""

from __future__ import annotations

from typing import Any

import orjson

from promptship.errors import BadResponseError

__all__ = ["StreamedCompletion"]

_SHOWN = 200


class StreamedCompletion:
    """Takes bytes as they come and gives the pieces of text in them; afterwards the whole completion.

    Args:
        shown: Model and origin, as messages name them.

    Attributes:
        error: The body of an error event, where one came.
        finished: True after a finish reason or `[DONE]`: the answer is whole.
    """

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._rest = b""
        self._plain: list[bytes] | None = None
        self._begun = False
        self._data: list[bytes] = []
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._logprobs: list[Any] = []
        self._finish_reason: str | None = None
        self._model = ""
        self._usage: dict[str, Any] | None = None
        self.error: bytes | None = None
        self.finished = False

    def feed(self, chunk: bytes) -> list[str]:
        """Take the next bytes and return the pieces of text that they completed.

        Raises:
            BadResponseError: An event is not of the protocol.
        """
        if not self._begun:
            self._begun = True
            # A server that cannot stream answers in one JSON object; no event begins with a brace.
            if chunk.lstrip().startswith(b"{"):
                self._plain = []
        if self._plain is not None:
            self._plain.append(chunk)
            return []
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        pieces: list[str] = []
        for line in lines:
            self._take_line(line.removesuffix(b"\r"), pieces)
        return pieces

    def take(self, event: dict[str, Any]) -> list[str]:
        """Take an event that is parsed already and return the pieces of text in it."""
        pieces: list[str] = []
        self._take_delta(event, pieces)
        return pieces

    @property
    def has_text(self) -> bool:
        """True where text came in pieces."""
        return bool(self._text)

    def end(self) -> None:
        """Take what came after the last line break; some servers leave the last event open.

        Raises:
            BadResponseError: What came is not of the protocol.
        """
        if self._plain is None:
            self.feed(b"\n\n")
        else:
            self.finished = True

    def payload(self) -> bytes:
        """Return the completion as if it had not been streamed; a server may indeed have ignored the wish."""
        if self._plain is not None:
            return b"".join(self._plain)
        return orjson.dumps(self._as_completion())

    def _as_completion(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._text)}
        if self._refusal:
            message["refusal"] = "".join(self._refusal)
        if self._calls:
            message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        choice = {"message": message, "finish_reason": self._finish_reason, "logprobs": {"content": self._logprobs}}
        return {"model": self._model, "choices": [choice], "usage": self._usage}

    def _take_line(self, line: bytes, pieces: list[str]) -> None:
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif not line and self._data:
            data, self._data = b"\n".join(self._data), []
            self._take_event(data, pieces)

    def _take_event(self, data: bytes, pieces: list[str]) -> None:
        if data.strip() == b"[DONE]":
            self.finished = True
            return
        try:
            event = orjson.loads(data)
            if event.get("error"):
                self.error = data
                return
            self._take_delta(event, pieces)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            text = data[:_SHOWN].decode("utf-8", "backslashreplace")
            reason = f"{type(error).__name__}: {error}"
            raise BadResponseError(
                f"{self._shown} streamed an event that is not of the protocol ({reason}): {text!r}"
            ) from None

    def _take_delta(self, event: dict[str, Any], pieces: list[str]) -> None:
        self._model = event.get("model") or self._model
        self._usage = event.get("usage") or self._usage
        for choice in (event.get("choices") or ())[:1]:
            delta = choice.get("delta") or {}
            text = delta.get("content")
            if text:
                self._text.append(text)
                pieces.append(text)
            if delta.get("refusal"):
                self._refusal.append(delta["refusal"])
            for call in delta.get("tool_calls") or ():
                self._take_tool_call(call)
            logprobs = choice.get("logprobs") or {}
            self._logprobs += logprobs.get("content") or ()
            if choice.get("finish_reason"):
                self._finish_reason = choice["finish_reason"]
                self.finished = True

    def _take_tool_call(self, piece: dict[str, Any]) -> None:
        index = piece.get("index", len(self._calls))
        call = self._calls.setdefault(index, {"id": "", "function": {"name": "", "arguments": ""}})
        call["id"] = piece.get("id") or call["id"]
        function = piece.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""
