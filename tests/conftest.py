"""What every test may ask for: repeatable randomness, small phantoms, the folder of real data."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from torch import Tensor

from .pretended import pretended, register

torch.set_num_threads(1)
register()
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def numpy_rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def device() -> Iterator[torch.device]:
    """Return a device that is not that of the host; needs no hardware."""
    with pretended() as place:
        yield place


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the folder of real data sets; its tests also carry the marker `real`."""
    if "PELLUCID_DATA" not in os.environ:
        pytest.skip("set PELLUCID_DATA to the folder of real data sets")
    return Path(os.environ["PELLUCID_DATA"])


@pytest.fixture
def phantom_2d() -> Tensor:
    """Return blobs and a filament between 0.1 and 1, shape (1, 1, 64, 64)."""
    return _phantom((64, 64))


@pytest.fixture
def phantom_3d() -> Tensor:
    """Return blobs and a filament between 0.1 and 1, shape (1, 1, 12, 40, 40)."""
    return _phantom((12, 40, 40))


def _phantom(space: tuple[int, ...], blobs: int = 8) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    extent = torch.tensor(space, dtype=torch.float32)
    pixels = torch.cartesian_prod(*(torch.arange(n, dtype=torch.float32) for n in space))
    centres = torch.rand(blobs, len(space), generator=rng) * extent
    radii = 2 + 2 * torch.rand(blobs, generator=rng)
    nuclei = torch.exp(-0.5 * (torch.cdist(pixels, centres) / radii) ** 2).amax(1)
    along = torch.linspace(0, 1, 4 * max(space))[:, None]  # one turn of a sine in every axis but the last
    curve = extent * (0.5 + 0.3 * torch.sin(2 * math.pi * along + torch.arange(len(space))))
    curve[:, -1:] = along * extent[-1]
    filament = torch.exp(-0.5 * torch.cdist(pixels, curve).amin(1) ** 2)
    return (0.1 + 0.9 * torch.maximum(nuclei, 0.8 * filament)).reshape(1, 1, *space)
