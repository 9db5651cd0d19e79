import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.noise import Gaussian
from pellucid.operators import Diagonal, Identity
from pellucid.restorers import Regularised
from pellucid.restorers.transport import LearnedBlur, OwnInstruments, Transport


@pytest.mark.parametrize("dims", [2, 3])
def test_the_kernel_is_a_density_about_the_middle(dims, rng):
    blur = LearnedBlur(7, dims)
    with torch.no_grad():
        blur.logits += (
            torch.randn(blur.logits.shape, generator=rng) / 10 - blur.place.square().sum(0) / 50 + blur.place[0] / 20
        )
    kernel = blur.kernel
    kernel = kernel.detach()
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-5)
    assert float(kernel.min()) >= 0
    assert float((blur.place * kernel).flatten(1).sum(1).abs().max()) < 0.02


def test_a_point_becomes_the_kernel(rng):
    blur = LearnedBlur(5)
    with torch.no_grad():
        blur.logits += 0.05 * torch.randn(5, 5, generator=rng)
    x = torch.zeros(1, 2, 15, 15)
    x[..., 7, 7] = 1
    torch.testing.assert_close(blur(x)[0, 1, 5:10, 5:10], blur.kernel)
    torch.testing.assert_close(blur(torch.ones(1, 1, 9, 9)), torch.ones(1, 1, 9, 9))


def test_recordings_have_the_noise_that_is_known(rng):
    maps = Transport(Regularised(lambda given, _: 2 * given.y, 0.0), Identity())
    x = torch.zeros(1, 1, 200, 200)
    silent = Measurement(y=x, operator=Identity())
    assert torch.equal(maps.record(x, silent, rng), x)
    noisy = Measurement(y=x, operator=Identity(), noise=Gaussian(0.5))
    assert float(maps.record(x, noisy, rng).std()) == pytest.approx(0.5, rel=0.02)
    assert float(maps(Measurement(y=x + 1, operator=Identity())).mean()) == 2


def test_each_recording_has_its_own_instrument(rng):
    maps, x = OwnInstruments(Regularised(lambda given, _: given.y, 0.0)), torch.ones(1, 1, 4, 4)
    assert not list(maps.parameters())
    for gain in (2.0, 3.0):
        given = Measurement(y=x, operator=Diagonal(torch.tensor(gain)))
        assert torch.equal(maps.record(x, given, rng), gain * x)
