"""Ways to hide a text from a filter: disguises that a reader sees through, and encodings that a model reads."""

import base64
import codecs

import pytest

ENCODINGS = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "entities": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "escapes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "hidden": lambda text: "".join(chr(0xE0000 + ord(letter)) for letter in text),
}
DISGUISES = {
    "zero width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "direction marks": "\u202e".join,
    "variation selectors": "\ufe0f".join,
    "fullwidth": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "mathematical": lambda text: "".join(chr(0x1D41A + ord(c) - ord("a")) if c.islower() else c for c in text),
    "cyrillic": lambda text: text.translate(str.maketrans("aeopcyx", "аеорсух")),  # noqa: RUF001 - look-alikes
    "stacked marks": lambda text: "".join(letter + "\u0336\u0301" for letter in text),
    "accents": lambda text: text.replace("e", "é").replace("i", "ï"),
    "circled": lambda text: "".join(chr(0x24D0 + ord(c) - ord("a")) if c.islower() else c for c in text),
}


@pytest.fixture(params=list(DISGUISES.values()), ids=list(DISGUISES))
def disguise(request):
    return request.param


@pytest.fixture(params=list(ENCODINGS.items()), ids=list(ENCODINGS))
def encoding(request):
    return request.param
