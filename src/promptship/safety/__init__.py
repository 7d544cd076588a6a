"""Safety detectors: what a text hides, holds or does. Pure: no model, no network, bounded time on hostile text.

Here live the ladder that makes text canonical and takes one layer of encoding off, and the detectors that climb it:
personal data, secrets, leaks of a prompt, injection, and refusals in three classes. The scorers made of them are in
`promptship.scorers`; how a prompt fences untrusted values is `promptship.prompts`.
"""

from promptship.safety._finding import Finding
from promptship.safety._injection import INJECTION_KINDS, find_injection, weigh_findings
from promptship.safety._leaks import SHORTEST_CANARY, LeakDetector
from promptship.safety._personal import NATIONAL_KINDS, PERSONAL_KINDS, find_personal_data
from promptship.safety._refusal_features import RefusalFeatures, read_refusal_features
from promptship.safety._refusal_model import RefusalModel
from promptship.safety._refusals import Refusal, RefusalLabel, classify_refusal
from promptship.safety._secrets import SECRET_KINDS, entropy_bits, find_secrets
from promptship.safety._views import LONGEST_TEXT, Road, TextTooLongError, View, canonicalise, read_views

__all__ = [
    "INJECTION_KINDS",
    "LONGEST_TEXT",
    "NATIONAL_KINDS",
    "PERSONAL_KINDS",
    "SECRET_KINDS",
    "SHORTEST_CANARY",
    "Finding",
    "LeakDetector",
    "Refusal",
    "RefusalFeatures",
    "RefusalLabel",
    "RefusalModel",
    "Road",
    "TextTooLongError",
    "View",
    "canonicalise",
    "classify_refusal",
    "entropy_bits",
    "find_injection",
    "find_personal_data",
    "find_secrets",
    "read_refusal_features",
    "read_views",
    "weigh_findings",
]
