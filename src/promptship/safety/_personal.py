"""Personal data that can be recognised by its form and checked: addresses, numbers, accounts; no names, no places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from promptship.errors import MissingExtraError
from promptship.safety import _checks
from promptship.safety._finding import Finding, drop_overlaps, mask
from promptship.safety._views import read_views

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import ModuleType

    from promptship.safety._views import View

__all__ = ["NATIONAL_KINDS", "PERSONAL_KINDS", "find_personal_data"]

_CONTEXT: Final = 60
"""Characters before a number in which its name must stand, where its form and check digit are weak."""

_Span = tuple[int, int]

# Every quantifier is bounded: `[\w.]+@` would be quadratic on a million letters without an at sign.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(
    rf"(?<![A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]){_ATOM}(?:\.{_ATOM}){{0,8}}(?:@|\s?[\[(]\s?at\s?[\])]\s?)"
    rf"(?:{_LABEL}(?:\.|\s?[\[(]\s?dot\s?[\])]\s?)){{1,8}}[A-Za-z]{{2,24}}(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_SPELT_AT = re.compile(r"[\[(]\s?at\s?[\])]", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_IBAN_START = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?= ?[A-Z0-9])", re.IGNORECASE)
_LONGEST_IBAN = 70
_PHONE = re.compile(r"(?<![\w.,/+-])(?:\+ ?|00)?\(?\d(?:[ ()./-]{0,3}\d){6,14}(?![\w-])(?!\.\d)")
_AMERICAN = re.compile(r"(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    """A number of persons: its form, what makes it real, and the words before it where that is not enough."""

    kind: str
    form: re.Pattern[str]
    check: Callable[[str], bool]
    context: re.Pattern[str] | None = None


def _number(kind: str, form: str, check: Callable[[str], bool], context: str = "") -> _Number:
    return _Number(
        kind=kind,
        form=re.compile(rf"(?<![\w.-]){form}(?![\w-])", re.IGNORECASE),
        check=check,
        context=re.compile(rf"\b(?:{context})", re.IGNORECASE) if context else None,
    )


_SSN_NAMES = r"ssn|social.security|itin"
_NUMBERS: Final = (
    _number("card", r"\d(?:[ -]?\d){12,18}", _checks.is_card_number),
    _number("us-ssn", r"\d{3}([ -])\d\d\1\d{4}", _checks.is_ssn),
    _number("us-ssn", r"\d{9}", _checks.is_ssn, _SSN_NAMES),
    _number("es-dni", r"(?:[XYZ]-?\d{7}|\d{8}|\d{2}\.\d{3}\.\d{3})-?[A-Z]", _checks.is_dni),
    _number("fr-nir", r"[1-478] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d", _checks.is_nir),
    _number(
        "it-codice-fiscale", r"[A-Z]{6}[A-Z0-9]{2}[A-Z][A-Z0-9]{2}[A-Z][A-Z0-9]{3}[A-Z]", _checks.is_codice_fiscale
    ),
    _number("uk-nino", r"[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]", _checks.is_nino),
    _number("br-cpf", r"\d{3}\.\d{3}\.\d{3}-\d\d", _checks.is_cpf),
    _number("br-cpf", r"\d{11}", _checks.is_cpf, "cpf"),
    _number("in-aadhaar", r"\d{4} ?\d{4} ?\d{4}", _checks.is_aadhaar, r"aadha?ar|uid"),
    _number("de-tax-id", r"\d\d ?\d{3} ?\d{3} ?\d{3}", _checks.is_german_tax_id, r"steuer|tax|idnr|tin\b"),
    _number("nl-bsn", r"\d{9}|\d{4}[ .]\d\d[ .]\d{3}", _checks.is_bsn, r"bsn|burgerservice|sofi"),
    _number("pl-pesel", r"\d{11}", _checks.is_pesel, "pesel"),
)
NATIONAL_KINDS: Final = tuple(sorted({number.kind for number in _NUMBERS} - {"card"}))
"""Identity numbers of persons, by country."""

PERSONAL_KINDS: Final = ("email", "phone", "card", "iban", *NATIONAL_KINDS)
"""Everything `find_personal_data` looks for."""

_STRIP = str.maketrans("", "", " .-")


def find_personal_data(
    text: str,
    *,
    kinds: Collection[str] = PERSONAL_KINDS,
    region: str | None = None,
    allow: Collection[str] = (),
) -> tuple[Finding, ...]:
    """Find personal data in a text as written, made canonical, and one layer of encoding off (rot13 apart).

    Numbers count where they can exist: cards by network and Luhn, IBANs by country and modulo 97, identity numbers by
    their check digits, phone numbers by the numbering plans of `phonenumbers`. Forms that many a plain number has
    (nine digits) count only where their name stands within 60 characters before them.

    Args:
        text: Any text, at most `LONGEST_TEXT` characters.
        kinds: What to look for, of `PERSONAL_KINDS`.
        region: Country (`DE`) whose phone numbers are written without a country code; None for international and
            North American forms alone.
        allow: What is no finding: addresses or numbers as written, or `@example.com` for a whole domain.

    Returns:
        Findings, those of the canonical text first, by place. The same datum found by two roads is told once.

    Raises:
        TextTooLongError: The text is too long.
        MissingExtraError: `phone` is looked for and the package phonenumbers is missing.

    Example:
        >>> [(f.kind, f.shown) for f in find_personal_data("card 4111 1111 1111 1111", kinds=["card"])]
        [('card', '4111…(19 characters)')]
    """
    allowed = {_plain(item) for item in allow}
    found: list[Finding] = []
    known: set[tuple[str, str]] = set()
    for view in read_views(text, rot13=False):
        for finding in drop_overlaps(list(_find_in(view, kinds, region))):
            datum = _plain(view.text[finding.start : finding.end])
            if (finding.kind, datum) not in known and not _is_allowed(datum, allowed):
                known.add((finding.kind, datum))
                found.append(finding)
    return tuple(found)


def _plain(text: str) -> str:
    return text.casefold().translate(_STRIP)


def _is_allowed(datum: str, allowed: set[str]) -> bool:
    return datum in allowed or "@" + datum.rpartition("@")[2] in allowed


def _find_in(view: View, kinds: Collection[str], region: str | None) -> Iterator[Finding]:
    text = view.text
    finders: list[tuple[str, Callable[[str], Iterator[_Span]]]] = [
        ("email", _find_emails),
        ("iban", _find_ibans),
        *((number.kind, partial(_find_numbers, number)) for number in _NUMBERS),
        ("phone", partial(_find_phones, region=region)),
    ]
    # Nearly every answer has no number in it, and everything but an address is one.
    numbered = _DIGIT.search(text) is not None
    for kind, find in finders:
        if kind in kinds and (numbered or kind == "email"):
            for start, end in find(text):
                yield Finding(kind=kind, shown=mask(text[start:end]), start=start, end=end, road=view.road)


def _find_emails(text: str) -> Iterator[_Span]:
    if "@" in text or _SPELT_AT.search(text):
        yield from (found.span() for found in _EMAIL.finditer(text))


def _find_ibans(text: str) -> Iterator[_Span]:
    for found in _IBAN_START.finditer(text):
        length = _checks.has_iban_form(found[0])
        # Words may follow after a blank: it ends where its country says.
        end = _end_after(text, found.start(), length)
        if end and not text[end : end + 1].isalnum() and _checks.is_iban(text[found.start() : end]):
            yield found.start(), end


def _end_after(text: str, start: int, length: int) -> int:
    """Return where `length` characters that are not blank end; 0 where there are fewer, or `length` is 0."""
    for end in range(start, min(len(text), start + _LONGEST_IBAN) if length else start):
        length -= text[end] != " "
        if not length:
            return end + 1
    return 0


def _find_numbers(number: _Number, text: str) -> Iterator[_Span]:
    if number.context is not None and not number.context.search(text):
        return
    for found in number.form.finditer(text):
        start, end = found.span()
        if not number.check(found[0].upper().translate(_STRIP)):
            continue
        if number.context is None or number.context.search(text, max(0, start - _CONTEXT), start):
            yield start, end


def _find_phones(text: str, *, region: str | None) -> Iterator[_Span]:
    library = _import_phonenumbers()
    for found in _PHONE.finditer(text):
        if _is_phone(library, found[0], region):
            yield found.span()


def _is_phone(library: ModuleType, written: str, region: str | None) -> bool:
    number = "+" + written[2:] if written.startswith("00") else written
    if not number.startswith("+") and region is None:
        # Ten bare digits are an order number; with brackets or dashes in these places they are a phone number.
        if _AMERICAN.fullmatch(number) is None:
            return False
        region = "US"
    try:
        return bool(library.is_valid_number(library.parse(number, region)))
    except library.NumberParseException:
        return False


def _import_phonenumbers() -> ModuleType:
    try:
        import phonenumbers
    except ImportError:
        raise MissingExtraError("phonenumbers", extra="eval", needed_for="finding phone numbers") from None
    return phonenumbers
