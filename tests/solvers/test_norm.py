import torch

from pellucid.solvers import lipschitz


def test_is_the_largest_eigenvalue_of_each_sample_and_hardly_more(linear):
    largest = linear.eigenvalues[:, -1]
    found = lipschitz(linear.normal, linear.x).flatten()
    assert found.shape == (3,)
    assert (found >= 0.999 * largest).all()
    assert (found <= 1.1 * largest).all()
    assert torch.allclose(lipschitz(linear.normal, linear.x, iterations=500).flatten(), largest, rtol=1e-6)


def test_of_nothing_is_zero():
    assert lipschitz(torch.zeros_like, torch.ones(2, 1, 3, 3)).flatten().tolist() == [0, 0]


def test_has_no_hidden_randomness(linear):
    state = torch.get_rng_state()
    first, second = (lipschitz(linear.normal, linear.x, iterations=3) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
