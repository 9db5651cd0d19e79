"""The pretended device computes what the CPU does, and refuses what CUDA does."""

import copy

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.methods import build
from pellucid.operators import Identity
from pellucid.training import Plan, fit

from .pretended import Waits, unwaited


@pytest.fixture
def x(device, rng):
    return torch.randn(2, 3, 8, 8, generator=rng).to(device)


def test_tensors_are_its_own_and_hold_what_they_held(x, device, rng):
    host = x.cpu()
    assert x.device == device
    assert torch.equal(x.cpu(), host)
    torch.testing.assert_close(torch.fft.irfft2(torch.fft.rfft2(x).conj()).cpu(), host.flip(2, 3).roll((1, 1), (2, 3)))
    for n in (5, 6):
        assert torch.equal(torch.fft.fftfreq(n, device=device).cpu(), torch.fft.fftfreq(n))
    assert torch.equal(copy.deepcopy(x).cpu(), host)
    view = x[:, 1].mT[..., ::2]
    view += 1
    assert torch.equal(x.cpu()[:, 1].mT[..., ::2], host[:, 1].mT[..., ::2] + 1)


def test_a_fit_gives_the_weights_that_it_gives_on_the_cpu(device, rng):
    y, found = torch.randn(2, 1, 32, 32, generator=rng), []
    for place in ("cpu", device):
        data = Measurement(y=y.to(place), operator=Identity())
        made = build("noise2void", data, rng=torch.Generator().manual_seed(0), features=4)
        fit(made.model, made.stages[0].objective, Patches(data=data, patch=(16, 16), batch=2), Plan(steps=3))
        found.append(torch.cat([p.detach().cpu().flatten() for p in made.model.parameters()]))
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "mixed",
    [
        lambda x: x + torch.ones(8),
        lambda x: torch.where(torch.ones(8) > 0, x, x),
        lambda x: torch.stack([x.sum(), torch.tensor(1.0)]),
        lambda x: torch.zeros(()).add_(x.sum()),
        lambda x: torch.ones(8)[torch.arange(2, device=x.device)],
        lambda x: nn.Conv2d(3, 1, 1)(x),
        lambda x: torch.rand(3, generator=torch.Generator(x.device)),
        lambda x: torch.rand(3, device=x.device, generator=torch.Generator()),
        lambda x: nn.init.normal_(x, generator=torch.Generator()),
    ],
)
def test_two_devices_are_refused(mixed, x):
    with pytest.raises(RuntimeError, match=r"device|expected scalar type|generator"):
        mixed(x)


@pytest.mark.parametrize(
    "read",
    [
        lambda x: float(x.sum()),
        lambda x: bool(x.any()),
        lambda x: x.cpu(),
        lambda x: x[x > 0],
        lambda x: x[torch.arange(2)],
        lambda x: x[[0, 1]],
        lambda x: torch.tensor([1.0, 2.0], device=x.device),
        lambda x: torch.ones(2).to(x.device),
        lambda x: x.nonzero(),
        lambda x: x.argmax().tolist(),
    ],
)
def test_what_waits_is_refused_where_it_may_not(read, x):
    read(x)
    with unwaited(), pytest.raises(Waits):
        read(x)


def test_what_does_not_wait_may_be_done(x, device):
    with unwaited():
        x[0] = 3.0
        x[:, 0] += torch.tensor(2.0)
        torch.ones(2).to(device, non_blocking=True)
        torch.randn(3, device=device, generator=torch.Generator(device))
        nn.functional.conv2d(x, torch.full((1, 3, 3, 3), 2.0, device=device)).square().mean()
        x[torch.arange(2, device=device)].masked_fill(x > 0, 0)
