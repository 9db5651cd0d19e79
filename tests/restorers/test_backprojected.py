import math

import pytest
import torch
from torch import nn

from pellucid.data.measurement import Measurement
from pellucid.data.views import Interleaved
from pellucid.networks import UNet, initialise
from pellucid.operators import Identity, Radon, Sense
from pellucid.restorers import Regularised
from pellucid.restorers.backprojected import Backprojected, PartsAverage


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


@pytest.fixture
def scan(rng) -> Measurement:
    operator = Radon(math.pi * torch.arange(24)[None] / 24, space=(18, 15))
    return Measurement(y=torch.randn(2, 1, 24, operator.detector, generator=rng), operator=operator)


def test_the_network_sees_the_back_projection_in_its_unit(scan):
    seen = []
    network = nn.Conv2d(1, 1, 1)
    network.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    Backprojected(network)(scan)
    x = scan.operator.backproject(scan.y)
    assert [image.square().mean().item() for image in seen] == pytest.approx([1, 1])
    torch.testing.assert_close(torch.cat(seen), x / x.square().mean((1, 2, 3), keepdim=True).sqrt())


@pytest.mark.parametrize("factor", [1e-9, 1e6])
def test_it_scales_with_the_data(scan, rng, factor):
    model = Backprojected(initialise(UNet((1, 1), features=4, depth=2), rng))
    torch.testing.assert_close(model(scan.with_y(factor * scan.y)) / factor, model(scan))
    assert model(scan).shape == (2, 1, 18, 15)  # no multiples of the stride
    assert not model(scan.with_y(0 * scan.y)).isnan().any()


def test_complex_channels_come_as_real_and_imaginary_part(rng):
    maps = torch.randn(1, 3, 8, 8, dtype=torch.complex64, generator=rng)
    scan = Measurement(y=torch.randn(2, 3, 8, 8, dtype=torch.complex64, generator=rng), operator=Sense(maps))
    network = nn.Conv2d(2, 2, 1)
    nn.init.zeros_(network.bias)
    nn.init.zeros_(network.weight)
    with torch.no_grad():
        network.weight[0, 1], network.weight[1, 0] = -1, 1  # multiplies by i
    torch.testing.assert_close(Backprojected(network)(scan), 1j * scan.operator.backproject(scan.y))


def test_any_restorer_makes_the_first_image(scan):
    first = Regularised(lambda given, strength: given.y[..., :15, :15] + strength, 3.0)
    torch.testing.assert_close(Backprojected(Doubled(), first)(scan), 2 * (scan.y[..., :15, :15] + 3))


@pytest.mark.parametrize("strategy", ["X:1", "1:X"])
def test_the_average_is_over_the_inputs_of_the_training(scan, strategy, rng):
    model, split = Backprojected(initialise(UNet((1, 1), features=4), rng)), Interleaved(3, strategy)
    images = [part.operator.backproject(part.y) for part in split.divide(scan)]
    expected = sum(model(Measurement(y=x, operator=Identity())) for x, _ in split.pairs(images)) / 3
    torch.testing.assert_close(PartsAverage(model, split)(scan), expected)


def test_the_average_of_a_linear_model_answers_to_the_mean_of_the_parts(scan):
    x = PartsAverage(Backprojected(Doubled()), Interleaved(4))(scan)
    torch.testing.assert_close(x, 2 * scan.operator.backproject(scan.y))
