import inspect
import re

from promptship import errors
from promptship.errors import ExitCode, Problem, PromptshipError, SourceError, did_you_mean


def classes():
    return {name: item for name, item in vars(errors).items() if inspect.isclass(item) and issubclass(item, Exception)}


def test_the_tree_in_the_docstring_is_the_tree_in_the_code():
    drawn = {}
    stack = [PromptshipError]
    for line in (errors.__doc__ or "").split("\n"):
        if match := re.match(r"^([│ ]*)(?:├──|└──) (\w+)", line):
            depth = len(match[1]) // 4 + 1
            drawn[match[2]] = stack[depth - 1].__name__
            stack[depth:] = [classes()[match[2]]]
    real = {name: item.__bases__[0].__name__ for name, item in classes().items() if item is not PromptshipError}
    assert drawn == real


def test_the_exit_codes_in_the_docstring_are_those_of_the_classes():
    for name, code in re.findall(r"(\w+Error) +(\d) ", errors.__doc__ or ""):
        assert classes()[name].exit_code == int(code)


def test_exit_codes_are_the_documented_ones():
    assert [code.value for code in ExitCode] == [0, 1, 2, 3, 4, 5, 130]


def test_all_problems_are_said_each_with_its_place():
    error = SourceError(
        [
            Problem(path="a.yaml", line=3, column=7, message="unknown key 'x'", hint="remove it"),
            Problem(path="a.yaml", line=9, message="no id", hint="remove it"),
        ]
    )
    assert str(error) == "a.yaml:3:7: unknown key 'x'\na.yaml:9: no id"
    assert error.hint == "remove it"


def test_the_nearest_known_word_is_suggested():
    assert did_you_mean("custmer", ["customer", "order"]) == "; did you mean 'customer'?"
    assert did_you_mean("xyz", ["customer"]) == ""
