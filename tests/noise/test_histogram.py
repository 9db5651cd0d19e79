import numpy as np
import pytest
import torch

from pellucid.errors import InputError
from pellucid.noise import Gaussian, Histogram, PoissonGaussian
from pellucid.testing import assert_normalised

SMALL = Histogram(
    torch.tensor([0.0, 1.0, 3.0]).double(),
    torch.tensor([-2.0, -1.0, 0.0, 2.0, 4.0]).double(),
    torch.tensor([[1.0, 2.0, 1.0, 0.5], [0.5, 1.0, 2.0, 1.0], [0.1, 0.2, 1.0, 3.0]]).double(),
)


def test_a_table_is_a_density_and_draws_from_itself(rng):
    z = torch.tensor([0.0, 0.3, 1.0, 2.5]).double()
    middles = -2 + 6 * (torch.arange(6000).double() + 0.5) / 6000
    assert_normalised(SMALL, z, middles, rng)


def test_rows_sum_to_one_and_are_interpolated_along_the_signal():
    torch.testing.assert_close(SMALL.mass.sum(1), torch.ones(3).double())
    y = torch.tensor([-1.5, -0.5, 1.0, 3.0]).double()
    ends = [SMALL.log_prob(y, torch.full((4,), end).double()).exp() for end in (1.0, 3.0)]
    torch.testing.assert_close(SMALL.log_prob(y, torch.full((4,), 1.5).double()).exp(), 0.75 * ends[0] + 0.25 * ends[1])
    torch.testing.assert_close(ends[0] * SMALL.edges.diff(), SMALL.mass[1])


def test_the_gradient_in_the_signal_exists_within_the_table_only():
    y, z = torch.tensor([-1.5, 0.5, 3.0]).double(), torch.tensor([0.3, 0.6, 2.2]).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: SMALL.log_prob(y, z), z)
    (slope,) = torch.autograd.grad(SMALL.log_prob(y, z).sum(), z)
    assert (slope != 0).all()
    beyond = torch.tensor([-5.0, 9.0]).double()
    torch.testing.assert_close(SMALL.log_prob(y[:2], beyond), SMALL.log_prob(y[:2], beyond.clamp(0, 3)))
    assert SMALL.log_prob(torch.tensor(torch.nan).double(), z[0]).isnan()
    assert SMALL.log_prob(y[0], torch.tensor(torch.nan).double()).isnan()


def test_rescaling_is_a_change_of_units():
    y, z = torch.tensor([-1.5, 0.5, 3.0]).double(), torch.tensor([0.3, 1.6, 2.2]).double()
    other = SMALL.rescale(3.0, 4.0)
    torch.testing.assert_close(other.log_prob((y - 3) / 4, (z - 3) / 4), SMALL.log_prob(y, z) + np.log(4))
    torch.testing.assert_close(other.mean((z - 3) / 4), (SMALL.mean(z) - 3) / 4)
    torch.testing.assert_close(other.variance((z - 3) / 4), SMALL.variance(z) / 16)


def test_counts_find_photons_and_their_detector(rng):
    """Mean log density within 0.02 nat of the true one; variance within 10 %, from 1 to 1000 photons."""
    noise = PoissonGaussian(4.0, 100.0, 6.0)
    draws = []
    for _ in range(2):
        z = 104 + 4_000 * torch.rand(400_000, generator=rng) ** 4  # few of them bright
        draws.append((z, noise.sample(z, rng)))
    fitted = Histogram.fit(*draws[0])
    z, y = (part[::10] for part in draws[1])
    loss = (noise.double().log_prob(y.double(), z.double()) - fitted.log_prob(y, z)).mean()
    assert 0 < float(loss) < 0.02
    at = torch.tensor([120.0, 400.0, 3000.0])
    torch.testing.assert_close(fitted.variance(at), noise.float().variance(at), rtol=0.1, atol=0)
    assert fitted.state_dict().keys() == Histogram.blank().state_dict().keys()


def test_signals_without_data_fall_back_on_normal_noise(rng):
    z = torch.cat([torch.rand(20_000, generator=rng), 20 + torch.rand(20_000, generator=rng)])
    fitted = Histogram.fit(z, Gaussian(2.0).sample(z, rng))
    assert float(fitted.variance(torch.tensor(10.0))) == pytest.approx(4.0, rel=0.1)
    assert fitted.log_prob(torch.tensor([-1e3, 1e3]), torch.tensor([10.0, 10.0])).isfinite().all()


def test_few_values_are_refused():
    with pytest.raises(InputError, match="from 1000 noisy values or more, but 10 came"):
        Histogram.fit(torch.zeros(10), torch.arange(1.0, 11.0))
