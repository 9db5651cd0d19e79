import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.generate.f_gan import f_gan
from pellucid.operators import Identity
from pellucid.training import Plan, fit

SHAPE = (1, 8, 8)


class Bright:
    """Images of independent pixels, N(1, 0.3²)."""

    def draw(self, step):
        return Measurement(y=1 + 0.3 * torch.randn(16, *SHAPE, generator=step.rng), operator=Identity())


def made(seed=0, divergence="gan"):
    return f_gan(SHAPE, torch.Generator().manual_seed(seed), divergence=divergence)


def off(method):
    """Return how far the mean of the draws is from the images, as mean square."""
    with torch.no_grad():
        return float((method.model.sample(256, torch.Generator().manual_seed(1)).mean(0) - 1).square().mean())


def trained(method, steps, **more):
    return fit(method.model, method.objective, Bright(), Plan(steps=steps, optimisers=method.optimisers), **more)


@pytest.mark.parametrize("divergence", ["gan", "kl", "pearson"])
def test_the_draws_come_nearer_to_the_images(divergence):
    method = made(divergence=divergence)
    before = off(method)
    assert trained(method, 300).status == "done"
    assert off(method) < 0.3 * before


def test_a_seed_repeats_to_the_bit():
    one, again, other = made(0), made(0), made(1)
    for method in (one, again, other):
        trained(method, 3)
    assert off(one) == off(again) != off(other)


class Torn(Bright):
    """Overflows at a step."""

    def __init__(self, index):
        self.index = index

    def draw(self, step):
        batch = super().draw(step)
        return batch.with_y(batch.y * torch.inf) if step.index == self.index else batch


def test_the_last_good_weights_remain_where_a_critic_overflows():
    """The evaluation at step 200 finds it; what remains is the mean of the weights at step 100."""
    torn = made()
    history = fit(torn.model, torn.objective, Torn(100), Plan(steps=300, optimisers=torn.optimisers))
    assert history.status == "diverged"
    assert history.best == 100
    assert [row["step"] for row in history.rows] == [100, 200]
    with torch.no_grad():
        assert bool(torn.model.sample(4, torch.Generator().manual_seed(0)).isfinite().all())


def test_an_unknown_divergence_is_named():
    with pytest.raises(InputError, match="'kullback'; choose one of kl, reverse_kl"):
        made(divergence="kullback")


@pytest.mark.parametrize("shape", [(8,), (1, 8), (1, 3, 8), (1, 1, 8, 8, 8), (0, 8, 8), "abc"])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(InputError, match="without the batch"):
        f_gan(shape, torch.Generator())


def test_data_of_another_size_are_refused():
    method = f_gan((1, 8, 12), torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match=r"= \(1, 8, 8\), but the model makes \(1, 8, 12\)"):
        trained(method, 1)
