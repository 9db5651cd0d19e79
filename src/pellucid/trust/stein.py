"""How wrong a restorer that sees every pixel is: Stein's risk, on pixels that were never a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.prepare.standardise import Standardisation
from pellucid.data.splits import mask_of
from pellucid.errors import InputError
from pellucid.noise import Poisson, PoissonGaussian
from pellucid.restoration import restore
from pellucid.restorers import Recorded
from pellucid.restorers.base import Restorer
from pellucid.restorers.mixture import Mixture
from pellucid.trust.risk import Risk, image_of, mean_of

_PUSH = 0.1  # of the noise: the step of the finite difference


def stein_risk(
    restorer: Restorer,
    measurement: Measurement,
    places: Tensor,
    standardisation: Standardisation,
    *,
    rng: torch.Generator,
) -> Risk:
    """Judge a restorer that sees every pixel: E(F - y)² + 2 s² ∂F_i/∂y_i = E(F - x)² + E(y - x)².

    Parameters
    ----------
    restorer
        Any, in the units of `standardisation`.
    measurement
        As in `held_out_risk`, with its noise model.
    places
        Flat places that were never a training target, (batch, channel, count): on others a trained restorer knows
        the noise by heart, and the identity does not hold.
    standardisation, rng
        As in `held_out_risk`; a restorer that draws gets the same draws for both of its answers.

    Raises
    ------
    InputError
        Where fewer than two pixels are named, or the noise is not known.

    Notes
    -----
    All places are pushed at once by a tenth of the noise, with random signs b; b_i (F(y + b τ) - F(y))_i / τ is the
    slope on average. The identity is that of Gaussian noise. For counts of gain g it is a difference over one photon,

        E (y - x) F(y) = E x (F(y + g) - F(y)) = E y (F(y) - F(y - g)),

    so a photon is the step where it is more than a tenth of the noise; then s² is that of the image upwards, and that
    of the recording downwards.

    References
    ----------
    Hudson, "A natural identity for exponential families", Annals of Statistics 6, 1978, for counts.
    Stein, "Estimation of the mean of a multivariate normal distribution", Annals of Statistics 9, 1981.
    Ramani, Blu, Unser, "Monte-Carlo SURE", IEEE Transactions on Image Processing 17, 2008.
    """
    return stein_risks(restorer, measurement, (places,), standardisation, rng=rng)[0]


def stein_risks(
    restorer: Restorer,
    measurement: Measurement,
    places: Sequence[Tensor],
    standardisation: Standardisation,
    *,
    rng: torch.Generator,
) -> tuple[Risk, ...]:
    """Return `stein_risk` on several sets of places, for the work of one."""
    if measurement.noise is None:
        raise InputError("Stein's risk needs to know how strong the noise is; no noise model came with the data.")
    parts: list[list[tuple[Tensor, Tensor, Tensor]]] = [[] for _ in places]
    claims: list[list[Tensor]] = [[] for _ in places]
    for i in range(len(measurement.y)):
        one, state = image_of(measurement, i), rng.get_state()
        here = [some[i : i + 1] for some in places]
        recorded = Recorded(restorer.at(here) if isinstance(restorer, Mixture) else restorer, standardisation)
        restored = restore(replace(one, weight=None), recorded, rng=rng)
        image, spread = restored.image, restored.spread
        assert one.noise is not None
        variance = one.noise.variance(image)
        at = mask_of(torch.cat(here, -1), one.y)
        push, level = _steps(one, variance, rng)
        push = torch.where(at, push, 0.0)
        rng.set_state(state)
        pushed = restore(replace(one, weight=None, y=one.y + push), recorded, rng=rng).image
        risk = (image - one.y).double().square() + 2 * level * (pushed - image).double() / push
        weight = torch.ones_like(one.y) if one.weight is None else one.weight.expand_as(one.y)
        for part, claim, some in zip(parts, claims, here, strict=True):
            own = mask_of(some, one.y)
            part.append((risk[own], weight[own].double(), variance[own].double()))
            claim += [] if spread is None else [weight[own] * spread[own].square()]
    found = [mean_of(part, known=True) for part in parts]
    return tuple(
        replace(risk, spread=float((torch.cat(claim).sum() / sum(w.sum() for _, w, _ in part)).sqrt()))
        if claim
        else risk
        for risk, claim, part in zip(found, claims, parts, strict=True)
    )


def _steps(one: Measurement, variance: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the steps, up or down at random, and the variance that weighs the slope."""
    noise, signs = one.noise, _signs(one.y, rng)
    assert noise is not None
    photon = noise.gain if isinstance(noise, Poisson | PoissonGaussian) else one.y.new_zeros(())
    small = _PUSH * variance.sqrt()
    down = (signs < 0) & (photon > small)
    return torch.maximum(small, photon) * signs, torch.where(down, noise.variance(one.y), variance)


def _signs(like: Tensor, rng: torch.Generator) -> Tensor:
    """Return random signs."""
    drawn = torch.Generator(like.device).manual_seed(rng.initial_seed())
    return torch.randint(0, 2, like.shape, generator=drawn, device=like.device).to(like) * 2 - 1
