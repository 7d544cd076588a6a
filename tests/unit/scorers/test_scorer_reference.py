"""The reference page says what the code says, and its examples do what they say."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

import promptship.scorers
from promptship.domain import Output, Step
from promptship.scorers import list_scorers, render_reference, score

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "scorers.md"
BLOCK = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
UPDATE = "write it again: Path('docs/reference/scorers.md').write_text(promptship.scorers.render_reference())"


ASKING = {info.type for info in list_scorers() if info.asks}


def examples():
    for number, block in enumerate(BLOCK.findall(PAGE.read_text())):
        example = {}
        for line in block.splitlines():
            key, _, value = line.partition(": ")
            example[json.loads(key)] = json.loads(value)
        if example["scorer"]["type"].removeprefix("not-") in ASKING:
            continue  # tested with the models that they ask
        yield pytest.param(example, id=f"{number}-{example['scorer']['type']}")


def read_output(written):
    if not isinstance(written, dict):
        return written
    steps = tuple(Step(**step) for step in written.get("steps", ()))
    return Output(**{**written, "steps": steps})


def test_the_page_is_what_the_code_renders():
    assert render_reference() == PAGE.read_text(), UPDATE


@pytest.mark.parametrize("example", list(examples()))
def test_examples_of_the_page_pass_and_fail_as_they_say(example):
    written = dict(example["scorer"])
    kind = written.pop("type")
    assert score(kind, read_output(example["passes"]), expected=example.get("expected"), **written).passed is True
    if "fails" in example:
        assert score(kind, read_output(example["fails"]), expected=example.get("expected"), **written).passed is False


def test_every_type_but_python_has_an_example_on_the_page():
    shown = {json.loads(block.splitlines()[0].partition(": ")[2])["type"] for block in BLOCK.findall(PAGE.read_text())}
    assert shown == {info.type for info in list_scorers()} - {"python"}


def test_sentences_of_the_page_about_python_hold():
    assert '`promptship.scorers.score("levenshtein", "Pariss", expected="Paris").measure` is `1.0`' in PAGE.read_text()
    assert score("levenshtein", "Pariss", expected="Paris").measure == 1.0


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(promptship.scorers.__path__)])
def test_examples_in_docstrings_hold(name):
    module = importlib.import_module(f"promptship.scorers.{name}")
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_the_front_desk_is_sorted_and_complete():
    names = promptship.scorers.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert all(hasattr(promptship.scorers, name) for name in names)
