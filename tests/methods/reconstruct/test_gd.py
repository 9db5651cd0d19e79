import torch

from pellucid.data.measurement import Measurement
from pellucid.operators import Operator


class Intensity(Operator):
    """A detector of intensities behind a mean over rows."""

    def forward(self, x):
        return (x + x.roll(1, -1)).square()

    def backproject(self, y):
        return y.mean((1, 2, 3), keepdim=True).sqrt().expand_as(y) / 2


def test_a_linear_instrument_gets_its_least_squares(spectrum, built):
    image = built("gd", spectrum, tolerance=1e-9).restorer(spectrum)
    assert torch.allclose(spectrum.operator(image), spectrum.y, atol=1e-6)


def test_an_instrument_of_intensities_is_inverted(truth, built):
    operator = Intensity()
    data = Measurement(y=operator(truth), operator=operator)
    start = operator(operator.backproject(data.y)) - data.y
    image = built("gd", data, iterations=1000, tolerance=1e-6).restorer(data)
    assert float((operator(image) - data.y).norm()) < 0.01 * float(start.norm())


def test_steps_that_raise_the_misfit_are_taken_back(truth, built):
    operator = Intensity()
    far = 100 * truth
    data = Measurement(y=operator(far), operator=operator)
    image = built("gd", data, iterations=1000).restorer(data)
    assert torch.isfinite(image).all()
    assert float((operator(image) - data.y).norm()) < 0.05 * float(data.y.norm())
