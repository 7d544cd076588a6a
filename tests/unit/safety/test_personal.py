import base64
import itertools
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.errors import MissingExtraError
from promptship.safety import LONGEST_TEXT, PERSONAL_KINDS, find_personal_data

FOUND = [
    ("email", "Write to jane.doe+news@mail.example.co.uk, please."),
    ("email", "jane [at] example [dot] org"),
    ("phone", "Call +49 30 901820 now"),
    ("phone", "or 0044 20 7946 0958."),
    ("phone", "or (212) 555-0142."),
    ("card", "Card 4111 1111 1111 1111, valid"),
    ("iban", "Pay to DE89 3704 0044 0532 0130 00 by Friday"),
    ("iban", "iban:gb29nwbk60161331926819"),
    ("us-ssn", "It is 536-90-4399."),
    ("us-ssn", "SSN: 536904399"),
    ("es-dni", "DNI 12345678Z"),
    ("es-dni", "NIE X-1234567-L"),
    ("de-tax-id", "Meine Steuer-ID ist 86 095 742 719."),
    ("fr-nir", "2 55 08 14 168 025 38"),
    ("it-codice-fiscale", "RSSMRA85T10A562S"),
    ("uk-nino", "AB 12 34 56 C"),
    ("nl-bsn", "BSN 111222333"),
    ("br-cpf", "529.982.247-25"),
    ("pl-pesel", "PESEL 44051401359"),
    ("in-aadhaar", "Aadhaar 2341 2341 2346"),
]
NOTHING = [
    "Order 4711 0815 2342 left on 2024-01-15 at 10:30.",
    "Version 1.2.3.4, 192.168.100.200, pi is 3.14159265358979",
    "Reference 111222333 and 86095742719 and 44051401359",
    "The card 4111 1111 1111 1112 is mistyped.",
    "DE89 3704 0044 0532 0130 01 is mistyped",
    "git commit d3b07384d113edec49eaa6238ad5ff00, @mention, a@b",
    "uuid 123e4567-e89b-12d3-a456-426614174000 and 2125550142",
    "The population grew from 1,234,567 to 7,654,321 people, 12345678 in all.",
    "",
]


@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_personal_data_is_found_where_it_can_be_checked(kind, text):
    assert [finding.kind for finding in find_personal_data(text)] == [kind]


@pytest.mark.parametrize("text", NOTHING)
def test_ordinary_numbers_are_no_personal_data(text):
    assert find_personal_data(text) == ()


@pytest.mark.parametrize("text", [text for kind, text in FOUND if kind != "phone"])
def test_personal_data_is_found_through_an_encoding(text):
    encoded = base64.b64encode(text.encode()).decode()
    assert [finding.road for finding in find_personal_data(encoded)] == ["base64"]


def test_full_width_digits_hide_nothing():
    hidden = "4111 1111 1111 1111".translate({ord(str(d)): 0xFF10 + d for d in range(10)})
    assert [finding.kind for finding in find_personal_data(f"card {hidden}")] == ["card"]


def test_findings_never_tell_what_they_found():
    for _, text in FOUND:
        for finding in find_personal_data(text):
            assert text[finding.start : finding.end] not in finding.shown
            assert len(finding.shown.partition("…")[0]) <= 4


def test_what_is_allowed_is_no_finding():
    text = "help@shop.example or JANE@home.example or DE89370400440532013000"
    found = find_personal_data(text, allow=["@shop.example", "jane@home.example", "DE89 3704 0044 0532 0130 00"])
    assert found == ()


def test_the_same_datum_written_twice_is_told_once():
    assert len(find_personal_data("a@example.org, A@EXAMPLE.ORG")) == 1


def test_national_phone_numbers_need_their_country():
    assert find_personal_data("030 901820") == ()
    assert [finding.kind for finding in find_personal_data("030 901820", region="DE")] == ["phone"]


def test_only_the_kinds_asked_for_are_told():
    assert find_personal_data("a@example.org +49 30 901820", kinds=["card"]) == ()


def test_a_missing_library_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(MissingExtraError, match="phonenumbers"):
        find_personal_data("+49 30 901820")
    assert find_personal_data("a@example.org", kinds=["email"])


@given(st.text(max_size=200) | st.text(st.sampled_from("0123456789 +-().@aDE[]t\n"), max_size=200))
def test_places_of_findings_lie_in_the_text_and_do_not_overlap(text):
    found = [finding for finding in find_personal_data(text, region="DE") if finding.road == "canonical"]
    assert all(0 <= finding.start < finding.end <= 2 * len(text) for finding in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert {finding.kind for finding in found} <= set(PERSONAL_KINDS)


@pytest.mark.parametrize(
    "piece", ["a", "a@", "a.a@a.", "1 ", "+1 ", "DE89 ", "4111 1111 1111 1111 ", "[ at ]", "(212) 736-5000 ", "AB12C3"]
)
def test_the_longest_text_takes_bounded_time(piece):
    start = time.process_time()
    find_personal_data((piece * LONGEST_TEXT)[:LONGEST_TEXT], region="US")
    assert time.process_time() - start < 10
