"""Instructions that no evaluation notices are named."""

import json

import pytest

from promptship.prompts import list_mutations

PROMPT = "{% system %}\nAlways speak very kindly.\n{% user %}\nGive the answer now: {{ text }}\n"


@pytest.fixture
def project(cli):
    cli.write("prompts/echo.prompt", PROMPT)
    rows = [{"id": f"c{n}", "inputs": {"text": f"t{n}"}, "expected": f"Give the answer now: t{n}"} for n in range(8)]
    cli.write("evalsets/echo.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    cli.write(
        "evalsets/echo.yaml",
        "prompt: echo\nscorers: [equals]\ngates: [observed(pass_rate) >= 0.5]\ncases: echo.jsonl\n",
    )
    return cli


def test_an_instruction_that_nothing_checks_is_not_noticed_and_one_that_is_checked_is(project):
    found = project.json("mutate", "echo")
    told = {(one["instruction"], one["kind"]): one["noticed_by"] for one in found}
    assert told == {
        ("Always speak very kindly.", "dropped"): [],
        ("Always speak very kindly.", "negated"): [],
        ("Give the answer now: {{ text }}", "dropped"): ["echo"],
        ("Give the answer now: {{ text }}", "negated"): ["echo"],
    }
    assert "2 of 4 mutants were not noticed" in project("mutate", "echo").stderr


def test_a_dry_run_lists_instructions_and_counts_calls(project):
    done = project("mutate", "echo", "--dry-run")
    assert "Always speak very kindly." in done.stdout
    assert "40 calls at most" in done.stderr
    assert "16 calls" not in project("mutate", "echo", "--dry-run", "--limit", "1").stderr
    assert not (project.folder / ".promptship/runs").exists()


def test_what_cannot_be_mutated_is_a_sentence(project):
    project.write("prompts/bare.prompt", "{{ text }}\n")
    project.write("evalsets/bare.yaml", "prompt: bare\nscorers: [equals]\ncases: [{inputs: {text: a}, expected: a}]\n")
    assert "no instruction" in project("mutate", "bare", code=2).stderr
    project.write("prompts/lonely.prompt", PROMPT)
    assert "no evalset evaluates 'lonely'" in project("mutate", "lonely", code=2).stderr


def test_sentences_end_where_lines_full_stops_and_block_tags_do():
    template = "{% if a %}Say it in one line. Never lie to them!{% endif %}\n- {{ name }} is the company\nshort one\n"
    assert [one.instruction for one in list_mutations(template)][::2] == [
        "Say it in one line.",
        "Never lie to them!",
        "- {{ name }} is the company",
    ]
    assert list_mutations(template)[0].template.startswith("{% if a %}Never lie")
