"""Makes `judge_kit` importable under pytest's importlib mode, and a bench for each test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from judge_kit import Bench

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    from judge_kit import Bench

    return Bench(tmp_path)


@pytest.fixture
def rated() -> list[tuple[str, str]]:
    """Forty replies; polite ones are good, and length tells nothing."""
    return [
        (
            f"{'Thank you' if place % 2 else 'Go away'}, number {place}{' so' * (place % 7)}.",
            "good" if place % 2 else "bad",
        )
        for place in range(40)
    ]


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a fifth of the resamples: no test here asks for the second digit of an interval's end."""
    for module in ("judges._figures", "stats._ranks"):
        monkeypatch.setattr(f"promptship.{module}._RESAMPLES", 200)
