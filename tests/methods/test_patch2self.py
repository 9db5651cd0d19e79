import math

import pytest
import torch

from pellucid import methods
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restoration import restore

SIGMA = 0.5


def series(volumes, *space, rank=3):
    """A few patterns that come and go, of unit variance."""
    rng = torch.Generator().manual_seed(99)
    courses = torch.randn(volumes, rank, generator=rng)
    patterns = torch.randn(rank, math.prod(space), generator=rng)
    return (courses @ patterns / rank**0.5).view(1, volumes, *space)


def recorded(x, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return Measurement(y=x + SIGMA * torch.randn(x.shape, generator=rng), operator=Identity(), noise=Gaussian(SIGMA))


def built(data, **settings):
    return methods.build("patch2self", data, rng=torch.Generator().manual_seed(0), **settings)


@pytest.mark.parametrize(("space", "patch"), [((9, 9), 3), ((3, 4, 4), 1), ((3, 4, 4), 3)])
def test_no_volume_takes_part_in_its_own_prediction(space, patch):
    """J-invariance, by the Jacobian: ∂x̂_j/∂y_j = 0, while other volumes do take part."""
    data = recorded(series(5, *space))
    method = built(data, patch=patch)
    jacobian = torch.autograd.functional.jacobian(lambda y: method.restorer(data.with_y(y)), data.y)
    seen = jacobian.flatten(7 if len(space) == 3 else 6).abs()
    along = seen.amax([d for d in range(seen.ndim) if d not in (1, 2 + len(space) + 1)])
    assert torch.equal(along.diagonal(), torch.zeros(5))
    assert along.fill_diagonal_(1.0).min() > 0


def test_self_supervised_risk_exceeds_the_true_risk_by_the_noise_variance():
    """E|Φ(y) − y|² = E|Φ(y) − x|² + σ² on recordings that the regression has not seen, within 4 standard errors."""
    x = series(12, 96, 96)
    method = built(recorded(x, 1))
    data = recorded(x, 2)
    image = method.restorer(data)
    excess = (image - data.y).square() - (image - x).square()
    assert float(excess.mean()) == pytest.approx(SIGMA**2, abs=4 * float(excess.std()) / excess.numel() ** 0.5)
    assert float((image - x).square().mean()) < 0.5 * SIGMA**2


@pytest.mark.parametrize("patch", [1, 3])
def test_the_closed_form_is_the_least_squares_of_every_volume(patch):
    data = recorded(series(5, 20, 20))
    method = built(data, patch=patch)
    reach = patch // 2
    rows = data.y[0].unfold(1, patch, 1).unfold(2, patch, 1).flatten(3).flatten(1, 2).double()  # volume, voxel, patch
    image = method.restorer(data)[0, :, reach : 20 - reach, reach : 20 - reach]
    for j in range(5):
        others = torch.cat([rows[k] for k in range(5) if k != j] + [torch.ones_like(rows[0, :, :1])], 1)
        target = rows[j, :, [patch**2 // 2]]
        wanted = (others @ torch.linalg.lstsq(others, target).solution)[:, 0]
        torch.testing.assert_close(image[j].flatten(), wanted.float(), atol=1e-4, rtol=1e-4)


def test_pixels_without_weight_are_never_a_target():
    data = recorded(series(6, 24, 24))
    weight = torch.ones_like(data.y, dtype=torch.bool)
    weight[:, 2, 5:15, 5:15] = False
    spoiled = torch.where(weight, data.y, 99.0)
    kernels = [built(Measurement(y=y, operator=Identity(), weight=weight)).model.kernel for y in (data.y, spoiled)]
    assert torch.equal(*kernels)


def test_volumes_that_repeat_one_another_are_no_obstacle():
    x = series(6, 16, 16)
    y = torch.cat([x, x[:, :1]], 1)
    image = built(Measurement(y=y, operator=Identity())).restorer(Measurement(y=y, operator=Identity()))
    torch.testing.assert_close(image, y, atol=1e-2, rtol=0)


def test_volumes_and_tiles():
    x = series(10, 5, 31, 33)
    data = recorded(x)
    method = built(data)
    tiled = restore(data, method.restorer)
    assert tiled.provenance["halo"] == (0, 0, 0)
    torch.testing.assert_close(tiled.image, method.restorer(data), atol=1e-5, rtol=1e-5)
    assert float((tiled.image - x).square().mean()) < 0.7 * SIGMA**2


@pytest.mark.parametrize(
    ("data", "settings", "said"),
    [
        (series(2, 16, 16), {}, "4 or more in all; this image has 2"),
        (series(5, 16, 16), {"patch": 2}, "an odd width"),
        (series(5, 16, 16) + 1j, {}, "leave the phase out"),
    ],
)
def test_what_cannot_be_predicted_is_refused(data, settings, said):
    with pytest.raises(InputError, match=said):
        built(Measurement(y=data, operator=Identity()), **settings)
