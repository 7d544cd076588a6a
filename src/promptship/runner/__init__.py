"""Plan, execute, Run: fill a matrix of cells, keep every output before it counts, and derive all figures from the rows.

Targets and scorers come in through their Protocols: models, prompts, caches, retries and money are theirs. Gates and
reports read a `Run`; they live above.
"""

from promptship.runner._blocking import run_blocking
from promptship.runner._codec import digest_material
from promptship.runner._execute import execute
from promptship.runner._lock import RunLock
from promptship.runner._manifest import load_verdict
from promptship.runner._partial import PartialRun
from promptship.runner._plan import RunPlan
from promptship.runner._progress import Progress, StopSignal
from promptship.runner._run import Run
from promptship.runner._runs import DamagedRun, filter_runs, find_run, list_damaged_runs, list_runs, remove_run
from promptship.runner._summary import summarize
from promptship.runner._table import CaseTable, JudgedCells, OutcomeCode

__all__ = [
    "CaseTable",
    "DamagedRun",
    "JudgedCells",
    "OutcomeCode",
    "PartialRun",
    "Progress",
    "Run",
    "RunLock",
    "RunPlan",
    "StopSignal",
    "digest_material",
    "execute",
    "filter_runs",
    "find_run",
    "list_damaged_runs",
    "list_runs",
    "load_verdict",
    "remove_run",
    "run_blocking",
    "summarize",
]
