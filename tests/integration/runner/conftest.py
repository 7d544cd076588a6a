"""Makes `runner_kit` importable under pytest's importlib mode, and a lab for each test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

KIT = Path(__file__).parents[2] / "unit" / "runner"
sys.path.insert(0, str(KIT))

from runner_kit import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "runs")
