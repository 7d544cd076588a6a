"""Measure the HTML page of a large run in a real browser: size, time to ready, memory, filtering.

Usage: python benchmarks/report_page.py [CASES] — writes benchmarks/results/report_page.md
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from promptship.report import output_digest, write_html

ROOT = Path(__file__).parents[1]
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
ROUNDS = 5
# The word is in a few of the random texts; the search box is driven as a person would drive it.
FILTER = """async (query) => {
  const search = document.querySelector('input[type=search]'), found = document.querySelector('.found');
  const before = found.textContent, start = performance.now();
  search.value = query;
  search.dispatchEvent(new Event('input'));
  while (found.textContent === before) await new Promise((done) => setTimeout(done, 1));
  return performance.now() - start - 90;
}"""

# Every case has its mark already: the most that a key has to count.
RATED = """(keys) => keys.forEach((key) => localStorage.setItem(`promptship-rating/${key}`, '{"rating":"good"}'))"""
RATE = """() => {
  const start = performance.now();
  const press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  for (const key of 'gbugbugbugbugbugbugb') press(key);
  return (performance.now() - start) / 20;
}"""


def load_samples() -> Any:
    """Load the made-up runs of the tests; test folders are no packages."""
    path = ROOT / "tests" / "unit" / "report" / "sample_runs.py"
    spec = importlib.util.spec_from_file_location("promptship_report_samples", path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[spec.name])
    return sys.modules[spec.name]


def measure_once(page: Any, path: Path) -> dict[str, float]:
    """Open the page once and measure it.

    Returns:
        Seconds from navigation to ready, used heap in MB after a collection, milliseconds of searches and of a filter
        (less the 90 ms that the search box waits for more typing), and rows in the document.
    """
    start = time.perf_counter()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready='true']", state="attached", timeout=60_000)
    ready_s = time.perf_counter() - start
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap_mb = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    rows = page.locator(".rows .row").count()
    first_ms = page.evaluate(FILTER, "zab")
    later_ms = page.evaluate(FILTER, "zac")
    return {"ready_s": ready_s, "heap_mb": heap_mb, "search_first_ms": first_ms, "search_ms": later_ms, "rows": rows}


def measure_rating(page: Any, path: Path, keys: list[str]) -> dict[str, float]:
    """Return milliseconds from a rating key to the next case on the page: with nothing rated, and with everything."""
    found = {}
    for name in ("rate_ms", "rate_full_ms"):
        page.goto(path.as_uri() + "#rate=blind&sort=random")
        page.reload()
        page.wait_for_selector("html[data-ready='true']", state="attached", timeout=60_000)
        page.keyboard.press("Enter")
        found[name] = page.evaluate(RATE)
        page.evaluate(RATED, keys)
    return found


def main(cases: int) -> None:
    """Build the page, measure it `ROUNDS` times, print and write the table."""
    run = load_samples().large_run(cases=cases)
    marks = ((run.manifest.run_id, record.key.case_id, output_digest(record) or "") for record in run.records())
    keys = [f"{run_id}/{case_id}/{digest[7:23]}" for run_id, case_id, digest in marks]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        start = time.perf_counter()
        write_html([run], path)
        built_s = time.perf_counter() - start
        size_mb = path.stat().st_size / 1e6
        rounds = []
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            for _ in range(ROUNDS):
                context = browser.new_context(viewport={"width": 1400, "height": 900})
                measured = measure_once(context.new_page(), path)
                rounds.append(measured | measure_rating(context.new_page(), path, keys))
                context.close()
            version = browser.version
            browser.close()
    lines = [
        "# The HTML page of a large run",
        "",
        f"{cases:,} cases of random words (they compress badly; real answers do better), one variant, two scorers.",
        f"Chromium {version}, {platform.machine()}, {ROUNDS} rounds. Made by `python benchmarks/report_page.py`.",
        "",
        "| figure | median | min | max |",
        "|---|---:|---:|---:|",
        f"| written in, s | {built_s:.2f} | | |",
        f"| file, MB | {size_mb:.1f} | | |",
    ]
    names = {
        "ready_s": "navigation to ready, s",
        "heap_mb": "heap, MB",
        "search_first_ms": "first search over all texts, ms",
        "search_ms": "later search, ms",
        "rate_ms": "a rating by key and the next case, ms",
        "rate_full_ms": "the same with every case rated, ms",
        "rows": "rows in the document",
    }
    for key, name in names.items():
        values = [found[key] for found in rounds]
        digits = 2 if key == "ready_s" else 0
        shown = [f"{figure:.{digits}f}" for figure in (statistics.median(values), min(values), max(values))]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    text = "\n".join(lines) + "\n"
    print(text)
    (ROOT / "benchmarks" / "results" / "report_page.md").write_text(text)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
