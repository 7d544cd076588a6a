"""A team: a server, its first token, people who log in, and a promotion that two of them agree to."""

import contextlib
import json
import signal
import time

import httpx
import pytest

POLICY = """
labels:
  production:
    evidence:
      - evalset: echo
    approvals: 1
"""


@pytest.fixture
def team(cli, monkeypatch, tmp_path):
    """A project with a policy, and where its servers' registries are."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CI", "")
    cli.write("promptship.policy.yaml", POLICY)
    return cli


@contextlib.contextmanager
def serving(cli, *options):
    """Start a server on a free port; yield its URL, what it said at the start, and its process."""
    process = cli.start("serve", "--port", "0", *options, env={"PROMPTSHIP_SERVER_URL": ""})
    try:
        first = process.stderr.readline()
        assert first.startswith("serving at http://127.0.0.1:"), first + process.stderr.read()
        yield first.split()[-1], process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def first_token(process):
    assert "first token" in process.stderr.readline()
    return process.stdout.readline()


def test_a_team_logs_in_pushes_approves_and_promotes(team, monkeypatch):
    with serving(team) as (url, process):
        root = first_token(process)
        monkeypatch.setenv("PROMPTSHIP_SERVER_URL", url)
        assert "hint: promptctl login URL" in team("push", code=2).stderr
        assert "as first, who may admin" in team("login", url, stdin=root).stderr
        ada = team("token", "create", "ada", "--scope", "read", "--scope", "approve").stdout.strip()
        ci = team.json("token", "create", "ci", "--kind", "ci", "--scope", "read", "--scope", "push:ec*",
                       "--scope", "attest", "--scope", "promote:*:production")  # fmt: skip
        as_ci = {"PROMPTSHIP_TOKEN": ci["token"]}

        assert team("push", env=as_ci).stdout.splitlines()[-1].startswith("echo@1")
        team.write("prompts/other.prompt", "{{ text }}\n")
        refused = team("push", "other", env=as_ci, code=2)
        assert "push" in refused.stderr
        team("keys", "create")
        assert "admin" in team("keys", "trust", "default", env=as_ci, code=2).stderr
        team("keys", "trust", "default")
        team("eval", "echo")
        missing = team("promote", "echo@1", "production", env=as_ci, code=1).stderr
        assert "approv" in missing
        team("promote", "echo@1", "production", "--request", env=as_ci)
        (request,) = team.json("approve")
        assert team("approve", str(request["id"]), env={"PROMPTSHIP_TOKEN": ada}).returncode == 0
        moved = team("promote", "echo@1", "production", env=as_ci)
        assert moved.stdout == "production: nothing -> echo@1\n"
        assert team.json("resolve", "echo@production", env={"PROMPTSHIP_TOKEN": ada})["number"] == 1
        assert team("verify").stdout.startswith("verified")
        assert {entry["actor"]["name"] for entry in team.json("log")} == {"promptctl serve", "first", "ci", "ada"}

        team("token", "revoke", ci["id"])
        assert "revoked" in team("push", env=as_ci, code=2).stderr
        assert team("logout", url).stderr == f"forgot the token for {url}\n"
        assert "takes a token" in team("log", code=2).stderr
    assert process.returncode == 0


def test_a_registry_of_one_s_own_comes_to_the_team_s(team):
    team("push")
    team("label", "echo@1", "staging")
    with serving(team, "--database", "team.db") as (url, process):
        team("login", url, stdin=first_token(process))
        assert "~ staging of echo: nothing -> echo@1" in team("sync", url).stdout
        assert team("sync", url).stdout == ""
        assert team("verify", env={"PROMPTSHIP_SERVER_URL": url}).stdout.startswith("verified")


def test_two_workers_serve_one_registry_and_survive_a_restart(team, monkeypatch):
    with serving(team) as (_, process):
        root = first_token(process).strip()
    for _ in range(2):
        with serving(team, "--workers", "2") as (url, process):
            monkeypatch.setenv("PROMPTSHIP_SERVER_URL", url)
            monkeypatch.setenv("PROMPTSHIP_TOKEN", root)
            wait_for(url)
            team("push")
    assert team.json("list") is not None
    with serving(team) as (url, process):
        monkeypatch.setenv("PROMPTSHIP_SERVER_URL", url)
        assert len(team.json("log")) == 2


def wait_for(url):
    deadline = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(f"{url}/readyz").text == "ready\n"
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_is_told_to_end_does_not_wait_for_streams(team, workers):
    with serving(team, "--workers", workers) as (url, process):
        headers = {"authorization": f"Bearer {first_token(process).strip()}"}
        wait_for(url)
        with httpx.stream("GET", f"{url}/api/v1/events", headers=headers) as stream:
            assert next(stream.iter_lines()) == "retry: 1000"
            process.send_signal(signal.SIGTERM)
            # The server itself would wait for ten seconds, and say that it did.
            process.wait(9)
    assert "ERROR" not in process.stderr.read()


def test_a_token_goes_to_the_server_of_its_environment_alone(team, monkeypatch):
    team.write("promptship.toml", 'server_url = "http://127.0.0.1:9"\n')
    said = team("log", code=2, env={"PROMPTSHIP_TOKEN": "ps_secret"}).stderr
    assert "a file of the project says to send it to 'http://127.0.0.1:9'" in said
    assert "ps_secret" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["serve", "--host", "203.0.113.7"], 2, "--tls-cert and --tls-key, or --plain-http"),
        (["serve", "--host", "203.0.113.7", "--plain-http"], 3, "cannot listen at 203.0.113.7:8200"),
        (["serve", "--tls-cert", "a.pem"], 2, "name both --tls-cert and --tls-key"),
        (["serve", "--tls-cert", "a.pem", "--tls-key", "b.pem"], 2, "cannot use 'a.pem' with the key 'b.pem'"),
        (["login", "ftp://x"], 2, "is not the URL of a server"),
        (["login", "http://prompts.example.org"], 2, "over a network in the clear"),
        (["login", "http://127.0.0.1:9"], 3, "cannot reach the server"),
    ],
)
def test_mistakes_are_said_with_what_to_do(team, arguments, code, said):
    assert said in team(*arguments, code=code, stdin="ps_x\n").stderr


def test_a_token_that_is_none_is_not_made(team):
    team("push")
    assert "did you mean 'read'" in team("token", "create", "x", "--scope", "reed", code=2).stderr
    assert "12h, 90d, 4w, or never" in team("token", "create", "x", "--expires", "soon", code=2).stderr
    assert team.json("token", "list") == []


def test_what_needs_the_database_says_where_to_do_it(team, monkeypatch):
    monkeypatch.setenv("PROMPTSHIP_SERVER_URL", "http://127.0.0.1:9")
    assert "this is done where its database is" in team("db", "upgrade", code=2).stderr


def test_a_port_that_is_taken_is_said(team):
    with serving(team) as (url, process):
        first_token(process)
        port = url.rpartition(":")[2]
        assert f"cannot listen at 127.0.0.1:{port}" in team("serve", "--port", port, code=3).stderr


def test_credentials_are_for_their_owner_alone(team, tmp_path, monkeypatch):
    with serving(team) as (url, process):
        team("login", url, stdin=first_token(process))
        path = tmp_path / "config" / "promptship" / "credentials.json"
        assert path.stat().st_mode & 0o777 == 0o600
        assert list(json.loads(path.read_text())) == [url]
        path.write_text("{")
        monkeypatch.setenv("PROMPTSHIP_SERVER_URL", url)
        assert "delete it, and log in again" in team("log", code=3).stderr


@pytest.fixture
def certificate(tmp_path):
    """A certificate for loopback that signs itself, and its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, secret = tmp_path / "chain.pem", tmp_path / "tls-key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return chain, secret


def test_tls_ends_here_and_only_a_certificate_that_is_trusted_gets_the_token(team, certificate):
    chain, key = certificate
    process = team.start("serve", "--port", "0", "--tls-cert", str(chain), "--tls-key", str(key))
    url = process.stderr.readline().split()[-1].replace("127.0.0.1", "localhost")
    assert url.startswith("https://localhost:")
    root = first_token(process)
    assert "certificate verify failed" in team("login", url, stdin=root, code=3).stderr
    assert "logged in" in team("login", url, stdin=root, env={"SSL_CERT_FILE": str(chain)}).stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
