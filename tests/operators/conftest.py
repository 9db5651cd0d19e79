"""Every operator that is held to the contract of linear operators is held to the device of its data, too."""

import pytest
import torch

from pellucid.operators.ptychography import LowResolutionFields

from ..pretended import moved, pretended, unwaited


@pytest.fixture(autouse=True)
def _on_another_device(request, monkeypatch):
    contract = getattr(request.module, "assert_adjoint", None)
    if contract is not None and hasattr(request, "function"):

        def held(operator, shape, rng, **given):
            contract(operator, shape, rng, **given)
            if all(type(part).__module__.startswith("pellucid.") for part in operator.modules()):
                kind = given.get("dtype") or (torch.float64 if operator.real_linear else torch.complex128)
                assert_stays(operator, torch.randn(shape, dtype=kind, generator=rng))

        monkeypatch.setattr(request.module, "assert_adjoint", held)


@torch.no_grad()
def assert_stays(operator, x) -> None:
    """Assert that H, its adjoint and its rows are there what they are here, and that nothing waits for the device."""
    y = operator(x)
    here = (y, operator.adjoint(y), operator.normal(x), operator[:1].adjoint(y[:1]), operator.backproject(y))
    with pretended() as device:
        there, x, y = (moved(what, device) for what in (operator, x, y))
        there(x)  # makes what is kept
        there.backproject(y)
        row = there[:1].adjoint(y[:1])
        with unwaited(not isinstance(operator, LowResolutionFields)):  # which asks where its views lie
            found = (there(x), there.adjoint(y), there.normal(x), row, there.backproject(y))
        for one, other in zip(here, found, strict=True):
            torch.testing.assert_close(other.cpu(), one)
