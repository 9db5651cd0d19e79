import pytest
import torch
from torch.nn import functional

from pellucid.errors import InputError
from pellucid.operators.resampling import Binning, Downsampling
from pellucid.testing import assert_adjoint


def test_larger_pixels_keep_the_contract(rng):
    assert_adjoint(Binning([2, 3]), (2, 2, 6, 9), rng)
    assert_adjoint(Binning([1, 2, 2]), (2, 1, 3, 4, 6), rng)
    assert_adjoint(Downsampling([9, 12], [2, 3]), (2, 2, 9, 12), rng)
    assert_adjoint(Downsampling([5, 8, 7], [1, 4, 2]), (2, 1, 5, 8, 7), rng)


def test_binning_adds_up_blocks(rng):
    x = torch.rand(1, 1, 8, 6, generator=rng)
    torch.testing.assert_close(Binning([4, 2])(x), 8 * functional.avg_pool2d(x, (4, 2)))
    part = (slice(4, 8), slice(2, 6))
    torch.testing.assert_close(Binning([4, 2]).crop(part)(x[..., 4:8, 2:6]), Binning([4, 2])(x)[..., 1:, 1:])


@pytest.mark.parametrize("factors", [(2, 2), (3, 1), (4, 5)])
def test_down_sampling_is_torchs_antialiased_cubic(factors, rng):
    x = torch.rand(1, 2, 24, 30, generator=rng, dtype=torch.float64)
    size = [24 // factors[0], 30 // factors[1]]
    expected = functional.interpolate(x, size=size, mode="bicubic", antialias=True)
    torch.testing.assert_close(Downsampling([24, 30], factors)(x), expected)


def test_down_sampling_does_not_alias():
    stripes = torch.cos(torch.arange(64) * torch.pi * 0.9).expand(1, 1, 64, 64)
    assert Downsampling([64, 64], [1, 2])(stripes)[..., 4:-4].abs().max() < 0.1 < stripes[..., ::2].abs().max()


def test_factors_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="positive whole numbers"):
        Binning([0, 2])
    with pytest.raises(InputError, match=r"Blocks of \(2, 2\) do not fill an image \(4, 5\)"):
        Binning([2, 2])(torch.ones(1, 1, 4, 5))
    with pytest.raises(InputError, match="starts at a multiple"):
        Binning([2, 2]).crop((slice(1, 3), slice(0, 2)))
    with pytest.raises(InputError, match="do not divide an image"):
        Downsampling([4, 4], [8, 1])
