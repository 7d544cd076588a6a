"""`promptctl judge label` at a terminal: a person presses keys, and each answer is kept."""

import json
import os
import re
import sys

import pytest

from promptship.domain import Output, digest_of, digest_output

pexpect = pytest.importorskip("pexpect")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")

LABELS = "evalsets/judges/echo.labels.jsonl"
HOSTILE = "\x1b]0;owned\x07\x1b[2Jsecret \u202etxt"


@pytest.fixture
def run(cli):
    cli("eval", "echo")


@pytest.fixture
def sit_down(cli):
    """Start the command at a pseudo-terminal."""
    started = []

    def start(*arguments, env=None):
        program, *rest = cli.command("judge", "label", *arguments)
        child = pexpect.spawn(
            program, rest, cwd=str(cli.folder), encoding="utf-8", timeout=60, dimensions=(40, 100),
            env={**os.environ, "NO_COLOR": "1", "EDITOR": "", "VISUAL": "", **(env or {})},
        )  # fmt: skip
        started.append(child)
        return child

    yield start
    for child in started:
        child.close(force=True)


def ended(child, code=0):
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == code, child.before
    return child.before


def stored(cli, name=LABELS):
    path = cli.folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def shown_case(child):
    """Which output stands on the screen."""
    child.expect(r"OUTPUT\r\n  ([^\r]+)\r\n")
    return child.match[1]


def test_every_answer_is_kept_as_it_is_given(cli, run, sit_down):
    child = sit_down("echo", "--rater", "ada")
    child.expect("3 of 3 outputs, drawn at random; 0 labelled before")
    first = shown_case(child)
    child.send("g")
    child.expect("2 of 3")
    (row,) = stored(cli)
    assert row == {
        "case": row["case"], "output_digest": digest_output(Output(text=first)), "rating": "good", "rater": "ada",
        "source": "sample", "propensity": 1.0, "run": row["run"],
    }  # fmt: skip
    child.send("b")
    child.expect("3 of 3")
    child.send("u")

    assert "3 labelled (1 good, 1 bad, 1 unsure), 0 left" in ended(child)
    assert [row["rating"] for row in stored(cli)] == ["good", "bad", "unsure"]
    assert len(stored(cli, "evalsets/judges/echo.items.jsonl")) == 3


def test_a_person_who_quits_goes_on_later_with_the_rest_of_the_same_draw(cli, run, sit_down):
    child = sit_down("echo", "--rater", "ada", "--sample", "2", "--seed", "5")
    first = shown_case(child)
    child.send("g")
    second = shown_case(child)
    child.send("q")
    assert "1 labelled (1 good), 1 left" in ended(child)

    child = sit_down("echo", "--rater", "ada", "--sample", "2", "--seed", "5")
    child.expect("1 labelled before")
    assert shown_case(child) == second != first
    child.send("b")
    ended(child)

    assert [row["propensity"] for row in stored(cli)] == [2 / 3] * 2
    assert "0 left" in ended(sit_down("echo", "--rater", "ada", "--sample", "2", "--seed", "5"))


def test_another_person_is_asked_about_the_same_outputs(cli, run, sit_down):
    for rater in ("ada", "bob"):
        child = sit_down("echo", "--rater", rater, "--sample", "1")
        child.expect("OUTPUT")
        child.send("g")
        ended(child)
    assert [row["rater"] for row in stored(cli)] == ["ada", "bob"]
    assert len({row["case"] for row in stored(cli)}) == 1


def test_the_process_may_be_killed_between_answers(cli, run, sit_down):
    child = sit_down("echo", "--rater", "ada")
    child.expect("1 of 3")
    child.send("g")
    child.expect("2 of 3")
    child.close(force=True)
    assert len(stored(cli)) == 1


def test_ctrl_c_leaves_with_130_and_what_was_said_is_kept(cli, run, sit_down):
    child = sit_down("echo", "--rater", "ada")
    child.expect("1 of 3")
    child.send("b")
    child.expect("2 of 3")
    child.send("\x03")
    ended(child, 130)
    assert len(stored(cli)) == 1


def test_note_better_answer_skip_and_take_back(cli, run, sit_down):
    child = sit_down("echo", "--rater", "ada", "--sample", "2")
    child.expect("1 of 2")
    child.send("n")
    child.expect("note")
    child.sendline("good grief")
    child.send("c")
    child.expect("better answer")
    child.sendline("Paris")
    child.send("b")
    child.expect("2 of 2")
    child.send("z")
    child.expect("1 of 2")
    child.send("x")
    child.expect("g good")
    child.send("g")
    child.expect("2 of 2")
    child.send("s")

    assert "1 labelled (1 good), 1 left" in ended(child)
    (row,) = stored(cli)
    assert (row["rating"], "note" in row) == ("good", False)


def test_words_are_kept_with_the_rating(cli, run, sit_down):
    child = sit_down("echo", "--rater", "ada", "--sample", "1")
    child.expect("OUTPUT")
    child.send("n")
    child.expect("note")
    child.sendline("good grief")
    child.send("b")
    ended(child)
    assert stored(cli)[0]["note"] == "good grief"


def test_a_better_answer_is_written_in_the_editor_that_is_set(cli, run, sit_down):
    editor = cli.write("editor.sh", "#!/bin/sh\nprintf 'line one\\nline two\\n' > \"$1\"\n")
    editor.chmod(0o755)
    child = sit_down("echo", "--rater", "ada", "--sample", "1", env={"EDITOR": str(editor)})
    child.expect("OUTPUT")
    child.send("c")
    child.send("b")
    ended(child)
    assert stored(cli)[0]["correction"] == "line one\nline two"


def test_nothing_that_a_judge_or_scorer_said_is_shown(cli, run, sit_down):
    child = sit_down("echo", "--rater", "ada")
    shown = ""
    for _ in range(3):
        child.expect("OUTPUT")
        shown += child.before
        child.send("u")
    shown += ended(child)
    assert not re.search(r"passed|failed|icontains|score|fake/echo", shown)


def test_a_judges_policy_is_shown_and_cited(cli, run, sit_down):
    cli.write("evalsets/judges/kind.yaml", "policy: Good is true.\nitems: i.jsonl\nlabels: l.jsonl\n")
    child = sit_down("echo", "--rater", "ada", "--judge", "kind", "--sample", "1")
    child.expect("Good is true.")
    child.expect("OUTPUT")
    child.send("g")
    ended(child)
    assert stored(cli, "evalsets/judges/l.jsonl")[0]["guideline_digest"] == digest_of("Good is true.")


def test_a_plan_of_the_budget_is_asked_with_its_propensities(cli, run, sit_down):
    cli.write("evalsets/judges/kind.yaml", "policy: Good is true.\nitems: i.jsonl\nlabels: l.jsonl\n")
    items = [{"id": f"c{place}", "inputs": {"text": "t"}, "output": f"answer {place}"} for place in range(4)]
    cli.write("evalsets/judges/i.jsonl", "".join(json.dumps(item) + "\n" for item in items))
    planned = [
        {"case": f"c{place}", "output_digest": digest_output(Output(text=f"answer {place}")), "verdict": "bad",
         "propensity": 0.25 * place}
        for place in (1, 3)
    ]  # fmt: skip
    cli.write("plan.json", json.dumps({"labels": planned}))

    child = sit_down("echo", "--rater", "ada", "--judge", "kind", "--plan", "plan.json")
    child.expect("2 of 4 outputs")
    for _ in range(2):
        child.expect("OUTPUT")
        assert "bad" not in child.before.partition("b bad")[2]
        child.send("g")
    ended(child)

    assert {row["case"]: row["propensity"] for row in stored(cli, "evalsets/judges/l.jsonl")} == {
        "c1": 0.25,
        "c3": 0.75,
    }
    cli.write("plan.json", "{}")
    assert "this is no plan of labels" in ended(sit_down("echo", "--judge", "kind", "--plan", "plan.json"), 2)


def test_hostile_outputs_cannot_speak_to_the_terminal(cli, sit_down):
    cli.write("evalsets/echo.jsonl", json.dumps({"id": "x", "inputs": {"text": HOSTILE}}) + "\n")
    cli.write("evalsets/echo.yaml", "prompt: echo\nscorers: []\ncases: echo.jsonl\n")
    cli("eval", "echo")
    child = sit_down("echo", "--rater", "ada")
    child.expect("OUTPUT")
    child.expect("secret")
    said = child.before
    child.send("q")
    said += ended(child)
    assert not re.search("\x1b[]\\[](0;|2J)|\x07|\u202e", said)


def test_without_a_terminal_it_names_the_other_ways(cli, run):
    done = cli("judge", "label", "echo", code=2, stdin="g\n")
    assert "runs export" in done.stderr


def test_without_a_run_it_says_what_to_do(cli, sit_down):
    assert "promptctl eval echo" in ended(sit_down("echo"), 2)
    assert "there is no evalset 'ecko'" in ended(sit_down("ecko"), 2)
