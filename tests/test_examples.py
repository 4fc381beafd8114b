"""The examples in docstrings are true."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import cryobatch

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(cryobatch.__path__, prefix="cryobatch.")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name: str) -> None:
    """Every example of a module gives what it says."""
    assert doctest.testmod(import_module(name)).failed == 0
