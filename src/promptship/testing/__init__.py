"""The pytest face: evalsets as tests, fixtures for Python tests, assertions that explain themselves.

`promptship.pytest_plugin` is what pytest loads; it comes here when an evalset is collected or a test asks for a
fixture. Importing this package loads nothing heavy: a session that evaluates nothing pays for nothing. Cells are
executed by the one runner, verdicts come from the gates; nothing is decided here but what becomes of an item.
"""

from promptship.testing._answer import Answer
from promptship.testing._assertions import assert_eval, explain_comparison
from promptship.testing._doors import collect_evalset, gather_session, open_metamorphic, open_prompt_run
from promptship.testing._flaky import current_sample, flaky_budget
from promptship.testing._metamorphic import Flip, Metamorphic
from promptship.testing._prompt_run import PromptRun

__all__ = [
    "Answer",
    "Flip",
    "Metamorphic",
    "PromptRun",
    "assert_eval",
    "collect_evalset",
    "current_sample",
    "explain_comparison",
    "flaky_budget",
    "gather_session",
    "open_metamorphic",
    "open_prompt_run",
]
