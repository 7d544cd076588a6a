"""Makes `runner_kit` importable under pytest's importlib mode, and a lab for each test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from runner_kit import Lab

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    from runner_kit import Lab

    return Lab(tmp_path / "runs")
