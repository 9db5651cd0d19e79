"""Nowozin, Cseke, Tomioka 2016: the bound is tight at T = f'(p / q), and lower elsewhere."""

import math

import pytest
import torch

from pellucid.objectives.divergences import DIVERGENCES

BEST = {  # the critic's output at f'(u) = g_f(V), and f
    "kl": (lambda u: 1 + u.log(), lambda u: u * u.log()),
    "reverse_kl": (lambda u: u.log(), lambda u: -u.log()),
    "pearson": (lambda u: 2 * (u - 1), lambda u: (u - 1) ** 2),
    "neyman": (lambda u: 2 * u.log(), lambda u: (1 - u) ** 2 / u),
    "hellinger": (lambda u: u.log() / 2, lambda u: (u.sqrt() - 1) ** 2),
    "js": (lambda u: u.log(), lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log()),
    "gan": (lambda u: u.log(), lambda u: u * u.log() - (u + 1) * (u + 1).log()),
}
CLOSED = {"kl": 0.116349, "reverse_kl": 0.162678, "pearson": 0.199597, "neyman": 0.740228}
CLOSED |= {"hellinger": 0.066624, "js": 0.064194, "gan": -1.322101}


def densities():
    """Return a grid, its spacing, and the densities of N(0, 1) and N(0.5, 1.2²)."""
    x = torch.linspace(-12, 12, 200001, dtype=torch.float64)
    normal = [torch.exp(-(((x - m) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi)) for m, s in ((0, 1), (0.5, 1.2))]
    return x, float(x[1] - x[0]), *normal


@pytest.mark.parametrize("name", BEST)
def test_the_bound_is_tight_at_the_best_critic_only(name):
    x, dx, p, q = densities()
    best, f = BEST[name]
    divergence, v = DIVERGENCES[name], best(p / q)

    def bound(v):
        return float(((p * divergence.real(v) - q * divergence.fake(v)) * dx).sum())

    assert bound(v) == pytest.approx(float((q * f(p / q) * dx).sum()), abs=1e-9)
    assert bound(v) == pytest.approx(CLOSED[name], abs=1e-5)
    for other in (v + 0.1, v + 0.1 * x.sin(), 0.9 * v):
        assert bound(other) < bound(v)


LOWERED = {  # h(q / p): a model that faces the best critic goes down E_P h
    "kl": lambda r: r * r.log(),
    "reverse_kl": lambda r: r * r.log(),
    "pearson": lambda r: -2 * r.log(),
    "neyman": lambda r: (r - 1) ** 2,
    "hellinger": lambda r: 2 / 3 * r**1.5,
    "js": lambda r: r * r.log() - (r * (2 * r / (1 + r)).log() - ((1 + r) / 2).log()),
}
LOWERED["gan"] = LOWERED["js"]


@pytest.mark.parametrize("name", LOWERED)
def test_what_a_model_lowers_is_the_divergence_that_is_told(name):
    """By the shift and the width of Q."""
    x, dx, p, _ = densities()
    told = torch.tensor([0.5, 1.2], dtype=torch.float64, requires_grad=True)
    q = torch.exp(-(((x - told[0]) / told[1]) ** 2) / 2) / (told[1] * math.sqrt(2 * math.pi))
    v = BEST[name][0]((p / q).detach())
    divergence = DIVERGENCES[name]
    generator = -(q * (divergence.sought or divergence.real)(v)).sum() * dx
    lowered = (p * LOWERED[name](q / p)).sum() * dx
    expected, found = (torch.autograd.grad(value, told, retain_graph=True)[0] for value in (lowered, generator))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["js", "gan"])
def test_what_is_read_off_is_the_usual_jensen_shannon_divergence(name):
    _, dx, p, q = densities()
    bound = torch.tensor(CLOSED[name], dtype=torch.float64, requires_grad=True)
    middle = (p + q) / 2
    expected = float((p * (p / middle).log() + q * (q / middle).log()).sum() * dx / 2)
    read = DIVERGENCES[name].estimate(bound)["js_nats"]
    assert float(read) == pytest.approx(expected, abs=1e-5)
    assert not read.requires_grad


@pytest.mark.parametrize("name", ["least_squares", "hinge"])
def test_what_is_no_divergence_is_not_called_one(name):
    assert DIVERGENCES[name].estimate(torch.ones(())) == {}


@pytest.mark.parametrize("name", DIVERGENCES)
def test_nothing_overflows(name):
    v = torch.tensor([-200.0, -50, 0, 50, 200]).requires_grad_()
    parts = DIVERGENCES[name].real(v), DIVERGENCES[name].fake(v)
    sum(part.sum() for part in parts).backward()
    assert all(bool(part.isfinite().all()) for part in (*parts, v.grad))
