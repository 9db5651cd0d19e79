import pytest
import torch
from scipy import ndimage

from pellucid.data.measurement import Measurement
from pellucid.methods.smooth_blind_spot import _Blurred
from pellucid.metrics import psnr
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restorers import Enhancer


class Same(torch.nn.Module):
    """A network that returns its input, and nothing in a second channel."""

    def forward(self, y):
        return torch.cat([y, torch.zeros_like(y)], 1)


@pytest.mark.parametrize("width", [0.7, 1.5, 2.5])
@pytest.mark.parametrize("space", [(24, 31), (5, 24, 31)])
def test_the_blur_is_scipys_gaussian_in_the_plane(width, space, rng):
    x = torch.randn(2, 1, *space, generator=rng)
    found = _Blurred(Enhancer(Same(), 2), width, len(space))(Measurement(y=x, operator=Identity()))
    sigma = (0,) * (len(space)) + (width, width)
    expected = ndimage.gaussian_filter(x.numpy(), sigma, mode="mirror", truncate=4 / min(width, 1.5))
    torch.testing.assert_close(found, torch.from_numpy(expected), atol=5e-3, rtol=0)
    assert float(found.mean()) == pytest.approx(float(expected.mean()), abs=2e-3)


@pytest.fixture
def blurred(scene):
    """Return the sharp scene, what a microscope sees of it, and a noisy recording of that."""
    seen = torch.from_numpy(ndimage.gaussian_filter(scene.x.numpy(), (0, 0, 1.2, 1.2), mode="mirror"))
    rng = torch.Generator().manual_seed(3)
    noise = Gaussian(0.4)
    return scene.x, seen, Measurement(y=noise.sample(seen, rng), operator=Identity(), noise=noise)


def test_no_hidden_pixel_reaches_its_blurred_answer(blurred, trained, rng):
    """H F is blind at the hidden pixels, though H mixes neighbours: in each pass, all of F saw nothing of them."""
    _, _, given = blurred
    method = trained("smooth_blind_spot", given, 30, width=1.2)
    y = given.y[:1, :, :16, :16].clone().requires_grad_()
    seen, held = method.split(given.with_y(y), rng)
    at = held.weight > 0
    (slope,) = torch.autograd.grad(method.prior(seen)[at].sum(), y)
    assert not slope[at].any()
    assert slope[~at].any()


def test_self_supervised_risk_exceeds_the_true_risk_by_the_noise_variance(blurred, trained):
    """E|H F - y|² = E|H F - H x|² + s², within 4 standard errors, on new noise."""
    _, truth, given = blurred
    method = trained("smooth_blind_spot", given, 60, width=1.2)
    blind, excess = method.restorer.model, []
    for seed in range(4):
        rng = torch.Generator().manual_seed(10 + seed)
        new = given.with_y(given.noise.sample(truth, rng))
        with torch.no_grad():
            image = blind(new)
        excess.append((image - new.y).square() - (image - truth).square())
    excess = torch.cat(excess)
    assert float(excess.mean()) == pytest.approx(0.16, abs=4 * float(excess.std()) / excess.numel() ** 0.5)


def test_the_sharp_image_has_more_detail_and_fits_once_it_is_blurred(blurred, trained):
    """F is compared through H only: so H F is near to what the microscope saw, and F itself is not."""
    _, truth, given = blurred
    denoised = trained("smooth_blind_spot", given, 80, width=1.2)
    sharp = trained("smooth_blind_spot", given, 1, width=1.2, output="sharp")
    sharp.model.load_state_dict(denoised.model.state_dict())
    with torch.no_grad():
        (image, spread), (detail, none) = denoised.restorer.estimate(given), sharp.restorer.estimate(given)
    seen_again = _Blurred(Enhancer(Same(), 2), 1.2, 2)(given.with_y(detail))
    assert (spread is None, none is None) == (False, True)
    assert psnr(image, truth, data_range=4.0) > psnr(given.y, truth, data_range=4.0) + 3
    assert psnr(seen_again, truth, data_range=4.0) > psnr(detail, truth, data_range=4.0) + 1
    assert detail.diff().square().mean() > 1.5 * seen_again.diff().square().mean()
