r"""One escaper per sink. What a model wrote is hostile wherever it is shown.

Characters that a reader cannot see but a machine obeys (control characters, bidirectional overrides, tag characters)
become their escape in text, such as `\x1b`: the reader learns that they were there.
"""

from __future__ import annotations

import html
import re

__all__ = [
    "escape_ci_log",
    "escape_csv",
    "escape_html",
    "escape_markdown",
    "escape_terminal",
    "escape_xml",
    "fence_markdown",
]

_LINE_BREAK = re.compile("\r\n?")
_COMMANDS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 without tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, embeddings, overrides, isolates
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # separators that some sinks take for a line end, annotations
    "\ud800-\udfff\U000e0000-\U000e007f"  # lone surrogates, tag characters
)
_HIDDEN = re.compile(f"[{_COMMANDS}]")
# C1 controls are legal in XML 1.0, but viewers drop or obey them.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_COMMAND = re.compile(r"^((?:\s|\x1b\[[0-9;]*m)*):(?=:)", re.MULTILINE)
_INLINE_COMMAND = re.compile(r"#(?=#(?:\[|vso\[|teamcity\[))", re.IGNORECASE)
_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
_BACKTICKS = re.compile("`+")
# Spreadsheets take the fullwidth forms of = + - @ for the plain ones.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_WORD_JOINER = "\u2060"


def escape_terminal(text: str) -> str:
    r"""Make `text` safe to print: no escape sequence, no hidden direction change; line feeds stay, tabs become blanks.

    Example:
        >>> escape_terminal("a\x1b[31mb")
        'a\\x1b[31mb'
    """
    return _HIDDEN.sub(_spell, _LINE_BREAK.sub("\n", text)).expandtabs(4)


def escape_ci_log(text: str) -> str:
    r"""Make printed text safe in a log that obeys commands (`::error::`, `##[…]`, `##vso[…]`, `##teamcity[…]`).

    Expects text that is safe to print; our own colours stay.

    Source:
        GitHub Actions, workflow commands; Azure Pipelines, logging commands; TeamCity, service messages.

    Example:
        >>> escape_ci_log("  ::set-env name=A::1")
        '  \\::set-env name=A::1'
    """
    return _INLINE_COMMAND.sub(r"#\\", _LINE_COMMAND.sub(r"\1\\:", text))


def escape_markdown(text: str) -> str:
    r"""Make `text` one line of literal Markdown: no markup, HTML, link, mention, issue reference or table cell.

    Example:
        >>> escape_markdown("*a*|b")
        '\\*a\\*\\|b'
    """
    line = " ".join(escape_terminal(text).split())
    escaped = _MARKDOWN.sub(r"\\\1", line)
    # Mentions and issue references are found in the rendered text, where a backslash is gone.
    return escaped.replace("@", "@" + _WORD_JOINER).replace("#", "#" + _WORD_JOINER)


def fence_markdown(text: str) -> str:
    """Put `text` into a code block whose fence is longer than any run of backticks in it."""
    body = escape_terminal(text)
    longest = max((len(run) for run in _BACKTICKS.findall(body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}"


def escape_csv(text: str) -> str:
    """Make `text` a cell that no spreadsheet takes for a formula: an apostrophe goes before `= + - @` and the like.

    Source:
        OWASP, CSV Injection.

    Example:
        >>> escape_csv("=1+1")
        "'=1+1"
    """
    safe = _UNWRITABLE.sub(_spell, text)
    return "'" + safe if safe.startswith(_FORMULA) else safe


def escape_xml(text: str) -> str:
    r"""Make `text` safe as XML 1.0 content and as an attribute in double quotes; what XML cannot hold is spelt out.

    Source:
        XML 1.0 (Fifth Edition), 2.2 Characters and 2.11 End-of-Line Handling.

    Example:
        >>> escape_xml('<a b="\x00">')
        '&lt;a b=&quot;\\x00&quot;&gt;'
    """
    escaped = html.escape(_NOT_XML.sub(_spell, text), quote=True)
    return escaped.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")


def escape_html(text: str) -> str:
    """Make `text` safe as HTML content and as a quoted attribute.

    Example:
        >>> escape_html("<img onerror=x>")
        '&lt;img onerror=x&gt;'
    """
    return html.escape(_HIDDEN.sub(_spell, _LINE_BREAK.sub("\n", text)), quote=True)


def _spell(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFF:  # noqa: PLR2004 - where the two-digit form ends
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - and the four-digit one
