from dataclasses import replace

import pytest
import torch
from torch import nn

from pellucid.data.fill import Donut, Noise, Zero
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.splits import BlindSpot, Grid, mask_of
from pellucid.methods.noise2same import Invariance
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restorers import Enhancer

SIDE, PIXELS = 4, 16


def step(seed=0):
    return Step(0, 0.0, torch.Generator().manual_seed(seed))


def measured(y, **facts):
    return Measurement(y=y, operator=Identity(), **facts)


class Linear(nn.Module):
    """An image of 4 x 4 pixels through a matrix."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = matrix

    def forward(self, y):
        return (y.flatten(1) @ self.matrix.mT).view(y.shape)


def moments(matrix, x, sigma):
    """Return E‖matrix y‖² for y ~ N(x, sigma²)."""
    return (matrix @ x).square().sum() + sigma**2 * matrix.square().sum()


def changes(matrix, x, sigma, split):
    """Return E‖f(y)_J − f(y with J replaced)_J‖² / |J| of a linear f and a linear replacement, for each J."""
    basis = measured(torch.eye(PIXELS, dtype=torch.float64).view(PIXELS, 1, SIDE, SIDE))
    for places in split.classes(basis.y):
        given, _ = split.hide(basis, places, step().rng)
        replaced = given.y.view(PIXELS, PIXELS).mT  # what J is replaced by, as a matrix
        hidden = mask_of(places[:1], basis.y[:1]).flatten()
        yield moments((matrix - matrix @ replaced)[hidden], x, sigma) / hidden.sum()


def sides(matrix, x, sigma, split):
    """Return E‖f(y) − x‖² + E‖y − x‖², and both bounds: the mean of the roots (the paper's), the root of the mean."""
    eye = torch.eye(PIXELS, dtype=torch.float64)
    true = ((matrix - eye) @ x).square().sum() + sigma**2 * (matrix.square().sum() + PIXELS)
    seen = moments(matrix - eye, x, sigma)
    change = torch.stack(list(changes(matrix, x, sigma, split)))
    return true, *(seen + 2 * sigma * PIXELS * root for root in (change.sqrt().mean(), change.mean().sqrt()))


@pytest.mark.parametrize("fill", [Zero(), Donut()])
@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_the_loss_bounds_the_supervised_risk(fill, sigma, rng):
    """The theorem of the paper, exactly, for linear functions; the root of the mean is a bound as well."""
    for scale in (0.1, 0.3, 1.0):
        x = torch.randn(PIXELS, generator=rng, dtype=torch.float64)
        matrix = scale * torch.randn(PIXELS, PIXELS, generator=rng, dtype=torch.float64)
        true, paper, ours = sides(matrix, x, sigma, Grid(2, fill))
        assert true <= paper <= ours


def test_the_bound_is_tight_for_what_copies_its_pixel_and_for_what_ignores_it():
    zero = torch.zeros(PIXELS, dtype=torch.float64)
    for matrix in (0.7 * torch.eye(PIXELS, dtype=torch.float64), torch.zeros(PIXELS, PIXELS, dtype=torch.float64)):
        true, _, ours = sides(matrix, zero, 0.5, Grid(2, Zero()))
        torch.testing.assert_close(true, ours)


def test_the_terms_are_the_bound_a_pixel(rng):
    sigma, x = 0.5, torch.randn(PIXELS, generator=rng, dtype=torch.float64)
    matrix = 0.3 * torch.randn(PIXELS, PIXELS, generator=rng, dtype=torch.float64)
    y = x + sigma * torch.randn(40_000, PIXELS, generator=rng, dtype=torch.float64)
    with torch.no_grad():
        model = Enhancer(Linear(matrix))
        terms = Invariance(Grid(2), 2 * sigma).terms(model, measured(y.view(-1, 1, SIDE, SIDE)), step())
    *_, expected = sides(matrix, x, sigma, Grid(2))
    assert float(sum(terms.values())) == pytest.approx(float(expected / PIXELS), rel=0.02)


def test_the_root_is_taken_after_the_mean_over_the_batch():
    """A mean of roots would be 2 for changes of 0 and 16 at a pixel; the root of the mean is √8."""
    y = torch.stack([torch.zeros(1, 8, 8), torch.full((1, 8, 8), 4.0)])
    found = Invariance(Grid(4, Zero()), 1.0).terms(Enhancer(nn.Identity()), measured(y), step())
    torch.testing.assert_close(found["invariance"], torch.tensor(8.0).sqrt())
    assert found["reconstruction"] == 0


def test_where_nothing_changes_the_gradient_is_zero():
    model = Enhancer(nn.Conv2d(1, 1, 1))
    nn.init.zeros_(model.network.weight)
    Invariance(Grid(4, Zero()), 1.0).terms(model, measured(torch.zeros(1, 1, 8, 8)), step())["invariance"].backward()
    assert not model.network.weight.grad.any()


def test_pixels_without_weight_are_no_target(rng):
    y = torch.randn(2, 1, 16, 16, generator=rng)
    weight = torch.rand(y.shape, generator=rng) > 0.3
    split, model = BlindSpot(0.1, Zero()), Enhancer(nn.Conv2d(1, 1, 1))
    nn.init.constant_(model.network.weight, 0.5)
    nn.init.zeros_(model.network.bias)
    found = Invariance(split, 2.0).terms(model, measured(y, weight=weight), step())
    _, held = split(measured(y), step().rng)
    hidden = weight & (held.weight > 0)
    torch.testing.assert_close(found["reconstruction"], 0.25 * y[weight].square().mean())
    torch.testing.assert_close(found["invariance"], 2 * 0.5 * y[hidden].square().mean().sqrt())


def test_the_strength_follows_the_noise(built, scene):
    data = scene.record(1)
    strengths = [
        built("noise2same", replace(data, noise=noise)).stages[0].objective.strength
        for noise in (Gaussian(0.5), Gaussian(0.1), None)
    ]
    assert strengths == pytest.approx([1.0, 0.2, 2.0])


@pytest.mark.parametrize(("replacement", "fill"), [("donut", Donut), ("random", Noise)])
def test_one_pass_over_the_data_as_they_are_is_the_answer(replacement, fill, built, scene):
    method = built("noise2same", scene.record(1), replacement=replacement)
    assert method.restorer is method.model
    assert isinstance(method.stages[0].objective.split.fill, fill)
