import base64
import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptship.safety import LONGEST_TEXT, SECRET_KINDS, entropy_bits, find_secrets

RNG = random.Random(7)  # noqa: S311 - sample tokens, not secrets


def made(length, letters=string.ascii_letters + string.digits):
    return "".join(RNG.choice(letters) for _ in range(length))


HEX = "0123456789abcdef"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
# Assembled here, so that no scanner of repositories takes the tests for a leak.
SHAPED = {
    "private-key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "aws-access-key": "AKIA" + made(16, UPPER),
    "github-token": "ghp_" + made(36),
    "gitlab-token": "glpat-" + made(20),
    "slack-token": "xoxb-" + made(12, string.digits) + "-" + made(24),
    "slack-webhook": "https://hooks.slack.com/services/T" + made(8, UPPER) + "/B" + made(8, UPPER) + "/" + made(24),
    "stripe-key": "sk_live_" + made(24),
    "anthropic-key": "sk-ant-api03-" + made(60),
    "openai-key": "sk-proj-" + made(48),
    "google-api-key": "AIza" + made(35),
    "google-oauth": "GOCSPX-" + made(28),
    "huggingface-token": "hf_" + made(34),
    "npm-token": "npm_" + made(36),
    "pypi-token": "pypi-AgEIcHlwaS5vcmc" + made(60),
    "sendgrid-key": "SG." + made(22) + "." + made(43),
    "twilio-key": "SK" + made(32, HEX),
    "telegram-token": made(9, string.digits) + ":AA" + made(33),
    "digitalocean-token": "dop_v1_" + made(64, HEX),
    "databricks-token": "dapi" + made(32, HEX),
    "shopify-token": "shpat_" + made(32, HEX),
    "langfuse-key": "sk-lf-" + made(8, HEX) + "-" + made(4, HEX) + "-4" + made(3, HEX) + "-9" + made(17, HEX),
    "azure-storage-key": "AccountKey=" + made(86) + "==",
    "jwt": "eyJ" + made(20) + ".eyJ" + made(40) + "." + made(43),
    "url-password": "postgres://app:" + "hunter22" + "@db.internal/main",
    "assigned": "password: " + "hunter2-x9",
    "high-entropy": made(20) + "aB3" + made(20),
}
NOTHING = [
    "Set api_key = 'your_api_key_here' in the file.",
    "password: <your password>, token: ${TOKEN}, secret={{ secret }}",
    "AKIAIOSFODNN7EXAMPLE is the key of the documentation.",
    "The secret is patience, and the password is required.",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "commit d3b07384d113edec49eaa6238ad5ff00d3b07384",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "https://example.org/a/very/long/path/that/goes/on/and/on/Index2.html",
    "dGhpcyBpcyBqdXN0IHBsYWluIHRleHQgZW5jb2RlZCBpbiBiYXNlNjQ=",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "os.environ['API_KEY'], token = os.getenv('X')",
    "",
]


def test_every_kind_has_a_sample():
    assert set(SHAPED) == set(SECRET_KINDS)


@pytest.mark.parametrize("kind", SHAPED)
def test_a_secret_of_every_kind_is_found_in_a_sentence(kind):
    found = find_secrets(f"Use this: {SHAPED[kind]} and be careful.")
    assert kind in [finding.kind for finding in found]


@pytest.mark.parametrize("kind", sorted(set(SHAPED) - {"high-entropy"}))
def test_a_secret_of_every_kind_is_found_through_base64(kind):
    encoded = base64.b64encode(f"it is {SHAPED[kind]} ok".encode()).decode()
    assert (kind, "base64") in {(finding.kind, finding.road) for finding in find_secrets(encoded)}


@pytest.mark.parametrize("text", NOTHING)
def test_placeholders_digests_and_prose_are_no_secrets(text):
    assert find_secrets(text) == ()


def test_a_known_shape_is_told_instead_of_something_random():
    assert [finding.kind for finding in find_secrets("token=" + SHAPED["github-token"])] == ["github-token"]


def test_findings_never_tell_the_secret():
    for secret in SHAPED.values():
        assert not any(secret in finding.shown or len(finding.shown) > 30 for finding in find_secrets(secret))


def test_allowed_values_are_no_findings():
    assert find_secrets("password: hunter2-x9", allow=["hunter2-x9"]) == ()


# Known answers: four letters alike, four apart, and a fair coin.
@pytest.mark.parametrize(("text", "bits"), [("", 0.0), ("aaaa", 0.0), ("abcd", 2.0), ("0101", 1.0)])
def test_entropy_is_shannons(text, bits):
    assert entropy_bits(text) == bits


@given(st.text(max_size=300))
def test_no_text_is_an_error(text):
    assert all(finding.kind in SECRET_KINDS for finding in find_secrets(text))


@pytest.mark.parametrize(
    "piece",
    ["a", "AKIA", "sk-", "eyJ", "password=", "a://", SHAPED["high-entropy"] + " ", SHAPED["github-token"] + " "],
)
def test_the_longest_text_takes_bounded_time(piece):
    start = time.process_time()
    find_secrets((piece * LONGEST_TEXT)[:LONGEST_TEXT])
    assert time.process_time() - start < 10
