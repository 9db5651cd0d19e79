import itertools

import pytest
import torch

from pellucid._math.seeds import generator, mix


def test_seed_depends_on_every_number_and_its_place():
    triples = list(itertools.product(range(12), repeat=3))
    assert len({mix(*triple) for triple in triples}) == len(triples)
    assert len({mix(7), mix(7, 0), mix(0, 7), mix(7, 0, 0)}) == 4


@pytest.mark.parametrize("numbers", [(0,), (-1,), (2**70, 3), (1, 2, 3, 4)])
def test_seed_is_what_torch_accepts(numbers):
    assert 0 <= mix(*numbers) < 2**63
    assert generator("cpu", *numbers).initial_seed() == mix(*numbers)


def test_one_step_of_a_number_changes_half_of_the_bits():
    flips = [(mix(3, i) ^ mix(3, i + 1)).bit_count() for i in range(1000)]
    assert sum(flips) / len(flips) == pytest.approx(63 / 2, abs=0.5)


def test_neighbouring_generators_are_uncorrelated():
    draws = torch.stack([torch.randn(4000, generator=generator("cpu", 0, 0, i)) for i in range(8)])
    assert (torch.corrcoef(draws) - torch.eye(8)).abs().max() < 5 / 4000**0.5
