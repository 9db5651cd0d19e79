import pytest
import torch

from pellucid.networks import Hourglass, initialise


@pytest.mark.parametrize(("space", "pool"), [((16, 24), None), ((3, 8, 16), (1, 2, 2))])
def test_sizes_are_kept_at_multiples_of_the_stride(space, pool, rng):
    net = Hourglass((5, 2), dims=len(space), features=4, skips=2, depth=2, pool=pool)
    assert net.stride == tuple(p**2 for p in pool or (2, 2))
    assert net(torch.rand(1, 5, *space, generator=rng)).shape == (1, 2, *space)


def test_every_level_has_its_way_across(rng):
    """Without the deepest levels the image would still depend on the finest skip, and on the coarsest."""
    net = initialise(Hourglass((3, 1), features=4, skips=1, depth=3), rng)
    net(torch.rand(1, 3, 16, 16, generator=rng)).sum().backward()
    for part in (*net.down, *net.across, *net.up, net.last):
        assert all(p.grad is not None for p in part.parameters())


def test_the_scale_of_the_input_does_not_matter(rng):
    """Features are normalised: only the pattern of z counts."""
    net = initialise(Hourglass((3, 1), features=4, depth=2), rng).double()
    z = torch.rand(1, 3, 16, 16, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(net(z), net(10 * z), atol=1e-2, rtol=1e-2)


def test_it_has_the_layers_of_the_paper():
    """Five levels of 128 features, with 4 features across, from 32 random channels."""
    net = Hourglass((32, 1))
    shapes = [[tuple(p.shape[:2]) for p in part.parameters() if p.ndim == 4] for part in (net.down, net.across, net.up)]
    assert shapes[0] == [(128, 32), *[(128, 128)] * 9]
    assert shapes[1] == [(4, 32), *[(4, 128)] * 4]
    assert shapes[2] == [(128, 132), (128, 128)] * 5
