"""How wrong a model is on pixels that were hidden from it: an error without a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.prepare.standardise import Standardisation
from pellucid.data.splits import Reserved, Split
from pellucid.errors import InputError
from pellucid.metrics.reference import as_pair
from pellucid.restorers.base import Restorer
from pellucid.restorers.inference import posterior

Array = NDArray[np.float64]

UNSURE = 0.05  # how well the variance of the noise is known from one image
_BLOCK = 16  # pixels


@dataclass(frozen=True, kw_only=True)
class Risk:
    """Mean squared difference between hidden pixels and their prediction, in recorded units squared.

    Parameters
    ----------
    mean, se
        E|F(given) - y|² and its standard error.
    noise_variance
        Mean variance of the noise at these pixels, or None where the noise is not known.
    pixels
        How many were compared, or None where that was not kept.
    second_shot
        Whether the image itself was compared, with every pixel of a second recording.
    spread
        Root mean square of the spread that the image claims at these pixels; None where it was not asked.
    """

    mean: float
    se: float
    noise_variance: float | None = None
    pixels: int | None = None
    second_shot: bool = False
    spread: float | None = None

    def meaning(self, *, independent: bool) -> str:
        """Say what the number is; `independent`: whether the noise is so from what is given to what is held."""
        what = "all pixels of a second recording" if self.second_shot else "pixels that were never trained on"
        told = f"The risk, {self.mean:.4g} ± {self.se:.2g}, is a mean squared difference on {what}"
        if not independent and not self.second_shot:
            return f"{told}. It is no estimate of an error here: the noise of neighbouring pixels is correlated."
        if self.error is None:
            return f"{told}: the squared error plus the variance of the noise, which is not known."
        return (
            f"{told}. Less the variance of the noise, {self.noise_variance:.4g}, this estimates a mean squared error "
            f"of {self.error:.3g} ± {self.se:.2g}."
        )

    @property
    def error(self) -> float | None:
        """The estimated mean squared error of the prediction, E|F(given) - x|²; may fall below zero by chance.

        An error only where the noise is independent between what is given and what is held.
        """
        return None if self.noise_variance is None else self.mean - self.noise_variance


def held_out_risk(
    model: Restorer,
    split: Split,
    measurement: Measurement,
    places: Tensor,
    standardisation: Standardisation,
    *,
    rng: torch.Generator,
) -> Risk:
    """Predict hidden pixels and compare: E|F(given) - y|² = E|F(given) - x|² + E|y - x|².

    Where the model also predicts a variance v, the risk is that of the posterior mean x_hat, which uses the hidden
    pixel after all. Given everything else it is linear in y with slope spread² / s², so by Stein's identity

        E|x_hat - y|² + 2 E spread² = E|x_hat - x|² + E|y - x|²,      spread² = s² v / (s² + v).

    Parameters
    ----------
    model
        What explains hidden pixels, in the units of `standardisation`.
    split
        How it was given and held data in training.
    measurement
        Recorded data, shape (batch, channel, *space), in recorded units; with the noise model where it is known.
        Its weight says how much each pixel counts.
    places
        Flat places that were never a training target, (batch, channel, count).
    standardisation
        From recorded units to those of the model.
    rng
        On the device of the data; draws the replacements of hidden pixels, or which shot is given.

    Raises
    ------
    InputError
        Where fewer than two pixels are hidden.

    Notes
    -----
    The equation is that of Noise2Self and Noise2Noise: the noise of what is held has zero mean and is independent
    of what is given. The squares are averaged in recorded units, after the unbiased inverse of the standardisation.

    References
    ----------
    Batson, Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019, equation 2.
    Stein, "Estimation of the mean of a multivariate normal distribution", Annals of Statistics 9, 1981.
    """
    parts = []
    for i in range(len(measurement.y)):
        recorded = image_of(measurement, i)
        parts.append(_hidden(model, Reserved(split, places[i : i + 1]), recorded, standardisation, rng))
    return mean_of(parts, known=measurement.noise is not None)


def mean_of(parts: Sequence[tuple[Tensor, Tensor, Tensor]], *, known: bool) -> Risk:
    """Return the weighted mean of the risk of pixels, given with their weight and the variance of their noise."""
    square, weight, variance = (torch.cat(part) for part in zip(*parts, strict=True))
    if len(square) < 2:
        raise InputError(f"A held-out risk needs two hidden pixels or more, but {len(square)} were named.")
    mean = (weight * square).sum() / weight.sum()
    return Risk(
        mean=float(mean),
        se=float((weight * (square - mean)).square().sum().sqrt() / weight.sum()),
        noise_variance=float((weight * variance).sum() / weight.sum()) if known else None,
        pixels=len(square),
    )


def second_shot_risk(restored: Array, noisy: Array, second: Array) -> Risk:
    """Compare an image with an independent recording: E|x_hat - y₂|² = E|x_hat - x|² + E|y₂ - x|².

    The variance of the noise is half of E|y₁ - y₂|², so that no noise model is needed and the noise may be correlated
    between pixels.

    Parameters
    ----------
    restored
        Shape (..., row, column); made without `second`.
    noisy, second
        The recording it was made from, and another of the same object at the same brightness.

    Raises
    ------
    InputError
        Where the shapes differ, or an image is smaller than 32 pixels a side.

    Notes
    -----
    The standard error is that of means over blocks of 16 pixels, which are nearly independent.
    """
    first, image = as_pair(noisy, restored)
    first, other = as_pair(first, second)
    if min(other.shape[-2:]) < 2 * _BLOCK:
        raise InputError(
            f"A second shot is compared from {2 * _BLOCK} pixels a side on, but its shape is {other.shape}."
        )
    square = (image - other) ** 2
    rows, columns = (n // _BLOCK for n in square.shape[-2:])
    cut = square[..., : rows * _BLOCK, : columns * _BLOCK]
    means = cut.reshape(-1, rows, _BLOCK, columns, _BLOCK).mean((2, 4))
    return Risk(
        mean=float(square.mean()),
        se=float(means.std(ddof=1) / means.size**0.5),
        noise_variance=float(((first - other) ** 2).mean() / 2),
        pixels=square.size,
        second_shot=True,
    )


def _hidden(
    model: Restorer,
    split: Split,
    recorded: Measurement,
    standardisation: Standardisation,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the risk of each hidden pixel, its weight and the variance of its noise, in recorded units."""
    state = rng.get_state()
    _, held = split(recorded, rng)
    rng.set_state(state)
    given, target = split(standardised(recorded, standardisation), rng)
    with torch.no_grad():
        moments = model.explain(given, rng).float()
        if moments.shape[1] == 2 and target.noise is not None:
            moments = posterior(moments, target.y, target.noise.variance(moments[:, 0]))
        image = standardisation.inverse(held.operator(moments[:, 0]))
        risk = (image - held.y).double().square()
        if moments.shape[1] == 2:
            risk = risk + 2 * standardisation.inverse_spread(moments[:, 0], moments[:, 1].sqrt()).double().square()
        variance = torch.zeros_like(image) if recorded.noise is None else recorded.noise.variance(image)
    assert held.weight is not None
    weight = held.weight.expand_as(held.y)
    at = weight > 0
    return risk[at], weight[at].double(), variance[at].double()


def image_of(batch: Measurement, i: int) -> Measurement:
    """Return one entry of a batch."""
    weight = batch.weight if batch.weight is None or len(batch.weight) == 1 else batch.weight[i : i + 1]
    one = replace(batch, y=batch.y[i : i + 1], operator=batch.operator[i], weight=weight)
    return replace(one, shots=tuple(image_of(shot, i) for shot in one.shots)) if isinstance(one, Repeated) else one


def standardised(recorded: Measurement, standardisation: Standardisation) -> Measurement:
    """Return the same measurement in the units of the model."""
    one = replace(recorded, y=standardisation(recorded.y), noise=standardisation.noise)
    if not isinstance(one, Repeated):
        return one
    return replace(one, shots=tuple(standardised(shot, standardisation) for shot in one.shots))
