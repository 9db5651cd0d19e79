"""Random numbers as a function of (seed, rank, index): nothing random is ever stored."""

from __future__ import annotations

import torch

_MASK = (1 << 64) - 1


def mix(*numbers: int) -> int:
    """Return a 63-bit seed that depends on every number and its place (splitmix64 finaliser).

    Examples
    --------
    >>> mix(0, 1) != mix(1, 0)
    True
    """
    state = 0
    for number in numbers:
        state = (state + (number & _MASK) + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1


def generator(device: torch.device | str, *numbers: int) -> torch.Generator:
    """Return a generator on `device` seeded by `mix(*numbers)`."""
    return torch.Generator(device).manual_seed(mix(*numbers))


def host(rng: torch.Generator) -> torch.Generator:
    """Return a generator on the CPU that follows from the seed of `rng`: for choices that the host must know."""
    return generator("cpu", rng.initial_seed(), 1)
