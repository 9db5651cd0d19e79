import pytest
import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.operators import Identity, LinearOperator, Operator, Sampling
from pellucid.testing import assert_adjoint


class Shear(LinearOperator):
    """A complex matrix that mixes two channels into three, pixel by pixel; adjoint left to autograd."""

    in_shape, out_shape = (2, None, None), (3, None, None)
    matrix = torch.tensor([[1, 2j], [0.5 - 1j, 0], [3, 1 + 1j]], dtype=torch.complex128)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("ij,bjyx->biyx", self.matrix.to(torch.promote_types(x.dtype, torch.complex64)), x)


class Spectrum(LinearOperator):
    """The Fourier transform of a real image: linear over the reals only."""

    real_linear = True

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.fft2(x.real)


class RealPart(LinearOperator):
    """A map of complex images that is linear over the reals only."""

    real_linear = True

    def forward(self, x: Tensor) -> Tensor:
        return x.real

    def adjoint(self, y: Tensor) -> Tensor:
        return torch.complex(y, torch.zeros_like(y))


class Intensity(Operator):
    def forward(self, x: Tensor) -> Tensor:
        return x.abs() ** 2

    def backproject(self, y: Tensor) -> Tensor:
        return y.sqrt()


@pytest.mark.parametrize(
    ("operator", "shape"),
    [
        (Shear(), (2, 2, 3, 4)),
        (Spectrum(), (2, 1, 4, 5)),
        (Spectrum() @ Sampling(torch.rand(2, 1, 4, 5) > 0.5), (2, 1, 4, 5)),
        (Sampling(torch.rand(2, 1, 1, 5)) @ Shear(), (2, 2, 3, 5)),
        (Shear() @ Identity(), (3, 2, 3, 4)),
    ],
    ids=["free axes", "real linear", "composition", "restriction", "identity"],
)
def test_linear_operators_keep_the_contract(operator, shape, rng):
    assert_adjoint(operator, shape, rng)


def test_a_real_linear_operator_of_complex_images_keeps_the_contract(rng):
    assert_adjoint(RealPart(), (2, 1, 3, 4), rng, dtype=torch.complex128)


def test_the_jacobian_is_the_adjoint_pair_of_the_derivative(rng):
    x = torch.randn(2, 1, 3, 4, dtype=torch.complex128, generator=rng)
    jacobian = Intensity().linearize(x)
    direction = torch.randn(x.shape, dtype=x.dtype, generator=rng)
    expected = 2 * (x.conj() * direction).real
    torch.testing.assert_close(jacobian(direction), expected)
    y = torch.randn(x.shape, dtype=torch.float64, generator=rng)
    torch.testing.assert_close(jacobian.adjoint(y), 2 * x * y)
    torch.testing.assert_close(jacobian[1].adjoint(y[1:]), (2 * x * y)[1:])


def test_the_adjoint_can_be_differentiated_in_a_parameter():
    class Scale(LinearOperator):
        def __init__(self):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.tensor(3.0))

        def forward(self, x):
            return self.factor * x

    operator = Scale()
    operator.adjoint(torch.full((1, 1, 2), 5.0)).sum().backward()
    assert operator.factor.grad.item() == 10


def test_the_adjoint_holds_no_graph_without_gradients():
    with torch.no_grad():
        assert not Shear().adjoint(torch.ones(1, 3, 2, 2, dtype=torch.complex128)).requires_grad


def test_composition_keeps_kind_order_and_shapes():
    linear = Sampling(torch.ones(1, 3, 4, 4)) @ Shear()
    assert isinstance(linear, LinearOperator)
    assert (linear.in_shape, linear.out_shape) == ((2, None, None), (3, 4, 4))
    nonlinear = Intensity() @ Shear()
    assert not isinstance(nonlinear, LinearOperator)
    x = torch.randn(1, 2, 2, 2, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(nonlinear(x), Shear()(x).abs() ** 2)
    y = torch.rand(1, 3, 2, 2, dtype=torch.float64).to(x.dtype)
    torch.testing.assert_close(nonlinear.backproject(y), Shear().adjoint(y.sqrt()))


def test_operators_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"takes \(2, None, None\) but Shear gives \(3, None, None\)"):
        Shear() @ Shear()


def test_restricting_zeroes_what_is_not_kept(rng):
    keep = torch.rand(1, 3, 4, 4, generator=rng) > 0.5
    x = torch.randn(1, 2, 4, 4, dtype=torch.complex128, generator=rng)
    torch.testing.assert_close(Shear().restrict(keep)(x), Shear()(x) * keep)


def test_a_global_operator_refuses_to_be_cropped():
    with pytest.raises(InputError, match="Spectrum sees the whole image"):
        (Identity() @ Spectrum()).crop((slice(0, 2), slice(0, 2)))


def test_an_operator_is_not_a_sequence():
    with pytest.raises(TypeError):
        list(Identity())
