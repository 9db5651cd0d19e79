"""Every noise model that is held to the contract of densities is held to the device of its data, too."""

import pytest
import torch

from ..pretended import moved, pretended, unwaited


@pytest.fixture(autouse=True)
def _on_another_device(request, monkeypatch):
    contract = getattr(request.module, "assert_normalised", None)
    if contract is not None:

        def held(noise, z, grid, rng, **given):
            contract(noise, z, grid, rng, **given)
            assert_stays(noise, z)

        monkeypatch.setattr(request.module, "assert_normalised", held)


@torch.no_grad()
def assert_stays(noise, z) -> None:
    """Assert that draws, densities and moments are there what they are here, and that nothing waits for the device."""

    def made(noise, z):
        y = noise.sample(z, torch.Generator(z.device).manual_seed(0))
        yield from (y, noise.log_prob(y, z), noise.mean(z), noise.variance(z))

    here = [*made(noise, z)]
    with pretended() as device:
        noise, z = moved(noise, device), moved(z, device)
        tuple(made(noise, z))  # makes what is kept
        with unwaited():
            found = [*made(noise, z)]
        for one, other in zip(here, found, strict=True):
            torch.testing.assert_close(other.cpu(), one)
