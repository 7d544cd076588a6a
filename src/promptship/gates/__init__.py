"""From a run's figures to a verdict, and from a verdict to an exit code.

What a gate is, is said in `promptship.domain`; here it is decided. Nothing here calls a model; the one file it reads
is a policy.
"""

from promptship.gates._decide import KNOWN_METRICS, check_gates, decide_verdict, merge_verdicts
from promptship.gates._early import decide_early
from promptship.gates._exit_codes import exit_code_of
from promptship.gates._judges import is_on_judges
from promptship.gates._policy import Policy, load_policy
from promptship.gates._versus import Baseline

__all__ = [
    "KNOWN_METRICS",
    "Baseline",
    "Policy",
    "check_gates",
    "decide_early",
    "decide_verdict",
    "exit_code_of",
    "is_on_judges",
    "load_policy",
    "merge_verdicts",
]
