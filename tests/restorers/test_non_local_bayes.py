import pytest
import torch
import torch.nn.functional as F

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restoration import restore_tiled
from pellucid.restorers import Regularised
from pellucid.restorers.non_local_bayes import NonLocalBayes, _covariance, _posterior

SMOOTH = Regularised(lambda given, strength: F.avg_pool2d(given.y, 3, 1, 1, count_include_pad=False), 1.0)


def alone() -> torch.Tensor:
    correlation = torch.zeros(7, 7)
    correlation[3, 3] = 1.0
    return correlation


def correlated() -> tuple[torch.Tensor, torch.Tensor]:
    """Return a filter of unit energy and the correlation of white noise behind it."""
    kernel = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])
    kernel = kernel / kernel.square().sum().sqrt()
    own = F.conv2d(F.pad(kernel, (4,) * 4)[None, None], kernel[None, None])[0, 0]
    return kernel, own[1:8, 1:8]


def given(y, sigma=1.0):
    return Measurement(y=y, operator=Identity(), noise=Gaussian(sigma))


def test_a_group_is_restored_by_bayes_rule(rng):
    """The posterior of one Gaussian: mean and variance as conditioning the joint Gaussian gives them."""
    seen = torch.randn(1, 40, 4, generator=rng, dtype=torch.float64) @ torch.randn(4, 4, generator=rng).double()
    noisy = seen + torch.randn(1, 40, 4, generator=rng, dtype=torch.float64)
    noise = torch.diag(torch.tensor([1.0, 2.0, 0.5, 1.5], dtype=torch.float64)) + 0.2
    means, variances = _posterior(noisy, seen, torch.ones(1, 40, dtype=torch.bool), noise[None])
    prior, mean = torch.cov(seen[0].T), seen[0].mean(0)
    gain = prior @ torch.linalg.inv(prior + noise)
    torch.testing.assert_close(means[0], mean + (noisy[0] - mean) @ gain.T)
    torch.testing.assert_close(variances[0], (prior - gain @ prior).diagonal())


def test_the_covariance_of_a_patch_is_that_of_its_noise(rng):
    kernel, correlation = correlated()
    noise = F.conv2d(torch.randn(1, 1, 700, 700, generator=rng), kernel[None, None])
    patches = F.unfold(noise, 3, stride=5)[0]
    torch.testing.assert_close(
        _covariance(correlation, 3).float(), patches @ patches.T / patches.shape[1], atol=0.05, rtol=0
    )
    assert torch.equal(_covariance(alone(), 3), torch.eye(9).double())


@pytest.mark.parametrize("kind", ["independent", "correlated"])
def test_it_beats_its_guide_and_knows_its_error(kind, rng):
    ramp = torch.linspace(0, 12, 96)
    x = (2 * torch.sin(ramp[:, None] + torch.cos(ramp)).sign())[None, None]
    kernel, correlation = correlated() if kind == "correlated" else (torch.ones(1, 1), alone())
    noise = F.conv2d(torch.randn(1, 1, 95 + len(kernel), 95 + len(kernel), generator=rng), kernel[None, None])
    data = given(x + noise)
    image, spread = NonLocalBayes(SMOOTH, correlation).estimate(data)
    error = (image - x).square().mean()
    assert error < 0.65 * (SMOOTH(data) - x).square().mean()
    assert 0.3 < spread.square().mean() / error < 2.0
    if kind == "correlated":
        ignorant = NonLocalBayes(SMOOTH, alone())(data)
        assert error < 0.8 * (ignorant - x).square().mean()


def test_tiles_give_the_image_of_the_whole(rng):
    y = torch.randn(1, 300, 90, generator=rng)
    restorer = NonLocalBayes(SMOOTH, alone(), patch=5, radius=3, count=12, passes=1)

    def restored(tile):
        image = torch.empty_like(y)

        def write(region, maps):
            image[(..., *region)] = maps[0]

        cut = restore_tiled(
            restorer, lambda region: y[(..., *region)], write, y.shape[1:], noise=Gaussian(1.0), tile=tile
        )
        return image, cut

    (tiled, cut), (whole, _) = restored((64, 64)), restored((300, 96))
    assert cut.halo == (16, 16)
    assert len(cut.regions()) > 4
    torch.testing.assert_close(tiled, whole, atol=1e-4, rtol=1e-4)


def test_planes_of_a_volume_are_restored_alone(rng):
    y = torch.randn(2, 1, 3, 32, 40, generator=rng)
    guide = Regularised(lambda given, strength: 0.5 * given.y, 1.0)
    restorer = NonLocalBayes(guide, alone(), patch=5, radius=3, count=12)
    volume, plane = restorer(given(y)), restorer(given(y[1:, :, 2]))
    torch.testing.assert_close(volume[1:, :, 2], plane)


def test_noise_of_unknown_strength_is_refused():
    with pytest.raises(InputError, match="needs to know how strong the noise is"):
        NonLocalBayes(SMOOTH, alone())(Measurement(y=torch.zeros(1, 1, 32, 32), operator=Identity()))
