"""Servers that answer badly, slowly, or never: exit code 3, what happened and the remedy, and nothing paid is lost."""

import json
import os
import signal
import subprocess
import time

import pytest

KEY = "sk-e2e-0123456789-do-not-print"
ENV = {"HOUSE_KEY": KEY}


def garbage(handler, _):
    handler.say(b"<html>Welcome to the proxy</html>")


def no_choices(handler, _):
    handler.say({"hello": "world"})


def no_http(handler, _):
    handler.wfile.write(b"\x00\x01SSH-2.0-OpenSSH\r\n")
    handler.close_connection = True


def half(handler, _):
    handler.say(b'{"choices": [{"mess', length=5000)
    handler.close_connection = True


def closed(handler, _):
    handler.close_connection = True


def unauthorized(handler, _):
    handler.say({"error": {"message": f"Incorrect API key provided: {KEY}"}}, status=401)


def forbidden(handler, _):
    handler.say({"error": {"message": "expired"}}, status=403)


def too_many(handler, _):
    handler.say({"error": {"message": "Slow down"}}, status=429, headers=[("Retry-After", "0")])


def broken(handler, _):
    handler.say(b"upstream \x1b[31mfailed", status=502)


def all_said(done):
    """What was printed, with lines that were wrapped put together again."""
    return " ".join((done.stdout + done.stderr).split())


def runs_of(cli):
    return sorted((cli.folder / ".promptship/runs").iterdir())


def everything_written(cli, *streams):
    files = [path for path in cli.folder.rglob("*") if path.is_file()]
    return b"".join([path.read_bytes() for path in files] + [text.encode() for text in streams])


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (garbage, "not JSON"),
        (no_choices, "choices"),
        (no_http, "does not speak HTTP"),
        (half, "in the middle of the answer"),
        (closed, "closed the connection"),
        (unauthorized, "HOUSE_KEY"),
        (forbidden, "HOUSE_KEY"),
        (too_many, "429"),
        (broken, "502"),
    ],
)
def test_a_server_that_answers_badly_is_named_with_what_it_did(cli, serve, reply, said):
    server = serve(reply)
    done = cli("eval", "echo", "--retries", "0", code=3, env=ENV)
    shown = all_said(done)
    assert said in shown
    assert server.url.removesuffix("/v1") in shown
    assert "model config 'house': 'gpt-x'" in shown
    assert "\x1b" not in shown
    assert 1 <= server.requests <= 3
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert KEY.encode() not in everything_written(cli, done.stdout, done.stderr)


def test_a_server_that_never_answers_ends_in_a_timeout(cli, serve):
    server = serve(lambda handler, _: server.gone.wait(30))
    started = time.monotonic()
    done = cli("eval", "echo", "--retries", "0", "--timeout", "0.5", code=3, env=ENV)
    assert "no whole answer within 0.5 s" in all_said(done)
    assert "--timeout" in all_said(done)
    assert time.monotonic() - started < 15
    assert server.requests == 3


def test_429_for_ever_is_tried_as_often_as_allowed_and_no_more(cli, serve):
    server = serve(too_many)
    done = cli("eval", "echo", "--limit", "1", "--retries", "2", code=3, env=ENV)
    assert "429" in all_said(done)
    assert server.requests == 3


def test_no_server_at_all_is_named_with_the_remedy(cli, serve):
    serve(garbage).close()
    done = cli("eval", "echo", "--retries", "0", code=3, env=ENV)
    assert "is the server running, and base_url right?" in all_said(done)


@pytest.mark.parametrize("key", [None, "", "two\nlines"])
def test_a_key_that_is_missing_or_none_is_refused_before_anything_is_sent(cli, serve, key):
    server = serve(garbage)
    environment = dict(os.environ)
    environment.pop("HOUSE_KEY", None)
    done = subprocess.run(
        cli.command("eval", "echo"),
        cwd=cli.folder,
        env=environment if key is None else {**environment, "HOUSE_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "HOUSE_KEY" in done.stderr
    assert "two" not in done.stderr
    assert "Traceback" not in done.stderr
    assert server.requests == 0


def test_what_was_answered_is_kept_and_the_same_command_asks_only_for_the_rest(cli, serve, completion):
    def one_answer_then_half(handler, number):
        if number > 1:
            half(handler, number)
        else:
            handler.say(completion)

    server = serve(one_answer_then_half, concurrency=1)
    cli("eval", "echo", "--retries", "0", "--concurrency", "1", code=3, env=ENV)
    assert 2 <= server.requests <= 3
    before = server.requests
    server.reply = lambda handler, _: handler.say(completion)
    found = cli.json("eval", "echo", "--retries", "0", code=1, env=ENV)
    assert server.requests - before == 2
    assert (found["totals"]["cases"], found["totals"]["error"]) == (3, 0)


def test_a_dead_server_costs_a_long_evalset_few_calls(cli, serve):
    rows = [{"id": f"c{n}", "inputs": {"text": f"t{n}"}, "expected": "x"} for n in range(2000)]
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    server = serve(unauthorized)
    done = cli("eval", "echo", "--retries", "0", "--concurrency", "4", code=3, env=ENV)
    assert server.requests < 100
    assert "HOUSE_KEY" in done.stderr


@pytest.mark.timeout(60)
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_ends_a_wait_for_a_hanging_server(cli, serve, completion, presses):
    """The first press gives calls in flight a moment to finish; the second leaves at once. Both keep what is done."""

    def one_answer_then_none(handler, number):
        if number == 1:
            handler.say(completion)
        else:
            server.gone.wait(60)

    server = serve(one_answer_then_none, concurrency=2, timeout_s=3 if presses == 1 else 60)
    process = cli.start("eval", "echo", "--concurrency", "1", env=ENV)
    while server.requests < 2:
        assert process.poll() is None
        time.sleep(0.02)
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130, stderr
    assert "resumes" in stderr
    assert "Traceback" not in stderr
    before, server.reply = server.requests, lambda handler, _: handler.say(completion)
    found = cli.json("eval", "echo", code=1, env=ENV)
    assert found["totals"]["cases"] == 3
    assert server.requests - before == 2
    assert len(runs_of(cli)) == 1


def test_a_test_of_the_model_says_what_is_wrong_and_never_the_key(cli, serve):
    serve(unauthorized)
    done = cli("models", "test", "house", code=3, env=ENV)
    assert "HOUSE_KEY" in all_said(done)
    assert KEY not in all_said(done)


def test_run_says_what_is_wrong_and_never_the_key(cli, serve):
    serve(unauthorized)
    done = cli("run", "echo", "-i", "text=x", code=3, env=ENV)
    assert done.stdout == ""
    assert "HOUSE_KEY" in done.stderr
    assert KEY not in done.stderr
