import torch

from pellucid.data.measurement import Measurement
from pellucid.operators import Identity
from pellucid.solvers.sparsity import Wavelet


def test_it_minimises_its_functional_without_shifts(spectrum, built, rng):
    strength = 0.02 * spectrum.operator.adjoint(spectrum.y).abs().max()
    made = built("wavelet", spectrum, strength=0.02, shifts=False, iterations=1000, tolerance=1e-10)
    x, prior = made.restorer(spectrum), Wavelet("db4")

    def functional(x):
        data = 0.5 * (spectrum.operator(x) - spectrum.y).abs().square().sum()
        return data + strength * prior.value(x).sum()

    for size in (1e-1, 1e-2, 1e-3):
        other = x + size * torch.randn(x.shape, dtype=x.dtype, generator=rng)
        assert functional(other) > functional(x)


def test_shifts_mend_blocks(truth, built, rng):
    y = truth + 0.1 * torch.randn(truth.shape, dtype=truth.dtype, generator=rng)
    data, errors = Measurement(y=y, operator=Identity()), []
    for shifts in (False, True):
        method = built("wavelet", data, strength=0.1, shifts=shifts, basis="haar")
        errors.append(float((method.restorer(data) - truth).square().mean()))
    assert errors[1] < 0.85 * errors[0]
