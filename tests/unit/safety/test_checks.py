import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.safety import _checks

# Numbers that the issuers themselves publish as examples, or that their rules make.
REAL = [
    (_checks.is_card_number, "4111111111111111"),  # Visa's test number
    (_checks.is_card_number, "5555555555554444"),  # Mastercard's
    (_checks.is_card_number, "378282246310005"),  # American Express's
    (_checks.is_card_number, "6011111111111117"),  # Discover's
    (_checks.is_card_number, "3530111333300000"),  # JCB's
    (_checks.is_card_number, "30569309025904"),  # Diners'
    (_checks.is_iban, "DE89370400440532013000"),  # SWIFT IBAN registry
    (_checks.is_iban, "GB29NWBK60161331926819"),
    (_checks.is_iban, "FR1420041010050500013M02606"),
    (_checks.is_iban, "ES9121000418450200051332"),
    (_checks.is_iban, "NO9386011117947"),
    (_checks.is_iban, "MT84MALT011000012345MTLCAST001S"),
    (_checks.is_dni, "12345678Z"),  # Ministerio del Interior
    (_checks.is_dni, "X1234567L"),
    (_checks.is_german_tax_id, "86095742719"),  # Bundeszentralamt fuer Steuern
    (_checks.is_german_tax_id, "47036892816"),
    (_checks.is_nir, "255081416802538"),  # INSEE
    (_checks.is_codice_fiscale, "RSSMRA85T10A562S"),
    (_checks.is_nino, "AB123456C"),
    (_checks.is_bsn, "111222333"),
    (_checks.is_cpf, "52998224725"),
    (_checks.is_pesel, "44051401359"),
    (_checks.is_aadhaar, "234123412346"),
    (_checks.is_ssn, "536904399"),
]
WRONG = [
    (_checks.is_card_number, "1234567812345670"),  # Luhn holds, no network has it
    (_checks.is_card_number, "0000000000000000"),
    (_checks.is_iban, "DE8937040044053201300"),
    (_checks.is_iban, "XX89370400440532013000"),
    (_checks.is_ssn, "000123456"),
    (_checks.is_ssn, "666123456"),
    (_checks.is_ssn, "900123456"),
    (_checks.is_ssn, "078051120"),
    (_checks.is_nino, "BG123456C"),
    (_checks.is_nino, "QQ123456C"),
    (_checks.is_cpf, "11111111111"),
    (_checks.is_pesel, "44991401359"),
    (_checks.is_aadhaar, "134123412346"),
    (_checks.is_german_tax_id, "11111111111"),
    (_checks.is_bsn, "000000000"),
]
CHECKED = [(check, number) for check, number in REAL if check not in {_checks.is_nino, _checks.is_ssn}]


@pytest.mark.parametrize(("check", "number"), REAL)
def test_numbers_that_issuers_publish_are_real(check, number):
    assert check(number)


@pytest.mark.parametrize(("check", "number"), WRONG)
def test_numbers_that_cannot_exist_are_not(check, number):
    assert not check(number)


@pytest.mark.parametrize(("check", "number"), CHECKED)
def test_every_single_wrong_digit_is_noticed_by_the_check_digit(check, number):
    at = len(number) - 3
    others = [number[:at] + digit + number[at + 1 :] for digit in "0123456789" if digit != number[at]]
    # Luhn, modulo 97 and Verhoeff notice all single errors; moduli 10 and 11 with a carry miss at most one.
    assert sum(map(check, others)) <= 1


@given(st.integers(0, 10**17))
def test_luhn_has_exactly_one_check_digit(number):
    assert sum(_checks.is_luhn(f"{number}{digit}") for digit in range(10)) == 1


@given(st.text(max_size=40))
def test_no_text_is_an_error_to_the_iban_check(text):
    assert _checks.is_iban(text) in (True, False)
