import pytest
import torch

from pellucid.objectives.pool import Pool


def numbered(start, count):
    return torch.arange(start, start + count, dtype=torch.float32).view(-1, 1, 1, 1)


def test_until_it_is_full_it_keeps_and_returns_what_comes(rng):
    pool = Pool((1, 1, 1), size=8)
    for start in (0, 5):
        assert torch.equal(pool(numbered(start, 5)[: 8 - start], rng), numbered(start, 5)[: 8 - start])
    assert torch.equal(pool.kept, numbered(0, 8))


def test_half_of_what_a_full_pool_returns_was_kept(rng):
    pool = Pool((1, 1, 1))
    pool(numbered(0, 50), rng)
    batch, returned = 64, []
    for k in range(40):
        samples = numbered(50 + batch * k, batch)
        given = pool(samples, rng)
        returned.append(given != samples)
        assert len(pool.kept) == 50
        assert set(pool.kept.unique().tolist()) <= set(range(50 + batch * (k + 1)))
    kept = torch.cat(returned).float()
    assert float(kept.mean()) == pytest.approx(0.5, abs=4 * 0.5 / len(kept) ** 0.5)


def test_what_leaves_the_pool_is_never_returned_twice(rng):
    """An exchange takes one out and puts one in: every sample is returned or kept, once."""
    pool = Pool((1, 1, 1), size=10)
    first = pool(numbered(0, 10), rng)
    rest = pool(numbered(10, 500), rng)
    assert torch.equal(first, numbered(0, 10))
    assert torch.equal(torch.cat([rest, pool.kept]).flatten().sort().values, torch.arange(510.0))


def test_places_are_exchanged_alike(rng):
    pool = Pool((1, 1, 1), size=4)
    pool(numbered(0, 4), rng)
    changes = torch.zeros(4)
    for k in range(400):
        before = pool.kept.clone()
        pool(numbered(4 + k, 1), rng)
        changes += (pool.kept != before).flatten()
    assert torch.allclose(changes, torch.tensor(50.0), atol=4 * 50**0.5)


def test_a_pool_of_none_returns_what_comes(rng):
    samples = numbered(0, 3)
    assert Pool((1, 1, 1), size=0)(samples, rng) is samples


def test_the_state_of_a_pool_is_all_of_it(rng):
    pool, other = Pool((1, 1, 1), size=4), Pool((1, 1, 1), size=4)
    pool(numbered(0, 9), rng)
    other.load_state_dict(pool.state_dict())
    found = [p(numbered(9, 20), torch.Generator().manual_seed(3)) for p in (pool, other)]
    assert torch.equal(*found)
