"""Bad bodies, keys of requests, pages, and the change stream."""

import json
import threading

import pytest

LABEL = "/api/v1/labels/production"


@pytest.fixture
def pushed(registry, make_version, ada):
    for text in ("One.", "Two.", "Three."):
        registry.push(make_version(text=text), actor=ada)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b'{"reference": NaN}', "body"),
        (b'{"reference": "\\ud800"}', "body"),
        (b"[" * 100_000, "body"),
        (b'{"reference": 5}', "body.reference"),
        (b'{"reference": "a@1", "extra": 1}', "body.extra"),
        (b'{"reference": "a\\u0000@1"}', "body.reference"),
        (b'{"reference": "%s"}' % (b"a" * 301), "body.reference"),
        (b"\xff", "body"),
    ],
)
def test_a_bad_body_is_named_with_field_and_rule(client, admin, content, field):
    answer = client.put(LABEL, content=content, headers=admin | {"content-type": "application/json"})
    assert answer.status_code == 422
    (said,) = answer.json()["errors"]
    assert said["field"].startswith(field)
    assert said["rule"]


@pytest.mark.parametrize(
    "change",
    [
        {"closure": 2},
        {"template": 5},
        {"model": {"model": ""}},
        {"input": {"type": 5}},
        {"output": {"schema": {"type": "nonsense"}}},
        {"partials": {}},
        {"unknown": 1},
        {"trust": {"mail": "high"}},
        {"template": "another text"},
        {"examples": [1]},
    ],
)
def test_a_wrong_closure_or_digest_is_refused(client, registry, admin, make_version, body_of, change):
    body = body_of(make_version())
    body["closure"] |= change
    answer = client.post("/api/v1/prompts/a/b/versions", json=body, headers=admin)
    assert answer.status_code == 422, answer.text
    assert registry.names() == []


def test_a_run_or_evalset_that_was_changed_on_its_way_is_refused(client, admin):
    lines = {"name": "reply", "kind": "golden", "digest": f"sha256:{'0' * 64}", "lines": ['{"a":1}']}
    answer = client.post("/api/v1/evalsets", json=lines, headers=admin)
    assert answer.status_code == 422
    assert "the lines have sha256:" in answer.json()["detail"]
    answer = client.post("/api/v1/runs", json={"manifest": {}, "summary": {}, "records": []}, headers=admin)
    assert (answer.status_code, answer.json()["detail"][:8]) == (422, "manifest")


def test_a_request_with_a_key_is_done_once_and_answered_alike(client, registry, pushed, admin, ada):
    for number in (1, 2, 3):
        registry.put_label(f"support/reply@{number}", "production", actor=ada)
    url, keyed = "/api/v1/prompts/support/reply/labels/production/rollback", admin | {"idempotency-key": "k1"}
    first, again = (client.post(url, json={"reason": "bad"}, headers=keyed) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert registry.resolve("support/reply@production").number == 2
    other = client.post(url, json={"reason": "other"}, headers=keyed)
    assert (other.status_code, other.json()["type"]) == (409, "urn:promptship:problem:IdempotencyKey")
    assert client.post(url, json={"reason": "bad"}, headers=admin | {"idempotency-key": "k2"}).json()["after"] == 1


def test_of_eight_requests_with_one_key_one_is_done(client, registry, pushed, admin, ada):
    for number in (1, 2, 3):
        registry.put_label(f"support/reply@{number}", "production", actor=ada)
    url = "/api/v1/prompts/support/reply/labels/production/rollback"
    found = []

    def ask():
        found.append(client.post(url, json={"reason": "x"}, headers=admin | {"idempotency-key": "k"}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) <= {200, 409}
    assert registry.resolve("support/reply@production").number == 2


def test_a_failed_request_leaves_its_key_free(client, registry, pushed, admin):
    keyed = admin | {"idempotency-key": "k"}
    assert client.put(LABEL, json={"reference": "support/reply@9"}, headers=keyed).status_code == 404
    registry.tag("support/reply@1", actor=registry.log()[0].actor, add=["x"])
    assert client.put(LABEL, json={"reference": "support/reply@9"}, headers=keyed).status_code == 404
    assert client.put(LABEL, json={"reference": "support/reply@1"}, headers=keyed).status_code == 200


def test_an_answer_that_was_lost_is_not_done_again(client, registry, pushed, admin, ada):
    registry.put_label("support/reply@1", "production", actor=ada)
    keyed = admin | {"idempotency-key": "k"}
    assert client.put(LABEL, json={"reference": "support/reply@2"}, headers=keyed).status_code == 200
    with registry._store.write() as unit:
        from sqlalchemy import text

        unit.ledger._connection.execute(text("UPDATE request_key SET status = NULL, body = NULL"))
    answer = client.put(LABEL, json={"reference": "support/reply@2"}, headers=keyed)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:promptship:problem:AnswerLost")


def test_pages_come_to_the_whole(client, registry, pushed, admin):
    for path, cursor, count in (
        ("/api/v1/prompts/support/reply/versions", "after", 3),
        ("/api/v1/log", "below", len(registry.log())),
        ("/api/v1/audit", "after", len(registry.log())),
    ):
        items, more = [], {}
        while True:
            page = client.get(path, params={"limit": 2, **more}, headers=admin).json()
            assert len(page["items"]) <= 2
            items += page["items"]
            if page["next"] is None:
                break
            more = {cursor: page["next"]}
        assert len({json.dumps(item) for item in items}) == count
    assert client.get("/api/v1/audit?after=x", headers=admin).status_code == 422


def read_events(lines, count):
    found = []
    for line in lines:
        if line.startswith("data: "):
            found.append(json.loads(line.removeprefix("data: ")))
        if len(found) == count:
            return found
    return found


def test_the_stream_tells_what_was_and_what_comes(client, registry, pushed, admin, ada):
    registry.tokens.list_all()
    with client.stream("GET", "/api/v1/events?after=0", headers=admin, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert [one["seq"] for one in read_events(lines, 4)] == [1, 2, 3, 4]
        registry.put_label("support/reply@1", "beta", actor=ada)
        (moved,) = read_events(lines, 1)
    assert (moved["kind"], moved["label"], moved["seq"]) == ("label", "beta", 5)


def test_the_stream_goes_on_and_shows_what_may_be_seen(client, registry, pushed, token, make_version):
    reader = token("read:other/*", name="reader")
    seq = len(registry.log())
    registry.push(make_version("secret/one"), actor=registry.log()[0].actor)
    registry.push(make_version("other/one"), actor=registry.log()[0].actor)
    with client.stream("GET", "/api/v1/events", headers=reader | {"last-event-id": str(seq)}, timeout=10) as answer:
        (found,) = read_events(answer.iter_lines(), 1)
    assert (found["prompt"], found["seq"]) == ("other/one", seq + 2)


def test_the_stream_of_a_revoked_token_ends(client, registry, ada, pushed):
    made = registry.tokens.create("ci", ["read"], actor=ada)
    headers = {"authorization": f"Bearer {made.text}"}
    with client.stream("GET", "/api/v1/events", headers=headers, timeout=10) as answer:
        lines = answer.iter_lines()
        next(lines)
        registry.tokens.revoke(made.token.id, actor=ada)
        rest = list(lines)
    assert not any("untoken" in line for line in rest)


def test_a_token_is_told_once_and_no_list_shows_a_hash(client, admin):
    made = client.post("/api/v1/tokens", json={"name": "ci", "scopes": ["read"]}, headers=admin)
    assert made.status_code == 201
    told = made.json()
    assert client.get("/api/v1/me", headers={"authorization": f"Bearer {told['text']}"}).json()["name"] == "ci"
    listed = client.get("/api/v1/tokens", headers=admin).text
    assert told["text"].rpartition("_")[2] not in listed
    assert {one["hash"] for one in json.loads(listed)} == {""}
    keyed = client.post(
        "/api/v1/tokens", json={"name": "ci", "scopes": ["read"]}, headers=admin | {"idempotency-key": "k"}
    )
    assert keyed.status_code == 400
