import pytest
import torch
from torch import nn

from pellucid._math.halo import halo
from pellucid._math.regions import up_to_multiple
from pellucid.data.fill import Donut, Mean, Median
from pellucid.data.measurement import Measurement
from pellucid.data.splits import Grid
from pellucid.networks import UNet, initialise
from pellucid.operators import Identity

ONE = torch.zeros(1)


def needed(network: nn.Module, stride: int) -> int:
    """Return the depth by brute force: how far one pixel, of any phase, reaches across a multiple of the stride."""
    size, middle, deepest = 24 * stride, 12 * stride, 0
    for phase in range(stride):
        for place, beyond in ((middle - 1 - phase, 1), (middle + phase, -1)):
            y = torch.zeros(1, 1, size, 4 * stride)
            y[:, :, place] = torch.nan
            rows = network(y).isnan().flatten(0, 1).any(0).any(-1).nonzero().flatten()
            depth = rows.max() - middle + 1 if beyond == 1 else middle - rows.min()
            deepest = max(deepest, int(depth))
    return -(-deepest // stride) * stride


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 1},
        {"depth": 2},
        {"depth": 2, "blur_pool": False, "top_skip": True},
        {"depth": 3, "blur_pool": False},
    ],
)
def test_halo_is_what_single_pixels_of_all_phases_reach(options, rng):
    network = initialise(UNet((1, 1), features=2, **options), rng)
    with torch.no_grad():
        assert halo(network, network.stride, like=ONE) == (needed(network, network.stride[0]),) * 2


def test_axes_differ(rng):
    network = initialise(UNet((2, 1), dims=3, features=2, depth=1, pool=(1, 2, 2)), rng)
    planes, rows, columns = halo(network, network.stride, like=torch.zeros(2))
    assert planes == 6  # six convolutions of size three
    assert rows == columns > planes


@pytest.mark.parametrize("fill", [Donut(), Median(3), Mean(4)])
def test_fills_reach_as_far_as_their_window(fill, rng):
    split = Grid(2, fill)

    def function(y):
        given = (split.hide(Measurement(y=y, operator=Identity()), places, rng)[0] for places in split.classes(y))
        return torch.stack([g.y for g in given], 1)

    assert halo(function, (2, 2), like=ONE) == (up_to_multiple(getattr(fill, "radius", 1), 2),) * 2


def test_dilated_convolution_is_probed_beyond_its_gaps():
    assert halo(nn.Conv2d(1, 1, 3, padding=9, dilation=9), (1, 1), like=ONE) == (9, 9)


def test_function_of_the_whole_image_has_no_halo():
    assert halo(lambda y: y - y.mean(), (1, 1), like=ONE) is None
    assert halo(lambda y: y - y.mean(-1, keepdim=True), (1, 1), like=ONE) is None
    assert halo(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.InstanceNorm2d(2)), (1, 1), like=ONE) is None


def test_function_that_hides_nan_is_taken_for_global():
    assert halo(torch.nan_to_num, (1, 1), like=ONE) is None
