import pytest
import torch

from pellucid.networks import PartialConv, PartialUNet, initialise


def visible_at(chance, shape, rng):
    return (torch.rand(shape, generator=rng) < chance).double()


def partial(dims, rng, channels=2):
    layer = initialise(PartialConv(channels, 3, dims), rng).double()
    torch.nn.init.uniform_(layer.conv.bias, generator=rng)
    return layer


@pytest.mark.parametrize("space", [(7, 6), (4, 5, 6)])
@pytest.mark.parametrize("channels", [1, 2])
def test_where_all_is_visible_it_is_the_plain_convolution(space, channels, rng):
    """To the border, for one mask for all channels or one each."""
    layer = partial(len(space), rng)
    x = torch.randn(2, 2, *space, generator=rng, dtype=torch.float64)
    out, seen = layer(x, torch.ones(2, channels, *space, dtype=torch.float64))
    torch.testing.assert_close(out, layer.conv(x))
    assert (seen == 1).all()


@pytest.mark.parametrize("space", [(9, 8), (4, 6, 5)])
def test_what_is_hidden_is_not_read(space, rng):
    layer = partial(len(space), rng)
    x = torch.randn(2, 2, *space, generator=rng, dtype=torch.float64)
    visible = visible_at(0.5, x.shape, rng)
    out, _ = layer(x, visible)
    for other in (1e6, torch.nan):
        assert torch.equal(layer(torch.where(visible > 0, x, other), visible)[0], out)


def test_it_is_equation_1_of_the_paper(rng):
    """x'_i = W (m ⊙ x)_i Σ1/Σm + b, window by window; zero where nothing is seen."""
    layer = partial(2, rng, channels=1)
    x = torch.randn(1, 1, 6, 6, generator=rng, dtype=torch.float64)
    visible = visible_at(0.3, x.shape, rng)
    visible[..., :3, :3] = 0
    out, seen = layer(x, visible)
    for row in range(1, 5):
        for column in range(1, 5):
            window = (..., slice(row - 1, row + 2), slice(column - 1, column + 2))
            m = visible[window]
            expected = torch.zeros(3, dtype=torch.float64)
            if m.sum() > 0:
                product = (layer.conv.weight * (m * x[window])).sum((1, 2, 3))
                expected = product * 9 / m.sum() + layer.conv.bias
            torch.testing.assert_close(out[0, :, row, column], expected)
            assert seen[0, 0, row, column] == float(m.sum() > 0)
    assert seen[0, 0, 1, 1] == 0


def test_hiding_pixels_of_a_constant_changes_nothing(rng):
    """The renormalisation is exact where the kernel is: a mean of visible pixels keeps the brightness."""
    layer = partial(2, rng, channels=1)
    torch.nn.init.constant_(layer.conv.weight, 1 / 9)
    torch.nn.init.zeros_(layer.conv.bias)
    out, seen = layer(torch.full((1, 1, 20, 20), 5.0).double(), visible_at(0.7, (1, 1, 20, 20), rng))
    torch.testing.assert_close(out[..., 1:-1, 1:-1], torch.full_like(out, 5.0)[..., 1:-1, 1:-1])
    assert (seen == 1).all()


@pytest.mark.parametrize(("space", "pool"), [((16, 24), None), ((3, 8, 8), (1, 2, 2))])
def test_the_unet_never_reads_what_is_hidden(space, pool, rng):
    net = initialise(PartialUNet(1, dims=len(space), features=6, depth=2, pool=pool), rng).double()
    x = torch.randn(2, 1, *space, generator=rng, dtype=torch.float64)
    visible = visible_at(0.7, x.shape, rng)
    image = net(x, visible, None)
    assert image.shape == x.shape
    assert torch.equal(net(torch.where(visible > 0, x, torch.nan), visible, None), image)
    other = x + visible
    assert not torch.equal(net(other, visible, None), image)
    assert net.stride == tuple(p**2 for p in pool or (2, 2))


def test_the_unet_drops_out_wherever_there_is_a_generator(rng):
    net = initialise(PartialUNet(1, features=6, depth=1, dropout=0.3), rng)
    x, visible = torch.randn(1, 1, 8, 8, generator=rng), torch.ones(1, 1, 8, 8)
    first, second = net(x, visible, rng), net(x, visible, rng)
    assert not torch.equal(first, second)
    assert torch.equal(net(x, visible, None), net(x, visible, None))


def test_the_unet_has_the_layers_of_the_paper():
    """Two and five partial convolutions of 48 features down; pairs of 96, then 64, 32 and the image up."""
    net = PartialUNet(3)
    encoder = [layer.conv.weight.shape[:2] for layer in (net.first, *net.down)]
    assert encoder == [(48, 3)] + [(48, 48)] * 6
    decoder = [tuple(conv.weight.shape[:2]) for convs in net.up for conv in convs] + [tuple(net.last.weight.shape[:2])]
    assert decoder == [(96, 96), (96, 96), *[(96, 144), (96, 96)] * 3, (64, 99), (32, 64), (3, 32)]
