from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import sweep_client

MODULES = sorted(module.name for module in pkgutil.walk_packages(sweep_client.__path__, "sweep_client."))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
