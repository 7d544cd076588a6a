"""What a session says at its end: a section in the terminal, a report, GitHub's summary and annotations."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptship.errors import PromptshipError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from promptship.runner import Run
    from promptship.testing._reports import Ending

__all__ = ["Gathered", "SummaryPlugin", "gather"]


def gather(session: pytest.Session, folder: str) -> Generator[None]:
    """On the controller of xdist: end the workers, and gather what they have put up.

    Args:
        session: The controller's session.
        folder: Where the workers met.
    """
    from promptship.testing._board import read_endings, tell_to_stop

    meeting = Path(folder)
    tell_to_stop(meeting)
    yield
    try:
        gathered = Gathered(endings=read_endings(meeting), config=session.config)
    finally:
        shutil.rmtree(meeting, ignore_errors=True)
    gathered.apply_to(session)
    session.config.pluginmanager.register(SummaryPlugin(gathered))


@dataclass(frozen=True)
class Gathered:
    """How the evalsets of a session ended, in one process, once.

    Attributes:
        endings: By the node id of the file.
        config: The session's configuration.
    """

    endings: Mapping[str, Ending]
    config: pytest.Config

    @cached_property
    def runs(self) -> dict[str, list[Run]]:
        """The finished runs of each evalset, for reports; the summary does without them.

        Raises:
            StorageError: One cannot be read.
        """
        from promptship.runner import Run

        return {name: [Run.load(Path(one.directory)) for one in ending.runs] for name, ending in self.endings.items()}

    def apply_to(self, session: pytest.Session) -> None:
        """Let a verdict that no item stands for fail the session."""
        silent = any(ending.fails_in_silence for ending in self.endings.values())
        if silent and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


class SummaryPlugin:
    """Prints and writes what was gathered, when pytest comes to its summary.

    Args:
        gathered: What.
    """

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the section; write the report and what GitHub shows."""
        if not self._gathered.endings:
            return
        terminalreporter.section("promptship")
        try:
            for line in self._lines():
                terminalreporter.write_line(line)
            self._write_reports(terminalreporter.write_line)
        except (PromptshipError, OSError) as error:
            terminalreporter.write_line(f"the runs cannot be reported: {error}", red=True)

    def _lines(self) -> Iterator[str]:
        for name, ending in self._gathered.endings.items():
            yield from _describe(name, ending)

    def _write_reports(self, say: Callable[[str], None]) -> None:
        path = self._gathered.config.getoption("promptship_report")
        if path and any(ending.runs for ending in self._gathered.endings.values()):
            written = write_session_report(self._gathered.config.invocation_params.dir / path, self._runs())
            say(f"report: {written}")
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from promptship.testing._github import annotate, append_summary

            append_summary(self._gathered.endings, self._runs())
            for line in annotate(self._gathered):
                say(line)

    def _runs(self) -> list[Run]:
        return [run for found in self._gathered.runs.values() for run in found]


def write_session_report(path: Path, runs: list[Run]) -> Path:
    """Write the runs of a session in the format that the file's ending names; JUnit where it names no other."""
    import orjson

    from promptship.report import render_html, render_json, render_junit, render_markdown, write_report

    match path.suffix:
        case ".json":
            data = orjson.dumps(render_json(runs, cases=True), option=orjson.OPT_INDENT_2)
        case ".md":
            data = render_markdown(runs).encode()
        case ".html":
            data = render_html(runs)
        case _:
            data = render_junit(runs).encode()
    write_report(path, data)
    return path


def _describe(name: str, ending: Ending) -> Iterator[str]:
    counts: dict[str, int] = {}
    for run in ending.runs:
        for outcome, count in run.outcomes.items():
            counts[outcome] = counts.get(outcome, 0) + count
    costs = [run.cost_usd for run in ending.runs]
    cost = "unknown cost" if None in costs else f"{sum(cost or 0.0 for cost in costs):.4f} USD"
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "nothing finished"
    calls = f"{sum(run.requests for run in ending.runs)} calls, {sum(run.cached for run in ending.runs)} cached"
    partial = "" if ending.complete else " of a part of its cells"
    yield f"{name}: {said}{partial}; {calls}, {cost}, {ending.wall_s:.1f} s"
    for gate in ending.gates:
        subject = f" ({gate.subject})" if gate.subject else ""
        yield f"  {gate.outcome} {gate.gate}{subject}: {gate.describe()}"
    if ending.error:
        yield f"  not finished: {ending.error}"
    for run in ending.runs:
        yield f"  promptctl runs open {Path(run.directory).name}"
