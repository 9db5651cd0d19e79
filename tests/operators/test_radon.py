import math

import numpy as np
import pytest
import torch

from pellucid.data.simulate.ellipses import Ellipses, random_ellipses, shepp_logan
from pellucid.errors import InputError
from pellucid.metrics import psnr
from pellucid.operators.radon import Radon, angular_weights
from pellucid.testing import assert_adjoint


def half_circle(count, dtype=torch.float64):
    return torch.arange(count, dtype=dtype)[None] * (math.pi / count)


def relative(a, b):
    return float(torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b))


def gaussian(size, sigma, x, y):
    """Return a blob, whose line integrals are known at every point."""
    line = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return torch.exp(-((line - x) ** 2 + (-line[:, None] - y) ** 2) / (2 * sigma**2))[None, None]


@pytest.mark.parametrize(
    ("space", "detector", "centre"), [((8, 8), None, None), ((9, 7), 11, 4.3), ((6, 9), 5, torch.tensor([2.0, 1.6]))]
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_the_transform_keeps_the_contract(space, detector, centre, dtype, rng):
    radon = Radon(half_circle(5), space=space, detector=detector, centre=centre)
    assert_adjoint(radon, (2, 1, *space), rng, dtype=dtype)


def test_angles_may_differ_from_slice_to_slice(rng):
    angles = torch.rand(2, 4, generator=rng, dtype=torch.float64)
    assert_adjoint(Radon(angles, space=(6, 7)), (2, 3, 6, 7), rng, dtype=torch.float64)


@pytest.mark.parametrize("size", [64, 65])
@pytest.mark.parametrize("centre", [31.0, 40.25])
def test_a_smooth_blob_has_its_exact_line_integrals(size, centre):
    angles, sigma, (x, y) = torch.tensor([[0.0, 0.4, 1.7, 3.0, 4.0]]).double(), 2.5, (7.3, -4.1)
    sinogram = Radon(angles, space=(size, size), detector=72, centre=centre)(gaussian(size, sigma, x, y))
    s = torch.arange(72) - centre - (x * angles.cos() + y * angles.sin()).mT
    exact = sigma * math.sqrt(2 * math.pi) * torch.exp(-(s**2) / (2 * sigma**2))
    assert (sinogram[0, 0] - exact).abs().max() < 2e-5 * exact.max()


@pytest.mark.parametrize(("radius", "error"), [(40.3, 3e-3), (10.3, 1.1e-2)])
def test_a_disc_of_pixel_means_has_the_bin_means_of_its_chords(radius, error):
    size, angles = 128, half_circle(60)
    disc = Ellipses(*(torch.tensor(v).double() for v in ([1.0], [[radius / 64] * 2], [[0.11, -0.18]], [0.0])))
    sinogram = Radon(angles, space=(size, size))(disc.image(size))
    assert relative(sinogram, disc.sinogram(angles[0], size=size)) < error


def test_the_shadow_of_the_far_corner_does_not_come_back_on_a_short_detector():
    image = gaussian(64, 2.0, -26.0, 26.0)
    angle = torch.tensor([[3 * math.pi / 4]]).double()
    full = Radon(angle, space=(64, 64), detector=91)(image)
    short = Radon(angle, space=(64, 64), detector=40, centre=10.0)(image)
    assert full[..., 75:].max() > 1
    torch.testing.assert_close(short, full[..., 35:75], atol=1e-4, rtol=0)


def test_it_agrees_with_scikit_image():
    transform = pytest.importorskip("skimage.transform", reason="scikit-image is the reference")
    size, degrees = 129, np.arange(0, 180, 6.0)
    image = sum(gaussian(size, s, x, y) for s, x, y in [(5.0, 12, 9), (3.0, -20, 25), (8.0, 5, -22)])
    line = torch.arange(size).double() - size // 2
    inside = torch.hypot(line[:, None], line) < size // 2
    image = image * inside
    theirs = transform.radon(image[0, 0].numpy(), degrees, circle=True)
    radon = Radon(torch.tensor(degrees).deg2rad()[None], space=(size, size), detector=size)
    ours = radon(image)
    assert relative(ours[0, 0], torch.from_numpy(theirs.T.copy())) < 5e-3  # theirs interpolates linearly
    theirs = transform.iradon(ours[0, 0].numpy().T, degrees, filter_name="ramp", interpolation="cubic")
    assert relative(radon.backproject(ours)[0, 0][inside], torch.from_numpy(theirs)[inside]) < 5e-3


def test_filtered_back_projection_inverts_the_exact_sinogram_of_smooth_blobs():
    size, sigma, places = 96, 3.0, [(10.0, 12.0), (-25.0, 3.0)]
    angles = half_circle(150)
    s = torch.arange(96) - 47.5
    shifts = [(x * angles.cos() + y * angles.sin()).mT for x, y in places]
    sinogram = sum(sigma * math.sqrt(2 * math.pi) * torch.exp(-((s - t) ** 2) / (2 * sigma**2)) for t in shifts)
    radon = Radon(angles, space=(size, size), detector=96)
    image = sum(gaussian(size, sigma, x, y) for x, y in places)
    line = torch.arange(96) - 47.5
    seen = torch.hypot(line[:, None], line) < 46  # by every angle
    assert relative(radon.backproject(sinogram[None, None])[0, 0, seen], image[0, 0, seen]) < 2e-4


def test_an_object_wider_than_the_detector_gets_no_bright_rim():
    wide = Ellipses(*(torch.tensor(v).double() for v in ([1.0], [[1.6, 1.6]], [[0.0, 0.0]], [0.0])))
    radon = Radon(half_circle(100), space=(64, 64), detector=64)
    image = radon.backproject(wide.sinogram(radon.angles[0], size=64, detector=64))[0, 0]
    assert image[32, 1:63].max() < 1.2 * image[32, 32]


@pytest.mark.parametrize("window", ["ramp", "shepp-logan", "cosine", "hamming", "hann"])
def test_windows_keep_the_mean_and_damp_the_noise(window, rng):
    size = 64
    radon, plain = (Radon(half_circle(100), space=(size, size), window=w) for w in (window, "ramp"))
    disc = Ellipses(*(torch.tensor(v).double() for v in ([2.0], [[0.6, 0.6]], [[0.1, 0.0]], [0.0])))
    image = radon.backproject(disc.sinogram(radon.angles[0], size=size))
    assert image[0, 0, 28:36, 32:40].mean() == pytest.approx(2.0, abs=0.01)
    noise = torch.randn(1, 1, 100, radon.detector, generator=rng, dtype=torch.float64)
    assert radon.backproject(noise).std() <= plain.backproject(noise).std()


def test_a_subset_of_angles_reconstructs_at_the_same_scale():
    size = 64
    phantom = random_ellipses(6, torch.Generator().manual_seed(2))
    radon = Radon(half_circle(180), space=(size, size))
    y, image = phantom.sinogram(radon.angles[0], size=size), phantom.image(size)
    whole = radon.backproject(y)
    parts = [radon.views(slice(k, None, 4)) for k in range(4)]
    split = torch.stack([part.backproject(y[:, :, k::4]) for k, part in enumerate(parts)])
    torch.testing.assert_close(split.mean(0), whole)
    keep = torch.zeros(1, 1, 180, 1)
    keep[:, :, 1::4] = 1
    restricted = radon.restrict(keep)
    torch.testing.assert_close(restricted.backproject(y), split[1])
    torch.testing.assert_close(restricted(image)[:, :, 1::4], parts[1](image))
    assert not restricted(image)[:, :, ::4].any()


def test_each_entry_of_a_batch_may_keep_angles_of_its_own(rng):
    radon = Radon(half_circle(12), space=(8, 8))
    keep = torch.rand(3, 1, 12, 1, generator=rng) > 0.5
    restricted = radon.restrict(keep)
    y = torch.randn(3, 1, 12, radon.detector, generator=rng, dtype=torch.float64)
    for k in range(3):
        kept = keep[k, 0, :, 0]
        alone = radon.views(kept.nonzero()[:, 0]).backproject(y[k : k + 1, :, kept])
        torch.testing.assert_close(restricted.backproject(y)[k : k + 1], alone)
    assert_adjoint(restricted, (3, 1, 8, 8), rng, dtype=torch.float64)


def test_weights_are_the_part_of_the_half_circle_that_belongs_to_an_angle(rng):
    torch.testing.assert_close(angular_weights(half_circle(7)), torch.full((1, 7), math.pi / 7).double())
    full_turn = angular_weights(2 * half_circle(8))
    torch.testing.assert_close(full_turn, torch.full((1, 8), math.pi / 8).double())
    ends_twice = angular_weights(torch.linspace(0, math.pi, 5).double()[None])
    torch.testing.assert_close(ends_twice[0] / math.pi, torch.tensor([0.125, 0.25, 0.25, 0.25, 0.125]).double())
    limited = angular_weights(torch.linspace(-60, 60, 41).double().deg2rad()[None])
    torch.testing.assert_close(limited, torch.full((1, 41), math.radians(3)).double())
    mixed = torch.rand(2, 9, generator=rng) * math.pi
    shuffle = torch.randperm(9, generator=rng)
    torch.testing.assert_close(angular_weights(mixed)[:, shuffle], angular_weights(mixed[:, shuffle]))
    assert angular_weights(torch.zeros(1, 1)).item() == pytest.approx(math.pi)


def test_the_centre_can_be_learned():
    phantom = random_ellipses(5, torch.Generator().manual_seed(3))
    y = phantom.sinogram(half_circle(20)[0], size=32, detector=40, centre=21.3)
    radon = Radon(half_circle(20), space=(32, 32), detector=40, centre=20.0)
    radon.centre.requires_grad_()
    image = phantom.image(32)
    for _ in range(30):
        (slope,) = torch.autograd.grad((radon(image) - y).square().mean(), radon.centre)
        radon.centre.data -= 0.3 * slope / slope.abs().clamp(min=1)
    assert radon.centre.item() == pytest.approx(21.3, abs=0.1)


def test_iterations_with_sirt_weights_converge():
    size = 32
    radon = Radon(half_circle(24), space=(size, size))
    rows, columns = radon.sirt_weights()
    assert rows.shape == (1, 1, 24, radon.detector)
    assert columns.shape == (1, 1, size, size)
    image = shepp_logan().image(size)
    x, y = torch.zeros_like(image), radon(image)
    for _ in range(200):
        x = x + columns * radon.adjoint(rows * (y - radon(x)))
    assert relative(radon(x), y) < 3e-3
    assert psnr(x, image, 1.0) > psnr(radon.backproject(y), image, 1.0)


def test_state_and_precision(rng):
    radon = Radon(half_circle(6), space=(8, 8))
    other = Radon(half_circle(6) + 0.1, space=(8, 8))
    other.load_state_dict(radon.state_dict())
    x = torch.randn(1, 1, 8, 8, generator=rng)
    torch.testing.assert_close(other(x), radon(x))
    torch.testing.assert_close(radon(x), radon(x.double()).float(), atol=1e-3, rtol=1e-4)


def test_no_buffer_is_larger_than_ten_images():
    radon = Radon(half_circle(180), space=(256, 256))
    assert max(b.numel() * b.element_size() for b in radon.buffers()) <= 10 * 256**2 * 4


@pytest.mark.parametrize(
    ("angles", "settings", "sentence"),
    [
        (torch.zeros(3), {}, r"shape \(1 or batch, angle\)"),
        (torch.full((1, 3), torch.nan), {}, "Angles are finite"),
        (torch.zeros(1, 3), {"window": "hat"}, "one of ramp, shepp-logan"),
        (torch.zeros(1, 3), {"detector": 8, "centre": 9.5}, "bin 9.5.*0 to 7"),
    ],
)
def test_what_is_no_geometry_is_refused(angles, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        Radon(angles, space=(8, 8), **settings)
