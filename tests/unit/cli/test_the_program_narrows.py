"""Only the command that is called is read; what takes all commands to answer is answered by all."""

import pytest

from promptship.cli._main import _narrow, app


def names(program):
    return {one.name for one in (*program.registered_commands, *program.registered_groups)}


@pytest.mark.parametrize("arguments", [["eval", "a", "-k", "run"], ["-C", "run", "eval"], ["eval", "--help"]])
def test_a_command_stands_alone(arguments):
    assert names(_narrow(arguments)) == {"eval"}


def test_a_group_of_commands_stands_alone():
    assert names(_narrow(["runs", "list"])) == {"runs"}


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["--help", "eval"], ["--version"], ["-C"], ["-C", "eval"], ["evla", "eval"]]
)
def test_all_answer_where_none_is_called(arguments):
    assert _narrow(arguments) is app


def test_the_program_itself_stays_whole():
    before = names(app)
    _narrow(["eval"])
    assert names(app) == before
