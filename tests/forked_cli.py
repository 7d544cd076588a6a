"""A process that has promptctl loaded and forks for each call: most of a short command's time is its imports.

Each call is a process of its own, with its own folder, environment and streams, as if the program had been started.
"""

from __future__ import annotations

import atexit
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

LOADED = ("promptship", "promptship.cli._main", "sqlalchemy.dialects.sqlite", "alembic.command", "scipy.stats")
PACKAGES = ("assembly", "cli", "domain", "evaluation", "gates", "project", "prompts", "registry", "runner", "scorers")
# Python reads these at its start, so they would have no effect on a process that is forked.
READ_AT_START = {"PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "PYTHONUTF8", "PYTHONIOENCODING"}
PROGRAM = """#!{python} -SE
import json, os, socket, sys
# A server is ended by a signal, which must reach the process itself.
if {read_at_start!r} & os.environ.keys() or sys.argv[1:2] == ["serve"]:
    os.execv({whole!r}, ["promptctl", *sys.argv[1:]])
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
asked = dict(arguments=["promptctl", *sys.argv[1:]], cwd=os.getcwd(), env=dict(os.environ))
body = json.dumps(asked).encode()
socket.send_fds(line, [len(body).to_bytes(8, "big")], [0, 1, 2])
line.sendall(body)
answers = line.makefile("rb")
answers.readline()
os._exit(int(answers.readline()) & 255)
"""


class ForkServer:
    """The process, and how it is asked.

    Example:
        server = ForkServer()
        server.run(["promptctl", "list"], cwd=folder, env={}, timeout=120).returncode
        server.close()
    """

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="fork")
        self._address = str(Path(self._folder.name) / "socket")
        command = [sys.executable, __file__, self._address]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process.stdout.readline()

    def run(self, arguments, *, cwd, env, stdin=None, timeout):
        """Do what `subprocess.run` does with text and captured output."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
            given.write((stdin or "").encode())
            given.seek(0)
            asked = {"arguments": [str(one) for one in arguments], "cwd": str(cwd), "env": env}
            code = self._ask(asked, [one.fileno() for one in (given, out, err)], timeout)
            return subprocess.CompletedProcess(arguments, code, read_text(out), read_text(err))

    def _ask(self, asked, streams, timeout):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(self._address)
            body = json.dumps(asked).encode()
            socket.send_fds(line, [len(body).to_bytes(8, "big")], streams)
            line.sendall(body)
            line.settimeout(timeout)
            with line.makefile("rb") as answers:
                pid = int(answers.readline())
                try:
                    return int(answers.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise

    def install(self, folder):
        """Put a `promptctl` into a folder that scripts find by their PATH, and return the folder."""
        program, whole = folder / "promptctl", str(Path(sys.executable).parent / "promptctl")
        program.write_text(
            PROGRAM.format(python=sys.executable, read_at_start=READ_AT_START, whole=whole, address=self._address),
            encoding="utf-8",
        )
        program.chmod(0o755)
        return folder

    def close(self):
        """End the process; it ends by itself where this one is killed."""
        with self._process:
            self._process.stdin.close()
        self._folder.cleanup()


def run_whole(arguments, *, cwd, env, stdin=None, timeout):
    """Do the same with the program started from its beginning."""
    return subprocess.run(
        arguments, cwd=cwd, env=env, input=stdin, timeout=timeout, capture_output=True, text=True, check=False
    )


def read_text(file):
    file.seek(0)
    # As text mode reads it: the newlines of every system become one.
    return file.read().decode().replace("\r\n", "\n").replace("\r", "\n")


def serve(address):
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen(8)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        # Standard input ends when the suite does, however it ends.
        while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
            line, _ = door.accept()
            if os.fork() == 0:
                door.close()
                answer(line)
            line.close()


def load():
    for name in LOADED:
        __import__(name)
    for package in PACKAGES:
        found = sys.modules.get(f"promptship.{package}") or __import__(f"promptship.{package}", fromlist=["_"])
        for module in pkgutil.iter_modules(found.__path__):
            __import__(f"promptship.{package}.{module.name}")


def answer(line):
    """Fork once more, so that there is somebody who waits for the command and tells its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(line, 8, 3)
    with line.makefile("rb") as body:
        asked = json.loads(body.read(int.from_bytes(head, "big")))
    pid = os.fork()
    if pid == 0:
        line.close()
        call(asked, streams)
    line.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def call(asked, streams):
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = asked["arguments"]
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    code = 1
    try:
        from promptship.cli import main

        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # noqa: BLE001 - the interpreter itself would do this with it
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(int(code))


if __name__ == "__main__":
    serve(sys.argv[1])
