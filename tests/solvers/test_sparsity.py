import numpy as np
import pytest
import pywt
import scipy.fft
import torch

from pellucid.errors import InputError
from pellucid.solvers.sparsity import Cosine, Wavelet


@pytest.mark.parametrize("basis", [Wavelet("haar"), Wavelet("db4", levels=3), Wavelet("sym8"), Cosine()], ids=repr)
@pytest.mark.parametrize("space", [(16, 16), (17, 23), (9, 16, 11), (31,), (3, 40)])
def test_the_basis_is_orthonormal_at_any_size(basis, space, rng):
    x = torch.randn(2, 1, *space, dtype=torch.complex128, generator=rng)
    assert torch.allclose(basis.synthesise(basis.analyse(x)), x)
    assert torch.allclose(basis.analyse(basis.synthesise(x)), x)
    u = torch.randn(x.shape, dtype=x.dtype, generator=rng)
    assert torch.allclose((basis.analyse(x).conj() * u).sum(), (x.conj() * basis.synthesise(u)).sum())


@pytest.mark.parametrize("name", ["haar", "db4", "sym5"])
@pytest.mark.parametrize("space", [(64, 96), (40, 40, 40)])
def test_the_details_are_those_of_pywavelets(name, space, rng):
    x = torch.randn(1, 1, *space, dtype=torch.float64, generator=rng)
    theirs = pywt.wavedecn(x[0, 0].numpy(), name, mode="periodization", level=2)
    expected = sum(np.abs(part).sum() for level in theirs[1:] for part in level.values())
    basis = Wavelet(name, levels=2)
    np.testing.assert_allclose(float(basis.value(x)), expected)
    ours = basis.analyse(x)[basis.coarse(space)].numpy()
    np.testing.assert_allclose(np.sort(ours.ravel()), np.sort(theirs[0].ravel()))


def test_the_cosines_are_those_of_scipy(rng):
    x = torch.randn(1, 1, 9, 10, dtype=torch.float64, generator=rng)
    expected = scipy.fft.dctn(x[0, 0].numpy(), norm="ortho")
    np.testing.assert_allclose(Cosine().analyse(x)[0, 0].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("basis", [Wavelet("haar"), Wavelet("db2"), Cosine()], ids=repr)
def test_a_constant_costs_nothing(basis):
    x = torch.full((1, 1, 16, 32), 3.0, dtype=torch.float64)
    assert float(basis.value(x)) < 1e-9
    assert torch.allclose(basis.prox(x, torch.tensor(5.0)), x)


def test_shrinking_can_be_differentiated(rng):
    v = torch.randn(1, 1, 9, 8, dtype=torch.float64, generator=rng).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: Wavelet("db2", levels=2).prox(v, torch.tensor(0.3)), v)


@pytest.mark.parametrize("name", ["bior2.2", "dp4", "mexh"])
def test_what_is_no_orthogonal_wavelet_is_refused(name):
    with pytest.raises(InputError, match=f"{name} is no orthogonal wavelet: choose haar"):
        Wavelet(name)
