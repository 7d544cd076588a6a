"""`promptctl runs rescore`: another threshold, weight or reducer costs no call; another question does."""

import json

import pytest

YES, NO = (f'{{"evidence": [], "rationale": "So. Hence {word}.", "verdict": "{word}"}}' for word in ("yes", "no"))
RUBRIC = "{type: llm-rubric, name: kind, judge: yes, threshold: %s, value: [Is kind., Is short.]}"


@pytest.fixture
def judged(cli):
    models = {
        "default": {"model": "fake/echo"},
        "yes": {"model": f"fake/constant?text={YES}"},
        "no": {"model": f"fake/constant?text={NO}"},
    }
    cli.write("prompts/models.yaml", json.dumps(models))
    cli.write("prompts/reply.prompt", "{{ mail }}\n")

    def write(scorers, expected="Hello"):
        cases = ", ".join(f"{{id: c{n}, inputs: {{mail: Hello {n}}}, expected: {expected}}}" for n in range(4))
        cli.write("evalsets/reply.yaml", f"prompt: reply\nscorers: [{scorers}]\ngates: [observed(pass_rate) >= 0.9]\n"
                  f"cases: [{cases}]\n")  # fmt: skip

    return write


def manifest_of(cli, run):
    return json.loads((cli.folder / ".promptship" / "runs" / run / "manifest.json").read_text())


def panel(reducer, threshold=""):
    first, second = (f"{{type: llm-rubric, name: of-{one}, judge: {one}, value: Is kind.}}" for one in ("yes", "no"))
    return f"{{type: panel, reducer: {reducer}, {threshold} scorers: [{first}, {second}]}}"


def test_another_reducer_rules_on_the_same_votes(cli, judged):
    judged(panel("mean", "threshold: 0.5,"))
    first = cli.json("eval", "reply")
    judged(panel("unanimous"))
    done = cli("runs", "rescore", first["run_id"], "--no-call", "--json", code=4)
    assert "0 scores of judges stay, 4 are made anew of their votes; asked: nobody" in done.stderr
    again = json.loads(done.stdout)
    assert (first["totals"]["passed"], again["totals"]["unscored"]) == (4, 4)
    assert again["totals"]["requests"] == 0
    before, after = (manifest_of(cli, one["run_id"]) for one in (first, again))
    assert before["judges"] != after["judges"]
    assert before["asked"] == after["asked"]
    assert after["note"] == f"scored anew from {first['run_id']}"


def test_another_threshold_costs_nothing_and_outputs_stay(cli, judged):
    judged(panel("mean", "threshold: 0.5,"))
    first = cli.json("eval", "reply", "--cases")
    judged(panel("mean", "threshold: 0.9,"))
    again = json.loads(cli("runs", "rescore", "--no-call", "--json", code=1).stdout)
    assert (first["totals"]["passed"], again["totals"]["failed"]) == (4, 4)
    assert again["totals"]["requests"] == 0
    shown = cli.json("runs", "show", again["run_id"], "--cases")
    assert [case["output"]["text"] for case in shown["cases"]] == [f"Hello {number}" for number in range(4)]
    # The old run stays, and a second run of the same votes says the same.
    assert cli.json("runs", "show", first["run_id"])["totals"]["passed"] == 4
    assert "4 scores of judges stay" in cli("runs", "rescore", again["run_id"], "--no-call", code=1).stderr


def test_scorers_that_ask_nobody_are_applied_as_they_are_now(cli, judged):
    judged("contains")
    first = cli.json("eval", "reply")
    judged("contains", expected="Goodbye")
    done = cli("runs", "rescore", first["run_id"], "--no-call", "--json", code=1)
    assert json.loads(done.stdout)["totals"]["failed"] == 4
    assert "asked: nobody" in done.stderr


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [
        (RUBRIC.replace("Is short.", "Is long.") % 0.5, "Hello"),
        (RUBRIC.replace("judge: yes", "judge: no") % 0.5, "Hello"),
        (RUBRIC % 0.5, "Goodbye"),
    ],
)
def test_another_question_is_refused_without_calls_and_asked_with_them(cli, judged, scorer, expected):
    judged(RUBRIC % 0.5)
    first = cli.json("eval", "reply")
    judged(scorer, expected)
    refused = cli("runs", "rescore", first["run_id"], "--no-call", code=2).stderr
    assert "do not say what these judges would: 'kind' about 4 answers" in refused
    assert "asked: kind about 4 answers" in cli("runs", "rescore", first["run_id"], "--dry-run").stderr
    passed = "judge: no" not in scorer
    again = json.loads(cli("runs", "rescore", first["run_id"], "--json", code=0 if passed else 1).stdout)
    assert again["totals"]["passed" if passed else "failed"] == 4


def test_a_rescored_baseline_is_comparable_again(cli, judged):
    judged(RUBRIC % 0.5)
    base = cli.json("eval", "reply")["run_id"]
    judged(RUBRIC % 0.6)
    candidate = cli.json("eval", "reply")["run_id"]
    refused = cli("compare", base, candidate, code=2).stderr
    assert f"promptctl runs rescore {base}" in refused
    anew = json.loads(cli("runs", "rescore", base, "--no-call", "--json").stdout)["run_id"]
    assert cli.json("compare", anew, candidate)


def test_what_cannot_be_scored_anew_is_said(cli, judged):
    judged(RUBRIC % 0.5)
    run = cli.json("eval", "reply")["run_id"]
    case = "{id: c9, inputs: {mail: x}, expected: x}"
    cli.write("evalsets/reply.yaml", f"prompt: reply\nscorers: [contains]\ncases: [{case}]\n")
    said = cli("runs", "rescore", run, code=2).stderr
    assert "has 4 cases that evalsets/reply.yaml no longer has, such as 'c0'" in said


def test_changed_passages_are_another_question(cli, judged):
    judged(RUBRIC % 0.5)
    path = cli.folder / "evalsets" / "reply.yaml"
    path.write_text(path.read_text().replace("expected: Hello}", "expected: Hello, contexts: [{text: One.}]}"))
    first = cli.json("eval", "reply")
    assert "4 scores of judges stay" in cli("runs", "rescore", first["run_id"], "--no-call").stderr
    path.write_text(path.read_text().replace("One.", "Two."))
    refused = cli("runs", "rescore", first["run_id"], "--no-call", code=2).stderr
    assert "'kind' about 4 answers" in refused
    assert "passages" in refused


def test_answers_that_judges_were_given_are_counted_apart(cli, judged):
    judged(RUBRIC % 0.5)
    totals = cli.json("eval", "reply")["totals"]
    # Two criteria of four answers, each asked once: the cache knows what is said twice.
    assert totals["requests"] + totals["cached"] == 4
    assert totals["judge_requests"] + totals["judge_cached"] == 8
    assert totals["judge_requests"] > 0
    again = cli("eval", "reply", "--no-resume")
    assert "0 by judges, 8 cached" in again.stdout + again.stderr
    anew = json.loads(cli("runs", "rescore", "--no-call", "--json").stdout)["totals"]
    assert (anew["judge_requests"], anew["judge_cached"]) == (0, 0)
