"""What a provider's refusal means: a typed error, or an answer where model or input caused it."""

from __future__ import annotations

import email.utils
import math
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from promptship.errors import (
    AuthenticationError,
    BadRequestError,
    CallTimeoutError,
    RateLimitError,
    ServerError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import FinishReason
    from promptship.errors import ModelError

__all__ = ["Refusal", "clean_text", "parse_retry_after", "status_in"]

_SHOWN = 300
# Control characters and those that reverse the direction of writing.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
# llama.cpp, vLLM, TGI and older OpenAI models say it in words alone.
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum context|(?:prompt|input) is too long|too many (?:input )?tokens",
    re.IGNORECASE,
)
_TOO_LONG_CODES = ("context_length_exceeded", "exceed_context_size_error")
_FILTER_CODES = ("content_filter", "content_policy_violation")
_STATUS_END = 600
_STATUS_OF_CODE = {
    "rate_limit_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "invalid_api_key": HTTPStatus.UNAUTHORIZED,
    **dict.fromkeys((*_TOO_LONG_CODES, *_FILTER_CODES), HTTPStatus.BAD_REQUEST),
}
_REFUSED_INPUT = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)


class Refusal:
    """An answer with a status other than success, or an error inside a stream.

    Args:
        status: HTTP status.
        payload: The body: JSON `{"error": {...}}` where the server keeps to the protocol, else anything.
        headers: Response headers, their names in lower case or case-insensitive.
        now: Seconds since the epoch, for a `Retry-After` that is a date.
    """

    def __init__(self, status: int, payload: bytes, *, headers: Mapping[str, str], now: float) -> None:
        self.status = status
        self.message, self.code = _read_error(payload)
        self.retry_after_s = parse_retry_after(headers, now)
        self._location = headers.get("location")

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why there is no text, where the input caused it; None where this is an error."""
        if self.status not in _REFUSED_INPUT:
            return None
        if self.code in _FILTER_CODES:
            return "content_filter"
        if self.code in _TOO_LONG_CODES or _TOO_LONG.search(self.message):
            return "context_length"
        return None

    def as_error(self, shown: str) -> ModelError:
        """Return the typed error.

        Args:
            shown: Model and origin, as messages name them.
        """
        status = self.status
        text = f"{shown}: {status} {_phrase(status)}{': ' if self.message else ''}{self.message}"
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            hint = "check the variable named by api_key_env, and that its key may use this model"
            return AuthenticationError(text, hint=hint, status=status)
        if status == HTTPStatus.PAYMENT_REQUIRED or self.code == "insufficient_quota":
            return AuthenticationError(
                text, hint="the account has no credit left; waiting will not help", status=status
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            hint = "lower limits.concurrency or set limits.rpm in models.yaml"
            return RateLimitError(text, hint=hint, status=status, retry_after_s=self.retry_after_s)
        if status == HTTPStatus.REQUEST_TIMEOUT:
            return CallTimeoutError(text, status=status, retry_after_s=self.retry_after_s)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ServerError(text, status=status, retry_after_s=self.retry_after_s)
        return BadRequestError(text, hint=self._hint(), status=status)

    def _hint(self) -> str | None:
        if self._location is not None:
            return (
                f"it redirects to {self._location[:_SHOWN]!r}, which is not followed: set base_url to the final address"
            )
        if self.status == HTTPStatus.NOT_FOUND:
            return "check the model's name, and that base_url ends where /chat/completions begins (often in /v1)"
        return None


def status_in(payload: bytes) -> int:
    """Return the status that an error body itself states, as streams and routers do; 500 where it states none."""
    try:
        code = orjson.loads(payload)["error"]["code"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return int(HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(code, str) and code.isdigit():
        code = int(code)
    if isinstance(code, int) and HTTPStatus.BAD_REQUEST <= code < _STATUS_END:
        return code
    known = _STATUS_OF_CODE.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    return int(known)


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a server asks to wait; None where it says nothing that can be read.

    Args:
        headers: `Retry-After-Ms`, or `Retry-After` in seconds or as an HTTP date.
        now: Seconds since the epoch.

    Source:
        RFC 9110, section 10.2.3.
    """
    milliseconds = _parse_number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _parse_number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _parse_number(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _read_error(payload: bytes) -> tuple[str, str]:
    """Return message and code of an error body, whatever its shape; both may be ""."""
    try:
        body: Any = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return clean_text(payload[: _SHOWN * 4].decode("utf-8", "replace")), ""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return clean_text(str(error)), ""
    message = error.get("message") or error.get("detail") or error
    code = error.get("code")
    return clean_text(str(message)), code if isinstance(code, str) else str(error.get("type") or "")


def clean_text(text: str) -> str:
    """Make a stranger's text fit for one line of a terminal."""
    text = _UNPRINTABLE.sub(" ", text).strip()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no known status)"
