"""Media inputs as content parts of the chat protocol."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, cast

from promptship.errors import RenderError, did_you_mean

if TYPE_CHECKING:
    from promptship.domain import JsonObject

__all__ = ["media_part"]

_KEYS = {"url", "data", "mime_type", "kind", "name", "detail"}
_KINDS = ("image", "file", "audio")
_MIME = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]*")
# No `file:`: a model server could be made to read its own disk.
_URL = re.compile(r"(?:https?|gs|s3|data):[^\s]+")
_AUDIO_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}


def media_part(value: JsonObject, *, source: str) -> JsonObject:
    """Return the content part for a media object.

    Args:
        value: `url`, or `data` (base64) and `mime_type`; optional `kind` (image, file, audio), `name` of a file, and
            `detail` of an image. Without `kind` the type decides, and without a type it is an image.
        source: The input, for messages.

    Returns:
        An `image_url`, `file`, `input_audio`, or (audio by URL) `audio_url` part.

    Raises:
        RenderError: The object is not of this shape.
    """
    _check_keys(value, source)
    mime_type = str(value.get("mime_type") or "")
    kind = value.get("kind") or _kind_of(mime_type)
    if kind not in _KINDS:
        raise RenderError(f"{source}: unknown kind {kind!r}; expected image, file or audio")
    if "url" in value:
        return _by_url(str(value["url"]), kind, value)
    data = _checked_base64(value["data"], source)
    if not mime_type:
        raise RenderError(f"{source}: 'data' needs a 'mime_type', such as image/png")
    return _by_data(data, mime_type, kind, value, source)


def _kind_of(mime_type: str) -> str:
    family = mime_type.partition("/")[0]
    return family if family in {"image", "audio"} else ("file" if mime_type else "image")


def _check_keys(value: JsonObject, source: str) -> None:
    for key, item in value.items():
        if key not in _KEYS:
            raise RenderError(f"{source}: unknown key {key!r} of a media object{did_you_mean(key, _KEYS)}")
        if not isinstance(item, str):
            raise RenderError(f"{source}: {key} is {item!r}; expected text")
    if ("url" in value) == ("data" in value):
        raise RenderError(f"{source}: a media object has either 'url' or 'data'")
    if "url" in value and not _URL.fullmatch(str(value["url"])):
        raise RenderError(f"{source}: {value['url']!r} is no URL; expected https:, http:, gs:, s3: or data:")
    if "mime_type" in value and not _MIME.fullmatch(str(value["mime_type"])):
        raise RenderError(f"{source}: {value['mime_type']!r} is no media type, such as image/png")


def _checked_base64(data: Any, source: str) -> str:
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RenderError(f"{source}: 'data' is not base64: {error}") from None
    return str(data)


def _by_url(url: str, kind: str, value: JsonObject) -> JsonObject:
    if kind == "image":
        return _image(url, value)
    if kind == "audio":
        return {"type": "audio_url", "audio_url": {"url": url}}
    return _file(url, value)


def _by_data(data: str, mime_type: str, kind: str, value: JsonObject, source: str) -> JsonObject:
    url = f"data:{mime_type};base64,{data}"
    if kind == "image":
        return _image(url, value)
    if kind == "file":
        return _file(url, value)
    if mime_type not in _AUDIO_FORMATS:
        known = ", ".join(sorted(_AUDIO_FORMATS))
        raise RenderError(f"{source}: audio of the type {mime_type!r} has no place in the protocol; expected {known}")
    return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO_FORMATS[mime_type]}}


def _image(url: str, value: JsonObject) -> JsonObject:
    detail = {"detail": value["detail"]} if "detail" in value else {}
    return {"type": "image_url", "image_url": cast("JsonObject", {"url": url, **detail})}


def _file(url: str, value: JsonObject) -> JsonObject:
    name = {"filename": value["name"]} if "name" in value else {}
    return {"type": "file", "file": cast("JsonObject", {**name, "file_data": url})}
