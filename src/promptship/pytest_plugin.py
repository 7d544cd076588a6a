"""The pytest plugin's entry module.

It imports pytest alone: everything else is loaded when an evalset is collected or a test asks for one of the fixtures.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptship.testing import Metamorphic, PromptRun

__all__ = ["metamorphic", "prompt_run"]

_ENDINGS = (".yaml", ".yml")
_REPORTS = (".json", ".md", ".html", ".xml")
_SESSION_DIR = pytest.StashKey[str]()
_MARKERS = (
    "promptship(evalset=None, *, prompt=None, model=None, repeats=1): what the fixture prompt_run calls or evaluates",
    "promptship_invariance(evalset, *, input, change, margin=0.05): for the fixture metamorphic",
    "promptship_direction(evalset, *, change, metric, expect): for the fixture metamorphic",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and settings; each begins with `promptship`."""
    parser.addini("promptship_collect", "collect evalsets that no argument names, too", type="bool", default=False)
    parser.addini("promptship_max_cost", "USD that a session may spend, or none for no limit", default="1")
    group = parser.getgroup("promptship", "evalsets (promptship)")
    add = group.addoption
    many: dict[str, Any] = {"action": "append", "default": []}
    add("--promptship-prompt", metavar="REF", help="REF instead of the evalset's own prompt; repeatable", **many)
    add("--promptship-model", metavar="NAME", help="model config, or provider/model; repeatable", **many)
    add("--promptship-baseline", metavar="REF", default=None, help="a run, git revision or base for gates versus one")
    add("--promptship-repeats", metavar="N", type=int, default=1, help="samples per case")
    add("--promptship-concurrency", metavar="N", type=int, default=None, help="cells in flight")
    add("--promptship-max-cost", metavar="USD", default=None, help="what the session may spend; none for no limit")
    add("--promptship-no-cache", action="store_true", help="neither read nor fill the response cache")
    add("--promptship-frozen", action="store_true", help="replay the cassettes; call nothing")
    add("--promptship-strict-cases", action="store_true", help="let each failing case fail, gates or not")
    add(
        "--promptship-cov-fail-under",
        metavar="PERCENT",
        type=float,
        default=None,
        help="fail where the cases reach less of a prompt's branches and inputs",
    )
    add("--promptship-report", metavar="PATH", default=None, help="write a report: .json, .md, .html or .xml")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and refuse a report that could not be written when all is paid for.

    Raises:
        pytest.UsageError: There is no report of this kind.
    """
    for line in _MARKERS:
        config.addinivalue_line("markers", line)
    report = config.getoption("promptship_report")
    if report is not None and not report.endswith(_REPORTS):
        raise pytest.UsageError(f"--promptship-report {report!r}: expected a file that ends in {', '.join(_REPORTS)}")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect evalsets that are named on the command line, or all where `promptship_collect` is set."""
    if file_path.suffix not in _ENDINGS:
        return None
    config = parent.config
    if config.args_source is not pytest.Config.ArgsSource.ARGS and not config.getini("promptship_collect"):
        return None
    from promptship.testing import collect_evalset

    return collect_evalset(file_path, parent)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain a comparison with an answer of a prompt."""
    # What no test was given cannot stand in one of its comparisons.
    if "promptship.testing._answer" not in sys.modules:
        return None
    from promptship.testing import explain_comparison

    return explain_comparison(op, left, right)


@pytest.fixture
def prompt_run(request: pytest.FixtureRequest) -> PromptRun:
    """Call prompts and evaluate them from a test; `@pytest.mark.promptship(...)` says which."""
    from promptship.testing import open_prompt_run

    return open_prompt_run(request)


@pytest.fixture
def metamorphic(request: pytest.FixtureRequest) -> Metamorphic:
    """What a change of the inputs did, as `promptship_invariance` or `promptship_direction` describes it."""
    from promptship.testing import open_metamorphic

    return open_metamorphic(request)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each xdist worker where the workers of this session meet."""
    if _SESSION_DIR not in node.config.stash:
        import secrets
        import tempfile

        name = f"promptship-{secrets.token_hex(8)}"
        node.config.stash[_SESSION_DIR] = os.path.join(tempfile.gettempdir(), name)  # noqa: PTH118 - pathlib is not needed here
    node.workerinput["promptship_session_dir"] = node.config.stash[_SESSION_DIR]


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """On the controller of xdist: tell the workers to end, and afterwards gather what they have done."""
    folder = session.config.stash.get(_SESSION_DIR, None)
    if folder is None or not os.path.isdir(folder):  # noqa: PTH112 - likewise
        return (yield)
    from promptship.testing import gather_session

    return (yield from gather_session(session, folder))
