"""What no case reaches is named; nothing is called for it."""


def test_branches_that_no_case_takes_are_named_and_can_fail_the_command(cli):
    cli.write("prompts/models.yaml", "default: {model: openai/none, base_url: 'http://127.0.0.1:9'}\n")
    cli.write(
        "prompts/echo.prompt", "{% if 'e' in text %}E{% else %}none{% endif %}\n{% if text == 'never' %}x{% endif %}\n"
    )
    (found,) = cli.json("coverage", "echo")
    assert (found["cases"], found["evalsets"], found["share"]) == (3, ["echo"], 0.75)
    text = cli("coverage", "echo").stdout
    assert "echo: 75%, 3 of 4, by 3 cases of echo" in text
    assert "never taken: if        template:2" in text
    assert "below 80 %: echo" in cli("coverage", "--fail-under", "80", code=1).stderr
    assert cli("coverage", "echo", "--fail-under", "50").stdout == text


def test_a_case_that_does_not_render_is_named_with_its_place(cli):
    cli.write("prompts/echo.prompt", "{{ other }}\n")
    assert "evalsets/echo.jsonl:1" in cli("coverage", "echo", code=2).stderr
