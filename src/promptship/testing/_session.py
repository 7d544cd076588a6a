"""A pytest session in which evalsets were collected: prepare, select, execute, gather."""

from __future__ import annotations

import atexit
import gc
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from promptship.testing._board import LocalBoard, SharedBoard
from promptship.testing._budget import max_cost_of, shares_of, tests_share_of
from promptship.testing._loop import SessionLoop
from promptship.testing._matrix import cells_of
from promptship.testing._naming import is_paid_for
from promptship.testing._nodes import CellItem, GateItem
from promptship.testing._summary import Gathered, SummaryPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.assembly import ModelOptions, Workspace
    from promptship.domain import Case, GateSpec
    from promptship.evaluation import EvalOptions, PreparedEvaluation
    from promptship.models import ModelHub
    from promptship.testing._engine import Engine
    from promptship.testing._reports import CellId, CellReport, Ending, GateReport
    from promptship.testing._window import Window

__all__ = ["CollectedEvalset", "EvalSession", "session_of"]

_NAME = "promptship-session"


def session_of(config: pytest.Config) -> EvalSession:
    """Return the session's state; it is made, and begins to listen to pytest, when it is first asked for."""
    found = config.pluginmanager.get_plugin(_NAME)
    if found is None:
        found = EvalSession(config)
        config.pluginmanager.register(found, _NAME)
    assert isinstance(found, EvalSession)  # noqa: S101 - for mypy
    return found


@dataclass(kw_only=True)
class CollectedEvalset:
    """An evalset with its checked evaluation.

    Attributes:
        name: What the session calls it: the node id of its file.
        path: Its file.
        session: The session.
        workspace: Where it is evaluated.
        prepared: The evaluation of all its cells.
        all_cells: Its cells, in the order in which the runner takes them; empty until they were collected.
        selected: Those of them that pytest runs.
        has_told: Whether an item has said why the evaluation ended early.
    """

    name: str
    path: Path
    session: EvalSession
    workspace: Workspace
    prepared: PreparedEvaluation
    all_cells: list[CellId] = field(default_factory=list)
    selected: list[CellId] = field(default_factory=list)
    has_told: bool = False

    @property
    def counts(self) -> tuple[int, int]:
        """How many cells are selected, and how many there are."""
        return len(self.selected), self.prepared.plan.cells

    def cells(self) -> Iterator[tuple[CellId, Case]]:
        """Yield all cells with their cases, and remember which they are."""
        self.all_cells = []
        for cell, case in cells_of(self.prepared):
            self.all_cells.append(cell)
            yield cell, case

    def gates(self) -> Iterator[tuple[GateSpec, str]]:
        """Yield each gate with the label of the variant that it judges, or "" where there is one variant."""
        variants = self.prepared.plan.variants
        for label in [variant.label for variant in variants] if len(variants) > 1 else [""]:
            for gate in self.prepared.evalset.spec.gates:
                yield gate, label

    def prompts(self) -> list[str]:
        """Return the names of the working tree's prompts that are evaluated."""
        versions = (version for version in self.prepared.versions if version is not None)
        return list(dict.fromkeys(version.name for version in versions if "@" not in version.origin))

    def gate_reports(self, gate: GateSpec, subject: str, ending: Ending) -> list[GateReport]:
        """Return what the verdict says of a gate: one report, or one for each slice that it judges.

        What no item stands for, such as the settings' largest share of errors, is said by the first gate, so that
        nothing that fails the verdict passes in silence.
        """
        found = [report for report in ending.gates if report.subject == subject and is_verdict_of(report.gate, gate)]
        if found and (gate, subject) == next(self.gates()):
            found += [report for report in ending.gates if not self._has_item(report)]
        return found

    def _has_item(self, report: GateReport) -> bool:
        return any(report.subject == subject and is_verdict_of(report.gate, gate) for gate, subject in self.gates())


def is_verdict_of(text: str, gate: GateSpec) -> bool:
    """Whether a verdict on `text` is one of `gate`, which judges each value of a tag where it says so."""
    if gate.each is None:
        return text == gate.text
    before, _, after = gate.text.partition(f"[each {gate.each}]")
    return text == gate.text or (text.startswith(f"{before}[{gate.each}=") and text.endswith(f"]{after}"))


class EvalSession:
    """Listens to pytest from the first evalset on.

    Args:
        config: The session's configuration.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.loop = SessionLoop()
        # What evaluating has loaded takes Python a tenth of a second to take apart, and every worker is waited for.
        atexit.register(gc.freeze)
        self._workspaces: dict[Path, Workspace] = {}
        self._test_workspaces: dict[tuple[Path, bool], Workspace] = {}
        self._hubs: dict[int, ModelHub] = {}
        self._evalsets: dict[str, CollectedEvalset] = {}
        self._board: LocalBoard | None = None
        self._engine: Engine | None = None
        self._window: Window | None = None

    @property
    def worker(self) -> str:
        """Name of this worker of xdist; "" in a plain session."""
        return str(getattr(self.config, "workerinput", {}).get("workerid", ""))

    # What collection asks for

    def prepare(self, path: Path, name: str) -> CollectedEvalset:
        """Check an evalset and all that it needs.

        Raises:
            UsageError: Something the user has to mend.
        """
        if name not in self._evalsets:
            workspace = self.workspace_of(path.parent)
            evalset = workspace.load_evalsets([str(path)])[0]
            prepared = workspace.prepare(evalset, self.eval_options())
            self._evalsets[name] = CollectedEvalset(
                name=name, path=path, session=self, workspace=workspace, prepared=prepared
            )
        return self._evalsets[name]

    def workspace_of(self, folder: Path) -> Workspace:
        """Return the workspace of the project at or above `folder`: one for each project, with one budget."""
        from promptship.assembly import Workspace
        from promptship.project import Project

        project = Project.open(folder)
        if project.root not in self._workspaces:
            options = self.model_options(project.settings.max_cost_usd)
            self._workspaces[project.root] = Workspace(project=project, options=options)
        return self._workspaces[project.root]

    def workspace_of_test(self, item: pytest.Item) -> Workspace:
        """Return the workspace in which a Python test calls models; it spends nothing where its file is not named.

        Raises:
            UsageError: The test stands in no project, or settings are wrong.
        """
        from promptship.assembly import Workspace
        from promptship.project import Project

        project = Project.open(item.path.parent)
        paid = is_paid_for(item.path, self.config)
        if (project.root, paid) not in self._test_workspaces:
            options = self.model_options(project.settings.max_cost_usd)
            if options.max_cost_usd is not None or not paid:
                share = tests_share_of(item.session, evaluates=bool(self._evalsets)) if paid else 0.0
                options = replace(options, max_cost_usd=(options.max_cost_usd or 0.0) * share)
            self._test_workspaces[project.root, paid] = Workspace(project=project, options=options)
        return self._test_workspaces[project.root, paid]

    def hub_of(self, workspace: Workspace) -> ModelHub:
        """Return the hub through which the Python tests of a workspace call models."""
        if id(workspace) not in self._hubs:
            self._hubs[id(workspace)] = workspace.open_hub()
        return self._hubs[id(workspace)]

    def eval_options(self) -> EvalOptions:
        """Return what the command line changes about every evaluation."""
        from promptship.evaluation import EvalOptions

        option = self.config.getoption
        return EvalOptions(
            prompts=tuple(option("promptship_prompt")),
            models=tuple(option("promptship_model")),
            repeats=option("promptship_repeats"),
            concurrency=option("promptship_concurrency"),
            baseline=option("promptship_baseline"),
        )

    def model_options(self, project_limit_usd: float | None) -> ModelOptions:
        """Return how models are called.

        Args:
            project_limit_usd: What the project's settings allow; the lower limit holds.
        """
        from promptship.assembly import ModelOptions

        limits = [limit for limit in (max_cost_of(self.config), project_limit_usd) if limit is not None]
        return ModelOptions(
            max_cost_usd=min(limits, default=None),
            use_cache=not self.config.getoption("promptship_no_cache"),
            frozen=self.config.getoption("promptship_frozen"),
        )

    # What pytest tells

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Let gates come last: they wait for everything else."""
        items.sort(key=lambda item: isinstance(item, GateItem))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which cells were selected."""
        chosen: dict[str, set[CellId]] = {}
        for item in session.items:
            if isinstance(item, CellItem):
                chosen.setdefault(item.evalset.name, set()).add(item.cell)
        for evalset in self._evalsets.values():
            wanted = chosen.get(evalset.name, set())
            evalset.selected = [cell for cell in evalset.all_cells if cell in wanted]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Start with the first test: by then nothing keeps the session from running."""
        if self._board is None and not self.config.getoption("setuponly", default=False):
            self._start(item.session)
        if self._board is not None:
            self._board.start()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """End what still goes on, and gather the results where this is no worker."""
        if isinstance(self._board, SharedBoard) and (session.shouldfail or session.shouldstop):
            self._board.stop()
        self._finish()
        yield
        if self._board is not None and not self.worker:
            gathered = Gathered(endings=self._board.endings, config=self.config)
            gathered.apply_to(session)
            self.config.pluginmanager.register(SummaryPlugin(gathered))

    # What items ask for

    def wait_for_cell(self, evalset: CollectedEvalset, cell: CellId) -> CellReport | Ending:
        """Return what a cell came to, or how its evalset ended without it."""
        board = self._running_board()
        if self._window is not None:
            self._window.move_to(evalset.name, cell)
        return board.wait_for_cell(evalset.name, cell)

    def wait_for_ending(self, evalset: CollectedEvalset) -> Ending:
        """Return how an evalset ended."""
        board = self._running_board()
        if self._window is not None:
            self._window.open()
        return board.wait_for_ending(evalset.name)

    def _running_board(self) -> LocalBoard:
        assert self._board is not None  # noqa: S101 - for mypy: items run within the protocol that starts it
        return self._board

    def _start(self, session: pytest.Session) -> None:
        from promptship.testing._engine import Engine, Job
        from promptship.testing._window import Window

        evalsets = [evalset for evalset in self._evalsets.values() if evalset.selected]
        if not evalsets:
            return
        shares_of(session, self._workspaces.values())
        options = self.eval_options()
        strict = bool(self.config.getoption("promptship_strict_cases"))
        jobs = [
            Job(name=one.name, workspace=one.workspace, prepared=one.prepared, selected=one.selected, strict=strict)
            for one in evalsets
        ]
        if self.config.getoption("maxfail") and not self.worker:
            most = max(options.concurrency or one.workspace.project.settings.concurrency for one in evalsets)
            self._window = Window(((job.name, cell) for job in jobs for cell in job.selected), 2 * most)
        self._engine = engine = Engine(self.loop, options, self._window)

        def execute() -> None:
            engine.start(jobs, board)

        folder = getattr(self.config, "workerinput", {}).get("promptship_session_dir")
        board: LocalBoard = SharedBoard(execute, Path(folder), self.worker) if folder else LocalBoard(execute)
        self._board = board

    def _finish(self) -> None:
        try:
            if self._board is not None:
                self._board.finish()
        finally:
            if self._engine is not None:
                self._engine.stop()
            if isinstance(self._board, SharedBoard):
                self._board.close()
            self._close_workspaces()

    def _close_workspaces(self) -> None:
        workspaces = [*self._workspaces.values(), *self._test_workspaces.values()]
        self._workspaces, self._test_workspaces, self._hubs = {}, {}, {}

        async def close() -> None:
            for workspace in workspaces:
                await workspace.aclose()

        if workspaces:
            self.loop.run(close())
        self.loop.close()

    def __repr__(self) -> str:
        return f"<EvalSession of {len(self._evalsets)} evalsets>"
