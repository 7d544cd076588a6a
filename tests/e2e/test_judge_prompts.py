"""`promptctl judge prompts`: what judges are told, copied, changed, compared, and evaluated as any prompt."""

import json

import pytest

from promptship.scorers import packaged_prompts

ANSWER = '{"evidence": [], "rationale": "So it is. Hence yes.", "verdict": "yes"}'


def test_every_packaged_prompt_is_listed_and_printed_letter_by_letter(cli):
    rows = json.loads(cli("judge", "prompts", "--json").stdout)

    assert [row["name"] for row in rows] == list(packaged_prompts())
    assert {row["from"] for row in rows} == {"the package"}
    assert all(row["description"] for row in rows)
    assert cli("judge", "prompts", "llm-rubric").stdout == packaged_prompts()["llm-rubric"]
    assert "closed-qa" in cli("judge", "prompts").stdout


def test_a_copy_takes_the_place_of_the_packages_prompt(cli):
    cli.write(
        "prompts/models.yaml", f"default: {{model: fake/echo}}\nsays-yes: {{model: 'fake/constant?text={ANSWER}'}}\n"
    )
    cli.write("prompts/reply.prompt", "{{ mail }}\n")
    scorer = "{type: llm-rubric, judge: says-yes, value: Is kind.}"
    cli.write("evalsets/reply.yaml", f"prompt: reply\nscorers: [{scorer}]\ncases: [{{inputs: {{mail: Hello}}}}]\n")

    def judge():
        run = json.loads(cli("eval", "reply", "--json").stdout)["run_id"]
        return json.loads((cli.folder / ".promptship" / "runs" / run / "manifest.json").read_text())["judges"]

    before = judge()
    place = cli.folder / "prompts" / "judges" / "llm-rubric.prompt"
    assert "prompts/judges/llm-rubric.prompt" in cli("judge", "prompts", "llm-rubric", "--copy").stderr
    assert place.read_text() == packaged_prompts()["llm-rubric"]
    copied = judge()
    place.write_text(place.read_text().replace("nothing else.", "nothing else. Be strict."))
    changed = judge()

    # The same text is the same judge, wherever it lies; a changed one is another.
    assert before == copied
    assert changed != copied
    shown = cli("judge", "prompts", "llm-rubric", "--diff").stdout
    assert "+You check a text against one criterion and nothing else. Be strict." in shown
    rows = json.loads(cli("judge", "prompts", "--json").stdout)
    assert [row["name"] for row in rows if row["from"] == "the project"] == ["llm-rubric"]


def test_a_changed_copy_is_not_overwritten(cli):
    cli("judge", "prompts", "closed-qa", "--copy")

    done = cli("judge", "prompts", "closed-qa", "--copy", code=2)

    assert "there is prompts/judges/closed-qa.prompt already" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["llm-rubrik"], "did you mean 'llm-rubric'?"), (["--copy"], "which prompt?")],
)
def test_what_is_no_judge_prompt_is_said(cli, arguments, told):
    assert told in cli("judge", "prompts", *arguments, code=2).stderr
