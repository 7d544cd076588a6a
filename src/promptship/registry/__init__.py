"""The registry: immutable versions, labels that move, and a hash-chained ledger of everything that happened.

What a prompt is and how it is rendered is known to `promptship.prompts`, where rows lie to `promptship.store`. Working
trees, git and runs on the disk are not read here: they come in as values.
"""

from promptship.registry._history import BisectResult, BlamedLine, LogEntry, bisect_versions
from promptship.registry._labels import LabelMove
from promptship.registry._push import Pushed
from promptship.registry._records import StoredCell
from promptship.registry._registry import Registry
from promptship.registry._verify import Flaw, VerifyReport

__all__ = [
    "BisectResult",
    "BlamedLine",
    "Flaw",
    "LabelMove",
    "LogEntry",
    "Pushed",
    "Registry",
    "StoredCell",
    "VerifyReport",
    "bisect_versions",
]
