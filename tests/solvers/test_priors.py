import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from pellucid.errors import InputError
from pellucid.solvers.priors import Box, Entropy, Positivity, Support, Tikhonov
from pellucid.solvers.sparsity import Cosine, Wavelet
from pellucid.solvers.total_variation import TotalVariation

STRENGTHS = torch.tensor([0.3, 1.1], dtype=torch.float64).view(2, 1, 1, 1)
PRIORS = {
    "tikhonov": Tikhonov(),
    "isotropic": TotalVariation(iterations=5000),
    "anisotropic": TotalVariation(isotropic=False, iterations=5000),
    "positive": TotalVariation(positive=True, iterations=5000),
    "haar": Wavelet("haar", levels=2),
    "db2": Wavelet("db2"),
    "cosine": Cosine(),
    "positivity": Positivity(),
    "box": Box(-0.5, 0.4),
    "support": Support(torch.arange(6) > 2),
    "entropy": Entropy(0.7),
}
REAL = {"positivity", "positive", "box", "entropy"}


def functional(prior, x, v):
    return 0.5 * (x - v).abs().square().flatten(1).sum(1) + STRENGTHS.flatten() * prior.value(x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=["real", "complex"])
@pytest.mark.parametrize("name", PRIORS)
def test_no_image_near_the_proximal_point_is_better(name, dtype, rng):
    """The functional is strongly convex: F(x + d) >= F(x) + ½‖d‖² at the minimiser, for every d."""
    if name in REAL and dtype.is_complex:
        pytest.skip("the prior is of real images")
    prior = PRIORS[name]
    v = torch.randn(2, 1, 5, 6, dtype=dtype, generator=rng)
    x = prior.prox(v, STRENGTHS)
    least = functional(prior, x, v)
    assert torch.isfinite(least).all()
    for size in (1.0, 0.1, 1e-2, 1e-3):
        for _ in range(20):
            d = size * torch.randn(v.shape, dtype=dtype, generator=rng)
            room = 0.5 * d.abs().square().flatten(1).sum(1)
            assert (functional(prior, x + d, v) >= least + 0.999 * room - 1e-7).all()


@pytest.mark.parametrize("name", PRIORS)
def test_the_proximal_map_is_firmly_nonexpansive(name, rng):
    prior = PRIORS[name]
    a, b = (torch.randn(2, 1, 5, 6, dtype=torch.float64, generator=rng) for _ in range(2))
    p, q = prior.prox(a, STRENGTHS), prior.prox(b, STRENGTHS)
    assert ((p - q).square().sum((1, 2, 3)) <= ((p - q) * (a - b)).sum((1, 2, 3)) + 1e-7).all()


def test_entropy_agrees_with_a_general_optimiser(rng):
    v = 2 * torch.randn(1, 1, 3, 3, dtype=torch.float64, generator=rng)
    prior, strength = Entropy(0.7), torch.tensor(0.4, dtype=torch.float64)

    def cost(x):
        image = torch.from_numpy(x).view(v.shape)
        return float(0.5 * (image - v).square().sum() + strength * prior.value(image).sum())

    found = minimize(cost, np.full(9, 0.5), bounds=[(1e-9, None)] * 9, options={"ftol": 1e-15, "gtol": 1e-10}).x
    np.testing.assert_allclose(prior.prox(v, strength).flatten().numpy(), found, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-10, 1e6])
def test_entropy_is_found_at_any_scale(scale):
    v = torch.tensor([-3.0, 0.0, 0.1, 1.0, 50.0], dtype=torch.float64).view(1, 1, 5)
    strength = torch.tensor(0.4, dtype=torch.float64)
    found = Entropy(0.7 * scale).prox(v * scale, strength * scale)
    assert torch.allclose(found, scale * Entropy(0.7).prox(v, strength))


def test_tikhonov_has_its_closed_form():
    assert Tikhonov().prox(torch.full((1, 1, 2), 3.0), torch.tensor(0.5)).tolist() == [[[2.0, 2.0]]]
    assert Tikhonov().value(torch.full((1, 1, 2), 3.0 + 4.0j)).tolist() == [25.0]


def test_projections_keep_what_fits_and_know_what_does_not():
    x = torch.tensor([-1.0, 0.5, 2.0]).view(1, 1, 3)
    assert Positivity().prox(x).flatten().tolist() == [0.0, 0.5, 2.0]
    assert Box(0, 1).prox(x + 3j).flatten().tolist() == [0.0, 0.5, 1.0]
    assert Positivity().value(torch.cat([x, x.abs(), x.abs()])).tolist() == [torch.inf, 0.0, 0.0]
    assert Box().value(x + 1j).tolist() == [torch.inf]
    inside = Support(torch.tensor([True, True, False]))
    assert inside.value(x).tolist() == [torch.inf]
    assert inside.value(inside.prox(x)).tolist() == [0.0]


def test_entropy_needs_a_level_above_zero():
    with pytest.raises(InputError, match="positive level, but 0 was given"):
        Entropy(0)
