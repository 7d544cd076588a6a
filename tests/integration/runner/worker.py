"""A process that executes a plan with a target that notes each call in a file before and after it. Not a test.

    python worker.py RUNS_DIR CALLS_LOG CASES CONCURRENCY DELAY_S

Prints the totals and the run's id as JSON, or the error's type with exit code 3.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "runner"))

from runner_kit import Sums, make_plan

from promptship.errors import PromptshipError
from promptship.runner import Progress, StopSignal, execute, run_blocking

if TYPE_CHECKING:
    from promptship.domain import Case, Output


class Logged(Sums):
    """Sums whose calls stand in a file that survives any kill, as a provider's bill would."""

    def __init__(self, log: str, delay_s: float) -> None:
        super().__init__()
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._mean_s = delay_s
        self._random = random.Random(os.getpid())  # noqa: S311 - delays, no secret

    async def run(self, case: Case, *, repeat: int) -> Output:
        os.write(self._log, f"start {case.id}\n".encode())
        await asyncio.sleep(self._random.uniform(0.2, 1.8) * self._mean_s)
        os.write(self._log, f"end {case.id}\n".encode())
        return await super().run(case, repeat=repeat)


def main(runs_dir: str, log: str, cases: str, concurrency: str, delay_s: str) -> int:
    stop = StopSignal()

    def tell(progress: Progress) -> None:
        sys.stderr.write(f"{progress.done}\n")
        sys.stderr.flush()

    async def work() -> str:
        run = await execute(
            make_plan(int(cases)),
            [Logged(log, float(delay_s))],
            runs_dir=Path(runs_dir),
            concurrency=int(concurrency),
            on_progress=tell,
            stop=stop,
        )
        totals = asdict(run.summary.overall.totals)
        return json.dumps({"run_id": run.manifest.run_id, **totals})

    try:
        sys.stdout.write(run_blocking(work, stop=stop) + "\n")
    except PromptshipError as error:
        sys.stdout.write(json.dumps({"error": type(error).__name__, "said": str(error), "hint": error.hint}) + "\n")
        return int(error.exit_code)
    except KeyboardInterrupt:
        sys.stdout.write("interrupted\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
