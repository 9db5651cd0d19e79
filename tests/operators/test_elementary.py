import torch

from pellucid.operators import Identity, Sampling
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
