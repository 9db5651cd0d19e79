"""DivNoising behind a blur: draws of what a microscope recorded, learned from the recording alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._math import seeds
from pellucid._math.placed import Random
from pellucid._math.regions import view
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches, Symmetries
from pellucid.data.sampling import measured_samples
from pellucid.data.source import Fixed, Step
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import pooling
from pellucid.networks import initialise
from pellucid.networks.autoencoder import Autoencoder
from pellucid.noise import Poisson, PoissonGaussian
from pellucid.objectives.evidence import Evidence
from pellucid.operators import Blur, Crop, LearnableBlur, Operator
from pellucid.restorers.variational import Drawing, Variational
from pellucid.restorers.wiener import brightness, measured, part_of
from pellucid.training import Adam

CARD = Card(
    title="DivNoising behind a blur",
    needs="measurements",
    assumes="a known PSF; light, which is not negative; noise of known strength, independent from pixel to pixel",
    independent=True,
    stabilise=False,
    gives="image, spread, draws",
    trained=True,
    equation="min_θ,φ −E_q log p(y | H g_θ(z)) + KL(q_φ(z | y) ‖ p_θ(z)); x̂ = mean of g_θ(z), z ~ q_φ(z | y)",
    paper="Prakash, Krull, Jug, ICLR 2021",
)
_INPUT = 4.0  # y / u is about one where it is bright, and dark at most places
_SOFT = 0.1  # of u, about which an image falls off to zero
_FOLDED = 16  # frequencies an axis, at which two instruments are compared
_OTHER = 0.02  # of the light of a PSF, that may lie elsewhere in one that is the same
_SIDE = {2: 64, 3: 32}  # pixels of a patch, at least
_ROOM = 24  # pixels that a patch is larger than the PSF
_VOXELS = 2**14  # a step
_JUDGED = 11  # seed of the patches that judge the weights


class Deblurring(Variational):
    """x = u (f + √(f² + ε²)) / 2, f of the data and of z ~ q(z | y): an image that is not negative, and not blurred.

    Unlike an exponential, its slope is never lost where x is dark: a step too far can be taken back.

    Parameters
    ----------
    network
        As for `Variational`.
    draws
        How many make the image.
    unit
        u, how bright recordings are.
    blur
        Of the instrument that the weights are learned for.
    """

    whole = True
    network: Autoencoder
    unit: Tensor
    instrument: Tensor

    def __init__(self, network: Autoencoder, draws: int, unit: Tensor, blur: Blur) -> None:
        super().__init__(network, draws)
        self.register_buffer("unit", unit)
        self.register_buffer("instrument", folded(blur.kernel))

    def encoded(self, given: Measurement) -> Drawing:
        """Return what draws an image; beyond the data, up to a multiple of the stride, go on those of their edge."""
        y, crop = measured(given), part_of(given.operator, Crop)
        space, period = y.shape[2:], self.stride(y.ndim - 2)
        beyond = [n for size, step in zip(reversed(space), reversed(period), strict=True) for n in (0, -size % step)]
        seen = self.network.encode(F.pad(_INPUT * y / self.unit, beyond, mode="replicate"))

        def drawn(rng: Random) -> tuple[Tensor, list[Tensor]]:
            f, divergences = self.network.decode(seen, rng)
            f = view(f, tuple(slice(0, size) for size in space))
            x = self.unit * (f + (f.square() + _SOFT**2).sqrt()) / 2
            return x if crop is None else crop.backproject(x), divergences

        return drawn

    def check(self, operator: Operator) -> None:
        """Refuse another instrument than that of the training.

        Raises
        ------
        InputError
            In one sentence.
        """
        blur = part_of(operator, Blur)
        if blur is None or float((folded(blur.kernel) - self.instrument).abs().sum()) > _OTHER:
            raise InputError("The model draws from behind another PSF: give that of its training, or train it anew.")


@dataclass(frozen=True)
class Seen:
    """Draws patches of recordings through a blur; those entries count to which no light comes from beyond the patch.

    Parameters
    ----------
    patches
        Of each recording.
    blur
        Of a patch.
    inside
        Weight of the entries of a patch, (1, 1, *patch).
    """

    patches: Sequence[Patches]
    blur: Blur
    inside: Tensor

    def draw(self, step: Step) -> Measurement:
        """Return the patches of this step, all of one recording."""
        rng = seeds.host(step.rng)
        batch = self.patches[int(torch.randint(len(self.patches), (), generator=rng))].draw(step)
        assert batch.weight is not None
        return replace(batch, operator=self.blur, weight=batch.weight * self.inside)


def divnoising(
    example: Measurement,
    *,
    rng: torch.Generator,
    draws: int = 32,
    free: float = 0.01,
    code: int = 8,
    features: int = 16,
    depth: int = 2,
    rate: float = 2e-3,
) -> Method:
    """Learn which images without noise and blur explain the recording; draw from their posterior.

    min −E_q log p(y | H g(z)) + KL(q(z | y) ‖ p(z)): DivNoising with H, the point-spread function, in its likelihood.

    Parameters
    ----------
    example
        Some of the data, of one channel, less its background, through a `Blur`, with its noise.
    rng
        A generator on the CPU: draws the first weights.
    draws
        How many are averaged.
    free
        Nats an entry that each code may tell at no cost, so that none collapses.
    code, features, depth
        Of the autoencoder, as for `divnoising` that denoises.
    rate
        Learning rate.

    Returns
    -------
    Method
        Its restorer has draws and a spread, and refuses another PSF.

    Raises
    ------
    InputError
        Where the instrument is no known blur, the noise is not known, or the image is too small.

    Notes
    -----
    Photons with read noise σ count as photons alone, with the same mean and variance: y + σ² ~ Poisson(H x + σ²), in
    units of a photon (Snyder et al. 1993); what is below −σ² counts as that, so darkness is likeliest at up to a tenth
    of a photon. What lies beyond a patch shines into it; so entries at its edge have no
    weight. What the blur takes away wholly no likelihood tells: there a draw is of what the network finds usual, and no
    spread of draws is a bound of the error.

    References
    ----------
    Prakash, Krull, Jug, "Fully unsupervised diversity denoising with convolutional variational autoencoders", ICLR
    2021.
    Snyder, Hammoud, White, "Image recovery from data acquired with a charge-coupled-device camera", JOSA A 10, 1993.
    """
    blur = part_of(example.operator, Blur)
    if blur is None or isinstance(blur, LearnableBlur) or example.y.shape[1] != 1:
        raise InputError("divnoising draws what lies behind a PSF that is known, and behind no other instrument.")
    if example.noise is None:
        raise InputError("divnoising needs the noise of the image, but none can be read from one so flat or so small.")
    space, kernel = example.y.shape[2:], blur.kernel.detach()
    network = Autoencoder(1, code, dims=len(space), features=features, depth=depth, pool=pooling(space))
    initialise(network, rng)
    network.start()
    unit = brightness(measured(example).flatten().view(1, -1)).flatten()
    model = Deblurring(network, draws, unit, blur).to(example.y.device)
    stage = Stage(
        model=model,
        objective=Evidence(free=free),
        patch=(),
        batch=1,
        adam=Adam(rate=rate),
        source=lambda scans: _seen(scans, kernel),
        judge=lambda scans: _judged(_seen(scans, kernel), free),
    )
    return Method(model=model, restorer=model, stages=(stage,), tell=model.check, card=CARD)


def _seen(scans: Sequence[Measurement], kernel: Tensor) -> Seen:
    """Return the source of patches that are as large as all recordings allow, up to what is needed."""
    least = [min(sides) for sides in zip(*(scan.y.shape[2:] for scan in scans), strict=True)]
    taps, side = kernel.shape[2:], _SIDE[len(least)]
    patch = [min(n, max(side, k + _ROOM)) for n, k in zip(least, taps, strict=True)]
    blur, inside = Blur(kernel, "reflect"), torch.zeros(1, 1, *patch, device=kernel.device)
    edges = [reach if size < n else 0 for reach, size, n in zip(blur.reach, patch, least, strict=True)]
    view(inside, tuple(slice(edge, size - edge) for edge, size in zip(edges, patch, strict=True))).fill_(1)
    batch = max(1, _VOXELS // prod(patch))
    even = all(blur.asymmetry([axis]) < _OTHER / 2 for axis in range(len(taps)))
    sides: Symmetries = "mirrors" if even else "none"
    patches = [Patches(data=_counted(scan), patch=patch, batch=batch, symmetries=sides) for scan in scans]
    return Seen(patches, blur, inside)


def _judged(seen: Seen, free: float) -> tuple[Evidence, Fixed]:
    """Return the evidence of a few patches, always the same: weights that a step too far has spoilt are not kept."""
    rng = seeds.generator(seen.inside.device, _JUDGED)
    return Evidence(annealing=0.0, free=free), Fixed(seen.draw(Step(index=0, progress=1.0, rng=rng)))


def _counted(scan: Measurement) -> Measurement:
    """Return a recording as photons alone, with weight where it was measured."""
    y, noise = measured(scan), scan.noise
    if isinstance(noise, PoissonGaussian):
        noise = Poisson(noise.gain, noise.offset - noise.sigma**2 / noise.gain)
        y = torch.maximum(y, noise.offset)
    return Measurement(y=y, operator=scan.operator, noise=noise, weight=measured_samples(scan).to(y.dtype))


def folded(kernel: Tensor) -> Tensor:
    """Return a PSF folded to a width of 16 pixels, whose transform is that of the PSF at 16 frequencies an axis.

    Examples
    --------
    >>> narrow, wide = torch.eye(3)[None, None] / 3, torch.nn.functional.pad(torch.eye(3), [9] * 4)[None, None] / 3
    >>> torch.equal(folded(narrow), folded(wide))
    True
    """
    for axis, n in enumerate(kernel.shape[2:], start=2):
        place = (torch.arange(n, device=kernel.device) - n // 2) % _FOLDED
        sizes = (*kernel.shape[:axis], _FOLDED, *kernel.shape[axis + 1 :])
        kernel = kernel.new_zeros(sizes).index_add(axis, place, kernel)
    return kernel
