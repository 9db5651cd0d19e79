import pytest
import torch

from pellucid._math.halo import halo
from pellucid.data.measurement import Measurement
from pellucid.data.splits import BlindSpot
from pellucid.operators import Identity
from pellucid.restoration import restore
from pellucid.restorers import Ensemble
from pellucid.restorers.base import Restorer


class Blurred(Restorer):
    """Adds noise of its own to a mean over 3 x 3 pixels, and keeps what it answered."""

    def __init__(self):
        super().__init__()
        self.answers = []

    def forward(self, given, rng=None):
        smooth = torch.nn.functional.avg_pool2d(given.y, 3, 1, 1)
        self.answers.append(smooth + torch.randn(given.y.shape, generator=rng, dtype=given.y.dtype))
        return self.answers[-1]

    def stride(self, dims):
        return (2,) * dims


@pytest.fixture
def given(rng) -> Measurement:
    return Measurement(y=100 + torch.randn(1, 1, 12, 10, generator=rng, dtype=torch.float64), operator=Identity())


def test_it_returns_mean_and_deviation_of_all_answers(given, rng):
    model = Blurred()
    image, spread = Ensemble(model, BlindSpot(0.1), 7).estimate(given, rng)
    answers = torch.stack(model.answers)
    assert len(answers) == 7
    torch.testing.assert_close(image, answers.mean(0))
    torch.testing.assert_close(spread, answers.std(0))
    assert answers.std() > 1  # from the draws and from what was hidden


def test_without_a_generator_it_repeats_itself(given, rng):
    ensemble = Ensemble(Blurred(), BlindSpot(0.1), 3)
    torch.testing.assert_close(ensemble.estimate(given), ensemble.estimate(given), rtol=0, atol=0)
    assert not torch.equal(ensemble(given, rng), ensemble(given, rng))


def test_images_of_a_batch_do_not_depend_on_one_another(rng):
    given = Measurement(y=torch.randn(3, 1, 8, 8, generator=rng), operator=Identity())
    ensemble = Ensemble(Blurred(), BlindSpot(0.1), 3)
    assert torch.equal(ensemble(given)[2:], ensemble(given.with_y(given.y[2:])))


def test_it_is_cut_into_tiles_as_its_model_is(given):
    ensemble = Ensemble(Blurred(), BlindSpot(0.1), 5)
    assert ensemble.stride(2) == (2, 2)
    reach = halo(lambda y: ensemble(given.with_y(y)), (2, 2), like=torch.zeros(1))
    assert reach is not None
    restoration = restore(given, ensemble)
    assert restoration.spread is not None
    assert restoration.spread.shape == given.y.shape
