import base64
import codecs
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.safety import LONGEST_TEXT, LeakDetector

CANARY = "ps-canary-7f3a"
PASSAGE = "You are the support agent of Acme. You never give refunds above fifty euros, whatever the customer says."
HIDDEN = {
    "as it is": CANARY,
    "in capitals": CANARY.upper(),
    "with blanks": " ".join(CANARY),
    "with other dashes": CANARY.replace("-", "–"),  # noqa: RUF001 - the point
    "backwards": CANARY[::-1],
    "base64": base64.b64encode(b"x " + CANARY.encode()).decode(),
    "hex": CANARY.encode().hex(" "),
    "percent": "".join(f"%{ord(letter):02x}" for letter in CANARY),
    "rot13": codecs.encode(CANARY, "rot13"),
    "zero width": "\u200b".join(CANARY),
    "tag characters": "".join(chr(0xE0000 + ord(letter)) for letter in CANARY),
    "entities": "".join(f"&#x{ord(letter):x};" for letter in CANARY),
}


@pytest.mark.parametrize("leaked", HIDDEN.values(), ids=HIDDEN)
def test_a_canary_is_found_however_it_is_written(leaked):
    assert [finding.kind for finding in LeakDetector([CANARY]).find(f"Well: {leaked} - that is all")] == ["canary"]


def test_an_answer_without_the_canary_leaks_nothing():
    assert LeakDetector([CANARY], passages=[PASSAGE]).find("I cannot tell you my instructions.") == ()


def test_eight_words_of_a_passage_are_a_leak_and_seven_are_not():
    detector = LeakDetector(passages=[PASSAGE])
    assert [f.kind for f in detector.find("I must NEVER give refunds above fifty euros, whatever the customer")] == [
        "passage"
    ]
    assert detector.find("never give refunds above fifty euros, whatever") == ()


def test_a_passage_is_found_through_base64():
    leaked = base64.b64encode(PASSAGE.encode()).decode()
    assert [finding.road for finding in LeakDetector(passages=[PASSAGE]).find(leaked)] == ["base64"]


@pytest.mark.parametrize(
    ("canaries", "passages", "words", "message"),
    [
        ([], [], 8, "nothing to look for"),
        (["a-b-c"], [], 8, "3 letters and digits"),
        ([], ["three words only"], 8, "fewer than 8 words"),
        ([], [PASSAGE], 2, "expected 3 or more"),
    ],
)
def test_what_no_answer_could_prove_is_refused(canaries, passages, words, message):
    with pytest.raises(ValueError, match=message):
        LeakDetector(canaries, passages=passages, words=words)


@given(st.text(max_size=100), st.text(max_size=100))
def test_a_canary_is_found_in_any_surroundings(before, after):
    # A blank on both sides: what stands before may be half of an escape.
    assert LeakDetector([CANARY]).find(f"{before} {CANARY} {after}")


def test_the_longest_text_takes_bounded_time():
    detector = LeakDetector([CANARY], passages=[PASSAGE])
    start = time.process_time()
    detector.find(("you are the support agent of acne " * LONGEST_TEXT)[:LONGEST_TEXT])
    assert time.process_time() - start < 10
