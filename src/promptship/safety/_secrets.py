"""Keys, tokens and passwords: by the shapes their issuers publish, by what stands before them, and by entropy."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final

from promptship.safety._finding import Finding, drop_overlaps, mask
from promptship.safety._views import read_views

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from promptship.safety._views import View

__all__ = ["SECRET_KINDS", "entropy_bits", "find_secrets"]

# Bounded quantifiers throughout; none nests. Shapes are those of the issuers' own documentation.
_SHAPES: Final = {
    "private-key": r"-----BEGIN (?:[A-Z]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
    "aws-access-key": r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])",
    "github-token": r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{22,244})",
    "gitlab-token": r"(?<![A-Za-z0-9])gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20,50}",
    "slack-token": r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,200}|(?<![A-Za-z0-9])xapp-\d-[A-Za-z0-9-]{10,200}",
    "slack-webhook": r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{20,100}",
    "stripe-key": r"(?<![A-Za-z0-9])(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,247}",
    "anthropic-key": r"(?<![A-Za-z0-9])sk-ant-[A-Za-z0-9_-]{20,200}",
    "openai-key": r"(?<![A-Za-z0-9])sk-(?!ant-|lf-)(?:(?:proj|svcacct|admin|or-v1)-)?[A-Za-z0-9_-]{20,250}",
    "google-api-key": r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])",
    "google-oauth": r"(?<![A-Za-z0-9])(?:GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20,300})",
    "huggingface-token": r"(?<![A-Za-z0-9])(?:hf_[A-Za-z0-9]{30,40}|api_org_[A-Za-z0-9]{34})",
    "npm-token": r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}",
    "pypi-token": r"(?<![A-Za-z0-9])pypi-AgE[A-Za-z0-9_-]{50,300}",
    "sendgrid-key": r"(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}",
    "twilio-key": r"(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])",
    "telegram-token": r"(?<![A-Za-z0-9])\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])",
    "digitalocean-token": r"(?<![A-Za-z0-9])do[opr]_v1_[0-9a-f]{64}",
    "databricks-token": r"(?<![A-Za-z0-9])dapi[0-9a-f]{32}(?![A-Za-z0-9])",
    "shopify-token": r"(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "langfuse-key": r"(?<![A-Za-z0-9])sk-lf-[0-9a-f]{8}-[0-9a-f-]{27}",
    "azure-storage-key": r"AccountKey=[A-Za-z0-9+/]{86}==",
    "jwt": r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{0,1000}",
}
_SHAPE: Final = {kind: re.compile(pattern) for kind, pattern in _SHAPES.items()}
# What every shape of the kind holds, found by one scan in C before its pattern is tried.
_HINTS: Final = {
    "private-key": ("PRIVATE KEY",),
    "aws-access-key": ("AKIA", "ASIA", "ABIA", "ACCA"),
    "github-token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "gitlab-token": ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-"),
    "slack-token": ("xox", "xapp-"),
    "slack-webhook": ("hooks.slack.com",),
    "stripe-key": ("k_live_", "k_test_", "whsec_"),
    "anthropic-key": ("sk-ant-",),
    "openai-key": ("sk-",),
    "google-api-key": ("AIza",),
    "google-oauth": ("GOCSPX-", "ya29."),
    "huggingface-token": ("hf_", "api_org_"),
    "npm-token": ("npm_",),
    "pypi-token": ("pypi-AgE",),
    "sendgrid-key": ("SG.",),
    "twilio-key": ("SK",),
    "telegram-token": (":AA",),
    "digitalocean-token": ("_v1_",),
    "databricks-token": ("dapi",),
    "shopify-token": ("shp",),
    "langfuse-key": ("sk-lf-",),
    "azure-storage-key": ("AccountKey=",),
    "jwt": ("eyJ",),
}
_URL_PASSWORD: Final = re.compile(r"(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,100}:([^\s/@]{3,200})@")
_ASSIGNED: Final = re.compile(
    r"(?:passw(?:or)?d|passwort|kennwort|contrasena|pwd|secret|token|api[_ -]?key|access[_ -]?key|auth[_ -]?key"
    r"|client[_ -]?secret|private[_ -]?key|credential)s?[\"']?\s{0,3}(?:[:=]|=>|:=|\bis\b|\bist\b|\bes\b)\s{0,3}"
    r"[\"'`]?([^\s\"'`<>,;]{8,200})",
    re.IGNORECASE,
)
_RANDOM: Final = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{32,256}={0,2}(?![A-Za-z0-9+/_=-])")
_PLACEHOLDER: Final = re.compile(
    r"example|placeholder|your|change.?me|dummy|redacted|xxxx|\*\*\*|\.\.\.|\{\{|\$\{|<|\b(?:none|null|true|false)\b"
    r"|os\.environ|getenv|process\.env|123456",
    re.IGNORECASE,
)
_ASSIGNED_BITS: Final = 2.5
_RANDOM_BITS: Final = 4.2
_LEAST_RANDOM: Final = 20
SECRET_KINDS: Final = (*_SHAPES, "url-password", "assigned", "high-entropy")
"""Everything `find_secrets` looks for."""


def entropy_bits(text: str) -> float:
    """Return Shannon's entropy of a text's characters in bits per character; 0.0 for "".

    Source:
        Shannon (1948), A Mathematical Theory of Communication, section 6.

    Example:
        >>> entropy_bits("aaaa"), entropy_bits("abcd")
        (0.0, 2.0)
    """
    total = len(text)
    return sum(-count / total * math.log2(count / total) for count in Counter(text).values()) + 0.0


def find_secrets(
    text: str, *, kinds: Collection[str] = SECRET_KINDS, allow: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Find secrets in a text as written, made canonical, and one layer of encoding off (rot13 apart).

    `assigned` is a value after `password:`, `api_key =` and the like that looks like no placeholder;
    `high-entropy` a run of 32 characters or more with upper and lower case and digits, above 4.2 bits per character.
    Hexadecimal digests are neither, since commits and checksums look the same.

    Args:
        text: Any text, at most `LONGEST_TEXT` characters.
        kinds: What to look for, of `SECRET_KINDS`.
        allow: Values that are no findings, as written.

    Returns:
        Findings, those of the canonical text first, by place. The same value found by two roads is told once.

    Raises:
        TextTooLongError: The text is too long.

    Example:
        >>> [f.kind for f in find_secrets("postgres://app:hunter22@db/main")]
        ['url-password']
    """
    found: list[Finding] = []
    known: set[str] = set(allow)
    for view in read_views(text, rot13=False):
        for finding in _in_one_view(view, kinds):
            value = view.text[finding.start : finding.end]
            if value not in known:
                known.add(value)
                found.append(finding)
    return tuple(found)


def _in_one_view(view: View, kinds: Collection[str]) -> list[Finding]:
    text = view.text
    exact = drop_overlaps([_finding(view, kind, span) for kind, span in _shaped(text) if kind in kinds])
    guessed = drop_overlaps([_finding(view, kind, span) for kind, span in _guessed(text) if kind in kinds])
    starts = [finding.start for finding in exact]
    # A known shape says more than "something random", wherever both see the same characters.
    extra = [finding for finding in guessed if not _touches(finding, exact, starts)]
    return sorted(exact + extra, key=lambda finding: finding.start)


def _touches(finding: Finding, exact: list[Finding], starts: list[int]) -> bool:
    last = bisect_left(starts, finding.end) - 1
    return last >= 0 and exact[last].end > finding.start


def _finding(view: View, kind: str, span: tuple[int, int]) -> Finding:
    start, end = span
    return Finding(kind=kind, shown=mask(view.text[start:end]), start=start, end=end, road=view.road)


def _shaped(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for kind, pattern in _SHAPE.items():
        if any(hint in text for hint in _HINTS[kind]):
            for found in pattern.finditer(text):
                # AWS's documentation uses AKIAIOSFODNN7EXAMPLE; a key of one letter is a drawing of a key.
                if "EXAMPLE" not in found[0] and (kind == "private-key" or entropy_bits(found[0]) > _ASSIGNED_BITS):
                    yield kind, found.span()


def _guessed(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    if "://" in text:
        for found in _URL_PASSWORD.finditer(text):
            if not _PLACEHOLDER.search(found[1]):
                yield "url-password", found.span(1)
    for found in _ASSIGNED.finditer(text):
        if _looks_secret(found[1]):
            yield "assigned", found.span(1)
    for found in _RANDOM.finditer(text):
        if _looks_random(found[0]):
            yield "high-entropy", found.span()


def _looks_secret(value: str) -> bool:
    if _PLACEHOLDER.search(value) or value.endswith((")", ".")) or entropy_bits(value) < _ASSIGNED_BITS:
        return False
    # "password: correcthorse" is one, "the secret is patience" is not: a word alone says nothing.
    return any(map(str.isdigit, value)) or any(not letter.isalnum() for letter in value[:-1])


def _looks_random(value: str) -> bool:
    body = value.rstrip("=")
    if not (any(map(str.isdigit, body)) and any(map(str.isupper, body)) and any(map(str.islower, body))):
        return False
    # A path is many short words; in random base64 a slash is one character of sixty-four.
    if max(map(len, body.split("/"))) < _LEAST_RANDOM:
        return False
    # Base64 of plain text is an encoding, which the ladder reads; random bytes are no text.
    return (
        entropy_bits(body) >= _RANDOM_BITS
        and not _PLACEHOLDER.search(value)
        and len(read_views(value, rot13=False)) == 1
    )
