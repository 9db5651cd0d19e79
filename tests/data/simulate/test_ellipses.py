import math

import pytest
import torch

from pellucid.data.simulate.ellipses import Ellipses, random_ellipses, shepp_logan


def ellipse(*, value=1.5, axes=(0.5, 0.3), centre=(0.1, -0.2), turn=0.4):
    return Ellipses(*(torch.tensor(v, dtype=torch.float64) for v in ([value], [axes], [centre], [turn])))


def test_the_image_has_the_mass_and_the_place_of_the_ellipse():
    size = 40
    image = ellipse().image(size)[0, 0]
    assert image.sum() == pytest.approx(1.5 * math.pi * 0.5 * 0.3 * (size / 2) ** 2, rel=1e-3)
    line = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    x, y = (image.sum(0) * line).sum() / image.sum(), -(image.sum(1) * line).sum() / image.sum()
    assert (x.item(), y.item()) == pytest.approx((0.1 * size / 2, -0.2 * size / 2), abs=0.02)


@pytest.mark.parametrize("angle", [0.0, math.pi / 2])
def test_sums_over_columns_and_rows_are_the_sinogram(angle):
    size = 40
    phantom = random_ellipses(5, torch.Generator().manual_seed(0))
    sums = phantom.image(size)[0, 0].sum(0 if angle == 0 else 1)
    sums = sums if angle == 0 else sums.flip(0)  # s runs upwards at a quarter turn
    exact = phantom.sinogram(torch.tensor([angle]), size=size, detector=size)[0, 0, 0]
    torch.testing.assert_close(exact, sums, atol=0.02, rtol=0)


def test_a_chord_through_the_middle_of_a_turned_ellipse():
    size = 400
    sinogram = ellipse(centre=(0.0, 0.0)).sinogram(torch.tensor([0.4, 0.4 + math.pi / 2]), size=size, detector=3)
    assert sinogram[0, 0, :, 1].tolist() == pytest.approx([1.5 * 2 * 60, 1.5 * 2 * 100], rel=1e-4)


def test_the_fourier_transform_of_the_sinogram_is_a_slice_of_that_of_the_image():
    size, angle = 512, 0.7
    phantom = shepp_logan()
    projection = phantom.sinogram(torch.tensor([angle]), size=size, detector=1023)[0, 0, 0]
    s = torch.arange(1023, dtype=torch.float64) - 511
    sigma = torch.tensor([0.0, 0.005, 0.02, 0.06], dtype=torch.float64)
    slices = (projection * torch.exp(-1j * sigma[:, None] * s)).sum(1) / torch.sinc(sigma / (2 * math.pi))
    points = torch.stack([-sigma * math.sin(angle), sigma * math.cos(angle)])
    torch.testing.assert_close(phantom.fourier(points, size=size), slices, atol=0.05, rtol=1e-4)


def test_the_head_has_the_published_values():
    modified, original = shepp_logan().image(128)[0, 0], shepp_logan(modified=False).image(128)[0, 0]
    assert modified[64, 64].item() == pytest.approx(0.2)
    assert original[64, 64].item() == pytest.approx(1.02)
    assert modified.max().item() == pytest.approx(1.0, abs=0.01)
    assert original[6:10, 64].max().item() == pytest.approx(2.0, abs=0.01)
    assert modified[42, 64] > modified[64, 64]  # the large disc lies above the middle


def test_random_ellipses_stay_in_the_circle_and_repeat():
    phantom, again = (random_ellipses(50, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(phantom.axes, again.axes)
    assert (phantom.centres.norm(dim=1) + phantom.axes.amax(1)).max() <= 1
    assert phantom.values.min() >= 0.1
