"""What the plugin's entry module calls. What each of these needs is loaded when it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.testing._naming import is_wanted

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import pytest

    from promptship.testing._metamorphic import Metamorphic
    from promptship.testing._prompt_run import PromptRun

__all__ = ["collect_evalset", "gather_session", "open_metamorphic", "open_prompt_run"]


def collect_evalset(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Return the collector of an evalset that this session is to evaluate; None for any other file."""
    if not is_wanted(path, parent.config):
        return None
    from promptship.testing._nodes import EvalsetFile
    from promptship.testing._session import session_of

    collector = EvalsetFile.from_parent(parent, path=path)
    collector.eval_session = session_of(parent.config)
    return collector


def gather_session(session: pytest.Session, folder: str) -> Generator[None]:
    """On the controller of xdist: end the workers, and gather what they have put up.

    Args:
        session: The controller's session.
        folder: Where the workers met.
    """
    from promptship.testing._summary import gather

    return gather(session, folder)


def open_prompt_run(request: pytest.FixtureRequest) -> PromptRun:
    """Return what the fixture `prompt_run` gives to a test.

    Raises:
        UsageError: The test's marker is wrong.
    """
    from promptship.testing._prompt_run import PromptRun, marker_options
    from promptship.testing._session import session_of

    options = marker_options(request.node.get_closest_marker("promptship"))
    return PromptRun(session_of(request.config), request.node, options)


def open_metamorphic(request: pytest.FixtureRequest) -> Metamorphic:
    """Return what the fixture `metamorphic` gives to a test; its prompts are called here.

    Raises:
        UsageError: The test has no marker that says what is changed, or a wrong one.
    """
    from promptship.testing._metamorphic import open_metamorphic as open_it
    from promptship.testing._session import session_of

    return open_it(session_of(request.config), request.node)
