"""What a session may spend, and how that is shared out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from promptship.assembly import Workspace

__all__ = ["max_cost_of", "shares_of", "tests_share_of"]

_NO_LIMIT = "none"
_FIXTURES = frozenset({"prompt_run", "metamorphic"})


def max_cost_of(config: pytest.Config) -> float | None:
    """Return what the session may spend in USD; None for no limit.

    Raises:
        UsageError: What was written is no such amount.
    """
    option = config.getoption("promptship_max_cost")
    name, text = ("promptship_max_cost", config.getini("promptship_max_cost"))
    if option is not None:
        name, text = "--promptship-max-cost", option
    if str(text).strip().lower() == _NO_LIMIT:
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not (math.isfinite(amount) and amount >= 0):
        raise UsageError(f"{name} {text!r}: expected an amount in USD of at least 0, or none")
    return amount


def shares_of(session: pytest.Session, workspaces: Iterable[Workspace]) -> None:
    """Lower the budgets of workspaces that evaluate evalsets, so that the session keeps its limit as a whole."""
    opened = list(workspaces)
    share = (0.5 if _uses_fixtures(session) else 1.0) / max(len(opened), 1)
    for workspace in opened:
        if (budget := workspace.budget) is not None and budget.limit_usd is not None:
            budget.limit_usd *= share


def tests_share_of(session: pytest.Session, *, evaluates: bool) -> float:
    """Return the share of the session's limit that the Python tests of this process may spend."""
    workers = int(getattr(session.config, "workerinput", {}).get("workercount", 1))
    return (0.5 if evaluates else 1.0) / workers


def _uses_fixtures(session: pytest.Session) -> bool:
    return any(_FIXTURES.intersection(getattr(item, "fixturenames", ())) for item in session.items)
