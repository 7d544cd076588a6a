"""One cache file, several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from promptship.models import ResponseCache

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
import sys
from pathlib import Path
from promptship.domain import Response
from promptship.models import ResponseCache

path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
cache = ResponseCache(path)
for index in range(count):
    key = f"{name}-{index}".encode().ljust(32, b".")
    cache.put(key, Response(text=f"answer {name} {index}"))
    if index % 100 == 0:
        cache.flush()
        print(index, flush=True)
cache.close()
"""


def start(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def key_of(name: str, index: int) -> bytes:
    return f"{name}-{index}".encode().ljust(32, b".")


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    path = tmp_path / "cache.db"
    writers = [start(path, name, 3_000) for name in ("a", "b", "c")]
    outputs = [writer.communicate(timeout=60) for writer in writers]

    assert [(writer.returncode, err) for writer, (_, err) in zip(writers, outputs, strict=True)] == [(0, "")] * 3
    cache = ResponseCache(path)
    for name in ("a", "b", "c"):
        for index in range(3_000):
            assert cache.get(key_of(name, index)).text == f"answer {name} {index}"
    cache.close()


def test_a_killed_process_loses_nothing_that_was_flushed(tmp_path):
    path = tmp_path / "cache.db"
    for attempt in range(3):
        writer = start(path, f"k{attempt}", 1_000_000)
        flushed = [int(writer.stdout.readline()) for _ in range(3 + attempt * 5)][-1]
        time.sleep(0.003 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()

        cache = ResponseCache(path)
        assert all(cache.get(key_of(f"k{attempt}", index)) for index in range(flushed + 1))
        cache.close()


def test_a_file_damaged_before_two_processes_start_is_renewed_and_shared(tmp_path):
    path = tmp_path / "cache.db"
    path.write_bytes(b"garbage" * 2_000)
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [
        subprocess.Popen([*command, name, "300"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for name in ("a", "b")
    ]
    for writer in writers:
        writer.communicate(timeout=60)

    assert [writer.returncode for writer in writers] == [0, 0]
    cache = ResponseCache(path)
    found = [name for name in ("a", "b") if cache.get(key_of(name, 299))]
    cache.close()
    assert found
