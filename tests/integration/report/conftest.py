from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    """The made-up runs of the unit tests, loaded by their path: test folders are no packages."""
    name = "promptship_report_samples"
    if name not in sys.modules:
        path = Path(__file__).parents[2] / "unit" / "report" / "sample_runs.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Write runs as a page, open it, and wait until its cases are there; what it asked of the network is noted."""
    from promptship.report import render_html, write_report

    contexts = []

    def show(runs: list[Any], *, fragment: str = "", script: bool = True, policy: str = "", **options: Any) -> Any:
        path = tmp_path / "report.html"
        write_report(path, render_html(runs, policy=policy))
        context = browser.new_context(java_script_enabled=script, **options)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.dialogs, page.errors = [], [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("dialog", lambda dialog: (page.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" else None)
        page.goto(path.as_uri() + fragment)
        if script:
            page.wait_for_selector("html[data-ready='true']", state="attached", timeout=20_000)
        return page

    yield show
    for context in contexts:
        context.close()
