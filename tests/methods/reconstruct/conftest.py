"""A blurred, noisy picture with its truth; and coils that see part of a complex one's spectrum."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from pellucid import methods
from pellucid.data.measurement import Measurement
from pellucid.data.scans import Scans
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import random_lines
from pellucid.noise import Gaussian
from pellucid.operators import LinearOperator, Sampling
from pellucid.operators.mri import Sense
from pellucid.training import Plan, fit


class Blurred(LinearOperator):
    """The circular mean over three by three pixels, times a gain: its own adjoint."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return self.gain / 9 * sum(x.roll((i, j), (-2, -1)) for i in (-1, 0, 1) for j in (-1, 0, 1))

    def adjoint(self, y: Tensor) -> Tensor:
        return self.forward(y)


class Spectrum(LinearOperator):
    """The unitary Fourier transform."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.fft2(x, norm="ortho")


@pytest.fixture
def truth(phantom_2d) -> Tensor:
    return torch.cat([phantom_2d, phantom_2d.flip(-1)])[..., 14:46, 14:46].double()


@pytest.fixture
def blurred(truth, rng):
    """Return a function that records the picture in any unit, through any gain."""

    def record(unit: float = 1.0, gain: float = 1.0, sigma: float = 0.02) -> Measurement:
        operator = Blurred(gain)
        noise = sigma * torch.randn(truth.shape, dtype=truth.dtype, generator=torch.Generator().manual_seed(3))
        y = unit * (operator(truth) + gain * noise)
        return Measurement(y=y, operator=operator, noise=Gaussian(sigma * unit * gain))

    return record


@pytest.fixture
def spectrum(truth, rng) -> Measurement:
    """Return two in three entries of the spectrum of a complex picture."""
    x = truth * torch.exp(1j * truth)
    keep = (torch.rand(1, 1, 32, 32, generator=rng) < 0.67) | (torch.fft.fftfreq(32).abs() < 0.1)
    operator = Sampling(keep) @ Spectrum()
    y = operator(x)
    noise = 0.01 * torch.randn(y.shape, dtype=y.dtype, generator=rng)
    return Measurement(y=y + keep * noise, operator=operator, noise=Gaussian(0.01))


@pytest.fixture
def built():
    """Return a function that builds a method from the same random state."""

    def build(name: str, data: Measurement, /, **given):
        few = {"iterations": 60} if name in ("tv", "wavelet") else {}
        return methods.function(name, "reconstruct")(data, rng=torch.Generator().manual_seed(0), **few | given)

    return build


@dataclass(frozen=True)
class Slices:
    """What a scanner with four coils recorded of eight slices, all of it, and what is right."""

    recording: Measurement
    full: Measurement
    truth: Tensor


@pytest.fixture(scope="session")
def slices() -> Slices:
    """Return noisy slices of 32 x 32, of which other lines were acquired each time."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.cat([random_brain(32, generator, details=6) for _ in range(8)])
    coils, masks = birdcage_coils(4, (32, 32)), [random_lines((32, 32), 2.5, 6, generator) for _ in truth]
    kspace = Sense(coils)(truth)
    kspace = kspace + 0.05 * torch.randn(kspace.shape, dtype=kspace.dtype, generator=generator)
    mask = torch.cat(masks)
    recording = Measurement(y=kspace * mask, operator=Sense(coils, mask))
    return Slices(recording, Measurement(y=kspace, operator=Sense(coils)), truth)


@pytest.fixture
def learn():
    """Return a function that takes a few steps of the first stage of a method."""

    def steps(method, recordings, count: int) -> None:
        (stage,) = method.stages
        source = (stage.source or Scans)(recordings)
        plan = Plan(steps=count, optimisers={"model": replace(stage.adam, warm_up=5)})
        fit(stage.model, stage.objective, source, plan)

    return steps


@pytest.fixture
def error(slices):
    """Return the mean squared error of what a method makes of all samples."""

    @torch.no_grad()
    def of(method) -> float:
        return float((method.restorer(slices.recording) - slices.truth).abs().square().mean())

    return of
