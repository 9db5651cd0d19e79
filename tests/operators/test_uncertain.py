import pytest
import torch

from pellucid.errors import InputError
from pellucid.operators import Blur
from pellucid.operators.uncertain import UncertainWidth


def gaussian(width, *taps):
    """Return a Gaussian PSF about the entry K // 2 of each axis, of sum three."""
    place = torch.meshgrid(*(torch.arange(float(n)) - n // 2 for n in taps), indexing="ij")
    psf = torch.exp(-torch.stack(place).square().sum(0) / (2 * width**2))
    return 3 * (psf / psf.sum())[None, None]


def widths(psf):
    """Return the standard deviation of each PSF along its last axis, about the entry K // 2."""
    profile = psf.flatten(2, -2).sum((1, 2)) / 3
    place = torch.arange(psf.shape[-1]) - psf.shape[-1] // 2
    assert float((profile * place).sum(1).abs().max()) < 0.02
    return (profile * place**2).sum(1).sqrt()


@pytest.mark.parametrize("taps", [(31, 31), (30, 24), (20, 22, 25)])
def test_widths_are_spread_about_the_known_one(taps, rng):
    psf = UncertainWidth(Blur(gaussian(2.0, *taps)), 0.3).draw(300, rng).psf
    torch.testing.assert_close(psf.flatten(1).sum(1), torch.full((300,), 3.0))
    found = widths(psf) / 2
    assert 0.69 < float(found.min()) < 0.73
    assert 1.27 < float(found.max()) < 1.34
    assert float(found.mean()) == pytest.approx(1, abs=0.04)


def test_without_doubt_the_blur_is_the_known_one(rng):
    blur = Blur(gaussian(1.5, 9, 12), "reflect")
    drawn = UncertainWidth(blur, 0.0).draw(2, rng)
    assert drawn.boundary == "reflect"
    torch.testing.assert_close(drawn.psf, blur.psf.expand(2, -1, -1, -1))


def test_the_draws_follow_from_the_generator():
    prior = UncertainWidth(Blur(gaussian(2.0, 15, 15)), 0.2)
    one, again, other = (prior.draw(3, torch.Generator().manual_seed(seed)).psf for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("doubt", [-0.1, 1.0])
def test_a_doubt_that_is_no_part_is_refused(doubt):
    with pytest.raises(InputError, match="from 0 to below 1"):
        UncertainWidth(Blur(gaussian(1.0, 9, 9)), doubt)
