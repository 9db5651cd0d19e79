"""Probabilistic Noise2Void."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.fill import Uniform
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.prepare.noise_pairs import of_repeats
from pellucid.data.splits import BlindSpot
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import patch_size, unet
from pellucid.noise import Gaussian, Histogram, Mixture, NoiseModel, photon_transfer_pairs
from pellucid.objectives import HeldOut
from pellucid.objectives.mixture_nll import MixtureNLL
from pellucid.restoration import restore
from pellucid.restorers.hypotheses import Hypotheses
from pellucid.training import Adam

CARD = Card(
    title="Probabilistic Noise2Void",
    needs="image",
    assumes="noise that is independent from pixel to pixel, its model learned from a calibration, repeats or the image",
    independent=True,
    stabilise=False,
    gives="image, spread",
    equation="min_θ −Σ_J log Σ_k p(y_J | s_J^k) / K, s = F_θ(y with J replaced); x̂ = Σ_k p(y|s^k) s^k / Σ_k p(y|s^k)",
    paper="Krull et al., Frontiers in Computer Science 2020; mixture and bootstrap: Prakash et al., ISBI 2020",
)
_COMPARED = 1 / 16  # of all pixels at least: more than are hidden to judge the model
_READ = 2**19  # pixels of the image that tell of its noise, about
_SMOOTH = 3  # pixels a side, whose mean is nearly free of noise

Kind = Literal["auto", "gaussian", "poisson_gaussian", "histogram", "mixture"]
_BLANK: dict[str, Callable[[], NoiseModel]] = {
    "auto": Mixture.normal,
    "gaussian": lambda: Gaussian(1.0),
    "poisson_gaussian": Histogram.blank,
    "histogram": Histogram.blank,
    "mixture": Mixture.normal,
}


def pn2v(
    example: Measurement,
    *,
    rng: torch.Generator,
    noise_pairs: tuple[Tensor, Tensor] | None = None,
    noise: Kind = "auto",
    inference: Literal["mmse", "prior_mean"] = "mmse",
    hypotheses: int = 32,
    fraction: float = 0.031,
    radius: int = 2,
    features: int = 32,
    depth: int = 2,
    patch: int = 64,
    batch: int = 8,
    rate: float = 1e-3,
) -> Method:
    """Learn the distribution of a pixel from its surroundings, and weigh it with what was recorded there.

    min_θ −Σ_J log 1/K Σ_k p(y_J | s_J^k): where the hypotheses s^k of a hidden pixel are draws of p(x | surroundings),
    the sum is p(y | surroundings), which no other distribution explains better on average. Then
    x̂ = Σ_k p(y | s^k) s^k / Σ_k p(y | s^k) is the posterior mean, E[x | y].

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model; its repeats, where there are some.
    rng
        Draws the first weights; on the CPU.
    noise_pairs
        Signals and what was recorded of them, from a calibration, in the units of the data.
    noise
        p(y | s), learned from the calibration or from repeats. With neither: ``gaussian`` and ``poisson_gaussian``
        are what the image was diagnosed with, ``auto`` a Gaussian mixture like it; ``histogram`` and ``mixture`` are
        bootstrapped: learned from the image that a first stage, Noise2Void, denoised. With either, ``auto`` is a
        mixture too.
    inference
        ``mmse``: the posterior mean, and its standard deviation. ``prior_mean``: 1/K Σ_k s^k, which does not weigh
        the recorded value.
    hypotheses
        K.
    fraction, radius
        Part of the pixels hidden at a step; each is replaced by another out of a window of this radius.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.

    Returns
    -------
    Method
        Its restorer has a spread.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need.

    Notes
    -----
    K is 32, not 800: fewer learn faster. The network is that of N2V2. The image is restored in one pass over the data
    as they are, as in the paper. A bootstrapped model takes what Noise2Void smoothed away for noise, so its variance
    is too large where there is fine detail. Of two repeats the noise model learns no skewness: their difference has
    none. The Poisson-Gaussian density, a long sum, is tabulated.

    References
    ----------
    Krull, Vičar, Prakash, Lalit, Jug, "Probabilistic Noise2Void: unsupervised content-aware denoising", Frontiers in
    Computer Science 2, 2020.
    Prakash, Lalit, Tomancak, Krull, Jug, "Fully unsupervised probabilistic Noise2Void", ISBI 2020.
    """
    network = unet(example, rng, features=features, depth=depth, outputs=hypotheses)
    model = Hypotheses(network, hypotheses, _BLANK[noise](), weighed=inference == "mmse").to(example.y.device)
    split = BlindSpot(fraction, Uniform(radius))
    bootstrapped = noise in ("histogram", "mixture") and noise_pairs is None and not isinstance(example, Repeated)

    def stage(objective: HeldOut, share: float, start: Callable[[Measurement], None] | None = None) -> Stage:
        size, adam = patch_size(example, patch, depth), Adam(rate=rate)
        return Stage(model=model, objective=objective, patch=size, batch=batch, adam=adam, share=share, start=start)

    def settle(data: Measurement) -> None:
        signal, observed = noise_pairs or (_denoised(model, data) if bootstrapped else _recorded(data))
        inside = signal <= data.y.max()
        model.noise.load_state_dict(_learned(noise, signal[inside], observed[inside]).state_dict())

    nll = MixtureNLL(model.noise, min(1.0, max(2 * fraction, _COMPARED)))
    first = (stage(HeldOut(split, _prior_mean_squared), 0.5),) if bootstrapped else ()
    return Method(model=model, restorer=model, stages=(*first, stage(HeldOut(split, nll), 1.0, settle)), card=CARD)


def _prior_mean_squared(hypotheses: Tensor, held: Measurement) -> Tensor:
    """Return (1/K Σ_k s^k - y)²: Noise2Void for the mean of the hypotheses."""
    return (hypotheses.mean(1) - held.y).square()


def _denoised(model: Hypotheses, data: Measurement) -> tuple[Tensor, Tensor]:
    """Return the mean of the hypotheses, which Noise2Void has trained, and the data."""
    some = data.with_y(data.y[: max(1, _READ // data.y[0].numel())])
    return restore(some, Hypotheses(model.network, model.count, model.noise, weighed=False)).image, some.y


def _recorded(data: Measurement) -> tuple[Tensor, Tensor]:
    """Return signals and recorded values of repeats, or drawn from the noise that the image was diagnosed with."""
    if isinstance(data, Repeated):
        return of_repeats(torch.stack([shot.y for shot in data.shots]))
    if data.noise is None:
        raise InputError("pn2v needs the noise of the image, and it is not known; give a --calibration.")
    planes = data.y.flatten(0, -3)[:: max(1, data.y.numel() // _READ)]
    signal = F.avg_pool2d(planes.unsqueeze(1), _SMOOTH, 1)
    return signal, data.noise.sample(signal, torch.Generator(signal.device).manual_seed(0))


def _learned(kind: Kind, signal: Tensor, observed: Tensor) -> NoiseModel:
    """Return the noise model of a kind under which the recorded values are likely."""
    if kind == "gaussian":
        return Gaussian((observed - signal).square().mean().sqrt())
    if kind == "poisson_gaussian":
        found = photon_transfer_pairs(*(part.double().cpu().numpy() for part in (signal, observed))).noise
        if isinstance(found, Gaussian):
            raise InputError("This noise does not grow with the signal, as that of photons would: set noise=gaussian.")
        return Histogram.of(found.double(), float(observed.min()), float(observed.max()))
    return Histogram.fit(signal, observed) if kind == "histogram" else Mixture.fit(signal, observed)
