"""OT-cycleGAN: deconvolution from recordings and clean images of other objects, by optimal transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import prod

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.data.unpaired import Cuts, compared
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.networks import PatchCritic, UNet, initialise
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.objectives.transport import OptimalTransport
from pellucid.operators import Blur, LearnableBlur, Operator
from pellucid.restorers.transport import LearnedBlur, Transport
from pellucid.restorers.wiener import Mirrored, WienerNetwork, brightness, measured, part_of
from pellucid.training import Adam

CARD = Card(
    title="OT-cycleGAN",
    needs="unpaired",
    assumes="clean images of objects of the same kind, such as simulated ones; the PSF, or that it can be learned",
    independent=True,
    stabilise=False,
    gives="image, generated",
    trained=True,
    equation="min_G max_V λ E‖x − G(H x + w)‖₁ + μ E‖y − H G y‖₁ + D(x ‖ G y), x and y of other objects",
    paper="Sim, Oh, Kim, Jung, Ye, SIAM J. Imaging Sciences 2020; Lim et al., IEEE TCI 2020; survey eq. 41-45",
)
_DARK = 0.01  # of the pixels of a clean image lie below its background
_SIDE = {2: 64, 3: 32}  # of a patch, unless the PSF is wider
_VOXELS = 2**14  # a step
_TRIED = 8  # clean images that choose the ratio
_BETAS, _WARM_UP = (0.5, 0.99), 20


def ot_cyclegan(
    example: Measurement,
    *,
    rng: torch.Generator,
    clean: Sequence[Tensor] = (),
    adversarial: float | None = None,
    forward: float = 1.0,
    features: int | None = None,
    rate: float = 4e-3,
) -> Method:
    """Restore with G so that H G y = y and G(H x + w) = x, and that G y looks like the clean images x.

    min_G max_V λ E‖x − G(H x + w)‖₁ + μ E‖y − H G y‖₁ + D(x ‖ G y): the dual of the transport between recordings and
    images at the cost ‖y − H x‖ + ‖x − G y‖ (survey eq. 41-45). H known: one network and one critic. H unknown: its
    kernel is learned beside G, and a second critic compares H x + w with y.

    Parameters
    ----------
    example
        Some of the data, of one channel, through a `Blur`; a `LearnableBlur` is unknown but for its width.
    rng
        A generator on the CPU: draws the first weights.
    clean
        Images of other objects, (number, 1, *space) each; without them the method restores, and cannot be trained.
    adversarial
        Weight of D where λ is ten. None: 0.1 where H is known, 1 where not.
    forward
        μ / λ.
    features
        Of the U-Net G and the critics; 16 in the plane, 8 in space, unless given.
    rate
        Learning rate of G and H; that of the critics is two fifths of it.

    Returns
    -------
    Method
        With one stage, whose last weights are kept.

    Raises
    ------
    InputError
        Where the instrument is no blur, or the clean images are none of such objects.

    Notes
    -----
    Noise w is added to H x: without, G would be trained on recordings that do not exist. Clean images are scaled as the
    recordings are: their darkest percent is zero, and the brightest percent of all H x as bright as that of y; blind, x
    has the mean of y, which a blur keeps. With H exactly known the cycle alone learns from simulated pairs, and D adds
    little accuracy; a large weight of D takes some away (`benchmarks/ot_cyclegan.py`). A tenth of μ mostly gains up to
    1 dB where the clean images are like the objects; where they are not quite, as for a real bead, it is μ that keeps G
    to the recording, and where H is not known that teaches the kernel. Departures: G sees a Wiener estimate too, and
    makes the mean over mirror images (`Mirrored`); least squares in place of W1, no image pool, rates that fall as a
    cosine, running mean of the weights. No weights are chosen by the forward risk of the recordings: as the rates fall
    to zero the last weights are as good as those it chooses, and better by 2 to 4 dB where H does not fit the
    recordings (there too).

    References
    ----------
    Sim, Oh, Kim, Jung, Ye, "Optimal transport driven CycleGAN for unsupervised learning in inverse problems", SIAM J.
    Imaging Sciences 13, 2020.
    Lim, Park, Lee, Chang, Sim, Ye, "CycleGAN with a blur kernel for deconvolution microscopy: optimal transport
    geometry", IEEE Transactions on Computational Imaging 6, 2020.
    """
    blur = _blur_of(example)
    dims, blind = example.y.ndim - 2, isinstance(blur, LearnableBlur)
    width = features or {2: 16, 3: 8}[dims]
    restorer = WienerNetwork(_network(1 if blind else 2, dims, width, rng), blind=blind).to(example.y.device)
    way = LearnedBlur(int(blur.taps[0]), dims) if blind else Blur(blur.kernel, "reflect")
    model = Transport(restorer, way).to(example.y.device)
    kept, tell = (model, partial(_tell, way)) if isinstance(way, LearnedBlur) else (restorer, None)
    method = Method(model=kept, restorer=Mirrored(restorer, way), card=CARD, tell=tell)
    if not clean:
        return method
    critics = [PatchCritic(1, dims=dims, features=width, halvings=2) for _ in range(1 + blind)]
    least = [max(critics[0].least, taps) for taps in blur.taps]
    compared(measured(example), clean, least)
    like = standardised(example, blur)
    images = alike(clean, way, like)
    restorer.know(like, images[0][:_TRIED])
    stage = Stage(
        model=model,
        objective=_objective([initialise(critic, rng) for critic in critics], adversarial, forward).to(like.y.device),
        patch=(),
        batch=1,
        adam=Adam(rate=rate, betas=_BETAS, warm_up=_WARM_UP),
        critic=Adam(rate=0.4 * rate, betas=_BETAS, warm_up=_WARM_UP),
        source=lambda scans: _cuts([standardised(scan, blur) for scan in scans], images, least),
    )
    return replace(method, stages=(stage,))


def _blur_of(example: Measurement) -> Blur:
    """Return the blur that the method is for."""
    blur = part_of(example.operator, Blur)
    if blur is None or example.y.shape[1] != 1:
        raise InputError("OT-cycleGAN sharpens images of one channel, and no other instrument: use --method ssdu.")
    if isinstance(blur, LearnableBlur) and len(set(blur.taps)) > 1:
        raise InputError(f"A PSF that is learned is as wide along each axis, but {blur.taps} was asked for: give one.")
    return blur


def _network(channels: int, dims: int, features: int, rng: torch.Generator) -> UNet:
    network = UNet((channels, 1), dims=dims, features=features, depth=2, blur_pool=False, top_skip=True)
    initialise(network, rng)
    return network


def _objective(critics: Sequence[nn.Module], adversarial: float | None, forward: float) -> OptimalTransport:
    """Return the objective with a critic of images, and one of recordings where there are two."""
    images, recordings = (*critics, None)[:2]
    weight = (0.1 if recordings is None else 1.0) if adversarial is None else adversarial
    cycle = (10.0, 10.0 * forward)
    return OptimalTransport(images, recordings, DIVERGENCES["least_squares"], cycle=cycle, adversarial=weight)


def _cuts(recordings: Sequence[Measurement], clean: Sequence[Tensor], least: Sequence[int]) -> Cuts:
    """Return the source of patches that are as large as all allow, up to what is needed."""
    sizes = [of.shape[2:] for of in (*(each.y for each in recordings), *clean)]
    patch = tuple(min(*sides, max(_SIDE[len(least)], n)) for *sides, n in zip(*sizes, least, strict=True))
    return Cuts(recordings, clean, patch, max(1, _VOXELS // prod(patch)))


def standardised(scan: Measurement, blur: Blur) -> Measurement:
    """Return recordings in the unit of the brightest of them, through a blur that continues them as mirror images."""
    y = measured(scan)
    unit = float(brightness(y.flatten().view(1, -1)))
    noise = None if scan.noise is None else scan.noise.rescale(0.0, unit)
    return Measurement(y=y / unit, operator=Blur(blur.kernel.detach(), "reflect"), noise=noise)


def alike(clean: Sequence[Tensor], way: nn.Module, like: Measurement) -> list[Tensor]:
    """Return clean images without background in the unit of recordings: H x is as bright as y; blind, of its mean."""
    dark = [image - torch.quantile(image.flatten()[:: 1 + image.numel() // 2**24], _DARK) for image in clean]
    with torch.no_grad():
        seen = torch.cat([way(entry[None].to(like.y)).flatten() for image in dark for entry in image])
    unit = seen.mean() / _flux(like) if isinstance(way, LearnedBlur) else brightness(seen.view(1, -1))
    return [image.to(like.y) / float(unit) for image in dark]


def _flux(recorded: Measurement) -> Tensor:
    """Return the mean of a recording, less what it shows of nothing."""
    nothing = torch.zeros_like(recorded.y)
    if recorded.noise is not None:
        nothing = recorded.noise.sample(nothing, torch.Generator(nothing.device).manual_seed(0))
    return (recorded.y.mean() - nothing.mean()).clamp(min=1e-6)


def _tell(learned: LearnedBlur, operator: Operator) -> None:
    """Let an instrument have the kernel that was learned, for good."""
    blur = part_of(operator, LearnableBlur)
    if blur is not None:
        with torch.no_grad():
            blur.logits.copy_(learned.kernel.clamp(min=1e-12).log().view_as(blur.logits))
        blur.requires_grad_(False)
