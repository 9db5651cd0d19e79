from dataclasses import FrozenInstanceError, fields

import pytest
import torch

from pellucid.data.measurement import Measurement, Paired, Repeated
from pellucid.noise import Gaussian
from pellucid.operators import Identity


def test_an_objective_cannot_read_what_does_not_exist():
    assert [field.name for field in fields(Measurement)] == ["y", "operator", "weight", "noise"]
    assert not hasattr(Measurement(y=torch.zeros(1, 1, 2, 2), operator=Identity()), "truth")


def test_other_data_keep_everything_else():
    y, noise, weight = torch.zeros(1, 1, 2, 2), Gaussian(1.0), torch.ones(1)
    shots = (Measurement(y=y, operator=Identity()),)
    for kind, more in ((Measurement, {}), (Repeated, {"shots": shots}), (Paired, {"truth": y})):
        first = kind(y=y, operator=Identity(), weight=weight, noise=noise, **more)
        other = first.with_y(y + 1)
        assert type(other) is kind
        assert torch.equal(other.y, y + 1)
        assert torch.equal(first.y, y)
        assert all(
            getattr(other, field.name) is getattr(first, field.name) for field in fields(kind) if field.name != "y"
        )


def test_a_measurement_does_not_change():
    with pytest.raises(FrozenInstanceError):
        Measurement(y=torch.zeros(1, 1, 2, 2), operator=Identity()).y = torch.ones(1, 1, 2, 2)
