"""The pytest face: evalsets as tests, fixtures for Python tests, assertions that explain themselves.

`promptship.pytest_plugin` is what pytest loads; it comes here when an evalset is collected or a test asks for a
fixture. Names are loaded when first used, and nothing heavy before something is evaluated: a session that evaluates
nothing pays for nothing. Cells are executed by the one runner, verdicts come from the gates; nothing is decided here
but what becomes of an item.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {
    "Answer": "_answer",
    "Flip": "_metamorphic",
    "Metamorphic": "_metamorphic",
    "PromptRun": "_prompt_run",
    "assert_eval": "_assertions",
    "collect_evalset": "_doors",
    "current_sample": "_flaky",
    "explain_comparison": "_assertions",
    "flaky_budget": "_flaky",
    "gather_session": "_doors",
    "open_metamorphic": "_doors",
    "open_prompt_run": "_doors",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"promptship.testing.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'promptship.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
