"""DivNoising: a variational autoencoder of noiseless images, learned from noisy ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import patch_size, pooling
from pellucid.networks import initialise
from pellucid.networks.autoencoder import Autoencoder
from pellucid.noise import Gaussian, Histogram, Mixture, NoiseModel, Stabilised
from pellucid.objectives.evidence import Evidence
from pellucid.restoration import restore
from pellucid.restorers.variational import Variational
from pellucid.training import Adam

CARD = Card(
    title="DivNoising",
    needs="image",
    assumes="noise that is independent from pixel to pixel, of known strength, or learned from a calibration",
    independent=True,
    stabilise=True,
    gives="image, spread, draws",
    equation="min_θ,φ −E_q log p(y | g_θ(z)) + KL(q_φ(z | y) ‖ p_θ(z)); x̂ = mean of g_θ(z), z ~ q_φ(z | y)",
    paper="Prakash, Krull, Jug, ICLR 2021",
)
_JUDGED = 4  # draws that choose the best weights: the mean of many costs more time than it tells
_READ = 2**19  # pixels of the image that a noise model is bootstrapped from, about
_NEIGHBOURS = 1001  # pairs of a calibration with nearly one signal, whose mean is what is recorded of it
_COLLAPSED = 1e-3  # nats a pixel, below which the codes tell nothing of the image

Kind = Literal["auto", "mixture", "histogram"]
_BLANK: dict[str, Callable[[], Mixture | Histogram]] = {
    "auto": Mixture.normal,
    "mixture": Mixture.normal,
    "histogram": Histogram.blank,
}


def divnoising(
    example: Measurement,
    *,
    rng: torch.Generator,
    noise_pairs: tuple[Tensor, Tensor] | None = None,
    noise: Kind = "auto",
    hierarchical: bool = True,
    free: float = 0.01,
    draws: int = 32,
    code: int = 8,
    features: int = 16,
    depth: int = 2,
    patch: int = 64,
    batch: int = 8,
    rate: float = 2e-3,
) -> Method:
    """Learn what noiseless images look like, so that with noise they explain the recording; draw from the posterior.

    min −E_q log p(y | g(z)) + KL(q(z | y) ‖ p(z)) bounds −log p(y). The likelihood holds the noise, so g(z) has
    none. Draws g(z), z ~ q(z | y), are images that may have been recorded; their mean is the image, their deviation
    its spread.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the first weights; on the CPU.
    noise_pairs
        Signals and what was recorded of them, from a calibration, in the units of the data.
    noise
        p(y | x). ``auto``: a Gaussian mixture learned from the calibration; with none, what the image was diagnosed
        with. ``mixture`` and ``histogram`` are learned from the calibration; with none they are bootstrapped: learned
        from the image that a first stage, with the diagnosed noise, restored.
    hierarchical
        A code at each level of the autoencoder, from coarse to fine, each with a prior that the coarser ones set
        (hierarchical DivNoising); else one, at the coarsest, with the prior N(0, 1).
    free
        Nats a pixel that each code may tell at no cost, so that none collapses.
    draws
        How many are averaged.
    code
        Channels of a code, which is an image of its own, smaller by 2^level.
    features, depth
        Of the autoencoder, whose codes nothing bypasses.
    patch, batch, rate
        Patch size, patches a step, learning rate.

    Returns
    -------
    Method
        Its restorer has a spread.

    Raises
    ------
    InputError
        Where the noise is not known, or the image is smaller than the network's need.

    Notes
    -----
    Noise that grows with the signal is stabilised first, and counts as Gaussian of strength one then, below two photons
    too, where it is weaker. With the strength that it has there, the density of a dark pixel grows without bound as
    g(z) falls to it, and the few photons of its like cost hundreds of nats: a frame with dark ground was learned 6.5 dB
    worse (24.1 against 30.7 dB after 150 steps).

    The weight of the divergence grows from zero in the first tenth of the budget, and the codes start near their
    priors: they are not unlearned then. Where they tell nothing in the end, `Method.finish` says so. The ladder is what
    makes it quick: after 150 steps on a confocal crop, 28.0 dB with a code at each level and 26.3 dB with one.
    Bootstrapped noise has 28.2 dB there after twice 75 steps.

    References
    ----------
    Prakash, Krull, Jug, "Fully unsupervised diversity denoising with convolutional variational autoencoders", ICLR
    2021.
    Prakash, Delbracio, Milanfar, Jug, "Interpretable unsupervised diversity denoising and artefact removal", ICLR 2022.
    Prakash, Lalit, Tomancak, Krull, Jug, "Fully unsupervised probabilistic Noise2Void", ISBI 2020: bootstrap.
    """
    if example.noise is None:
        raise InputError("divnoising needs the noise of the image, and it is not known; use --method noise2void.")
    network = _network(example, rng, code, features, depth, hierarchical)
    model, judged = (Variational(network, count).to(example.y.device) for count in (draws, min(draws, _JUDGED)))
    size = patch_size(example, patch, depth)

    def stage(likelihood: NoiseModel, start: Callable[[Measurement], None] | None = None) -> Stage:
        objective = Evidence(free=free, noise=likelihood.to(example.y.device))
        return Stage(model=judged, objective=objective, patch=size, batch=batch, adam=Adam(rate=rate), start=start)

    blank, stages = _BLANK[noise](), [stage(_known(example.noise))]
    if noise_pairs is not None:
        stages = [stage(blank.fit(*_unbiased(*noise_pairs)))]
    elif noise != "auto":
        stages.append(stage(blank, partial(_bootstrap, blank, model)))
    return Method(model=model, restorer=model, stages=tuple(stages), finish=partial(_collapsed, model), card=CARD)


def _network(
    example: Measurement, rng: torch.Generator, code: int, features: int, depth: int, hierarchical: bool
) -> Autoencoder:
    """Return the autoencoder with its first weights."""
    _, channels, *space = example.y.shape
    network = Autoencoder(
        channels,
        code,
        dims=len(space),
        features=features,
        depth=depth,
        pool=pooling(space),
        hierarchical=hierarchical,
    )
    initialise(network, rng)
    network.start()
    return network


def _known(noise: NoiseModel) -> NoiseModel:
    """Return the noise, of strength one where it is stabilised."""
    return Gaussian(1 / noise.scale) if isinstance(noise, Stabilised) else noise


def _unbiased(signal: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of what was recorded of each signal, which a stabilised signal is not, and what was recorded."""
    order = signal.flatten().argsort()
    observed = observed.flatten()[order]
    means = F.avg_pool1d(observed[None], _NEIGHBOURS, 1, _NEIGHBOURS // 2, count_include_pad=False)
    return means[0], observed


def _bootstrap(noise: Mixture | Histogram, model: Variational, data: Measurement) -> None:
    """Learn the noise from the data and what the first stage made of them."""
    some = data.with_y(data.y[: max(1, _READ // data.y[0].numel())])
    noise.load_state_dict(noise.fit(restore(some, model).image, some.y).state_dict())


def _collapsed(model: Variational, data: Measurement) -> tuple[str, ...]:
    """Say whether the codes tell nothing of the data."""
    with torch.no_grad():
        _, divergences = model.drawn(data, torch.Generator(data.y.device).manual_seed(0))
    nats = sum(float(divergence.sum()) for divergence in divergences) / data.y.numel()
    if nats > _COLLAPSED:
        return ()
    return (
        f"The codes of divnoising have collapsed: they tell {nats:.1g} nats a pixel of the image, so its draws are of "
        "the prior and hold nothing of it. Train longer, or let codes tell more at no cost, such as --set free=0.05.",
    )
