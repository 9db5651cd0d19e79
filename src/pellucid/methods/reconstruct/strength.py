"""The strength of a regularisation, chosen without a reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.splits import RandomSampling
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.restorers import Regularised
from pellucid.restorers.least_squares import linear

Rule = Literal["held_out", "sure", "discrepancy"]
Solve = Callable[[Measurement, float, Tensor | None], Tensor]
"""(measurement, strength, where to start) -> image."""

STRENGTHS = tuple(10 ** (-k / 2) for k in range(1, 12))  # strongest first: each solution starts the next
COUNTS = tuple(2**k for k in range(11))  # of iterations that are stopped early
_SAME = 1e-3  # relative difference of two risks that are the same
_RISEN = 2  # strengths in a row that are worse than the best: the search ends
_PERTURBATION = 0.1  # of the noise, for the divergence
_RIPPLE = 0.02  # of the largest weight: numerical, not negative
_BELOW = 0.02  # of the signal: read noise around a dark background
_WORDS = {
    "held_out": "mean error of held-out measurements",
    "sure": "Stein's unbiased risk estimate",
    "discrepancy": "departure of the misfit from the noise, |log ratio|",
    "given": "as given",
}


@dataclass(frozen=True)
class Choice:
    """How a strength was chosen.

    Parameters
    ----------
    rule
        In words.
    tried
        The value of the rule by strength; the least is best.
    strength
        What was chosen.
    """

    rule: str
    tried: Mapping[float, float]
    strength: float


class Chosen(Regularised):
    """A regularised solution that knows how its strength was chosen.

    Parameters
    ----------
    solve
        (measurement, strength, None) -> image.
    choice
        The strength, and why.
    """

    def __init__(self, solve: Solve, choice: Choice) -> None:
        super().__init__(lambda given, strength: solve(given, strength, None), choice.strength)
        self.choice = choice


def chosen(
    example: Measurement,
    solve: Solve,
    card: Card,
    rng: torch.Generator,
    *,
    strength: float | None = None,
    rule: Rule = "held_out",
    strengths: Sequence[float] = STRENGTHS,
) -> Method:
    """Return the method with a given strength, or with the best by a rule that needs no reference.

    Parameters
    ----------
    example
        The measurement; `sure` and `discrepancy` need its noise.
    solve
        The method.
    card
        Its card.
    rng
        Draws what is held out, or the perturbation.
    strength
        None chooses it.
    rule
        ``held_out``: a tenth of the measurements is hidden, and must be predicted. ``sure``: the expected error of
        Hx, from the divergence of the solution. ``discrepancy``: no more misfit than there is noise.
    strengths
        What is tried, until it gets worse; the geometric means beside the best follow.

    References
    ----------
    Ramani, Blu, Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for general denoising
    algorithms", IEEE Transactions on Image Processing 17, 2008.
    Morozov, "On the solution of functional equations by the method of regularization", 1966.
    """
    if strength is not None:
        choice = Choice(_WORDS["given"], {}, strength)
    else:
        with torch.no_grad():
            risk = _held_out(example, solve, rng) if rule == "held_out" else _by_noise(example, solve, rule, rng)
            choice = least(risk, strengths, _WORDS[rule])
    return settled(solve, choice, card)


def settled(solve: Solve, choice: Choice, card: Card) -> Method:
    """Return the method with a strength that is chosen."""
    restorer = Chosen(solve, choice)
    return Method(model=restorer, prior=restorer, restorer=restorer, split=RandomSampling(), card=card)


def fixed(solve: Callable[[Measurement], Tensor], card: Card) -> Method:
    """Return a method that has no strength."""
    restorer = Regularised(lambda given, _: solve(given), 0.0)
    return Method(model=restorer, prior=restorer, restorer=restorer, split=RandomSampling(), card=card)


def rays(example: Measurement, card: Card) -> None:
    """Check that an instrument adds up, with weights that are not negative.

    Raises
    ------
    InputError
        Where it does not.
    """
    sums = linear(example).adjoint(torch.ones_like(example.y))
    if sums.is_complex() or float(sums.amin()) < -_RIPPLE * float(sums.amax()):
        raise InputError(
            f"{card.title} needs an instrument that adds up what the object emits or absorbs, but "
            f"{type(example.operator).__name__} has weights that are complex or negative: use --method cg or tv."
        )


def counts(example: Measurement, card: Card) -> None:
    """Check that measured values may be counts, and the instrument one that adds up.

    Raises
    ------
    InputError
        Where they may not.
    """
    rays(example, card)
    negative, positive = (float((sign * example.y).clamp(min=0).sum()) for sign in (-1, 1))
    if negative > _BELOW * positive:
        raise InputError(
            f"{card.title} needs counts, which are not negative, but {negative / (negative + positive):.0%} of the "
            "measured signal lies below zero: subtract less background, or use --method tv."
        )


def _held_out(example: Measurement, solve: Solve, rng: torch.Generator) -> Callable[..., float]:
    """Return the mean error of predicted measurements, by strength: of its modulus, not of its square.

    A few entries hold most of the energy of a spectrum, and cannot be predicted from others: they shall not decide.
    """
    given, held = RandomSampling()(example, rng)
    assert held.weight is not None
    weight, start = held.weight.expand_as(held.y.real), None

    def risk(strength: float) -> float:
        nonlocal start
        start = solve(given, strength, start)
        return float((weight * (held.operator(start) - held.y).abs()).sum() / weight.sum())

    return risk


def _by_noise(example: Measurement, solve: Solve, rule: Rule, rng: torch.Generator) -> Callable[..., float]:
    """Return Stein's risk, or how far the misfit is from the noise, by strength."""
    y, noise, start = example.y, example.noise, None
    if noise is None:
        raise InputError(f"The rule {rule} needs to know the noise, which is not known here: use rule=held_out.")
    variance = noise.variance(y).real
    probe = torch.randn(y.shape, generator=rng, dtype=y.dtype, device=y.device)
    step = _PERTURBATION * variance.mean().sqrt()

    def risk(strength: float) -> float:
        nonlocal start
        first, start = start, solve(example, strength, start)
        explained = example.operator(start)
        misfit = (explained - y).abs().square()
        if rule == "discrepancy":
            return abs(math.log(float(misfit.sum() / variance.sum())))
        moved = example.operator(solve(example.with_y(y + step * probe), strength, first)) - explained
        return float((misfit - variance + 2 * variance * (probe.conj() * moved).real / step).mean())

    return risk


def _strongest(tried: Mapping[float, float]) -> float:
    """Return the strength of least risk; of those that cannot be told apart, the strongest: it was tried first."""
    least_risk = min(tried.values())
    return next(s for s, value in tried.items() if value <= least_risk + _SAME * abs(least_risk))


def least(risk: Callable[[float], float], strengths: Sequence[float], rule: str) -> Choice:
    """Return the strength of least risk."""
    tried: dict[float, float] = {}
    for strength in strengths:
        tried[strength] = risk(strength)
        best = _strongest(tried)
        if list(tried).index(best) + _RISEN < len(tried):
            break
    order = sorted(tried)
    at = order.index(best)
    for neighbour in order[max(at - 1, 0) : at] + order[at + 1 : at + 2]:
        between = math.sqrt(best * neighbour)
        tried[between] = risk(between)
    tried = {s: tried[s] for s in sorted(tried, reverse=strengths[0] > strengths[-1])}
    return Choice(rule, tried, _strongest(tried))
