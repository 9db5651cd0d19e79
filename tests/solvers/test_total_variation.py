import pytest
import torch
from skimage.restoration import denoise_tv_chambolle

from pellucid.solvers.total_variation import TotalVariation

ONE = torch.tensor(0.2, dtype=torch.float64)


@pytest.mark.parametrize("isotropic", [True, False])
@pytest.mark.parametrize("shape", [(2, 1, 9, 8), (1, 2, 4, 5, 6)])
def test_the_duality_gap_closes(isotropic, shape, rng):
    """For u = v + div p, ½‖u − v‖² + s R(u) − (½‖v‖² − ½‖u‖²) bounds the distance to the minimum."""
    v = torch.randn(shape, dtype=torch.complex128, generator=rng)
    prior = TotalVariation(isotropic=isotropic, iterations=3000)
    u = prior.prox(v, ONE)
    primal = 0.5 * (u - v).abs().square().sum() + ONE * prior.value(u).sum()
    dual = 0.5 * v.abs().square().sum() - 0.5 * u.abs().square().sum()
    assert 0 <= float(primal - dual) < 1e-6 * float(primal)


def test_agrees_with_scikit_image(phantom_2d, rng):
    v = phantom_2d.double() + 0.1 * torch.randn(phantom_2d.shape, generator=rng, dtype=torch.float64)
    theirs = denoise_tv_chambolle(v[0, 0].numpy(), weight=0.2, eps=0, max_num_iter=3000)
    prior = TotalVariation(iterations=1000)
    ours, theirs = prior.prox(v, ONE), torch.from_numpy(theirs).view(v.shape)
    values = [float(0.5 * (x - v).square().sum() + ONE * prior.value(x)) for x in (ours, theirs)]
    assert values[1] * (1 - 1e-4) < values[0] < values[1]
    assert torch.allclose(ours, theirs, atol=5e-3)


def test_a_step_moves_by_the_strength_over_its_length():
    v = torch.tensor([0.0] * 4 + [1.0] * 6, dtype=torch.float64).view(1, 1, 1, 10)
    expected = torch.tensor([0.2 / 4] * 4 + [1 - 0.2 / 6] * 6, dtype=torch.float64)
    assert torch.allclose(TotalVariation(iterations=2000).prox(v, ONE).flatten(), expected, atol=1e-6)


def test_nothing_changes_at_strength_zero_nor_in_a_constant(rng):
    v = torch.randn(1, 1, 6, 6, generator=rng)
    assert torch.equal(TotalVariation().prox(v, torch.zeros(())), v)
    assert torch.equal(TotalVariation().prox(torch.ones(1, 1, 6, 6), torch.ones(())), torch.ones(1, 1, 6, 6))
    zero = torch.zeros(1, 1, 6, 6)
    assert torch.equal(TotalVariation().prox(zero, torch.zeros(())), zero)


def test_a_warm_start_gets_there_in_few_iterations_a_call(rng):
    v = torch.randn(1, 1, 12, 12, dtype=torch.float64, generator=rng)
    exact, prox = TotalVariation(iterations=5000).prox(v, ONE), TotalVariation().warm(5)
    errors = [float((prox(v, ONE) - exact).abs().amax()) for _ in range(60)]
    assert errors[-1] < 1e-3 * errors[0]


def test_the_map_has_a_derivative(rng):
    v = torch.randn(1, 1, 4, 4, dtype=torch.float64, generator=rng).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: TotalVariation(iterations=10).prox(v, ONE), v)


def test_value_counts_edges():
    x = torch.zeros(1, 1, 8, 8)
    x[..., 4:] = 2
    assert float(TotalVariation().value(x)) == 16
    x[..., :4, :] += 1
    assert float(TotalVariation(isotropic=False).value(x * 1j)) == 24
    assert float(TotalVariation().value(x)) == pytest.approx(21 + 5**0.5)
