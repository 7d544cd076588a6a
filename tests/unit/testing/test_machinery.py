"""Windows, boards, pieces, names, samples: the parts below the items."""

import asyncio
import json
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from promptship.errors import UsageError
from promptship.project import Project
from promptship.testing import flaky_budget
from promptship.testing._board import LocalBoard, SharedBoard, read_endings, tell_to_stop
from promptship.testing._loop import SessionLoop
from promptship.testing._naming import _find_evalsets_folder
from promptship.testing._reports import CellId, CellReport, Ending, GateReport, RunFigures
from promptship.testing._window import Window

CELL = CellId("a", "echo", 0)
REPORT = CellReport(outcome="passed", decision="passed", properties=[("case", "a")])
FIGURES = RunFigures(directory="runs/x", outcomes={"passed": 3}, requests=3)
GATE = GateReport(gate="pass_rate >= 0", subject="", finding="pass", outcome="pass", value=1.0, n=3)


def cells(count):
    return [CellId(f"c{number}", "echo", 0) for number in range(count)]


async def test_a_window_lets_so_many_start_and_follows_what_is_waited_for():
    order = cells(10)
    window = Window((("set", cell) for cell in order), ahead=3)
    started = []

    async def start(cell):
        await window.enter("set", cell)
        started.append(cell)

    tasks = [asyncio.create_task(start(cell)) for cell in order]
    await asyncio.sleep(0.01)
    assert started == order[:3]
    threading.Thread(target=window.move_to, args=("set", order[2])).start()
    await asyncio.sleep(0.05)
    assert started == order[:6]
    window.move_to("set", order[0])
    await asyncio.sleep(0.01)
    assert started == order[:6]
    window.open()
    await asyncio.gather(*tasks)
    assert sorted(started) == sorted(order)


def test_an_item_waits_until_its_cell_is_there():
    board = LocalBoard(lambda: None)
    threading.Timer(0.05, board.put_cell, ("set", CELL, REPORT)).start()
    assert board.wait_for_cell("set", CELL) == REPORT
    threading.Timer(0.05, board.put_ending, ("set", Ending(error="over"))).start()
    assert board.wait_for_cell("set", CellId("b", "echo", 0)) == Ending(error="over")
    assert board.wait_for_ending("set").error == "over"


def test_a_forked_process_is_told_instead_of_waiting_for_ever(monkeypatch):
    board = LocalBoard(lambda: None)
    monkeypatch.setattr("promptship.testing._board.os.getpid", lambda: -1)
    with pytest.raises(UsageError, match="forked process"):
        board.wait_for_cell("set", CELL)


def test_one_worker_executes_and_all_read(tmp_path):
    begun = []
    folder = tmp_path / "meeting"
    first = SharedBoard(lambda: begun.append("first"), folder, "gw0")
    second = SharedBoard(lambda: begun.append("second"), folder, "gw1")
    first.start()
    second.start()
    assert begun == ["first"]
    strange = CellId("\ud800", "echo", 1)
    first.put_cell("set", CELL, REPORT)
    first.put_cell("set", strange, REPORT)
    first.put_ending("set", Ending(runs=[FIGURES], gates=[GATE]))
    assert second.wait_for_cell("set", CELL) == CellReport(
        outcome="passed", decision="passed", properties=[["case", "a"]]
    )
    assert second.wait_for_cell("set", strange).outcome == "passed"
    assert second.wait_for_ending("set") == Ending(runs=[FIGURES], gates=[GATE]) == read_endings(folder)["set"]
    second.finish()
    first.finish()
    first.close()


def test_a_lease_that_was_given_up_goes_to_who_waits(tmp_path):
    begun = []
    first = SharedBoard(lambda: begun.append("first"), tmp_path, "gw0")
    second = SharedBoard(lambda: begun.append("second"), tmp_path, "gw1")
    first.start()
    second.start()
    first.put_cell("set", CELL, REPORT)
    # As a kill leaves it: a line cut short, and a lock that the system has taken back.
    with (tmp_path / "results.jsonl").open("ab") as file:
        file.write(b'{"set": "set", "cel')
    first.close()
    threading.Timer(0.3, lambda: second.put_ending("set", Ending())).start()
    assert second.wait_for_ending("set") == Ending()
    assert begun == ["first", "second"]
    assert second.wait_for_cell("set", CELL).outcome == "passed"
    second.close()


def test_who_executes_stays_until_nobody_needs_it(tmp_path):
    first = SharedBoard(lambda: None, tmp_path, "gw0")
    second = SharedBoard(lambda: None, tmp_path, "gw1")
    first.start()
    second.start()
    left = threading.Event()

    def leave():
        first.finish()
        left.set()

    threading.Thread(target=leave).start()
    assert not left.wait(0.1)
    second.finish()
    assert left.wait(5)
    first.close()


def test_workers_that_are_told_to_stop_wait_for_nothing(tmp_path):
    first = SharedBoard(lambda: None, tmp_path, "gw0")
    first.start()
    threading.Timer(0.1, tell_to_stop, (tmp_path,)).start()
    assert first.wait_for_cell("set", CELL).stopped
    first.close()


def test_the_loop_is_one_and_ends():
    async def which():
        return asyncio.get_running_loop()

    loop = SessionLoop()
    assert loop.run(which()) is loop.run(which())
    before = threading.active_count()
    loop.close()
    loop.close()
    assert threading.active_count() < before


@pytest.mark.parametrize(
    "files",
    [
        {"prompts/a.prompt": ""},
        {"promptship.toml": 'evalsets_dir = "sets"'},
        {"pyproject.toml": '[tool.promptship]\nevalsets_dir = "tests/sets"', "prompts/a.prompt": ""},
        {"pyproject.toml": "[tool.promptship]"},
        {"pyproject.toml": "[tool.other]", "prompts/a.prompt": ""},
    ],
)
@pytest.mark.parametrize("variable", [None, "elsewhere"])
def test_the_evalsets_folder_is_found_as_the_project_finds_it(tmp_path, monkeypatch, files, variable):
    if variable:
        monkeypatch.setenv("PROMPTSHIP_EVALSETS_DIR", variable)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert _find_evalsets_folder(below) == Project.open(below).evalsets_dir


def test_outside_of_projects_there_is_no_evalsets_folder(tmp_path):
    assert _find_evalsets_folder(Path(tmp_path.anchor)) is None


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (3, 3), (1, 0)])
def test_a_budget_that_decides_nothing_is_refused(k, n):
    with pytest.raises(UsageError, match="expected 0 <= k < n"):
        flaky_budget(k, n)


@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize("fails", range(4))
def test_a_budget_of_failures_is_kept(k, fails):
    left = [False] * fails + [True] * (3 - fails)

    @flaky_budget(k, 3)
    def sample():
        assert left.pop(0)

    if fails > k:
        with pytest.raises(AssertionError, match=f"{k + 1} of {k + 1} samples failed; at most {k} of 3 may"):
            sample()
    else:
        sample()


def test_annotations_are_escaped_as_github_reads_them():
    from promptship.testing._github import _command

    line = _command("error", "a,b:c.yaml", 3, "100%\n::set-env name=A::1")
    assert line == "::error file=a%2Cb%3Ac.yaml,line=3,title=promptship::100%25%0A::set-env name=A::1"


def test_reports_survive_json():
    ending = Ending(runs=[FIGURES], gates=[GATE], error="x", wall_s=1.5)
    from dataclasses import asdict

    assert Ending.from_json(json.loads(json.dumps(asdict(ending)))) == ending
    assert GATE.describe() == "pass: 1, n = 3"
    verdict = SimpleNamespace(**{**asdict(GATE), "decided_by": "observed"})
    assert GateReport.of(verdict) == GATE
