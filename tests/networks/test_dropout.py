import pytest
import torch

from pellucid.networks import Dropout


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_the_mean_is_kept_and_the_share_is_dropped(share, rng):
    """E d(x) = x, within 4 standard errors; var d(x) = x² share / (1 - share)."""
    x = torch.full((1000, 1000), 2.0)
    dropped = Dropout(share)(x, rng)
    variance = 4 * share / (1 - share)
    assert float(dropped.mean()) == pytest.approx(2.0, abs=4 * (variance / x.numel()) ** 0.5)
    assert float(dropped.var()) == pytest.approx(variance, rel=0.01)
    assert float((dropped == 0).float().mean()) == pytest.approx(share, abs=0.003)


def test_it_draws_from_its_generator_alone(rng):
    x = torch.ones(4, 64)
    state = torch.get_rng_state()
    first = Dropout(0.5)(x, rng)
    again = Dropout(0.5)(x, rng.manual_seed(0))
    assert torch.equal(first, again)
    assert not torch.equal(first, Dropout(0.5)(x, rng))
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_generator_nothing_is_dropped():
    x = torch.ones(3)
    assert Dropout(0.5)(x, None) is x


def test_a_dropped_nan_stays_nan(rng):
    assert Dropout(0.9)(torch.full((50,), torch.nan), rng).isnan().all()
