"""Where a host runs its own event loop (async tests, web handlers, notebooks), it is neither used nor patched."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from jupyter_client import KernelManager
from runner_kit import Lab, Sums, make_plan

from promptship.runner import run_blocking

KIT = Path(__file__).parents[2] / "unit" / "runner"


async def test_in_an_async_test_of_pytest_asyncio(lab: Lab) -> None:
    host = asyncio.get_running_loop()
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.001)

    beating = asyncio.create_task(beat())
    run = run_blocking(lambda: lab.run(make_plan(20), Sums(delay_s=0.01)))
    assert run.summary.overall.totals.passed == 18
    assert asyncio.get_running_loop() is host
    idle = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
        asyncio.run(idle)
    idle.close()
    await asyncio.sleep(0.02)
    assert beats > 1
    beating.cancel()


@pytest.mark.parametrize("threaded", [False, True])
async def test_in_a_web_handler(lab: Lab, threaded: bool) -> None:
    """An ASGI application as frameworks call it: in the loop for `async def`, in a thread for `def`."""

    def evaluate() -> bytes:
        run = run_blocking(lambda: lab.run(make_plan(20), Sums(delay_s=0.01)))
        return str(run.summary.overall.totals.passed).encode()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body = await asyncio.to_thread(evaluate) if threaded else evaluate()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://host") as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(3)))
    assert [answer.text for answer in answers] == ["18", "18", "18"]


def test_in_a_notebook(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {str(KIT)!r})
from runner_kit import Lab, Sums, make_plan
from promptship.runner import run_blocking
asyncio.get_running_loop()
run = run_blocking(lambda: Lab(Path({str(tmp_path / "runs")!r})).run(make_plan(20), Sums(delay_s=0.01)))
print("passed", run.summary.overall.totals.passed)
"""
    assert "passed 18" in run_cell(code)


def run_cell(code: str) -> str:
    """Execute one cell in a kernel of its own; return what it printed or raised."""
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    printed: list[str] = []

    def collect(message: dict[str, Any]) -> None:
        content = message["content"]
        printed.append(content.get("text") or "\n".join(content.get("traceback", ())))

    try:
        client.wait_for_ready(timeout=60)
        client.execute_interactive(code, timeout=60, output_hook=collect)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return "".join(printed)
