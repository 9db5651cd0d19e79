"""The strength of a regularisation, chosen without a reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.operators.base import LinearOperator
from pellucid.restorers import Regularised
from pellucid.restorers.least_squares import linear

Rule = Literal["held_out", "sure", "discrepancy"]
Solve = Callable[[Measurement, float, Tensor | None], Tensor]
"""(measurement, strength or number of further iterations, where to start) -> image."""

STRENGTHS = tuple(10 ** (-k / 2) for k in range(1, 12))  # strongest first: each solution starts the next
COUNTS = tuple(2**k for k in range(9))  # of iterations that are stopped early
_SAME = 1e-3  # relative difference of two risks that are the same
_RISEN = 2  # strengths in a row that are worse than the best: the search ends
_PERTURBATION = 0.1  # of the noise, for the divergence
_RIPPLE = 0.1  # of the largest weight: the ringing of sharp edges, not a negative weight
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
    counted: bool = False,
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
    counted
        Whether the strength is a number of iterations, to which those of the next one are added.

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
            made = _held_out if rule == "held_out" else partial(_by_noise, rule=rule)
            choice = least(made(example, solve, rng, counted=counted), strengths, _WORDS[rule], refine=not counted)
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


def even(operator: LinearOperator, y: Tensor) -> Tensor:
    """Return the constant image that explains the sum of the counts y: where iterations on counts start."""
    sums = operator.adjoint(torch.ones_like(y)).clamp(min=0)
    return torch.ones_like(sums) * (y.sum() / sums.sum())


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


def _held_out(example: Measurement, solve: Solve, rng: torch.Generator, *, counted: bool) -> Callable[..., float]:
    """Return the mean error of predicted measurements, by strength: of its modulus, not of its square.

    A few entries hold most of the energy of a spectrum, and cannot be predicted from others: they shall not decide.
    """
    given, held = RandomSampling()(example, rng)
    assert held.weight is not None
    weight, start, done = held.weight.expand_as(held.y.real), None, 0.0

    def risk(strength: float) -> float:
        nonlocal start, done
        start, done = solve(given, strength - done, start), strength if counted else 0.0
        return float((weight * (held.operator(start) - held.y).abs()).sum() / weight.sum())

    return risk


def _by_noise(
    example: Measurement, solve: Solve, rng: torch.Generator, *, counted: bool, rule: Rule
) -> Callable[..., float]:
    """Return Stein's risk, or how far the misfit is from the noise, by strength."""
    y, noise = example.y, example.noise
    if noise is None:
        raise InputError(f"The rule {rule} needs to know the noise, which is not known here: use rule=held_out.")
    variance = noise.variance(y).real
    probe = torch.randn(y.shape, generator=rng, dtype=y.dtype, device=y.device)
    step = _PERTURBATION * variance.mean().sqrt()
    start, other, done = None, None, 0.0

    def risk(strength: float) -> float:
        nonlocal start, other, done
        further, first = strength - done, start
        start, done = solve(example, further, start), strength if counted else 0.0
        explained = example.operator(start)
        misfit = (explained - y).abs().square()
        if rule == "discrepancy":
            return abs(math.log(float(misfit.sum() / variance.sum())))
        other = solve(example.with_y(y + step * probe), further, other if counted else first)
        moved = example.operator(other) - explained
        return float((misfit - variance + 2 * variance * (probe.conj() * moved).real / step).mean())

    return risk


def _strongest(tried: Mapping[float, float]) -> float:
    """Return the strength of least risk; of those that cannot be told apart, the strongest: it was tried first."""
    least_risk = min(tried.values())
    return next(s for s, value in tried.items() if value <= least_risk + _SAME * abs(least_risk))


def least(risk: Callable[[float], float], strengths: Sequence[float], rule: str, *, refine: bool = True) -> Choice:
    """Return the strength of least risk; with `refine` it is also looked for between those given.

    Without, the search ends at the first one that is worse: each costs as much as all before it.
    """
    tried: dict[float, float] = {}
    for strength in strengths:
        tried[strength] = risk(strength)
        best = _strongest(tried)
        if list(tried).index(best) + (_RISEN if refine else 1) < len(tried):
            break
    order = sorted(tried)
    at = order.index(best)
    for neighbour in order[max(at - 1, 0) : at] + order[at + 1 : at + 2] if refine else ():
        between = math.sqrt(best * neighbour)
        tried[between] = risk(between)
    tried = {s: tried[s] for s in sorted(tried, reverse=strengths[0] > strengths[-1])}
    return Choice(rule, tried, _strongest(tried))
