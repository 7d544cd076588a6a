from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import promptship.prompts

MODULES = [module.name for module in pkgutil.iter_modules(promptship.prompts.__path__, "promptship.prompts.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name), raise_on_error=False).failed == 0


def test_exports_are_sorted_and_exist() -> None:
    names = promptship.prompts.__all__
    assert sorted(names) == list(names)
    assert all(hasattr(promptship.prompts, name) for name in names)
