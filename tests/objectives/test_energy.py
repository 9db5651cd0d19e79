import torch

from pellucid.data.measurement import Measurement
from pellucid.objectives.energy import energy
from pellucid.operators import Identity


def test_it_is_the_weighted_mean_square_of_each_sample_in_both_parts():
    y = torch.tensor([[[3 + 4j, 1]], [[0, 2j]]])
    weight = torch.tensor([[[2.0, 0.0]]])
    zero = torch.zeros(2, 1, 1, 2, dtype=y.dtype)
    assert energy(zero, Measurement(y=y, operator=Identity())).tolist() == [13.0, 2.0]
    assert energy(zero, Measurement(y=y, operator=Identity(), weight=weight)).tolist() == [25.0, 0.0]
