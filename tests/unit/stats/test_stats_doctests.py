"""The examples in the docstrings of the statistics are true."""

import doctest
import importlib
import pkgutil

import pytest

import promptship.stats

MODULES = sorted(module.name for module in pkgutil.iter_modules(promptship.stats.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    module = importlib.import_module(f"promptship.stats.{name}")
    assert doctest.testmod(module).failed == 0


def test_the_front_desk_is_sorted():
    constants_first = sorted(promptship.stats.__all__, key=lambda name: (not name.isupper(), name))
    assert promptship.stats.__all__ == constants_first
