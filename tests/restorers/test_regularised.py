import torch

from pellucid.data.measurement import Measurement
from pellucid.operators import Identity
from pellucid.restorers import Regularised


def test_tikhonov_solution_minimises_its_functional(rng):
    """R(x) = ||x||²: the minimiser of ||y - x||² + a R(x) is y / (1 + a), and no other image is below it."""
    y = torch.randn(1, 1, 6, 6, generator=rng)
    given = Measurement(y=y, operator=Identity())
    image = Regularised(lambda given, strength: given.y / (1 + strength), 0.3)(given)

    def functional(x):
        return (y - x).square().sum() + 0.3 * x.square().sum()

    others = [image + 0.01 * torch.randn(y.shape, generator=rng) for _ in range(20)]
    assert all(functional(image) < functional(x) for x in others)


def test_strength_is_saved_and_loaded():
    weak, strong = (Regularised(lambda given, strength: strength * given.y, s) for s in (0.1, 0.7))
    weak.load_state_dict(strong.state_dict())
    given = Measurement(y=torch.ones(1, 1, 2, 2, dtype=torch.float64), operator=Identity())
    assert torch.equal(weak(given), 0.7 * given.y)


def test_image_is_the_only_moment():
    given = Measurement(y=torch.ones(2, 3, 4, 4), operator=Identity())
    solver = Regularised(lambda given, strength: strength * given.y, 2.0)
    assert torch.equal(solver.explain(given), 2 * given.y.unsqueeze(1))
    assert solver.estimate(given)[1] is None
