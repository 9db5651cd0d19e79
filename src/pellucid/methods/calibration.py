"""Calibration of a classical denoiser without a reference, by J-invariance."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.fill import Donut
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.data.splits import Grid
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.objectives import HeldOut
from pellucid.restorers import LocalVariance, PosteriorMean, Regularised, SplitAverage

Plane = NDArray[np.float32]
_DISCREPANCY = 0.9  # of the noise variance, in the residual
_LARGEST = 512  # pixels along an axis of the part that is calibrated on


def calibrated(
    example: Measurement,
    denoise: Callable[[Plane, float], Plane],
    strengths: Iterable[float],
    card: Card,
    rng: torch.Generator,
) -> Method:
    """Return the denoiser with the strength of least self-supervised risk (Batson and Royer 2019, section 4).

    One class of a grid is hidden, filled with the mean of its neighbours, and compared: for noise that is
    independent from pixel to pixel the risk is the true one plus the noise variance, so both have one minimum. It
    is the risk of the J-invariant function, so that is also what answers: every pixel from the pass in which it was
    hidden, then joined with what was seen. (Applied to all pixels at once, a denoiser that sees its own pixel wants
    a larger strength than the calibration finds.)

    Parameters
    ----------
    example
        Data of shape (batch, 1, *space) with its noise model.
    denoise
        Maps one image, (*space), and a strength in its units to the denoised image.
    strengths
        What is tried, in multiples of the largest standard deviation of the noise.
    card
        Of the method.
    rng
        Draws the class.
    """
    part, restorer = _centre(example), _scaled(example, denoise, card)
    split = Grid(4, Donut())
    seed = int(torch.randint(1 << 31, (), generator=rng))

    def risk(strength: float) -> float:
        step = Step(0, 0.0, torch.Generator(example.y.device).manual_seed(seed))
        return float(HeldOut(split).terms(restorer(strength), part, step)["held_out"])

    best = restorer(min(strengths, key=risk))
    classes = split if example.y.ndim == 4 else Grid(3, Donut())
    prior = LocalVariance(SplitAverage(best, classes))
    return Method(model=best, prior=prior, restorer=PosteriorMean(prior), split=split, card=card)


def by_discrepancy(
    example: Measurement, denoise: Callable[[Plane, float], Plane], strengths: Iterable[float], card: Card
) -> Method:
    """Return the denoiser as strong as it may be while it removes no more than nine tenths of the noise variance.

    For the true image E(y - x)² is the noise variance, whatever the noise of neighbours has in common. A denoised
    image keeps some noise, so that its residual holds less.

    Parameters
    ----------
    example, denoise, strengths, card
        As in `calibrated`.

    References
    ----------
    Morozov, "On the solution of functional equations by the method of regularization", Soviet Mathematics 7, 1966.
    """
    part, restorer = _centre(example), _scaled(example, denoise, card)
    assert part.noise is not None
    allowed = _DISCREPANCY * part.noise.variance(part.y).mean()
    chosen = [r for r in map(restorer, sorted(strengths)) if (part.y - r(part)).square().mean() <= allowed]
    best = chosen[-1] if chosen else restorer(min(strengths))
    return Method(model=best, prior=best, restorer=best, split=Grid(4, Donut()), card=card)


def _scaled(
    example: Measurement, denoise: Callable[[Plane, float], Plane], card: Card
) -> Callable[[float], Regularised]:
    """Return what makes a restorer of a strength in multiples of the noise's largest standard deviation."""
    if example.noise is None:
        raise InputError(f"{card.title} needs to know how strong the noise is; no noise model came with the data.")
    sigma = float(example.noise.variance(example.y).amax().sqrt())

    def restorer(strength: float) -> Regularised:
        return Regularised(
            lambda given, strength: each(lambda image: denoise(image, strength), given.y), strength * sigma
        )

    return restorer


def _centre(example: Measurement) -> Measurement:
    """Return the middle of the first image."""
    centre = tuple(slice((n - min(n, _LARGEST)) // 2, (n + min(n, _LARGEST)) // 2) for n in example.y.shape[2:])
    where = (slice(0, 1), slice(None), *centre)
    weight = None if example.weight is None else example.weight[where]
    return Measurement(y=example.y[where], operator=example.operator, weight=weight, noise=example.noise)


def each(denoise: Callable[[Plane], Plane], y: Tensor) -> Tensor:
    """Apply a function of one image to every image and channel of y, (batch, channel, *space)."""
    images = y.detach().float().cpu().flatten(0, 1).numpy()
    return torch.from_numpy(np.stack([denoise(image) for image in images])).view(y.shape).to(y)
