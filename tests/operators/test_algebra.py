import pytest
import torch

from pellucid.errors import InputError
from pellucid.operators import Blur, Diagonal, Identity, Sampling
from pellucid.operators.algebra import Stack, Sum
from pellucid.operators.resampling import Binning
from pellucid.testing import assert_adjoint


def several(rng):
    weight = torch.randn(2, 3, 6, 5, generator=rng, dtype=torch.complex128)
    return [Identity(), Diagonal(weight), Blur(torch.rand(1, 1, 3, 4, generator=rng, dtype=torch.float64))]


@pytest.mark.parametrize("kind", [Stack, Sum])
def test_operators_put_together_keep_the_contract(kind, rng):
    assert_adjoint(kind(several(rng)), (2, 3, 6, 5), rng)


def test_measurements_of_their_own_numbers_of_channels_are_stacked(rng):
    one, three = (Sampling(torch.rand(1, n, 6, 5, generator=rng)) for n in (1, 3))
    light = Diagonal(torch.rand(1, 3, 1, 1, generator=rng, dtype=torch.float64))
    stack = Stack([three @ light, three])
    assert stack.out_shape == (6, 6, 5)
    assert_adjoint(stack, (2, 3, 6, 5), rng)
    x = torch.rand(2, 3, 6, 5, generator=rng)
    torch.testing.assert_close(stack(x)[:, 3:], three(x))
    torch.testing.assert_close(one.crop((slice(1, 3), slice(0, 5)))(x[:, :, 1:3]), one(x)[:, :, 1:3])


def test_operators_add_up_and_scale(rng):
    x = torch.rand(2, 3, 6, 5, generator=rng, dtype=torch.float64)
    a, b, c = several(rng)
    torch.testing.assert_close((a + b + 2j * c)(x.to(torch.complex128)), a(x) + b(x) + 2j * c(x))
    torch.testing.assert_close((0.5 * c)(x), 0.5 * c(x))
    assert_adjoint(a + 2j * c, (2, 3, 6, 5), rng)


def test_a_part_of_what_is_put_together_is_put_together(rng):
    keep = torch.rand(1, 1, 6, 5, generator=rng)
    whole, region = Stack([Identity(), Sampling(keep)]), (slice(1, 4), slice(0, 2))
    x = torch.rand(1, 1, 6, 5, generator=rng)
    torch.testing.assert_close(whole.crop(region)(x[..., 1:4, :2]), whole(x)[..., 1:4, :2])


def test_what_does_not_go_together_is_refused():
    with pytest.raises(InputError, match="these give"):
        Stack([Sampling(torch.ones(1, 1, 3, 4)), Sampling(torch.ones(1, 1, 4, 4)) @ Binning([1, 1])])
    with pytest.raises(InputError, match="at least one operator"):
        Sum([])
