"""Servers over SQLite registries: uvicorn in a thread, on a free port of loopback."""

import contextlib
import threading
import time

import httpx
import pytest
import uvicorn

from promptship.domain import Actor, ModelConfig, PromptVersion
from promptship.prompts import build_closure, parse_prompt
from promptship.registry import Registry, RemoteRegistry
from promptship.registry._http import Connection
from promptship.server import ServerOptions, create_app
from promptship.store import upgrade_store


@pytest.fixture(scope="session")
def blank_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("blank") / "registry.db"
    upgrade_store(str(path))
    return path


@pytest.fixture
def ada():
    return Actor(name="Ada <ada@example.org>")


@pytest.fixture
def make_version():
    def make(name="support/reply", text="Answer kindly: {{ mail }}"):
        document = parse_prompt(text, path=f"prompts/{name}.prompt")
        config = ModelConfig(name="default", model="fake/echo")
        closure = build_closure(document, partials={}, examples=(), model=config)
        return PromptVersion(name=name, closure=closure, origin=name, label=name)

    return make


@pytest.fixture
def registry(tmp_path, blank_file):
    path = tmp_path / "registry.db"
    path.write_bytes(blank_file.read_bytes())
    with Registry.open(str(path)) as opened:
        yield opened


@pytest.fixture
def options():
    return ServerOptions()


@contextlib.contextmanager
def serving(app):
    """Serve an application, and yield its URL."""
    config = uvicorn.Config(
        app, port=0, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=2, server_header=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def app(registry, options):
    return create_app(registry, options)


@pytest.fixture
def client(app):
    """Asks without a token."""
    with serving(app) as url, httpx.Client(base_url=url) as made:
        yield made


@pytest.fixture
def token(registry, ada):
    """Makes tokens, and returns what a client presents."""

    def make(*scopes, name="ci", **more):
        return {"authorization": f"Bearer {registry.tokens.create(name, scopes, actor=ada, **more).text}"}

    return make


@pytest.fixture
def admin(token):
    return token("admin", name="root")


@pytest.fixture
def remote(client, admin):
    """The registry behind its server; closing it leaves the server alone."""
    return RemoteRegistry(Connection(client, admin["authorization"].removeprefix("Bearer ")))


@pytest.fixture
def body_of():
    """The body of a push."""

    def make(version, **more):
        return {"closure": version.closure.as_json(), "model_name": "default", "digest": version.digest, **more}

    return make
