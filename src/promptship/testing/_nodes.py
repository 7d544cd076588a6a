"""Evalset files as pytest sees them: a file, an item for each cell, an item for each gate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from promptship.errors import PromptshipError
from promptship.testing._reports import CellReport, Ending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptship.domain import Case, GateSpec
    from promptship.testing._reports import CellId
    from promptship.testing._session import CollectedEvalset, EvalSession

__all__ = ["CellItem", "EvalsetFile", "GateItem"]

# `::` parts node ids; the rest would break a terminal line or a report.
_UNREADABLE: Final = re.compile(r"::|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def readable(text: str) -> str:
    r"""Make `text` fit for a node id.

    Example:
        >>> readable("a::b\n")
        'a:%3Ab%0A'
    """
    return _UNREADABLE.sub(lambda match: ":%3A" if match[0] == "::" else f"%{ord(match[0]):02X}", text)


class DecidedError(Exception):
    """A case or gate that does not pass; pytest shows its text as it is."""


class EvalsetFile(pytest.File):
    """An evalset file; its cases and gates are its items."""

    eval_session: EvalSession

    def collect(self) -> Iterator[pytest.Item]:
        """Check everything that the evaluation needs, and yield its cells and then its gates; nothing is paid."""
        found = self.eval_session.prepare(self.path, self.nodeid)
        for cell, case in found.cells():
            yield CellItem.from_parent(self, **self._names(_cell_name(cell)), evalset=found, cell=cell, case=case)
        for gate, subject in found.gates():
            names = self._names(_gate_name(gate.text, subject))
            yield GateItem.from_parent(self, **names, evalset=found, gate=gate, subject=subject)
        if self.config.getoption("promptship_cov_fail_under") is not None:
            for prompt in found.prompts():
                names = self._names(readable(f"coverage[{prompt}]"))
                yield CoverageItem.from_parent(self, **names, evalset=found, prompt=prompt)

    def _names(self, name: str) -> dict[str, str]:
        # As text: pytest 9.2 then parts the brackets off, as it does where --lf reads an id back.
        return {"name": name, "nodeid": f"{self.nodeid}::{name}"}

    # Of pytest's own classes a collector's takes no style either.
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """Say what is wrong with the file, without a traceback."""
        error = excinfo.value
        if isinstance(error, PromptshipError):
            return f"{error}\nhint: {error.hint}" if error.hint else str(error)
        return super().repr_failure(excinfo)


class EvalItem(pytest.Item):
    """What cells and gates have in common."""

    def __init__(self, *, evalset: CollectedEvalset, **options: Any) -> None:
        super().__init__(**options)
        self.evalset = evalset

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what was found; a traceback into the plugin would say nothing."""
        if isinstance(excinfo.value, DecidedError | pytest.xfail.Exception):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def _fail_unfinished(self, ending: Ending) -> None:
        """Let one item of the evalset say why it was not finished; the others were merely not run."""
        said = ending.error or "the evaluation ended without this item"
        if not self.evalset.has_told and not ending.stopped:
            self.evalset.has_told = True
            raise DecidedError(said)
        pytest.skip(f"not run: {said}")


class CellItem(EvalItem):
    """One case, prompt, model and repeat.

    Args:
        cell: Which.
        case: The case.
        options: What pytest hands to every item.
    """

    def __init__(self, *, cell: CellId, case: Case, **options: Any) -> None:
        super().__init__(**options)
        self.cell = cell
        # A line of another file would be shown as one of the evalset's.
        self._line = case.line - 1 if case.line and self.evalset.path.as_posix().endswith(case.path) else None
        self.extra_keyword_matches.update(f"{tag}-{value}" for tag, value in case.tags.items())
        if case.cluster:
            self.extra_keyword_matches.add(case.cluster)

    def runtest(self) -> None:
        """Wait for the cell, and show what it came to."""
        report = self.evalset.session.wait_for_cell(self.evalset, self.cell)
        if isinstance(report, Ending):
            self._fail_unfinished(report)
            return
        self.user_properties.extend((f"promptship.{name}", value) for name, value in report.properties)
        _decide(report)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the case's place."""
        return self.path, self._line, self.name


class GateItem(EvalItem):
    """One gate of an evalset, for one variant where there are several.

    Args:
        gate: The gate.
        subject: Label of the variant that it judges; "" where there is one.
        options: What pytest hands to every item.
    """

    def __init__(self, *, gate: GateSpec, subject: str, **options: Any) -> None:
        super().__init__(**options)
        self.gate = gate
        self.subject = subject

    def runtest(self) -> None:
        """Wait for the end of the evaluation, and show what the gate says."""
        selected, cells = self.evalset.counts
        if selected < cells:
            pytest.skip(f"a gate is decided on all cells, and {selected} of {cells} are selected")
        ending = self.evalset.session.wait_for_ending(self.evalset)
        if ending.stopped:
            pytest.skip(f"not run: {ending.error}")
        if ending.error:
            raise DecidedError(f"no verdict: {ending.error}")
        found = self.evalset.gate_reports(self.gate, self.subject, ending)
        if not found:
            raise DecidedError(f"the verdict says nothing of the gate {self.gate.text!r}")
        self.user_properties.extend(_gate_properties(found[0]))
        failing = [gate for gate in found if gate.outcome == "fail"]
        if failing:
            raise DecidedError("\n".join(f"{gate.gate}: {gate.describe()}" for gate in failing))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the evalset; a gate's line is not known."""
        return self.path, None, self.name


class CoverageItem(EvalItem):
    """Whether the cases of a prompt's evalsets reach enough of it.

    Args:
        prompt: Its name.
        options: What pytest hands to every item.
    """

    def __init__(self, *, prompt: str, **options: Any) -> None:
        super().__init__(**options)
        self.prompt = prompt

    def runtest(self) -> None:
        """Render the cases, and name what none of them reaches; nothing is called."""
        from promptship.evaluation import compute_coverage

        found = compute_coverage(self.evalset.workspace.project, self.prompt)
        self.user_properties.append(("promptship.coverage", found.share))
        wanted = self.config.getoption("promptship_cov_fail_under")
        if 100 * found.share >= wanted:
            return
        missing = [f"{one.kind} {one.template or 'template'}:{one.line}" for one in found.branches if not one.hits]
        missing += [f"input {one.name} {one.value}" for one in found.inputs if not one.hits]
        raise DecidedError(
            f"the cases reach {found.share:.0%} of {self.prompt}, less than {wanted:g} %; never: {', '.join(missing)}"
        )

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the evalset."""
        return self.path, None, self.name


def _decide(report: CellReport) -> None:
    match report.decision:
        case "failed":
            raise DecidedError(f"{report.headline}\n{report.detail}")
        case "tolerated":
            # Raised rather than `pytest.xfail()`, which --runxfail turns into nothing: a case must not seem to pass.
            raise pytest.xfail.Exception(report.headline)
        case "skipped":
            pytest.skip(f"unscored: {report.headline}")
        case _:
            return


def _gate_properties(gate: Any) -> Iterator[tuple[str, object]]:
    for name in ("gate", "subject", "finding", "outcome", "value", "low", "high", "n", "reason"):
        value = getattr(gate, name)
        if value not in {None, ""}:
            yield f"promptship.{name}", value


def _cell_name(cell: CellId) -> str:
    repeat = f"#{cell.repeat + 1}" if cell.repeat else ""
    return readable(f"{cell.case_id}[{cell.variant}{repeat}]")


def _gate_name(gate: str, subject: str) -> str:
    return readable(f"gate[{gate}]" if not subject else f"gate[{gate}, {subject}]")
