import pytest
import torch

from pellucid.data.measurement import Measurement, Repeated
from pellucid.operators import Identity
from pellucid.restoration import restore


def tomogram(sigma, *shape, seed=0, angle=60.0, band=0.02):
    """White noise that tilts up to an angle about Y have seen: without the missing wedge, twice."""
    rng = torch.Generator().manual_seed(seed)
    kz, ky, kx = torch.meshgrid(*(torch.fft.fftfreq(n) for n in shape), indexing="ij")
    seen = kz.abs() <= torch.tensor(angle).deg2rad().tan() * kx.abs() + 1e-9
    smooth = seen * torch.exp(-((kz**2 + ky**2 + kx**2) / band))
    x = torch.fft.ifftn(torch.fft.fftn(torch.randn(shape, generator=rng)) * smooth).real
    x = x[None, None] / x.std()
    halves = [Measurement(y=x + sigma * torch.randn(x.shape, generator=rng), operator=Identity()) for _ in "ab"]
    return x, Repeated.of(tuple(halves))


def test_the_risk_of_two_halves_exceeds_the_true_risk_by_the_noise_variance(trained, scene):
    """Survey eq. 8, within 4 standard errors, for the halves as the method meets them: exchanged at random."""
    method = trained("cryo_care", scene.repeats(1, 2), 60, depth=2)
    excess = []
    for seed in range(10, 40, 2):
        given, held = method.split(scene.repeats(seed, seed + 1), torch.Generator().manual_seed(seed))
        image = method.model(given).detach()
        excess.append((image - held.y).square() - (image - scene.x).square())
    excess = torch.cat(excess)
    assert float(excess.mean()) == pytest.approx(0.25, abs=4 * float(excess.std()) / excess.numel() ** 0.5)


def test_the_image_is_the_mean_of_both_directions(built, scene):
    method = built("cryo_care", scene.repeats(1, 2))
    even, odd = scene.record(3), scene.record(4)
    both = even.with_y(torch.cat([even.y, odd.y], 1))
    torch.testing.assert_close(method.restorer(both), (method.model(even) + method.model(odd)) / 2)


def test_a_tomogram_is_mirrored_but_never_turned(built, scene, volume):
    """The wedge |k_z| > tan α |k_x| is its own mirror image along every axis; an exchange of X and Y moves it."""
    assert [s.symmetries for s in built("cryo_care", volume.repeats(1, 2), depth=1).stages] == ["mirrors"]
    assert [s.symmetries for s in built("cryo_care", scene.repeats(1, 2)).stages] == ["all"]
    x, _ = tomogram(1.0, 12, 16, 16, band=1.0)
    power = torch.fft.fftn(x[0, 0]).abs().square()
    wedge = power < 1e-12 * power.max()
    for axis in range(3):
        mirrored = torch.fft.fftn(x[0, 0].flip(axis)).abs().square()
        assert torch.equal(mirrored < 1e-12 * power.max(), wedge)
    turned = torch.fft.fftn(x[0, 0].mT).abs().square()
    assert not torch.equal(turned < 1e-12 * power.max(), wedge)


def test_a_tomogram_of_odd_size_is_restored_to_the_last_voxel(trained):
    """cryoCARE_pip pads by size % div, where div - size % div is missing, and drops the remainder of tiles."""
    x, halves = tomogram(2.0, 19, 45, 53)
    method = trained("cryo_care", halves, 60, depth=1, batch=2, patch=16)
    both = halves.shots[0].with_y(torch.cat([shot.y for shot in halves.shots], 1))
    image = restore(Measurement(y=both.y, operator=Identity()), method.restorer).image
    assert image.shape == x.shape
    mean = both.y.mean(1, keepdim=True)
    for edge in (slice(None), (..., slice(-3, None))):
        assert (image - x)[edge].square().mean() < 0.5 * (mean - x)[edge].square().mean()
