"""The script of the GitLab job that posts a report, by a shell, against an API on loopback that keeps notes."""

import json
import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

JOBS = yaml.safe_load((Path(__file__).parents[3] / "integrations/gitlab/promptship.gitlab-ci.yml").read_text("utf-8"))
(SCRIPT,) = JOBS["promptship-comment"]["script"]
MARKER = "<!-- promptship-review:default -->"
TOKEN = "glpat-secret"
BOT, PERSON = {"id": 42}, {"id": 7}

pytestmark = pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="needs curl and jq")


class Forge(ThreadingHTTPServer):
    """The three resources of the API that the job asks for; 401 without the token."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.notes = []
        self.asked = []


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_call(self):
        forge = self.server
        forge.asked.append(f"{self.command} {self.path}")
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("PRIVATE-TOKEN") != TOKEN:
            return self.answer(401, {"message": "401 Unauthorized"})
        if self.path == "/api/v4/user":
            return self.answer(200, BOT)
        found = re.fullmatch(r"/api/v4/projects/5/merge_requests/9/notes(?:/(\d+))?(?:\?(.*))?", self.path)
        if found is None:
            return self.answer(404, {})
        if self.command == "GET":
            page = int(re.search(r"(?:^|&)page=(\d+)", found[2])[1])
            return self.answer(200, forge.notes[100 * page - 100 : 100 * page])
        body = json.loads(sent)["body"]
        if self.command == "POST":
            note = {"id": 1000 + len(forge.notes), "system": False, "author": BOT, "body": body}
            forge.notes.append(note)
            return self.answer(201, note)
        note = next(one for one in forge.notes if one["id"] == int(found[1]))
        note["body"] = body
        return self.answer(200, note)

    do_GET = do_POST = do_PUT = handle_call  # noqa: N815 - what the base class calls

    def log_message(self, *_):
        pass


@pytest.fixture
def forge():
    with Forge() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def post(forge, tmp_path):
    def run(text, code=0, token=TOKEN):
        report = tmp_path / "diff.md"
        if text is not None:
            report.write_text(text, encoding="utf-8")
        environment = {
            "PATH": os.environ["PATH"],
            "COMMENT_FILE": str(report),
            "CI_API_V4_URL": f"http://127.0.0.1:{forge.server_port}/api/v4",
            "CI_PROJECT_ID": "5",
            "CI_MERGE_REQUEST_IID": "9",
            "PROMPTSHIP_NOTES_TOKEN": token,
        }
        # As the runner does: each line of a job stops at the first command that fails.
        command = ["sh", "-e", "-c", SCRIPT]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == code, done.stderr
        return done

    return run


def test_a_first_report_is_posted_and_a_second_takes_its_place(forge, post):
    post("one\n")
    post("two\n")
    assert [note["body"] for note in forge.notes] == [f"{MARKER}\ntwo\n"]
    assert [line.split()[0] for line in forge.asked] == ["GET", "GET", "POST", "GET", "GET", "PUT"]


def test_a_persons_note_is_never_overwritten(forge, post):
    forge.notes = [{"id": 1, "system": False, "author": PERSON, "body": f"{MARKER}\nquoted"}]
    post("report")
    assert [note["body"] for note in forge.notes] == [f"{MARKER}\nquoted", f"{MARKER}\nreport"]


def test_a_note_is_found_behind_hundreds_of_others(forge, post):
    forge.notes = [{"id": n, "system": False, "author": PERSON, "body": "hm"} for n in range(250)]
    post("one")
    post("two")
    assert len(forge.notes) == 251
    assert forge.notes[-1]["body"] == f"{MARKER}\ntwo"


@pytest.mark.parametrize(
    "text", ["$(touch pwned)`touch pwned`", '"}\n{"body": "x"', "a\\nb\u2028 é 😀", "'; exit 1; '"]
)
def test_a_report_is_data_and_arrives_as_it_is(forge, post, text, tmp_path):
    post(text)
    assert forge.notes[0]["body"] == f"{MARKER}\n{text}"
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(("text", "token"), [(None, TOKEN), ("", TOKEN), ("report", "")])
def test_without_a_report_or_a_token_nobody_is_asked(forge, post, text, token):
    assert "no report to post, or no token" in post(text, token=token).stdout
    assert forge.asked == []


def test_a_token_that_is_refused_fails_the_job_and_is_not_shown(forge, post):
    done = post("report", code=22, token="wrong-one")
    assert "401" in done.stderr
    assert "wrong-one" not in done.stderr + done.stdout
    assert forge.notes == []
