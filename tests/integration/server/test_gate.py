"""What a request must pass: host, token, scope, pace and size; and what every answer carries."""

from datetime import UTC, datetime, timedelta

import pytest

from promptship.server import ServerOptions

RESOLVE = "/api/v1/resolve?ref=support/reply@1"


@pytest.fixture
def pushed(registry, make_version, ada):
    return registry.push(make_version(), actor=ada).version


def problem(answer, status):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status
    assert {"type", "title", "detail"} <= said.keys()
    return said


@pytest.mark.parametrize("path", ["/api/v1/resolve?ref=a@1", "/api/v1/log", "/api/v1/events", "/api/v1/me", "/nothing"])
@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer ps_000000000000_" + "a" * 43}, {"authorization": "Basic YTpi"}]
)
def test_without_a_good_token_nothing_is_told(client, path, headers):
    said = problem(client.get(path, headers=headers), 401)
    assert said["hint"] == "promptctl login URL"


def test_health_takes_no_token_and_tells_no_names(client, pushed):
    for path in ("/healthz", "/readyz"):
        assert client.get(path).status_code == 200
    found = client.get("/metrics").text
    assert 'route="/readyz",status="200"} 1' in found
    assert "support" not in found


def test_a_token_may_what_its_scopes_say_and_sees_nothing_else(client, registry, make_version, ada, token, body_of):
    for name in ("payments/refund", "support/reply"):
        registry.push(make_version(name), actor=ada)
    registry.put_label("payments/refund@1", "beta", actor=ada)
    registry.put_label("support/reply@1", "beta", actor=ada)
    ci = token("read:payments/*", "push:payments/*", "promote:payments/*:production")
    assert client.get("/api/v1/resolve?ref=payments/refund@beta", headers=ci).status_code == 200
    said = problem(client.get("/api/v1/resolve?ref=support/reply@beta", headers=ci), 403)
    assert said["detail"] == "the token 'ci' may not read:support/reply"
    assert client.get("/api/v1/prompts", headers=ci).json()["items"] == ["payments/refund"]
    assert {one["prompt"] for one in client.get("/api/v1/log", headers=ci).json()["items"]} == {"payments/refund"}
    assert [one["prompt"] for one in client.get("/api/v1/labels", headers=ci).json()["items"]] == ["payments/refund"]
    assert [one["prompt"] for one in client.get("/api/v1/search", headers=ci).json()] == ["payments/refund"]
    for path in ("runs", "evalsets", "tokens", "verify", "audit", "keys"):
        problem(client.get(f"/api/v1/{path}", headers=ci), 403)
    push = body_of(make_version("support/reply", "New."))
    problem(client.post("/api/v1/prompts/support/reply/versions", json=push, headers=ci), 403)
    label = {"reference": "payments/refund@1"}
    problem(client.put("/api/v1/labels/production", json=label, headers=ci), 403)
    gone = {"reference": "payments/refund@1", "label": "beta"}
    problem(client.post("/api/v1/promotions", json=gone, headers=ci), 403)
    assert client.post("/api/v1/promotions", json=gone | {"label": "production"}, headers=ci).status_code == 409


def test_a_cached_answer_is_only_for_those_who_may_read_it(client, pushed, admin, token):
    for _ in range(2):
        assert client.get(RESOLVE, headers=admin).status_code == 200
    problem(client.get(RESOLVE, headers=token("read:payments/*")), 403)


def test_a_revoked_token_is_refused_from_the_next_request_on(client, registry, ada, pushed):
    made = registry.tokens.create("ci", ["read"], actor=ada)
    headers = {"authorization": f"Bearer {made.text}"}
    assert client.get(RESOLVE, headers=headers).status_code == 200
    registry.tokens.revoke(made.token.id, actor=ada)
    problem(client.get(RESOLVE, headers=headers), 401)


def test_an_expired_token_is_refused(client, registry, ada, pushed):
    registry._clock = lambda: datetime.now(UTC) - timedelta(seconds=2)
    registry.tokens._clock = registry._clock
    made = registry.tokens.create("ci", ["read"], actor=ada, lifetime_s=1)
    problem(client.get(RESOLVE, headers={"authorization": f"Bearer {made.text}"}), 401)


@pytest.mark.parametrize("options", [ServerOptions(anonymous_reads=True)])
def test_anonymous_reads_are_reads_alone(client, pushed, admin, make_version, body_of):
    assert client.get(RESOLVE).status_code == 200
    assert client.get(RESOLVE).status_code == 200
    push = body_of(make_version(text="New."))
    problem(client.post("/api/v1/prompts/support/reply/versions", json=push), 401)
    problem(client.get("/api/v1/me"), 401)


@pytest.mark.parametrize("options", [ServerOptions(failures_per_min=3)])
def test_guessing_tokens_is_slowed_down(client, admin):
    for _ in range(3):
        problem(client.get("/api/v1/me", headers={"authorization": "Bearer no"}), 401)
    answer = client.get("/api/v1/me", headers={"authorization": "Bearer no"})
    problem(answer, 429)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("options", [ServerOptions(reads_per_s=1, writes_per_s=1)])
def test_a_token_has_its_pace(client, admin, token):
    assert [client.get("/api/v1/me", headers=admin).status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/api/v1/me", headers=token("read", name="other")).status_code == 200


@pytest.mark.parametrize("options", [ServerOptions(hosts=("registry.example.org", "127.0.0.1"))])
def test_a_name_that_is_not_the_server_s_is_refused(client, admin):
    assert client.get("/api/v1/me", headers=admin).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        problem(client.get("/api/v1/me", headers=admin | {"host": host}), 421)


@pytest.mark.parametrize("options", [ServerOptions(largest_body=1_000)])
def test_a_body_is_bounded_whether_or_not_it_says_how_long_it_is(client, admin):
    whole = b'{"reference": "' + b"a" * 2_000 + b'"}'
    problem(client.put("/api/v1/labels/beta", content=whole, headers=admin), 413)

    def pieces():
        yield from (whole[at : at + 100] for at in range(0, len(whole), 100))

    problem(client.put("/api/v1/labels/beta", content=pieces(), headers=admin), 413)


@pytest.mark.parametrize("options", [ServerOptions(body_timeout_s=0.2)])
def test_a_body_that_does_not_come_is_not_waited_for(client, admin):
    import socket

    address = ("127.0.0.1", client.base_url.port)
    with socket.create_connection(address, timeout=10) as sender:
        lines = ["PUT /api/v1/labels/beta HTTP/1.1", "host: x", "content-length: 50", "content-type: application/json"]
        lines += [f"authorization: {admin['authorization']}", "", "{"]
        sender.sendall("\r\n".join(lines).encode())
        assert sender.recv(100).startswith(b"HTTP/1.1 408")


def test_every_answer_is_closed_to_browsers(client, admin, pushed):
    asked = admin | {"origin": "https://evil.example"}
    for answer in (client.get(RESOLVE, headers=asked), client.get(RESOLVE, headers=asked), client.get("/nothing")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "server" not in answer.headers
    preflight = client.options(RESOLVE, headers=asked | {"access-control-request-method": "GET"})
    problem(preflight, 405)


def test_who_has_an_answer_gets_304_until_it_changes(client, registry, admin, pushed, ada):
    for path in (RESOLVE, "/api/v1/log", "/api/v1/closure?ref=support/reply@1"):
        first = client.get(path, headers=admin)
        for wanted in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
            again = client.get(path, headers=admin | {"if-none-match": wanted})
            assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers=admin | {"if-none-match": '"x"'}).status_code == 200
    etag = client.get(RESOLVE, headers=admin).headers["etag"]
    registry.tag("support/reply@1", actor=ada, add=["new"])
    changed = client.get(RESOLVE, headers=admin | {"if-none-match": etag})
    assert (changed.status_code, changed.json()["tags"]) == (200, ["new"])


def test_what_is_kept_in_memory_follows_every_change_at_once(client, registry, make_version, ada, admin):
    registry.push(make_version(text="One."), actor=ada)
    registry.push(make_version(text="Two."), actor=ada)
    registry.push(make_version("other/one"), actor=ada)
    url = "/api/v1/resolve?ref=support/reply@production"
    for number in (1, 2, 1, 2):
        registry.put_label(f"support/reply@{number}", "production", actor=ada)
        for _ in range(2):
            assert client.get(url, headers=admin).json()["number"] == number
    registry.evidence.release("r1", ["support/reply@1", "other/one@1"], "production", actor=ada, break_glass="x")
    assert client.get(url, headers=admin).json()["number"] == 1
    registry.drop_label("support/reply", "production", actor=ada)
    problem(client.get(url, headers=admin), 404)


def test_a_registry_that_went_away_is_503(client, registry, admin):
    registry._store._engine.dispose()
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(registry.place)) as connection:
        connection.execute("DROP TABLE ledger_head")
        connection.commit()
    said = problem(client.get("/readyz"), 503)
    assert "ledger_head" not in said["detail"]
    told = client.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]}, headers=admin)
    assert told.status_code == 503
    assert registry.place not in told.text
    assert client.get("/healthz").status_code in {200, 503}


def test_who_may_promote_may_not_therefore_break_the_glass(client, registry, pushed, token):
    asked = {"reference": "support/reply@1", "label": "production", "break_glass": "It leaks"}
    refused = client.post("/api/v1/promotions", json=asked, headers=token("promote"))
    assert (refused.status_code, "may not break-glass:support/reply:production" in refused.text) == (403, True)
    moved = client.post("/api/v1/promotions", json=asked, headers=token("promote", "break-glass:support/*:production"))
    assert moved.status_code == 200
    released = {"name": "r", "references": ["support/reply@1"], "label": "production", "break_glass": "It leaks"}
    assert client.post("/api/v1/releases", json=released, headers=token("promote")).status_code == 403
