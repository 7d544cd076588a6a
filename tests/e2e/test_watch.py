import signal
import subprocess
import threading
import time

import pytest


def wait_for(said, count, text):
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        if sum(text in line for line in list(said)) >= count:
            return
        time.sleep(0.1)
    raise AssertionError(f"{text!r} was not said {count} times:\n{''.join(said)}")


@pytest.mark.timeout(120)
def test_watch_evaluates_again_when_a_prompt_changes_and_survives_a_broken_one(cli):
    process = cli.start("eval", "echo", "--watch", stderr=subprocess.STDOUT)
    said = []
    reader = threading.Thread(target=lambda: said.extend(iter(process.stdout.readline, "")), daemon=True)
    reader.start()
    try:
        wait_for(said, 1, "watching")
        cli.write("prompts/echo.prompt", "{{ text \n")
        wait_for(said, 2, "watching")
        wait_for(said, 1, "error: prompts/echo.prompt")
        cli.write("prompts/echo.prompt", "nothing\n")
        wait_for(said, 3, "watching")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        reader.join(timeout=10)
        process.stdout.close()
    assert process.returncode == 130
    assert "Traceback" not in "".join(said)
