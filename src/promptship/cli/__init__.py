"""The `promptctl` command: parse, call one use case, print. No rules of its own.

Commands are declared in one module per subject; what they need is imported when they run, so that `--help` is fast.
"""

from promptship.cli._main import main

__all__ = ["main"]
