import pytest
import torch

from pellucid.data.prepare.calibration import calibration_region
from pellucid.data.simulate.sampling import (
    gaussian_points,
    partial_fourier,
    poisson_disc,
    random_lines,
    regular_lines,
)
from pellucid.errors import InputError


@pytest.mark.parametrize("axis", [-1, -2])
def test_lines_are_whole_and_as_many_as_asked_for(axis, rng):
    space = (64, 60)
    for mask in (regular_lines(space, 4, 12, axis=axis), random_lines(space, 3, 12, rng, axis=axis)):
        assert mask.shape == (1, 1, *space)
        lines = mask[0, 0].movedim(axis, 0)
        assert torch.equal(lines, lines[:, :1].expand(lines.shape))
        widths = [s.stop - s.start for s in calibration_region(mask, None)]
        assert widths[axis] >= 12
    assert lines[:, 0].sum() == round(space[axis] / 3)


@pytest.mark.parametrize("space", [(64, 60), (24, 20, 18)])
@pytest.mark.parametrize("draw", [gaussian_points, poisson_disc])
def test_points_are_as_many_as_asked_for_and_denser_at_the_centre(draw, space, rng):
    mask = draw(space, 5, 6, rng)
    assert mask.shape == (1, 1, *space)
    assert abs(mask.float().mean() * 5 - 1) < 0.03
    assert min(s.stop - s.start for s in calibration_region(mask, None)) >= 6
    inner = tuple(slice(n // 4, n - n // 4) for n in space)
    without = mask.clone()
    without[(..., *(slice(n // 2 - 3, n // 2 + 3) for n in space))] = False
    assert without[(..., *inner)].float().mean() > 1.5 * without.float().mean()
    assert not torch.equal(draw(space, 5, 6, rng), mask)


def test_no_two_points_of_a_poisson_disc_are_near(rng):
    mask = poisson_disc((64, 64), 6, 0, rng, slope=0.0)
    points = mask[0, 0].nonzero().double()
    distances = torch.cdist(points, points).fill_diagonal_(99)
    assert distances.amin(1).min() >= 2
    assert distances.amin(1).max() < 2 * distances.amin(1).min()


def test_partial_fourier_keeps_more_than_a_half():
    mask = partial_fourier((16, 9), 0.625, axis=-2)
    assert mask[0, 0, :, 0].nonzero().flatten().tolist() == list(range(6, 16))
    with pytest.raises(InputError, match="more than a half"):
        partial_fourier((16, 9), 0.5)


def test_an_acceleration_that_cannot_be_is_refused(rng):
    with pytest.raises(InputError, match="always acquired"):
        random_lines((32, 32), 8, 8, rng)
    with pytest.raises(InputError, match="always acquired"):
        poisson_disc((32, 32), 0.5, 0, rng)
