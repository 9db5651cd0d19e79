import torch

from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.source import Fixed, Step
from pellucid.operators import Identity


def step(index, seed=0):
    return Step(index, 0.5, torch.Generator().manual_seed(seed))


def test_a_fixed_batch_is_the_same_at_every_step(rng):
    batch = Measurement(y=torch.randn(2, 1, 4, 4, generator=rng), operator=Identity())
    assert Fixed(batch).draw(step(0)) is batch
    assert Fixed(batch).draw(step(7, seed=1)) is batch


def test_a_source_has_random_access(rng):
    """A step gives its batch whatever was drawn before: nothing is stored."""
    source = Patches(
        data=Measurement(y=torch.randn(2, 1, 32, 32, generator=rng), operator=Identity()), patch=(8, 8), batch=3
    )
    first = [source.draw(step(i, seed=i)).y for i in range(4)]
    again = {i: source.draw(step(i, seed=i)).y for i in (3, 1, 0, 2)}
    assert all(torch.equal(first[i], again[i]) for i in range(4))
    assert not torch.equal(first[0], first[1])
