"""Where the results of a session are put up, and where items wait for them.

In a plain session that is a dict with a condition. The workers of xdist share a file: one of them, who holds a lease,
executes all cells and appends what comes out; the others read it. When the holder dies, the operating system takes its
lease back, and the next worker who waits goes on from the journal of the run.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from promptship.errors import UsageError
from promptship.testing._reports import CellId, CellReport, Ending

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptship.runner import RunLock

__all__ = ["Board", "LocalBoard", "SharedBoard", "read_endings", "tell_to_stop"]

_STOP = "stop"
_LOOK_EVERY_S = 0.01
_TRY_LEASE_EVERY_S = 0.2
_STOPPED = Ending(error="the session was stopped", stopped=True)


class Board(Protocol):
    """Results of the session's evalsets by the path of their file."""

    endings: dict[str, Ending]

    def start(self) -> None:
        """Have the cells executed, by this process or another."""
        ...

    def put_cell(self, evalset: str, cell: CellId, report: CellReport) -> None:
        """Put up what a cell came to; called by whoever executes."""
        ...

    def put_ending(self, evalset: str, ending: Ending) -> None:
        """Put up how an evalset ended; called by whoever executes."""
        ...

    def wait_for_cell(self, evalset: str, cell: CellId) -> CellReport | Ending:
        """Return what the cell came to, or how its evalset ended without it."""
        ...

    def wait_for_ending(self, evalset: str) -> Ending:
        """Return how the evalset ended."""
        ...

    def finish(self) -> None:
        """Return when nobody else needs what this process executes."""
        ...


class LocalBoard:
    """Results within one process.

    Args:
        execute: Starts the execution in the background; called once.
    """

    def __init__(self, execute: Callable[[], None]) -> None:
        self._execute = execute
        self._cells: dict[tuple[str, CellId], CellReport] = {}
        self._changed = threading.Condition()
        self._started = False
        self._process = os.getpid()
        self.endings: dict[str, Ending] = {}

    def start(self) -> None:
        """See `Board.start`."""
        if not self._started:
            self._started = True
            self._execute()

    def put_cell(self, evalset: str, cell: CellId, report: CellReport) -> None:
        """See `Board.put_cell`."""
        with self._changed:
            self._cells[evalset, cell] = report
            self._changed.notify_all()

    def put_ending(self, evalset: str, ending: Ending) -> None:
        """See `Board.put_ending`."""
        with self._changed:
            self.endings[evalset] = ending
            self._changed.notify_all()

    def wait_for_cell(self, evalset: str, cell: CellId) -> CellReport | Ending:
        """See `Board.wait_for_cell`."""
        key = (evalset, cell)
        self._wait_until(lambda: key in self._cells or evalset in self.endings)
        return self._cells.get(key) or self.endings.get(evalset, _STOPPED)

    def wait_for_ending(self, evalset: str) -> Ending:
        """See `Board.wait_for_ending`."""
        self._wait_until(lambda: evalset in self.endings)
        return self.endings.get(evalset, _STOPPED)

    def finish(self) -> None:
        """See `Board.finish`; nobody else is there."""

    def _wait_until(self, is_there: Callable[[], bool]) -> None:
        if os.getpid() != self._process:
            # A forked child has no thread that executes: it would wait for ever.
            raise UsageError("an evalset's item runs in a forked process", hint="run evalsets without --forked")
        with self._changed:
            # With a timeout, so that Ctrl-C is heard on every platform.
            while not self._changed.wait_for(is_there, timeout=_TRY_LEASE_EVERY_S):
                pass


class SharedBoard(LocalBoard):
    """Results that the workers of one machine share.

    Args:
        execute: Starts the execution in the background; called once, and only while the lease is held.
        folder: Where the workers of this session meet; made where it is missing.
        worker: The name of this worker.
    """

    def __init__(self, execute: Callable[[], None], folder: Path, worker: str) -> None:
        super().__init__(execute)
        self._folder = folder
        self._worker = worker
        self._lease: RunLock | None = None
        self._presence: RunLock | None = None
        self._out: BinaryIO | None = None
        self._offset = 0
        self._tried = 0.0

    @property
    def is_stopped(self) -> bool:
        """Whether the controller, or a worker under -x, has told all workers to end."""
        return (self._folder / _STOP).exists()

    def stop(self) -> None:
        """Tell all workers to end."""
        tell_to_stop(self._folder)

    def start(self) -> None:
        """See `Board.start`."""
        if self._presence is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._presence = _take_lock(self._folder / "present" / self._worker)
        self.read()
        self._try_lease()

    def put_cell(self, evalset: str, cell: CellId, report: CellReport) -> None:
        """See `Board.put_cell`."""
        self._append({"set": evalset, "cell": cell, "report": asdict(report)})
        super().put_cell(evalset, cell, report)

    def put_ending(self, evalset: str, ending: Ending) -> None:
        """See `Board.put_ending`."""
        self._append({"set": evalset, "ending": asdict(ending)})
        super().put_ending(evalset, ending)

    def finish(self) -> None:
        """See `Board.finish`: others may still wait for cells that this worker executes."""
        if self._presence is not None:
            self._presence.release()
            self._presence = None
        while self._lease is not None and not self.is_stopped and self._somebody_is_present():
            time.sleep(_LOOK_EVERY_S)

    def close(self) -> None:
        """Close the file, and let another worker have the lease."""
        if self._out is not None:
            self._out.close()
            self._out = None
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def _wait_until(self, is_there: Callable[[], bool]) -> None:
        while not is_there():
            if self.is_stopped:
                return
            if self._lease is None:
                self.read()
                self._try_lease()
                time.sleep(_LOOK_EVERY_S)
            else:
                with self._changed:
                    self._changed.wait_for(is_there, timeout=_TRY_LEASE_EVERY_S)

    def _try_lease(self) -> None:
        if self._lease is not None or self._tried + _TRY_LEASE_EVERY_S > time.monotonic():
            return
        self._tried = time.monotonic()
        self._lease = _take_lock(self._folder / "lease")
        if self._lease is None:
            return
        # What the last holder has put up since our last look; its torn last line is ended by an empty one of ours.
        self.read()
        self._out = (self._folder / "results.jsonl").open("ab", buffering=0)
        self._out.write(b"\n")
        super().start()

    def _append(self, row: dict[str, Any]) -> None:
        if self._out is not None:
            self._out.write(json.dumps(row).encode() + b"\n")

    def read(self, is_wanted: Callable[[bytes], bool] = bool) -> None:
        """Take in the lines that are new, as far as they are wanted; by default those that are not empty."""
        try:
            with (self._folder / "results.jsonl").open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in filter(is_wanted, whole.splitlines()):
            self._take_in(line)

    def _take_in(self, line: bytes) -> None:
        try:
            row = json.loads(line)
        except ValueError:
            # The torn last line of a worker that was killed; its cell is put up anew.
            return
        if "ending" in row:
            super().put_ending(row["set"], Ending.from_json(row["ending"]))
        else:
            super().put_cell(row["set"], CellId(*row["cell"]), CellReport(**row["report"]))

    def _somebody_is_present(self) -> bool:
        for folder in (self._folder / "present").iterdir():
            lease = _take_lock(folder)
            if lease is None:
                return True
            lease.release()
        return False


def tell_to_stop(folder: Path) -> None:
    """Tell the workers that meet in `folder` to end."""
    (folder / _STOP).touch()


def read_endings(folder: Path) -> dict[str, Ending]:
    """Return how the evalsets of a session ended that workers have put up in `folder`."""
    board = SharedBoard(lambda: None, folder, "")
    board.read(lambda line: b'"ending"' in line)
    return board.endings


def _take_lock(folder: Path) -> RunLock | None:
    """Take the lock of `folder` without waiting; None where somebody holds it."""
    from promptship.runner import RunLock

    folder.mkdir(parents=True, exist_ok=True)
    return RunLock.try_acquire(folder)
