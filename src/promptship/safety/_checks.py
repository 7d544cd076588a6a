# ruff: noqa: SIM905 - tables of digits and countries read best in rows
"""Check digits: which strings of digits and letters can be a card, an account or a person's number."""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "has_iban_form",
    "is_aadhaar",
    "is_bsn",
    "is_card_number",
    "is_codice_fiscale",
    "is_cpf",
    "is_dni",
    "is_german_tax_id",
    "is_iban",
    "is_luhn",
    "is_nino",
    "is_nir",
    "is_pesel",
    "is_ssn",
]

# Lengths of the IBAN registry (SWIFT, release 99), by country.
_IBAN_LENGTHS: Final = {
    country: int(length)
    for entry in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29"
        " ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20"
        " LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29"
        " PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
        " YE30"
    ).split()
    for country, length in [(entry[:2], entry[2:])]
}
_CARD: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|2720\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12,15}|62\d{14,17}"
)
_DNI: Final = re.compile(r"([XYZ]?)(\d{7,8})([A-Z])")
_NINO: Final = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_CODICE: Final = re.compile(r"[A-Z]{6}[\dL-NP-V]{2}[ABCDEHLMPRST][\dL-NP-V]{2}[A-Z][\dL-NP-V]{3}[A-Z]")
_SSN: Final = re.compile(r"(?!000|666|9)(\d{3})(?!00)(\d{2})(?!0000)(\d{4})")
_NIR: Final = re.compile(r"[1-478]\d\d(?:0[1-9]|1[0-2]|[2-9]\d)(?:\d\d|2[AB])\d{8}")
_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
# Values of a codice fiscale's letters in odd places, digits counting as the letters A to J (D.M. 23/12/1976).
_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_VERHOEFF_D: Final = (
    "0123456789 1234067895 2340178956 3401289567 4012395678 5987604321 6598710432 7659821043 8765932104 9876543210"
).split()
_VERHOEFF_P: Final = ("0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258").split()


def is_luhn(digits: str) -> bool:
    """Return whether digits end in Luhn's check digit.

    Source:
        ISO/IEC 7812-1, annex B.

    Example:
        >>> is_luhn("4111111111111111"), is_luhn("4111111111111112")
        (True, False)
    """
    total = sum(int(digit) for digit in digits[-1::-2])
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return total % 10 == 0


def is_card_number(digits: str) -> bool:
    """Return whether digits have a card network's prefix, its length and Luhn's check digit; "0000…" has none."""
    return _CARD.fullmatch(digits) is not None and is_luhn(digits)


def has_iban_form(text: str) -> int:
    """Return how many characters the IBAN that begins the text has by its country; 0 for no such country."""
    return _IBAN_LENGTHS.get(text[:2].upper(), 0)


def is_iban(text: str) -> bool:
    """Return whether text, blanks apart, is an IBAN: its country's length, and 1 modulo 97.

    Source:
        ISO 13616-1:2020; ISO 7064 MOD 97-10.

    Example:
        >>> is_iban("GB82 WEST 1234 5698 7654 32")
        True
    """
    compact = text.replace(" ", "").upper()
    if len(compact) != has_iban_form(compact) or not (compact.isascii() and compact.isalnum()):
        return False
    return compact[2:4].isdigit() and int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def is_ssn(digits: str) -> bool:
    """Return whether nine digits can be a US social security number: no area 000, 666 or 9xx, no empty group.

    Source:
        US Social Security Administration, POMS RM 10201.035.
    """
    # Numbers that were printed on sample cards and belong to nobody.
    return _SSN.fullmatch(digits) is not None and digits not in {"078051120", "219099999", "123456789"}


def is_dni(text: str) -> bool:
    """Return whether text is a Spanish DNI or NIE with the right letter.

    Source:
        Real Decreto 1553/2005; letter number modulo 23.

    Example:
        >>> is_dni("12345678Z"), is_dni("X1234567L")
        (True, True)
    """
    found = _DNI.fullmatch(text.upper())
    if found is None or len(found[1] + found[2]) != 8:  # noqa: PLR2004 - a DNI has eight places before its letter
        return False
    prefix = str("XYZ".index(found[1])) if found[1] else ""
    return _DNI_LETTERS[int(prefix + found[2]) % 23] == found[3]


def is_german_tax_id(digits: str) -> bool:
    """Return whether eleven digits are a German tax id: one digit repeated, and the check digit of MOD 11,10.

    Source:
        Bundeszentralamt fuer Steuern, section 139b AO; ISO 7064 MOD 11,10.

    Example:
        >>> is_german_tax_id("86095742719")
        True
    """
    if len(digits) != 11 or digits[0] == "0" or sorted(map(digits[:10].count, set(digits[:10])))[-2:] not in _REPEATS:  # noqa: PLR2004
        return False
    product = 10
    for digit in digits[:10]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return (11 - product) % 10 == int(digits[10])


_REPEATS: Final = ([1, 2], [1, 3])
"""How often the two most frequent of a tax id's first ten digits may occur."""


def is_nir(text: str) -> bool:
    """Return whether fifteen characters are a French NIR with its key, 97 minus the number modulo 97.

    Source:
        INSEE, numero d'inscription au repertoire; Corsica's 2A counts as 19 and 2B as 18.
    """
    if _NIR.fullmatch(text) is None:
        return False
    number = int(text[:13].replace("2A", "19").replace("2B", "18"))
    return 97 - number % 97 == int(text[13:])


def is_codice_fiscale(text: str) -> bool:
    """Return whether sixteen characters are an Italian codice fiscale with its check letter.

    Source:
        Decreto ministeriale 23 dicembre 1976.

    Example:
        >>> is_codice_fiscale("RSSMRA85T10A562S")
        True
    """
    if _CODICE.fullmatch(text) is None:
        return False
    places = [int(c) if c.isdigit() else ord(c) - ord("A") for c in text]
    total = sum(_ODD[place] for place in places[0:15:2]) + sum(places[1:15:2])
    return total % 26 == places[15]


def is_nino(text: str) -> bool:
    """Return whether text has the form of a UK national insurance number; it has no check digit.

    Source:
        HMRC, NIM39110.
    """
    return _NINO.fullmatch(text) is not None


def is_bsn(digits: str) -> bool:
    """Return whether nine digits pass the Dutch eleven test, weights 9 to 2 and -1.

    Example:
        >>> is_bsn("111222333")
        True
    """
    if len(digits) != 9 or digits == "000000000":  # noqa: PLR2004 - a BSN's length
        return False
    return (
        sum(weight * int(digit) for weight, digit in zip((9, 8, 7, 6, 5, 4, 3, 2, -1), digits, strict=True)) % 11 == 0
    )


def is_cpf(digits: str) -> bool:
    """Return whether eleven digits are a Brazilian CPF with both check digits, and not one digit repeated.

    Example:
        >>> is_cpf("52998224725")
        True
    """
    if len(digits) != 11 or len(set(digits)) == 1:  # noqa: PLR2004 - a CPF's length
        return False
    return all(
        sum((place + 1 - at) * int(digits[at]) for at in range(place)) * 10 % 11 % 10 == int(digits[place])
        for place in (9, 10)
    )


def is_pesel(digits: str) -> bool:
    """Return whether eleven digits are a Polish PESEL: a possible birthday and its check digit.

    Example:
        >>> is_pesel("44051401359")
        True
    """
    if len(digits) != 11 or not (1 <= int(digits[2:4]) % 20 <= 12 and 1 <= int(digits[4:6]) <= 31):  # noqa: PLR2004
        return False
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return -sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=False)) % 10 == int(digits[10])


def is_aadhaar(digits: str) -> bool:
    """Return whether twelve digits are an Indian Aadhaar number: no leading 0 or 1, Verhoeff's check digit.

    Source:
        Verhoeff (1969), Error Detecting Decimal Codes.

    Example:
        >>> is_aadhaar("234123412346")
        True
    """
    if len(digits) != 12 or digits[0] in "01":  # noqa: PLR2004 - an Aadhaar's length
        return False
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return check == 0
