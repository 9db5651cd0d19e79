import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.recipe import FEW_PLANES, enhancer, patch_size
from pellucid.networks import Residual
from pellucid.operators import Identity


def example(*space, channels=1) -> Measurement:
    return Measurement(y=torch.zeros(1, channels, *space), operator=Identity())


def network(*space, channels=1, **settings):
    defaults = {"features": 4, "depth": 2, "variance": False}
    return enhancer(example(*space, channels=channels), torch.Generator().manual_seed(0), **defaults | settings)


@pytest.mark.parametrize(
    ("space", "stride"),
    [((64, 64), (4, 4)), ((FEW_PLANES - 1, 32, 32), (1, 4, 4)), ((FEW_PLANES, 32, 32), (4, 4, 4))],
)
def test_a_shallow_stack_is_not_pooled_along_its_planes(space, stride):
    assert network(*space).stride(len(space)) == stride
    assert network(*space, depth=1).stride(len(space)) == tuple(2 if period > 1 else 1 for period in stride)


@pytest.mark.parametrize(("channels", "variance"), [(1, False), (1, True), (3, True)])
def test_a_network_gives_the_moments_of_each_channel(channels, variance):
    moments = network(32, 32, channels=channels, variance=variance).explain(example(32, 32, channels=channels))
    assert moments.shape == (1, 2 if variance else 1, channels, 32, 32)
    assert not variance or (moments[:, 1] > 0).all()


def test_the_original_has_the_parts_of_noise2void():
    original, n2v2 = network(64, 64, original=True).network, network(64, 64).network
    assert isinstance(original, Residual)
    assert (original.network.blur_pool, original.network.top_skip) == (False, True)
    assert (n2v2.blur_pool, n2v2.top_skip) == (True, False)
    assert sum(p.numel() for p in network(64, 64, features=32, original=True).parameters()) == 332_641


def test_first_weights_come_from_the_generator_alone():
    first, second = (torch.cat([p.flatten() for p in network(32, 32).parameters()]) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("space", "patch", "depth", "expected"),
    [
        ((512, 512), 64, 2, [64, 64]),
        ((512, 50), 64, 2, [64, 48]),
        ((16, 16), 64, 2, [16, 16]),
        ((512, 512), 8, 2, [16, 16]),
        ((200, 200), 96, 4, [96, 96]),
        ((30, 512, 512), 96, 2, [24, 96, 96]),
        ((30, 512, 512), 32, 2, [16, 32, 32]),
        ((7, 512, 512), 96, 2, [7, 96, 96]),
    ],
)
def test_patches_fit_the_image_and_the_network(space, patch, depth, expected):
    assert patch_size(example(*space), patch, depth) == expected


@pytest.mark.parametrize(("space", "depth"), [((15, 64), 2), ((64, 7), 1), ((40, 12, 64), 2)])
def test_an_image_smaller_than_the_need_is_refused(space, depth):
    with pytest.raises(InputError, match=f"smaller than the {4 * 2**depth} x"):
        patch_size(example(*space), 64, depth)


@pytest.mark.parametrize(("features", "depth"), [(4096, 1), (32, 5), (10**9, 2), (4, 60)])
def test_a_network_larger_than_any_use_is_refused_before_it_is_made(features, depth):
    with pytest.raises(InputError, match="too large"):
        network(64, 64, features=features, depth=depth)
