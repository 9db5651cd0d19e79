import pytest
import torch

from pellucid.errors import InputError
from pellucid.operators import Crop, Diagonal, Identity, Sampling
from pellucid.testing import assert_adjoint


def test_the_elementary_operators_keep_the_contract(rng):
    assert_adjoint(Identity(), (2, 1, 3, 4), rng)
    assert_adjoint(Sampling(torch.rand(1, 1, 3, 4, generator=rng) > 0.5), (2, 1, 3, 4), rng)
    assert_adjoint(Sampling(torch.rand(2, 1, 1, 3, 4, generator=rng)), (2, 2, 5, 3, 4), rng)


def test_two_restrictions_of_the_identity_keep_what_both_keep():
    a, b = torch.tensor([[[True, True, False]]]), torch.tensor([[[False, True, True]]])
    assert Identity().restrict(a).restrict(b).keep.tolist() == [[[False, True, False]]]


def test_crops_and_rows_commute_with_sampling(rng):
    keep = torch.rand(3, 1, 6, 1, generator=rng)
    x = torch.rand(3, 2, 6, 8, generator=rng)
    region = (slice(1, 4), slice(2, 7))
    whole = Sampling(keep)(x)
    torch.testing.assert_close(Sampling(keep).crop(region)(x[:, :, 1:4, 2:7]), whole[:, :, 1:4, 2:7])
    picked = torch.tensor([2, 0])
    torch.testing.assert_close(Sampling(keep)[picked](x[picked]), whole[picked])
    torch.testing.assert_close(Sampling(keep[:1])[1](x[1:2]), Sampling(keep[:1])(x)[1:2])
    torch.testing.assert_close((Sampling(keep) @ Identity())[1:](x[1:]), whole[1:])


def test_a_sampling_moves_and_saves_with_its_mask():
    assert Sampling(torch.ones(1, 1, 2)).to(torch.float64).keep.dtype == torch.float64
    assert list(Sampling(torch.ones(1, 1, 2)).state_dict()) == ["keep"]


@pytest.mark.parametrize("shape", [(), (1, 1, 3, 4), (2, 2, 1, 4)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_multipliers_keep_the_contract(shape, dtype, rng):
    diagonal = Diagonal(torch.randn(shape, generator=rng, dtype=dtype))
    assert_adjoint(diagonal, (2, 2, 3, 4), rng)
    x = torch.randn(2, 2, 3, 4, generator=rng, dtype=torch.complex128)
    torch.testing.assert_close(diagonal.crop((slice(1, 3), slice(0, 2)))(x[..., 1:3, :2]), diagonal(x)[..., 1:3, :2])


def test_a_complex_multiplier_changes_its_precision_whole():
    diagonal = Diagonal(torch.tensor(1 + 2j)).to(torch.float64)
    assert diagonal.weight.dtype == torch.complex128
    assert diagonal.weight.item() == 1 + 2j


def test_a_crop_keeps_the_contract_and_goes_back_to_a_mirror_image(rng):
    crop = Crop((7, 6), (slice(2, 6), slice(0, 3)))
    assert_adjoint(crop, (2, 2, 7, 6), rng)
    assert_adjoint(Crop((4, 5, 6), (slice(1, 2), slice(0, 5), slice(3, 6))), (2, 1, 4, 5, 6), rng)
    y = torch.arange(4.0)[None, None, :, None].expand(1, 1, 4, 3)
    assert crop.backproject(y)[0, 0, :, 0].tolist() == [2, 1, 0, 1, 2, 3, 2]
    torch.testing.assert_close(crop(crop.backproject(y)), y)
    with pytest.raises(InputError, match="does not lie in an image"):
        Crop((4, 4), (slice(0, 5), slice(0, 4)))
