import math

import pytest
import torch

from pellucid._math.fft import fft
from pellucid.operators.tilt import Tilt, measured_wedge
from pellucid.testing import assert_adjoint


def blob(space, sigma, at):
    """Return a Gaussian at (z, y, x) from the middle, (1, 1, *space)."""
    lines = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 - c for n, c in zip(space, at, strict=True)]
    z, y, x = torch.meshgrid(*lines, indexing="ij")
    return torch.exp(-(z**2 + y**2 + x**2) / (2 * sigma**2))[None, None]


def shadows(angles, frame, sigma, at, *, turn=0.0, shift=0.0):
    """Return the exact views of that blob."""
    z, y, x = at
    s = x * angles.cos() + z * angles.sin() + shift
    across, along = s * math.cos(turn) - y * math.sin(turn), s * math.sin(turn) + y * math.cos(turn)
    rows, columns = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in frame)
    distance = (columns - across[:, None, None]) ** 2 + (rows[:, None] - along[:, None, None]) ** 2
    return sigma * math.sqrt(2 * math.pi) * torch.exp(-distance / (2 * sigma**2))[None, None]


TILTS = torch.arange(-60, 61, 20, dtype=torch.float64).deg2rad()


@pytest.mark.parametrize("turn", [0.0, 0.3, math.pi / 2, 1.2, math.pi, -2.0])
@pytest.mark.parametrize("space", [(5, 4, 6), (4, 5, 7)])
def test_tilting_keeps_the_contract(turn, space, rng):
    tilt = Tilt(TILTS[None], space=space, tilt_axis=turn, shift=0.3)
    assert_adjoint(tilt, (2, 1, *space), rng, dtype=torch.float64)


def test_complex_volumes_and_tilts_of_their_own_keep_the_contract(rng):
    angles = torch.stack([TILTS, TILTS + 0.1])
    assert_adjoint(Tilt(angles, space=(4, 5, 6), tilt_axis=0.2), (2, 1, 4, 5, 6), rng)


@pytest.mark.parametrize("turn", [0.0, 0.2, math.pi / 2, 1.4, -0.7, 3.0])
@pytest.mark.parametrize("space", [(24, 40, 41), (25, 41, 40)])
def test_the_views_of_a_blob_are_exact(turn, space):
    at, sigma, shift = (3.0, -4.2, 5.1), 2.0, 1.25
    tilt = Tilt(TILTS[None], space=space, tilt_axis=turn, shift=shift)
    views = tilt(blob(space, sigma, at))
    assert views.shape[1:] == tilt.out_shape
    exact = shadows(TILTS, tilt.out_shape[-2:], sigma, at, turn=turn, shift=shift)
    assert (views - exact).abs().max() < 5e-4 * exact.max()


def test_the_untilted_view_is_the_sum_over_planes(rng):
    volume = torch.rand(1, 1, 7, 8, 9, generator=rng, dtype=torch.float64)
    view = Tilt(torch.zeros(1, 1, dtype=torch.float64), space=(7, 8, 9))(volume)
    torch.testing.assert_close(view[:, :, 0], volume.sum(2), atol=1e-5, rtol=0)


@pytest.mark.parametrize("turn", [0.0, 1.3])
def test_back_projection_finds_the_blob_within_the_wedge(turn):
    space, at, sigma = (32, 33, 32), (4.0, 3.0, -5.0), 2.5
    angles = torch.arange(-90, 90, 2, dtype=torch.float64).deg2rad()
    tilt = Tilt(angles[None], space=space, tilt_axis=turn)
    volume = tilt.backproject(shadows(angles, tilt.out_shape[-2:], sigma, at, turn=turn))
    truth = blob(space, sigma, at)
    assert (volume - truth)[..., 8:24, 8:24, 8:24].abs().max() < 2e-2
    half = tilt.views(slice(None, None, 2))
    views = shadows(angles[::2], tilt.out_shape[-2:], sigma, at, turn=turn)
    assert (half.backproject(views) - truth)[..., 8:24, 8:24, 8:24].abs().max() < 2e-2


def test_a_restriction_weighs_the_views_that_remain(rng):
    tilt = Tilt(TILTS[None], space=(6, 5, 6))
    y = torch.randn(2, *tilt.out_shape, generator=rng, dtype=torch.float64)
    keep = torch.zeros(2, 1, 7, 1, 1)
    keep[0, :, ::2], keep[1, :, 1::2] = 1, 1
    restricted = tilt.restrict(keep)
    for k in range(2):
        alone = tilt.views(slice(k, None, 2)).backproject(y[k : k + 1, :, k::2])
        torch.testing.assert_close(restricted.backproject(y)[k : k + 1], alone)


def test_nothing_of_a_back_projection_lies_in_the_missing_wedge(rng):
    space = (32, 4, 32)
    angles = torch.arange(-60, 61, 2, dtype=torch.float64).deg2rad()
    tilt = Tilt(angles[None], space=space)
    seen = measured_wedge(angles, space)
    assert seen.shape == (1, 1, *space)
    assert seen[0, 0, 16].all()  # the untilted view
    assert not seen[0, 0, :16, 0, 16].any()  # the beam
    assert seen.double().mean() == pytest.approx(120 / 180, abs=0.1)
    spectrum = fft(tilt.backproject(tilt(blob(space, 1.2, (0.0, 0.0, 0.0)))), 3).abs().square()
    assert spectrum[~seen].sum() < 0.03 * spectrum.sum()
