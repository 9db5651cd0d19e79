import torch

from pellucid.data.measurement import Measurement
from pellucid.data.scans import Scans
from pellucid.data.source import Step
from pellucid.noise import Gaussian
from pellucid.operators import Identity, Sampling


def test_a_batch_is_of_one_recording_and_knows_its_numbers(rng):
    small = Measurement(y=torch.arange(3.0).view(3, 1, 1, 1).expand(3, 1, 4, 4), operator=Identity())
    keep = torch.rand(5, 1, 6, 6, generator=rng) < 0.5
    large = Measurement(y=torch.arange(3.0, 8).view(5, 1, 1, 1) * keep, operator=Sampling(keep), weight=keep.float())
    seen = set()
    for index in range(60):
        step = Step(index, 0.0, torch.Generator().manual_seed(index))
        batch = Scans((small, large), 2).draw(step)
        again = Scans((small, large), 2).draw(step)
        assert batch.numbers == again.numbers
        assert len(set(batch.numbers)) == 2
        values = torch.tensor(batch.numbers).view(-1, 1, 1, 1)
        if batch.y.shape[2] == 6:
            rows = [n - 3 for n in batch.numbers]
            assert torch.equal(batch.operator.acquired, keep[rows])
            assert torch.equal(batch.weight, keep[rows].float())
            values = values * keep[rows]
        assert torch.equal(batch.y, values.expand_as(batch.y).float())
        seen |= set(batch.numbers)
    assert seen == set(range(8))


def test_noise_of_an_entry_does_not_go_with_another(rng):
    step = Step(0, 0.0, rng)
    y = torch.zeros(3, 1, 4, 4)
    one, each = Gaussian(0.5), Gaussian(torch.rand(3, 1, 4, 4) + 1)
    assert Scans((Measurement(y=y, operator=Identity(), noise=one),)).draw(step).noise is one
    assert Scans((Measurement(y=y, operator=Identity(), noise=each),)).draw(step).noise is None
