import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from promptship.models import Cassette

DATA = Path(__file__).parents[2] / "src/promptship/cli/demo_project"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Run the demo once, with every way to a model or the network closed."""
    folder = tmp_path_factory.mktemp("demo") / "project"
    closed = {"HF_HUB_OFFLINE": "1", "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    environment = {name: value for name, value in os.environ.items() if "KEY" not in name}
    begun = time.monotonic()
    done = subprocess.run(
        [str(Path(sys.executable).parent / "promptctl"), "demo", str(folder)],
        env={**environment, **closed, "HOME": str(folder.parent), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout, time.monotonic() - begun


def test_the_demo_takes_less_than_a_minute(shown):
    assert shown[2] < 60


def test_the_demo_says_that_its_answers_are_recorded(shown):
    assert shown[1].startswith("Recorded: 72 answers of SmolLM2-135M-Instruct")
    assert "0 requests" in shown[1]


def test_the_harmless_edit_passes_and_the_bad_one_fails_its_gates(shown):
    first, _, second = shown[1].partition("2. A bad edit")
    assert "reply: PASS, all 2 gates pass" in first
    assert "24 shared cases: none changed" in first
    assert "reply: FAIL, 2 of 2 gates failed" in second
    assert "24 shared cases: 24 broken" in second
    assert "FAIL all 2 gates failed" in second


def test_the_demo_leaves_two_review_comments(shown):
    folder = shown[0]
    assert "✅ pass" in (folder / "review-harmless.md").read_text(encoding="utf-8")
    assert "❌ fail" in (folder / "review-bad.md").read_text(encoding="utf-8")


def test_a_folder_that_is_not_empty_is_left_alone(cli):
    before = sorted(path.name for path in cli.folder.rglob("*"))
    assert "is not an empty folder" in cli("demo", ".", code=2).stderr
    assert sorted(path.name for path in cli.folder.rglob("*")) == before


def test_the_recording_is_of_the_model_that_the_demo_names():
    answers = Cassette.frozen(DATA / "base/cassettes/reply.jsonl.zst").answers_by_question(
        "local/smollm2-135m-instruct"
    )
    assert len(answers) == 72
    assert sum("colleague" in answer.text for answer in answers.values()) == 48
