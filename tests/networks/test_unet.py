import pytest
import torch
from torch import nn

from pellucid.networks import UNet, initialise


@pytest.mark.parametrize("pool", [None, (1, 2, 2), (2, 1, 2)])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("blur_pool", [True, False])
def test_size_is_kept_at_multiples_of_the_stride(dims, pool, blur_pool, rng):
    pool = pool and pool[-dims:]
    network = UNet((2, 3), dims=dims, features=2, depth=2, blur_pool=blur_pool, pool=pool)
    assert network.stride == tuple(p**2 for p in pool or [2] * dims)
    y = torch.randn(2, 2, *(3 * s for s in network.stride), generator=rng)
    assert network(y).shape == (2, 3, *y.shape[2:])


@pytest.mark.parametrize("blur_pool", [True, False])
def test_image_moves_with_the_data_by_multiples_of_the_stride(blur_pool, rng):
    network = initialise(UNet((1, 1), features=4, blur_pool=blur_pool), rng)
    y = torch.randn(1, 1, 80, 80, generator=rng)
    inner = (..., slice(32, 48), slice(32, 48))
    with torch.no_grad():
        still, moved, between = (network(y.roll((s, -s), (2, 3))).roll((-s, s), (2, 3)) for s in (0, 4, 2))
    torch.testing.assert_close(moved[inner], still[inner], atol=1e-5, rtol=0)
    assert (between - still)[inner].abs().max() > 1e-2


def test_blur_pool_is_a_maximum_then_a_binomial_filter(rng):
    network = UNet((1, 1), features=2, depth=1)
    x = torch.randn(1, 1, 1, 10, generator=rng).expand(1, 1, 8, 10).contiguous()
    pooled = network._pool(x)
    row = x[0, 0, 0]
    high = torch.cat([torch.maximum(row[:-1], row[1:]), row[-1:]])
    padded = torch.cat([high[:1], high])
    expected = (padded[:-2:2] + 2 * padded[1:-1:2] + padded[2::2]) / 4
    torch.testing.assert_close(pooled, expected.expand(1, 1, 4, 5))


def test_maximum_pool_is_the_maximum_of_blocks(rng):
    network = UNet((1, 1), dims=3, features=2, depth=1, blur_pool=False, pool=(1, 2, 2))
    x = torch.randn(2, 3, 4, 6, 8, generator=rng)
    blocks = x.view(2, 3, 4, 3, 2, 4, 2)
    assert torch.equal(network._pool(x), blocks.amax((4, 6)))


def test_finest_features_bypass_the_lower_levels_only_with_the_top_skip(rng):
    """Without pooling's loss there is no way past the bottom: silence it, and only a top skip still sees y."""
    y = torch.randn(2, 1, 16, 16, generator=rng)
    for top_skip in (True, False):
        network = initialise(UNet((1, 1), features=4, depth=1, top_skip=top_skip), rng)
        for p in network.bottom.parameters():
            nn.init.zeros_(p)
        with torch.no_grad():
            out = network(y)
        assert bool((out[0] == out[1]).all()) is not top_skip


def test_reference_size_of_noise2void():
    network = UNet((1, 1), features=32, blur_pool=False, top_skip=True)
    assert sum(p.numel() for p in network.parameters()) == 332641


@pytest.mark.parametrize("dims", [2, 3])
def test_weights_are_drawn_for_leaky_relu_from_the_generator(dims):
    networks = [initialise(UNet((1, 1), dims=dims, features=16), torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    weights = [network.bottom[0].weight for network in networks]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    fan_in = weights[0][0].numel()
    assert weights[0].std().item() == pytest.approx((2 / (1 + 0.1**2) / fan_in) ** 0.5, rel=0.05)
    assert all(not p.any() for name, p in networks[0].named_parameters() if name.endswith("bias"))


def test_signal_neither_dies_nor_explodes(rng):
    network = initialise(UNet((1, 1), features=32, blur_pool=False, top_skip=True), rng)
    with torch.no_grad():
        out = network(torch.randn(4, 1, 64, 64, generator=rng))
    assert 0.2 < out.std() < 5


def test_answer_keeps_the_precision_of_the_weights_under_autocast_too(rng):
    network = initialise(UNet((1, 1), features=2), rng)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert network(torch.randn(1, 1, 8, 8, generator=rng)).dtype == torch.float32
    with torch.no_grad():
        assert network.double()(torch.ones(1, 1, 8, 8, dtype=torch.float64)).dtype == torch.float64
