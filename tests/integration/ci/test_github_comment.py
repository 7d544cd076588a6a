"""The script that posts a report, by bash, with a `gh` that keeps comments in a file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "integrations/github/comment/comment.sh"
FAKE = """#!{python}
import json, re, sys
from pathlib import Path
store = Path({store!r})
comments = json.loads(store.read_text())
arguments = sys.argv[1:]
method = arguments[arguments.index("--method") + 1] if "--method" in arguments else "GET"
path = next(one for one in arguments if one.startswith("repos/"))
with Path({log!r}).open("a") as log:
    log.write(method + " " + path + "\\n")
if method == "GET":
    print(json.dumps(comments))
elif method == "PATCH":
    body = json.load(sys.stdin)["body"]
    number = int(path.rpartition("/")[2])
    next(one for one in comments if one["id"] == number)["body"] = body
else:
    body = json.load(sys.stdin)["body"]
    comments.append({{"id": 100 + len(comments), "body": body, "user": {{"type": "Bot"}}}})
store.write_text(json.dumps(comments))
"""


class Forge:
    def __init__(self, folder):
        self.folder = folder
        self.store, self.log, self.file = folder / "store.json", folder / "log", folder / "diff.md"
        self.comments = []
        fake = folder / "bin/gh"
        fake.parent.mkdir()
        fake.write_text(FAKE.format(python=sys.executable, store=str(self.store), log=str(self.log)))
        fake.chmod(0o755)

    def post(self, text, code=0, **settings):
        if text is not None:
            self.file.write_text(text, encoding="utf-8")
        self.store.write_text(json.dumps(self.comments))
        self.log.write_text("")
        environment = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "COMMENT_FILE": str(self.file),
            "COMMENT_REPO": "owner/name",
            "COMMENT_NUMBER": "7",
            "GH_TOKEN": "token",
        }
        done = subprocess.run(
            ["bash", str(SCRIPT)],
            env={**environment, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        self.comments = json.loads(self.store.read_text())
        return done

    @property
    def calls(self):
        return self.log.read_text().splitlines()


@pytest.fixture
def forge(tmp_path):
    return Forge(tmp_path)


def test_a_first_report_is_posted_and_a_second_takes_its_place(forge):
    forge.post("one\n")
    assert [one["body"] for one in forge.comments] == ["<!-- promptship-review:default -->\none\n"]
    forge.post("two\n")
    assert [one["body"] for one in forge.comments] == ["<!-- promptship-review:default -->\ntwo\n"]
    assert forge.calls[-1].startswith("PATCH repos/owner/name/issues/comments/")


def test_a_persons_comment_is_never_overwritten(forge):
    mine = {"id": 1, "body": "<!-- promptship-review:default -->\nquoted", "user": {"type": "User"}}
    forge.comments = [mine]
    forge.post("report")
    assert forge.comments[0] == mine
    assert len(forge.comments) == 2


def test_projects_of_one_repository_have_comments_of_their_own(forge):
    forge.post("a", COMMENT_KEY="mail")
    forge.post("b", COMMENT_KEY="chat")
    assert len(forge.comments) == 2


@pytest.mark.parametrize(
    "text", ["$(touch pwned)`touch pwned`", '"}\n{"body": "x"', "a\\nb\u2028 é 😀 \x1b[2J", "'; exit 1; '"]
)
def test_a_report_is_data_and_arrives_as_it_is(forge, text):
    forge.post(text)
    assert forge.comments[0]["body"].split("\n", 1)[1] == text
    assert not (forge.folder / "pwned").exists()


def test_a_report_that_is_too_long_says_that_it_was_cut(forge):
    forge.post("x" * 100_000)
    body = forge.comments[0]["body"]
    assert len(body) < 65_536
    assert body.endswith("the artifact has all of it._")


def test_no_report_posts_nothing(forge):
    forge.post(None)
    assert forge.calls == []


@pytest.mark.parametrize("settings", [{"COMMENT_KEY": "a -->"}, {"COMMENT_NUMBER": "7/../8"}, {"COMMENT_NUMBER": ""}])
def test_a_key_or_a_number_that_is_none_is_refused(forge, settings):
    forge.post("x", code=2, **settings)
    assert forge.calls == []
