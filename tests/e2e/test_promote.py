"""Labels that move on evidence, from the first push to a ledger that somebody has tampered with."""

import json
import sqlite3
import zipfile

import pytest

POLICY = """
labels:
  production:
    evidence:
      - evalset: echo
        gates: [observed(pass_rate) >= 0.6]
    max_age: 14d
"""


@pytest.fixture
def project(cli, monkeypatch, tmp_path):
    """A project with a policy, a pushed prompt, and a key that its registry trusts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CI", "")
    cli.write("promptship.policy.yaml", POLICY)
    cli("push")
    cli("keys", "create")
    cli("keys", "trust", "default")
    return cli


def test_push_refusal_evaluation_promotion_tampering_and_rollback(project):
    refused = project("promote", "echo@1", "production", code=1)
    assert "- no evidence of echo@1" in refused.stderr
    assert "hint: promptctl eval --prompt echo@1" in refused.stderr
    project("eval", "echo")
    assert project("promote", "echo@1", "production").stdout == "production: nothing -> echo@1\n"
    (evidence,) = project.json("evidence", "echo@production")
    gates = [gate["gate"] for gate in evidence["evidence"]["gates"]]
    assert gates == ["observed(pass_rate) >= 0.5", "observed(pass_rate) >= 0.6"]
    project("anchor", "anchors.jsonl")

    project.write("prompts/echo.prompt", "It says: {{ text }}\n")
    project("push")
    project("eval", "echo")
    project("promote", "echo@2", "production", "--reason", "Clearer")
    assert project.json("verify", "--anchor", "anchors.jsonl")["attestations"] == 2

    tamper(project, "UPDATE ledger_event SET payload = replace(payload, 'Clearer', 'Faster') WHERE kind = 'promote'")
    found = project("verify", code=3)
    assert "ledger_event 7: its hash is not that of its payload" in found.stdout
    tamper(project, "UPDATE ledger_event SET payload = replace(payload, 'Faster', 'Clearer') WHERE kind = 'promote'")
    assert project("rollback", "echo", "production").stdout == "production: echo@2 -> echo@1\n"
    assert project("verify").stdout.startswith("verified: 8 events")


def tamper(project, statement):
    connection = sqlite3.connect(project.folder / ".promptship" / "registry.db")
    with connection:
        connection.execute("DROP TRIGGER IF EXISTS ledger_event_no_update")
        connection.execute(statement)
        connection.execute(
            "CREATE TRIGGER ledger_event_no_update BEFORE UPDATE ON ledger_event"
            " BEGIN SELECT RAISE(ABORT, 'ledger_event is append-only'); END"
        )
    connection.close()


def test_a_chain_that_was_made_anew_is_found_by_its_anchor(project):
    project("anchor", "anchors.jsonl")
    (project.folder / ".promptship" / "registry.db").unlink()
    project("push")
    project("keys", "trust", "default")
    assert project("verify").stdout.startswith("verified")
    found = project("verify", "--anchor", "anchors.jsonl", code=3)
    assert "NOT ANCHORED: event 2, anchored on" in found.stdout
    assert "the chain was made anew" in found.stdout
    project.write("anchors.jsonl", "x\n")
    assert "anchors.jsonl:1: this is no anchor" in project("verify", "--anchor", "anchors.jsonl", code=2).stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--limit", "2"], "it is of a part of the evalset"),
        (["--stored"], "answers were replayed"),
    ],
)
def test_a_run_that_says_too_little_is_no_evidence(project, options, said):
    if options == ["--stored"]:
        project("eval", "echo", "--record")
        options = ["--frozen"]
    project("eval", "echo", *options)
    refused = project("attest", code=2)
    assert "is no evidence of echo" in refused.stderr
    assert said in refused.stderr


def test_an_evalset_that_was_changed_since_is_said(project):
    project("eval", "echo")
    with (project.folder / "evalsets" / "echo.jsonl").open("a") as file:
        file.write('{"id": "new", "inputs": {"text": "a"}, "expected": "a"}\n')
    assert "evalset 'echo' was changed since" in project("attest", code=2).stderr


def test_a_dry_run_signs_and_moves_nothing(project):
    project("eval", "echo")
    before = len(project.json("log"))
    assert "no evidence of echo@1" in project("promote", "echo@1", "production", "--dry-run", code=1).stdout
    project("attest")
    assert project("promote", "echo@1", "production", "--dry-run").stdout == "echo@1 may become 'production'\n"
    assert len(project.json("log")) == before + 1


def test_a_branch_cannot_lower_what_the_default_branch_asks(project, monkeypatch):
    import subprocess

    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "x")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "y")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "z"], ["checkout", "-qb", "easy"]):
        subprocess.run(["git", *command], cwd=project.folder, check=True)
    project.write("promptship.policy.yaml", "labels: {}\n")
    project("label", "echo@1", "production", code=2)


def test_an_approval_is_asked_for_and_a_local_one_does_not_count(project):
    project.write("promptship.policy.yaml", POLICY + "    approvals: 1\n")
    project("eval", "echo")
    assert "- 1 of 1 approvals, of people other than" in project("promote", "echo@1", "production", code=1).stderr
    request = project.json("promote", "echo@1", "production", "--request", "--reason", "Please")
    assert "would not count" in project("approve", request["id"], code=2).stderr
    listed = project("approve").stdout
    assert "echo@1 production" in listed
    assert "open" in listed
    assert "rejected by" in project("approve", request["id"], "--reject", "No").stdout
    project("promote", "echo@1", "production", "--break-glass", "Nobody is there")
    assert project.json("log")[0]["text"] == "Nobody is there"


def test_several_prompts_are_released_together(project):
    project.write("prompts/shout.prompt", "{{ text }}!\n")
    project("push")
    project("eval", "echo", "--prompt", "echo", "--prompt", "shout")
    made = project("release", "create", "autumn", "echo@1", "shout@1")
    assert made.stdout == "production: nothing -> echo@1\nproduction: nothing -> shout@1\n"
    assert "autumn" in project("release", "list").stdout
    assert project("release", "rollback", "autumn").stdout == (
        "production: echo@1 -> nothing\nproduction: shout@1 -> nothing\n"
    )


def test_an_audit_can_be_read_without_us(project):
    import hashlib

    project("eval", "echo")
    project("promote", "echo@1", "production")
    project("audit", "export", "-o", "audit.zip", "--label", "production")
    first = (project.folder / "audit.zip").read_bytes()
    with zipfile.ZipFile(project.folder / "audit.zip") as archive:
        names = archive.namelist()
        events = [json.loads(line) for line in archive.read("events.jsonl").splitlines()]
        for name in names:
            if name.startswith(("envelopes/", "closures/")):
                assert hashlib.sha256(archive.read(name)).hexdigest() == name.partition("/")[2]
        readme = archive.read("README.txt").decode()
    assert [event["kind"] for event in events] == ["push", "trust", "attest", "promote"]
    assert all(f"sha256:{hashlib.sha256(one['payload'].encode()).hexdigest()}" == one["hash"] for one in events)
    assert {name.partition("/")[0] for name in names} >= {"envelopes", "closures", "keys.json", "audit.json"}
    assert "4 events, label production" in readme
    assert "exists" in project("audit", "export", "-o", "audit.zip", code=2).stderr
    project("audit", "export", "-o", "again.zip", "--label", "production")
    assert (project.folder / "again.zip").read_bytes() == first
    project("audit", "export", "-o", "none.zip", "--to", "2020-01-01", code=2)
    assert not (project.folder / "none.zip").exists()


def test_a_key_that_was_revoked_makes_no_evidence_any_more(project):
    project("eval", "echo")
    (key,) = project.json("keys", "list")
    project("keys", "revoke", key["key"]["keyid"], "--reason", "Lost")
    assert "revoked" in project("keys", "list").stdout
    refused = project("promote", "echo@1", "production", code=1)
    assert "not used: it is signed with" in refused.stderr
    assert "was revoked on" in project("keys", "trust", "default", code=2).stderr


def test_status_says_what_labels_serve_and_whether_that_still_holds(project):
    project("eval", "echo")
    project("promote", "echo@1", "production")
    (row,) = project.json("status")
    (label,) = row["labels"]
    assert (label["label"], label["number"], label["current"], label["missing"]) == ("production", 1, True, [])
    project.write("prompts/echo.prompt", "It says: {{ text }}\n")
    project.write("promptship.policy.yaml", POLICY.replace("0.6", "0.99"))
    shown = project("status").stdout
    assert "production 1 (another version)" in shown
    assert "production of echo@1: evalset 'echo', run " in shown
    assert "gate 'observed(pass_rate) >= 0.99' was not decided when the evidence was made" in shown


def test_an_anchor_is_posted_and_what_was_kept_verifies(project, serve):
    kept = []

    def keep(handler, number):
        kept.append(handler.sent)
        handler.say({}, status=204 if number < 3 else 302, headers=[("Location", "http://127.0.0.1:9/")])

    server = serve(keep)
    assert f"is anchored in {server.url}" in project("anchor", server.url).stderr
    project.json("anchor", server.url)
    assert "did not take the anchor: it answered 302" in project("anchor", server.url, code=3).stderr
    assert kept[0] == kept[2]
    project.write("kept.jsonl", json.dumps(kept[0]) + "\n")
    assert project("verify", "--anchor", "kept.jsonl").stdout.startswith("verified")
    assert "is not a URL" in project("anchor", "ftp://x/y", code=2).stderr
    assert "did not take the anchor" in project("anchor", "http://127.0.0.1:9/", code=3).stderr
