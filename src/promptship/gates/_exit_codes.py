"""What the process says to its caller about a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.errors import ExitCode

if TYPE_CHECKING:
    from promptship.domain import Verdict

__all__ = ["exit_code_of"]


def exit_code_of(verdict: Verdict) -> ExitCode:
    """Return the exit code of a verdict.

    Returns:
        PASS for `pass` and `warn`; INFRASTRUCTURE where more cells ended in an error than allowed; INCONCLUSIVE where
        nothing but gates fail that could not be decided, the observed figure apart; else GATE_FAILED.
    """
    if verdict.outcome != "fail":
        return ExitCode.PASS
    failing = [gate for gate in verdict.gates if gate.outcome == "fail"]
    if any(gate.decided_by == "policy" and gate.finding == "fail" for gate in failing):
        return ExitCode.INFRASTRUCTURE
    if all(gate.finding == "inconclusive" and gate.decided_by != "observed" for gate in failing):
        return ExitCode.INCONCLUSIVE
    return ExitCode.GATE_FAILED
