"""What GitHub shows of a session: a step summary, and annotations at the lines of cases."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from promptship.runner import Run
    from promptship.testing._reports import Ending
    from promptship.testing._summary import Gathered

__all__ = ["annotate", "append_summary"]

_MOST_OF_A_KIND = 10
"""GitHub shows so many annotations of a kind for one step."""
_LARGEST_BYTES = 1_000_000
"""GitHub refuses a step summary above 1 MiB."""


def append_summary(endings: Mapping[str, Ending], runs: Sequence[Run]) -> None:
    """Append the runs to the step's summary, where there is one.

    Source:
        GitHub Actions, workflow commands: adding a job summary.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    from promptship.report import escape_markdown, render_markdown

    text = render_markdown(runs) if runs else ""
    for name, ending in endings.items():
        if ending.error:
            text += f"\n❌ {escape_markdown(name)} was not finished: {escape_markdown(ending.error)}\n"
    if len(text.encode()) <= _LARGEST_BYTES:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


def annotate(gathered: Gathered) -> Iterator[str]:
    """Yield workflow commands: an error for each failing gate and case, a warning for what a gate tolerates.

    Source:
        GitHub Actions, workflow commands: setting an error message; `@actions/core` for what is escaped.
    """
    root = gathered.config.rootpath
    left = {"error": _MOST_OF_A_KIND, "warning": _MOST_OF_A_KIND}
    for name, ending in gathered.endings.items():
        for kind, place, line, said in _findings(gathered, name, ending):
            if left[kind] > 0:
                left[kind] -= 1
                yield _command(kind, _from_workspace(root / place), line, said)


def _findings(gathered: Gathered, name: str, ending: Ending) -> Iterator[tuple[str, str, int, str]]:
    if ending.error:
        yield "error", name, 1, ending.error
    for gate in ending.gates:
        if gate.outcome != "pass":
            kind = "error" if gate.outcome == "fail" else "warning"
            yield kind, name, 1, f"gate {gate.gate}: {gate.describe()}"
    strict = bool(gathered.config.getoption("promptship_strict_cases"))
    for run in gathered.runs[name]:
        kind = "warning" if run.manifest.gates and not strict else "error"
        yield from _cases(run, kind, Path(ending.root))


def _cases(run: Run, kind: str, root: Path) -> Iterator[tuple[str, str, int, str]]:
    from promptship.report import explain

    required = frozenset(run.manifest.required)
    found = 0
    for record in run.records():
        if record.outcome not in {"failed", "error"}:
            continue
        path, _, line = record.case_place.rpartition(":")
        place = str(root / (path or run.manifest.evalset_path))
        reasons = "; ".join(f"{who}: {why}" for who, why in explain(record, required))
        label = run.manifest.variants[record.key.variant].label
        yield kind, place, int(line) if line.isdecimal() else 1, f"case {record.key.case_id} of {label}: {reasons}"
        found += 1
        if found == _MOST_OF_A_KIND:
            return


def _from_workspace(path: Path) -> str:
    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    return path.relative_to(workspace).as_posix() if path.is_relative_to(workspace) else path.as_posix()


def _command(kind: str, path: str, line: int, said: str) -> str:
    return f"::{kind} file={_escape_property(path)},line={line},title=promptship::{_escape(said)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
