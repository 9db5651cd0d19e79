import pytest
import torch

from pellucid.solvers import gradient_descent
from pellucid.solvers.progress import Progress, inner, ratio


def test_inner_product_is_that_of_real_vectors(rng):
    a, b = (torch.randn(2, 1, 3, 4, dtype=torch.complex128, generator=rng) for _ in range(2))
    assert torch.allclose(inner(a, b).flatten(), (a.conj() * b).sum((1, 2, 3)).real)
    assert torch.allclose(inner(a.conj(), b).flatten(), (a * b).sum((1, 2, 3)).real)
    assert inner(a, b).shape == (2, 1, 1, 1)


def test_ratio_of_nothing_is_zero_and_so_is_its_gradient():
    a = torch.tensor([1.0, 0.0], requires_grad=True)
    b = torch.tensor([2.0, 0.0], requires_grad=True)
    ratio(a, b).sum().backward()
    assert ratio(a, b).tolist() == [0.5, 0.0]
    assert a.grad.tolist() == [0.5, 0.0]
    assert torch.isfinite(b.grad).all()


def test_looks_only_when_asked():
    assert not any(Progress(30, 0.0, None).due(k) for k in range(30))
    assert [k for k in range(35) if Progress(35, 1e-3, None).due(k)] == [9, 19, 29, 34]


def test_the_sample_that_changes_most_decides():
    one = torch.ones(2, 1, 3)
    change = torch.tensor([0.0, 0.1]).view(2, 1, 1) * one
    assert not Progress(1, 0.09, None).settled(0, change, one)
    assert Progress(1, 0.11, None).settled(0, change, one)


def test_who_watches_may_stop():
    def stop(iteration, change):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        gradient_descent(lambda x: x, torch.ones(1, 1, 2), torch.tensor(0.5), iterations=50, watch=stop)
