"""What tests of scorers share: building items, and plug-ins that are not installed."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from promptship.domain import Case, Output, ScoreInput, ScorerSpec
from promptship.scorers import CheckedScorer, ScorerContext, _registry, build_scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def build() -> Callable[..., CheckedScorer]:
    """Build a scorer of a type with `value`, `threshold` and further keys."""

    def make(kind: str, *, context: ScorerContext | None = None, **written: Any) -> CheckedScorer:
        value, threshold = written.pop("value", None), written.pop("threshold", None)
        spec = ScorerSpec(
            type=kind,
            name=written.pop("name", kind),
            value=value,
            has_value=value is not None or written.pop("has_value", False),
            threshold=threshold,
            required=written.pop("required", True),
            params=written,
            path="evalsets/a.yaml",
            line=7,
        )
        return build_scorer(spec, context)

    return make


@pytest.fixture
def item() -> Callable[..., ScoreInput]:
    """Make an output and its case."""

    def make(text: str = "", expected: Any = None, references: tuple[str, ...] = (), **output: Any) -> ScoreInput:
        case = Case(
            id="c-1", inputs={"question": "?"}, expected=expected, references=references, tags={"language": "de"}
        )
        return ScoreInput(output=Output(text=text, **output), case=case)

    return make


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Put a plug-in module with this source on the import path and among the entry points."""
    points: list[EntryPoint] = []
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(_registry, "entry_points", lambda group: points)

    def add(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source)
        points.append(EntryPoint(name=name, value=name, group=_registry.GROUP))

    yield add
    for point in points:
        sys.modules.pop(point.value, None)
    _registry._load.cache_clear()
