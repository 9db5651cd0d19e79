import pytest
import torch

from pellucid.restorers import mean_shift
from pellucid.restorers.mean_shift import mode


def bimodal(rng, share, size=(24, 24), noise=0.1):
    """Return draws of an image of minus ones, which has ones in its right half in a share of them."""
    x = -torch.ones(20, 1, *size)
    x[: round(20 * share), ..., size[-1] // 2 :] = 1
    return x + noise * torch.randn(x.shape, generator=rng)


@pytest.mark.parametrize("share", [0.35, 0.65])
def test_it_is_the_larger_of_two_modes(share, rng):
    draws = bimodal(rng, share)
    right = mode(draws)[..., 17:]
    assert float((right - (1 if share > 0.5 else -1)).abs().max()) < 0.15
    assert abs(float(draws.mean(0)[..., 17:].mean())) < 0.5


def test_each_window_has_its_own(rng):
    """Seven draws of ten are bright in the left half, and other seven in the right half: only four in both."""
    left, right = bimodal(rng, 0.7), bimodal(rng, 0.7).roll(7, 0)
    found = mode(torch.cat([left[..., 12:], right[..., 12:]], -1))
    assert float((found[..., :7] - 1).abs().max()) < 0.2
    assert float((found[..., 17:] - 1).abs().max()) < 0.2


def test_it_does_not_depend_on_units(rng):
    draws = bimodal(rng, 0.65)
    torch.testing.assert_close(mode(400 + 1e3 * draws), 400 + 1e3 * mode(draws), rtol=1e-3, atol=0.2)


def test_of_one_cluster_it_is_nearly_the_mean(rng):
    draws = torch.randn(64, 2, 16, 16, generator=rng)
    off = mode(draws) - draws.mean(0)
    assert float(off.std()) < 0.2


def test_draws_that_agree_are_their_mode():
    assert torch.equal(mode(torch.ones(3, 1, 4, 8, 8)), torch.ones(1, 4, 8, 8))


@pytest.mark.parametrize("size", [(150, 20), (20, 150), (4, 20, 150)])
def test_bands_of_the_image_are_parts_of_the_whole(size, rng, monkeypatch):
    draws = torch.randn(6, 2, *size, generator=rng)
    whole, looked = mode(draws), []
    monkeypatch.setattr(mean_shift, "_AT_ONCE", 0)
    monkeypatch.setattr(mean_shift, "_densest", lambda *given, of=mean_shift._densest: looked.append(1) or of(*given))
    torch.testing.assert_close(mode(draws), whole)
    assert len(looked) == 3
