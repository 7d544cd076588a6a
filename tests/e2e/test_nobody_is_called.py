"""Nobody is called whom the user did not name: no telemetry, no look-ups, no `.env`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GUARD = """
import os, socket, sys

def refuse(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        local = not isinstance(address, tuple) or address[0] in {"127.0.0.1", "::1"}
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        local = arguments[0] in {"127.0.0.1", "::1", "localhost", None}
    elif event == "open":
        local = os.path.basename(str(arguments[0])) != ".env"
    else:
        return
    if not local:
        with open(os.environ["GUARD_LOG"], "a") as log:
            log.write(f"{event} {arguments[:2]}\\n")
        raise RuntimeError(f"{event} {arguments[:2]}")

sys.addaudithook(refuse)
with open(os.environ["GUARD_LOG"], "a") as log:
    log.write("guarded\\n")
"""


@pytest.fixture
def guarded(cli, tmp_path_factory):
    """Environment of a process that cannot reach anyone outside this machine, and a log of what it tried."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "sitecustomize.py").write_text(GUARD)
    cli.write(".env", "OPENAI_API_KEY=sk-from-dotenv\n")
    return {"PYTHONPATH": str(folder), "GUARD_LOG": str(folder / "log"), "HOUSE_KEY": "sk-1"}


def tried(guarded):
    return set(Path(guarded["GUARD_LOG"]).read_text(encoding="utf-8").splitlines())


def test_the_guard_itself_refuses(cli, guarded):
    program = (
        "import socket, sys\n"
        "for call in (lambda: socket.getaddrinfo('example.com', 80), lambda: open('.env')):\n"
        "    try: call()\n"
        "    except RuntimeError: continue\n"
        "    sys.exit(1)"
    )
    subprocess.run([sys.executable, "-c", program], env={**os.environ, **guarded}, check=True)
    assert len(tried(guarded)) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval", "echo", "--report", "html"],
        ["eval", "echo", "--record", "--no-cache", "--repeats", "2"],
        ["lint"],
        ["models", "list"],
        ["models", "test"],
        ["status"],
        ["run", "echo", "-i", "text=x"],
    ],
    ids=lambda arguments: "-".join(arguments[:2]),
)
def test_a_command_calls_nobody(cli, guarded, arguments):
    cli(*arguments, env=guarded)
    assert tried(guarded) == {"guarded"}


def test_a_dry_run_of_a_provider_calls_nobody(cli, guarded):
    (row,) = cli.json(
        "eval", "echo", "--dry-run", "--model", "openai/gpt-4o-mini", env=guarded | {"OPENAI_API_KEY": "x"}
    )
    assert row["cases"] == 3
    assert tried(guarded) == {"guarded"}


def test_only_the_server_that_the_user_named_is_called(cli, guarded, serve, completion):
    server = serve(lambda handler, _: handler.say(completion))
    found = cli.json("eval", "echo", code=1, env=guarded)
    assert (found["totals"]["requests"], server.requests) == (3, 3)
    assert tried(guarded) == {"guarded"}


def test_litellm_behind_its_door_calls_only_the_server_that_the_user_named(cli, guarded, serve, completion):
    pytest.importorskip("litellm")
    server = serve(lambda handler, _: handler.say(completion))
    config = json.loads((cli.folder / "prompts/models.yaml").read_text())
    config["house"]["model"] = "groq/llama-3.1-8b-instant"
    cli.write("prompts/models.yaml", json.dumps(config))
    cli.json("eval", "echo", code=1, env=guarded)
    assert server.requests == 3
    assert tried(guarded) == {"guarded"}
