import pytest
import torch

from pellucid.errors import InputError
from pellucid.operators import Blur, VaryingBlur
from pellucid.testing import assert_adjoint


def psfs_of(shape, rng):
    return torch.rand(shape, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 2, 3), (1, 2, 2, 3, 2, 4)], ids=str)
def test_a_varying_blur_keeps_the_contract(shape, rng):
    space = (9, 11) if len(shape) == 4 else (4, 6, 7)
    assert_adjoint(VaryingBlur(psfs_of((1, 1, *shape), rng)), (2, 2, *space), rng)
    assert_adjoint(VaryingBlur(psfs_of((2, 2, *shape), rng)), (2, 2, *space), rng, dtype=torch.float64)


def test_equal_psfs_are_one_blur(rng):
    psf = psfs_of((1, 1, 4, 5), rng)
    x = torch.randn(2, 1, 20, 17, generator=rng, dtype=torch.float64)
    varying = VaryingBlur(psf[:, :, None, None].expand(1, 1, 3, 4, 4, 5))
    torch.testing.assert_close(varying(x), Blur(psf, "valid")(x))


def test_a_point_has_the_psf_between_those_of_its_neighbours(rng):
    psfs = psfs_of((1, 1, 2, 5), rng)
    for place in (5, 9, 11, 19, 20, 25, 35):
        x = torch.zeros(1, 1, 41, dtype=torch.float64)
        x[..., place] = 1
        # the centres of two tiles of 41 pixels lie at 9.75 and 30.25
        weight = min(max((30.25 - place) / 20.5, 0), 1)
        expected = weight * psfs[0, 0, 0] + (1 - weight) * psfs[0, 0, 1]
        torch.testing.assert_close(VaryingBlur(psfs)(x)[0, 0, place - 4 : place + 1], expected)


def test_psfs_that_do_not_fit_are_refused(rng):
    with pytest.raises(InputError, match=r"but this is \(1, 1, 3, 5, 5\); give one PSF a tile"):
        VaryingBlur(torch.ones(1, 1, 3, 5, 5))
    with pytest.raises(InputError, match="do not fit an image"):
        VaryingBlur(torch.ones(1, 1, 2, 2, 9, 9))(torch.ones(1, 1, 8, 20))
