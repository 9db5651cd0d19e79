import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.simulate.beads import Bead, fields, potential
from pellucid.errors import InputError
from pellucid.methods.reconstruct.gp import gp
from pellucid.operators import LinearOperator, Operator
from pellucid.operators.diffraction import DiffractionTomography, Optics

RNG = torch.Generator()
K, MEDIUM, SPACE = 1.2, 1.33, (24, 24, 24)


def cone():
    """Return views of a sample at rest in beams that leave a cone unseen."""
    turn = torch.linspace(0, 2 * torch.pi, 17)[:-1].double()
    sine = 0.7 * torch.ones_like(turn)
    ring = torch.stack([(1 - sine**2).sqrt(), sine * turn.sin(), sine * turn.cos()], 1)
    return DiffractionTomography.illuminated(ring, Optics(wavenumber=K, aperture=0.8), space=SPACE)


@pytest.mark.parametrize(("contrast", "index"), [("positive", 1.36), ("negative", 1.30)])
def test_fills_the_missing_cone(contrast, index):
    bead = Bead((0.0, 1.0, -1.0), 5.0, index)
    operator, truth = cone(), potential([bead], K, MEDIUM, SPACE)
    given = Measurement(y=fields([bead], operator, MEDIUM), operator=operator)
    direct = operator.backproject(given.y).real
    found = gp(given, rng=RNG, contrast=contrast, iterations=30).restorer(given)
    assert not found.imag.any()
    assert float((found.real * (index - MEDIUM)).min()) >= 0
    middle = (0, 0, 12, 13, 11)
    assert abs(direct[middle]) < abs(found.real[middle]) < 1.15 * abs(truth[middle])
    assert (found.real - truth).norm() < 0.75 * (direct - truth).norm()
    assert (operator(found) - given.y).norm() < 0.1 * given.y.norm()


def test_recovers_a_real_image_from_half_of_its_fourier_space():
    x = torch.rand(2, 1, 8, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(torch.complex128)
    operator = Half()
    given = Measurement(y=operator(x), operator=operator)
    assert (operator.backproject(given.y) - x).norm() > 0.1 * x.norm()
    found = gp(given, rng=RNG, contrast="either", iterations=200, tolerance=1e-9).restorer(given)
    torch.testing.assert_close(found, x)


class Half(LinearOperator):
    """The centred Fourier transform, with a little more than one half of it measured."""

    def forward(self, x):
        y = torch.fft.fftn(x, dim=(-2, -1), norm="ortho").clone()
        y[..., 5:, :] = 0
        return y


class Power(Operator):
    """What is not linear."""

    def forward(self, x):
        return x**2

    def backproject(self, y):
        return y


def test_needs_a_linear_instrument():
    with pytest.raises(InputError, match="linear"):
        gp(Measurement(y=torch.zeros(1), operator=Power()), rng=RNG)
