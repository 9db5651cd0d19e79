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
    if example.noise is None:
        raise InputError(f"{card.title} needs to know how strong the noise is; no noise model came with the data.")
    sigma = float(example.noise.variance(example.y).amax().sqrt())

    def restorer(strength: float) -> Regularised:
        return Regularised(
            lambda given, strength: each(lambda image: denoise(image, strength), given.y), strength * sigma
        )

    centre = tuple(slice((n - min(n, _LARGEST)) // 2, (n + min(n, _LARGEST)) // 2) for n in example.y.shape[2:])
    part = Measurement(
        y=example.y[(slice(0, 1), slice(None), *centre)],
        operator=example.operator,
        weight=None if example.weight is None else example.weight[(slice(0, 1), slice(None), *centre)],
        noise=example.noise,
    )
    split = Grid(4, Donut())
    seed = int(torch.randint(1 << 31, (), generator=rng))

    def risk(strength: float) -> float:
        step = Step(0, 0.0, torch.Generator(example.y.device).manual_seed(seed))
        return float(HeldOut(split).terms(restorer(strength), part, step)["held_out"])

    best = restorer(min(strengths, key=risk))
    classes = split if example.y.ndim == 4 else Grid(3, Donut())
    prior = LocalVariance(SplitAverage(best, classes))
    return Method(model=best, prior=prior, restorer=PosteriorMean(prior), split=split, card=card)


def each(denoise: Callable[[Plane], Plane], y: Tensor) -> Tensor:
    """Apply a function of one image to every image and channel of y, (batch, channel, *space)."""
    images = y.detach().float().cpu().flatten(0, 1).numpy()
    return torch.from_numpy(np.stack([denoise(image) for image in images])).view(y.shape).to(y)
