# ruff: noqa: RUF001 - characters that are easily confused are what this table is about
"""Letters of other scripts that are drawn like an ASCII one, as people use them to hide a word from a filter."""

from __future__ import annotations

from typing import Final

__all__ = ["LOOK_ALIKES"]

# What NFKC folds already (full width, mathematical, circled, superscript) is not repeated here.
_DRAWN_ALIKE: Final = {
    "a": "аɑαаạӓꭺᴀ",
    "b": "ЬƅɓᏏʙᖯ",
    "c": "сϲᴄᴐ¢ꮯ",
    "d": "ԁɗᏧᑯđᴅ",
    "e": "еҽєεęėɛᴇ℮ә",
    "f": "ƒғꞙꬵꜰ",
    "g": "ɡցɢԍ",
    "h": "һհɦʜᏂћ",
    "i": "іıɩιɪӏǀⅼ¡ꙇ",
    "j": "јϳʝᴊյ",
    "k": "кκᴋқĸ",
    "l": "ⅼʟɭ׀ꓲ∣",
    "m": "мᴍɱ",
    "n": "пոռηɴŋ",
    "o": "оοօσᴏөø০௦๐ס٥",
    "p": "рρᴘϱþ",
    "q": "ԛգզ",
    "r": "гᴦɾʀꭇᴩ",
    "s": "ѕꜱʂƽ",
    "t": "тτᴛŧ",
    "u": "υսʋᴜцµ",
    "v": "νѵᴠⅴט",
    "w": "ԝѡωɯᴡшա",
    "x": "хχ×ҳ",
    "y": "уүγʏყү",
    "z": "ᴢʐƶ",
    "A": "АΑᎪꓮ",
    "B": "ВΒᏴꓐ",
    "C": "СϹᏟꓚ",
    "D": "Ꭰꓓ",
    "E": "ЕΕᎬꓰ",
    "F": "Ϝꓝ",
    "G": "Ԍꓖ",
    "H": "НΗᎻꓧ",
    "I": "ІΙӀ",
    "J": "ЈᎫꓙ",
    "K": "КΚᏦꓗ",
    "L": "Ꮮꓡ",
    "M": "МΜᎷꓟ",
    "N": "Νꓠ",
    "O": "ОΟՕꓳ",
    "P": "РΡᏢꓑ",
    "Q": "Ԛ",
    "R": "Ꭱꓣ",
    "S": "ЅՏᏚꓢ",
    "T": "ТΤᎢꓔ",
    "U": "Սꓴ",
    "V": "Ѵꓦ",
    "W": "ԜᎳꓪ",
    "X": "ХΧꓫ",
    "Y": "ΥҮꓬ",
    "Z": "Ζꓜ",
    "'": "‘’‚‛ʼʹ′`´＇",
    '"': "“”„‟″«»",
    "-": "‐‑‒–—―−﹘",
    "/": "⁄∕",
    ":": "։：∶ː",
    ".": "․‧。",
}

LOOK_ALIKES: Final = {ord(drawn): plain for plain, alike in _DRAWN_ALIKE.items() for drawn in alike}
"""Code point to the ASCII character it is drawn like.

Source:
    A selection, checked by eye, of what Unicode Technical Standard 39 calls confusable.
"""
