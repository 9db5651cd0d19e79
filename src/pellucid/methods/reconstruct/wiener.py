"""The Wiener filter."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import Choice, least, settled
from pellucid.operators import Crop, Sampling
from pellucid.operators.base import Composition
from pellucid.restorers import LeastSquares, Units

CARD = Card(
    title="Wiener filter",
    needs="measurements",
    assumes="noise of one strength; an instrument that acts alike everywhere; a power spectrum that falls as 1/|f|²",
    independent=False,
    stabilise=False,
    gives="image",
    equation="X̂(f) = H*(f) Y(f) / (|H(f)|² + λ |2 sin πf|²)",
    paper="Wiener 1949; spectrum of images: Field, JOSA A 1987",
)
_STRENGTHS = tuple(10 ** (1 - k / 2) for k in range(15))
_LEAST = 1e-12
_ALIKE = 0.1  # of ‖H* H δ‖: how much the answer to an impulse may depend on where it is


def wiener(example: Measurement, *, rng: torch.Generator, strength: float | None = None) -> Method:
    """Divide by the transfer function where it is above the noise: X̂(f) = H*(f) Y(f) / (|H(f)|² + λ |2 sin πf|²).

    Parameters
    ----------
    example
        The measurement, of a linear instrument that acts alike everywhere: a blur.
    rng
        Not used.
    strength
        λ / max |H|², without units: the ratio of noise and signal at the frequency where |2 sin πf| is one. Chosen by
        generalised cross-validation, each measurement predicted from all others, unless given.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        Where the instrument is not linear, or does not act alike everywhere.

    Notes
    -----
    |H|² is the spectrum of H* H δ for an impulse δ in the middle: exact for a circular blur; for others as if the image
    went on periodically. The power of images falls as 1/|f|², so the noise-to-signal ratio rises as |f|², here that
    of the finite differences; the mean is left as it is. Cross-validation predicts what is measured, not the object:
    where the blur is strong it chooses too small a strength, and larger ones are worth a try. Where the detector saw a
    part of the object, what it saw is continued as its mirror image.

    References
    ----------
    Wiener, "Extrapolation, interpolation, and smoothing of stationary time series", 1949.
    Field, "Relations between the statistics of natural images and the response properties of cortical cells", 1987.
    Golub, Heath, Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", 1979.
    """
    example, window = _whole(example), _tapered(example)
    known = Units.of(example)
    power = _transfer(LeastSquares(example, known), example)
    rise = _rise(power)

    def gain(strength: float) -> Tensor:
        """Return 1 / (|H|² + λ |2 sin πf|²)."""
        return 1 / (power + strength * rise).clamp(min=_LEAST)

    def solve(given: Measurement, strength: float, start: Tensor | None) -> Tensor:
        given = _whole(given)
        back = LeastSquares(given, known.on(given)).back()
        dims = tuple(range(2, back.ndim))
        x: Tensor = torch.fft.ifftn(torch.fft.fftn(back, dim=dims) * gain(strength), dim=dims)
        return (x if back.is_complex() else x.real) * known.image

    def risk(strength: float) -> float:
        """Return the generalised cross-validation, ‖y − Hx‖² / n over (1 − trace / n)²."""
        misfit = (window.operator(solve(window, strength, None)) - window.y) / known.image
        free = 1 - float((power * gain(strength)).sum()) * example.y.shape[1] / example.y[0].numel()
        return float(misfit.abs().square().mean()) / max(free, _LEAST) ** 2

    if strength is not None:
        return settled(solve, Choice("as given", {}, strength), CARD)
    with torch.no_grad():
        return settled(solve, least(risk, _STRENGTHS, "generalised cross-validation"), CARD)


def _whole(given: Measurement) -> Measurement:
    """Return a measurement of the whole object where the detector saw a part: around it goes on its mirror image."""
    operator = given.operator
    if not (isinstance(operator, Composition) and isinstance(operator.outer, Crop)):
        return given
    blur = operator.inner
    if isinstance(blur, Composition) and isinstance(
        blur.inner, Sampling
    ):  # what is too far away to be seen is seen now
        blur = blur.outer
    return replace(given, y=operator.outer.backproject(given.y), operator=blur, weight=None)


def _tapered(given: Measurement) -> Measurement:
    """Return a measurement of the whole object that fades at the edges: a mirror image would repeat the noise."""
    whole = _whole(given)
    if whole is given:
        return given
    y = given.y
    for axis in range(2, y.ndim):
        fade = torch.hann_window(y.shape[axis] + 2, periodic=False, dtype=y.real.dtype, device=y.device)[1:-1]
        y = y * fade.view([-1 if a == axis else 1 for a in range(y.ndim)])
    assert isinstance(given.operator, Composition)
    assert isinstance(given.operator.outer, Crop)
    return replace(whole, y=given.operator.outer.adjoint(y))


def _transfer(problem: LeastSquares, example: Measurement) -> Tensor:
    """Return |H|² / L by frequency, (1, 1, *frequency).

    Raises
    ------
    InputError
        Where it depends on the place.
    """
    like = torch.zeros_like(problem.back()[:1, :1])
    dims, space = tuple(range(2, like.ndim)), like.shape[2:]
    answers = []
    for part in (2, 4):
        impulse = like.index_put(tuple(torch.tensor(k) for k in (0, 0, *(n // part for n in space))), like.new_ones(()))
        answers.append(
            problem.normal(impulse.expand(problem.back().shape))[:1, :1].roll([-(n // part) for n in space], dims)
        )
    if float((answers[0] - answers[1]).norm()) > _ALIKE * float(answers[0].norm()):
        name = type(example.operator).__name__
        raise InputError(f"A Wiener filter is for a blur that is the same everywhere; {name} is not: use --method cg.")
    power: Tensor = torch.fft.fftn(answers[0], dim=dims).real.clamp(min=0)
    return power


def _rise(power: Tensor) -> Tensor:
    """Return |2 sin πf|² summed over the axes, shaped like the spectrum."""
    rise = torch.zeros_like(power)
    for axis in range(2, power.ndim):
        f = torch.fft.fftfreq(power.shape[axis], device=power.device, dtype=power.dtype)
        rise = rise + (2 * torch.sin(math.pi * f)).square().view([-1 if a == axis else 1 for a in range(power.ndim)])
    return rise
