"""No operator without its contract: each has a test beside it that runs `assert_adjoint` on it."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

from pellucid import operators
from pellucid.operators.base import LinearOperator, Operator

LINEAR = [
    (module.name, name)
    for module in pkgutil.iter_modules(operators.__path__)
    if module.name != "base"  # whose Jacobian and composition are tested as what `linearize` and `@` return
    for name, kind in vars(importlib.import_module(f"pellucid.operators.{module.name}")).items()
    if inspect.isclass(kind) and issubclass(kind, LinearOperator) and not inspect.isabstract(kind)
    if kind.__module__ == f"pellucid.operators.{module.name}"
]


@pytest.mark.parametrize(("module", "name"), LINEAR)
def test_every_linear_operator_is_held_to_the_contract(module, name):
    text = (Path(__file__).parent / f"test_{module}.py").read_text(encoding="utf-8")
    assert "assert_adjoint(" in text
    assert name in text


def test_there_are_operators_for_every_instrument():
    assert len(LINEAR) > 15
    assert issubclass(LinearOperator, Operator)
