import contextlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from forked_cli import READ_AT_START, ForkServer, run_whole

PROGRAM = Path(sys.executable).parent / "promptctl"


class Cli:
    """Runs the command in a folder, as a user would."""

    def __init__(self, folder: Path, forks):
        self.folder = folder
        self._forks = forks
        self._started = []

    def command(self, *arguments):
        return [str(PROGRAM), *map(str, arguments)]

    def __call__(self, *arguments, code=0, env=None, stdin=None):
        surroundings = {**os.environ, "COLUMNS": "120", **(env or {})}
        run = run_whole if READ_AT_START & surroundings.keys() else self._forks.run
        done = run(self.command(*arguments), cwd=self.folder, env=surroundings, stdin=stdin, timeout=120)
        assert done.returncode == code, f"exit {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def through(self, program, *arguments, code=0):
        """Run the command through a Python program, whose arguments are the first of `arguments` and the command."""
        own, *rest = arguments
        done = subprocess.run(
            [sys.executable, "-c", program, str(own), *self.command(*rest)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"exit {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def start(self, *arguments, env=None, **options):
        """Start the command and return at once; it is killed with the test if it has not ended."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options},
        )
        self._started.append(process)
        return process

    def close(self):
        for process in self._started:
            with process:  # closes its pipes and waits
                process.kill()

    def json(self, *arguments, code=0, env=None):
        return json.loads(self(*arguments, "--json", code=code, env=env).stdout)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture(scope="session")
def forks():
    """Calls promptctl without waiting for its imports; `Cli.start` starts it whole."""
    with contextlib.closing(ForkServer()) as server:
        yield server


@pytest.fixture
def cli(tmp_path, forks):
    """A project whose model echoes the last user message."""
    found = Cli(tmp_path, forks)
    found.write("prompts/models.yaml", "default: {model: fake/echo}\n")
    found.write("prompts/echo.prompt", "{{ text }}\n")
    found.write(
        "evalsets/echo.yaml",
        "prompt: echo\nscorers: [icontains]\ngates: [observed(pass_rate) >= 0.5]\ncases: echo.jsonl\n",
    )
    rows = [
        {"id": "paris", "inputs": {"text": "Paris it is"}, "expected": "paris", "tags": {"language": "en"}},
        {"id": "berlin", "inputs": {"text": "Berlin ist es"}, "expected": "berlin", "tags": {"language": "de"}},
        {"id": "wrong", "inputs": {"text": "something else"}, "expected": "madrid", "tags": {"language": "en"}},
    ]
    found.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    yield found
    found.close()


COMPLETION = {
    "id": "1",
    "object": "chat.completion",
    "model": "served",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "paris"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}


class Server:
    """An HTTP server on loopback, in a thread; `reply(handler, number)` answers each request, counted from 1."""

    def __init__(self, reply):
        self.reply = reply
        self.requests = 0
        self.keys = []
        self.gone = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer._lock:
                    outer.requests += 1
                    number = outer.requests
                    outer.keys.append(self.headers.get("Authorization"))
                outer.reply(self, number)

            def say(self, body, *, status=200, headers=(), length=None):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in (("Content-Type", "application/json"), *headers):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data) if length is None else length))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self):
        self.gone.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def serve(cli):
    """Starts a server and makes it the project's model; `reply(handler, number)` answers each request."""
    servers = []

    def start(reply, **limits):
        server = Server(reply)
        servers.append(server)
        config = {
            "model": "openai/gpt-x",
            "base_url": server.url,
            "api_key_env": "HOUSE_KEY",
            "limits": {"retries": 0, "timeout_s": 5, **limits},
        }
        cli.write("prompts/models.yaml", json.dumps({"default": {"model": "fake/echo"}, "house": config}))
        cli.write("prompts/echo.prompt", "---\nmodel: house\n---\n{{ text }}\n")
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def completion():
    """A whole answer of a chat-completions server; it says "paris"."""
    return COMPLETION
