import pytest
import torch

from pellucid.data.fill import Donut, Median, Zero
from pellucid.data.measurement import Measurement
from pellucid.data.splits import Grid, mask_of
from pellucid.errors import InputError
from pellucid.networks import UNet, initialise
from pellucid.noise import Gaussian, Poisson
from pellucid.operators import Identity
from pellucid.restorers import Enhancer, Flips, PosteriorMean, SplitAverage
from pellucid.restorers.base import Moments


class Stated(Moments):
    """States a mean and a variance, whatever it is given."""

    def __init__(self, mean, variance):
        super().__init__()
        self.mean, self.variance = mean, variance

    def explain(self, given, rng=None):
        return torch.stack([torch.full_like(given.y, m) for m in (self.mean, self.variance)], 1)


def measured(y, noise=None):
    return Measurement(y=y, operator=Identity(), noise=noise)


def unet(rng, dims=2, moments=1, **options):
    return Enhancer(initialise(UNet((1, moments), dims=dims, features=4, **options), rng).double(), moments)


def jacobian(restorer, y):
    def image(flat):
        return restorer(measured(flat.view_as(y))).flatten()

    return torch.autograd.functional.jacobian(image, y.flatten())


@pytest.mark.parametrize("fill", [Donut(), Median(2), Zero()])
@pytest.mark.parametrize("space", [(12, 8), (4, 4, 4)])
def test_split_average_of_a_unet_is_j_invariant(space, fill, rng):
    """d x_hat_i / d y_j = 0 for all i, j of one class; the network alone does not have it, nor do other pairs."""
    model = unet(rng, dims=len(space), depth=1)
    split = Grid(2, fill)
    y = torch.randn(1, 1, *space, generator=rng, dtype=torch.float64)
    slopes = jacobian(SplitAverage(model, split), y)
    same = torch.zeros_like(slopes, dtype=torch.bool)
    for places in split.classes(y):
        hidden = mask_of(places, y).flatten()
        same |= hidden[:, None] & hidden
    assert not slopes[same].any()
    assert (slopes[~same] != 0).double().mean() > 0.2
    assert jacobian(model, y).diagonal().abs().min() > 0


def test_split_average_takes_each_pixel_from_the_pass_in_which_it_was_hidden(rng):
    model, split = unet(rng, moments=2), Grid(3)
    given = measured(torch.randn(2, 1, 9, 12, generator=rng, dtype=torch.float64)[..., :8, :12])
    moments = SplitAverage(model, split).explain(given)
    for places in split.classes(given.y):
        seen, held = split.hide(given, places, rng)
        hidden = (held.weight > 0).unsqueeze(1).expand_as(moments)
        torch.testing.assert_close(moments[hidden], model.explain(seen)[hidden])


def test_split_average_repeats_at_the_period_of_model_and_grid(rng):
    assert SplitAverage(unet(rng), Grid(3)).stride(2) == (12, 12)
    assert SplitAverage(unet(rng, dims=3, pool=(1, 2, 2)), Grid(2)).stride(3) == (2, 4, 4)
    assert PosteriorMean(SplitAverage(unet(rng), Grid(4))).stride(2) == (4, 4)


def test_posterior_mean_is_the_stated_formula(rng):
    y = torch.randn(2, 1, 5, 5, generator=rng)
    image, spread = PosteriorMean(Stated(0.3, 0.04)).estimate(measured(y, Gaussian(0.5)))
    torch.testing.assert_close(image, (0.25 * 0.3 + 0.04 * y) / (0.25 + 0.04))
    torch.testing.assert_close(spread, torch.full_like(y, (0.25 * 0.04 / (0.25 + 0.04)) ** 0.5))


@pytest.mark.parametrize(("variance", "weight_of_y"), [(1e-12, 0.0), (1e12, 1.0), (0.25, 0.5)])
def test_posterior_mean_trusts_the_surer(variance, weight_of_y, rng):
    y = torch.randn(1, 1, 6, 6, generator=rng)
    image = PosteriorMean(Stated(0.3, variance))(measured(y, Gaussian(0.5)))
    torch.testing.assert_close(image, weight_of_y * y + (1 - weight_of_y) * 0.3)


def test_posterior_mean_has_the_least_risk_where_its_model_is_right(rng):
    """x ~ N(mu, v), y = x + n: the risk is s² v / (s² + v), what `spread` states, below that of y and of mu."""
    x = 3 + 0.8 * torch.randn(1, 1, 400, 400, generator=rng)
    y = x + 0.5 * torch.randn(x.shape, generator=rng)
    image, spread = PosteriorMean(Stated(3.0, 0.64)).estimate(measured(y, Gaussian(0.5)))
    risk = (image - x).square().mean()
    torch.testing.assert_close(risk, spread.square().mean(), rtol=5 * (2 / x.numel()) ** 0.5, atol=0)
    assert risk < (y - x).square().mean()
    assert risk < (3 - x).square().mean()


def test_noise_that_depends_on_the_signal_is_taken_at_the_predicted_mean(rng):
    y = torch.rand(1, 1, 4, 4, generator=rng) + 5
    image = PosteriorMean(Stated(4.0, 1.0))(measured(y, Poisson(gain=0.5)))
    torch.testing.assert_close(image, (2.0 * 4.0 + 1.0 * y) / 3.0)


def test_posterior_needs_the_noise(rng):
    with pytest.raises(InputError, match="noise model"):
        PosteriorMean(Stated(0.0, 1.0))(measured(torch.zeros(1, 1, 4, 4)))


def test_flips_commute_with_the_symmetries_of_the_plane(rng):
    restorer = Flips(unet(rng, moments=2))
    y = torch.randn(1, 1, 12, 12, generator=rng, dtype=torch.float64)
    moments = restorer.explain(measured(y))
    for mirror in ((-1,), (-2,), (-1, -2)):
        torch.testing.assert_close(restorer.explain(measured(y.flip(mirror))), moments.flip(mirror))
    turned = restorer.explain(measured(y.rot90(1, (-2, -1)))).rot90(-1, (-2, -1))
    torch.testing.assert_close(turned, moments)


def test_flips_leave_what_is_symmetric(rng):
    y = torch.randn(1, 1, 6, 9, generator=rng)
    image, spread = Flips(Stated(0.5, 4.0)).estimate(measured(y))
    assert torch.equal(image, torch.full_like(y, 0.5))
    assert torch.equal(spread, torch.full_like(y, 2.0))


def test_quarter_turns_need_one_period_for_rows_and_columns(rng):
    model = unet(rng, dims=3, pool=(2, 1, 2))
    assert Flips(model).stride(3) == (4, 4, 4)
