from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid import methods
from pellucid.data.fill import Zero
from pellucid.data.measurement import Measurement
from pellucid.data.shaped import Hole, ShapedGrid
from pellucid.data.splits import Grid
from pellucid.errors import InputError
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restorers import PosteriorMean, SplitAverage


def line_noise(shape, rng) -> Tensor:
    """Return noise of unit variance whose neighbours in a row are correlated by one half, and no other pixels."""
    white = torch.randn(*shape[:-1], shape[-1] + 1, generator=rng)
    return (white[..., 1:] + white[..., :-1]) / 2**0.5


def best_linear(split, noise, rng):
    """Return the power of the best linear prediction of held noise from what is given in a row around it, and se."""
    given, held = split(Measurement(y=noise, operator=Identity()), rng)
    inside = (held.weight > 0)[..., 4:-4]
    around = given.y.unfold(-1, 9, 1)[inside]
    target = held.y[..., 4:-4][inside]
    weights = torch.linalg.lstsq(around, target[:, None], driver="gelsd").solution
    predicted = (around @ weights)[:, 0]
    return float(predicted.square().mean()), 9 / len(target)  # of chance alone: one ninth for each weight


def test_a_blind_pixel_keeps_correlated_noise_and_a_blind_row_does_not(rng):
    """The best prediction of noise from the pixels around it has a known power for one pixel; for the row, none.

    For Gaussian noise of covariance S, var(n_i | the rest) = 1 / (S⁻¹)_ii. This much of n_i stays in the image of any
    method that hides one pixel.
    """
    noise = line_noise((1, 1, 600, 600), rng)
    covariance = torch.eye(9) + 0.5 * torch.diag(torch.ones(8), 1) + 0.5 * torch.diag(torch.ones(8), -1)
    kept = 1 - 1 / float(torch.linalg.inv(covariance)[4, 4])
    plain, _ = best_linear(Grid(12, Zero()), noise, rng)
    row = ShapedGrid(10, Zero(), Hole(torch.ones(1, 3, dtype=torch.bool)))
    shaped, chance = best_linear(row, noise, rng)
    assert kept == pytest.approx(0.8)
    assert plain == pytest.approx(kept, abs=0.06)
    assert shaped < 4 * chance


def test_it_removes_what_a_blind_pixel_keeps_and_its_risk_is_an_error(scene, trained, rng):
    """Survey eq. 14 with the shape for J, within 4 standard errors on new noise: E(F - y)² = E(F - x)² + s²."""

    def recorded() -> Measurement:
        y = scene.x + 0.5 * line_noise(scene.x.shape, rng)
        return Measurement(y=y, operator=Identity(), noise=Gaussian(0.5))

    first, others = recorded(), [recorded() for _ in range(2)]
    shaped = trained("structn2v", first, 80, shape="row", length=3, inference="blind")
    plain = trained("noise2self", first, 80, inference="j_invariant")
    excess, kept = {}, {}
    for name, method in (("shaped", shaped), ("plain", plain)):
        with torch.no_grad():
            images = torch.cat([method.restorer(one) for one in others])
        y, x = torch.cat([one.y for one in others]), scene.x.repeat(len(others), 1, 1, 1)
        excess[name] = ((images - y).square() - (images - x).square()).mean(-1)  # rows are independent
        kept[name] = float(((images - x) * (y - x)).mean())
    chance = float(excess["shaped"].std()) / excess["shaped"].numel() ** 0.5
    assert float(excess["shaped"].mean()) == pytest.approx(0.25, abs=4 * chance)
    assert float(excess["plain"].mean()) < 0.25 - 4 * chance
    assert kept["plain"] > 3 * abs(kept["shaped"])


@pytest.mark.parametrize(
    ("shape", "extent", "pixels"),
    [("row", (1, 5), 5), ("column", (5, 1), 5), ("cross", (5, 5), 9), ("square", (5, 5), 25)],
)
def test_no_pixel_of_the_shape_reaches_the_answer(shape, extent, pixels, scene, trained):
    """The Jacobian of the restorer vanishes on the whole shape around a pixel, exactly; just outside it does not."""
    given = scene.record(1)
    method = trained("structn2v", given, 20, shape=shape, length=5, inference="blind")
    hole = method.model.hole
    assert (hole.extent, len(hole.offsets)) == (extent, pixels)
    y = given.y[:1, :, :24, :24].clone().requires_grad_()
    image = method.restorer(given.with_y(y))
    for row, column in [(11, 12), (8, 9), (0, 23)]:
        (slope,) = torch.autograd.grad(image[0, 0, row, column], y, retain_graph=True)
        slope = F.pad(slope[0, 0], [16] * 4)[row : row + 33, column : column + 33]
        assert not slope[hole.mask].any()
        assert slope.any()


def test_auto_draws_the_shape_of_the_noise(scene, built, rng):
    noise = 0.5 * line_noise((1, 1, 96, 96), rng)
    flat = Measurement(y=noise, operator=Identity(), noise=Gaussian(0.5))
    along, across = built("structn2v", flat), built("structn2v", flat.with_y(noise.mT))
    white = built("structn2v", flat.with_y(0.5 * torch.randn(noise.shape, generator=rng)))
    assert [m.model.hole.extent for m in (along, across, white)] == [(1, 3), (3, 1), (1, 1)]
    assert [m.stages[0].symmetries for m in (along, across, white)] == ["mirrors", "mirrors", "all"]


def test_a_saved_model_keeps_its_shape(trained, rng):
    lines = Measurement(y=0.5 * line_noise((1, 1, 96, 96), rng), operator=Identity(), noise=Gaussian(0.5))
    method = trained("structn2v", lines, 5)
    settings = {"features": 8, "patch": 32, "batch": 4, "flips": False}
    blank = Measurement(y=torch.zeros(1, 1, 64, 64), operator=Identity(), noise=Gaussian(0.5))
    again = methods.build("structn2v", blank, rng=torch.Generator().manual_seed(5), **settings)
    assert again.model.hole.extent == (1, 1)
    again.model.load_state_dict(method.model.state_dict())
    assert again.model.hole.extent == (1, 3)
    with torch.no_grad():
        torch.testing.assert_close(again.restorer(lines), method.restorer(lines))


def test_inference_is_as_asked(scene, trained):
    given = scene.record(1)
    kinds = {"blind": SplitAverage, "posterior": PosteriorMean}
    for inference, kind in kinds.items():
        assert isinstance(trained("structn2v", given, 1, inference=inference).restorer, kind)
    single = trained("structn2v", given, 1, inference="single")
    assert single.restorer is single.model


@pytest.mark.parametrize(("length", "words"), [(4, "odd"), (35, "up to 33")])
def test_a_length_that_has_no_centre_or_no_end_is_refused(length, words, scene, built):
    with pytest.raises(InputError, match=words):
        built("structn2v", scene.record(1), shape="row", length=length)


def test_the_shape_is_measured_against_the_strength_of_the_noise(scene, built):
    with pytest.raises(InputError, match="name a shape"):
        built("structn2v", replace(scene.record(1), noise=None))
