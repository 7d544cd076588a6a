"""Release engineering for prompts.

Names are loaded when first used: `import promptship` itself imports the standard library only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptship import errors, scorers
    from promptship.assembly import aevaluate, evaluate
    from promptship.report import to_frame
    from promptship.runner import Run

__all__ = ["Run", "__version__", "aevaluate", "errors", "evaluate", "scorers", "to_frame"]

__version__ = "0.1.0"

_HOMES = {
    "Run": "promptship.runner",
    "aevaluate": "promptship.assembly",
    "evaluate": "promptship.assembly",
    "to_frame": "promptship.report",
}
_MODULES = {"errors", "scorers"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"promptship.{name}")
    raise AttributeError(f"module 'promptship' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
