"""ZS-N2N."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid._math.ranks import shared_mean
from pellucid.data.cells import cells, diagonals
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.methods.method import Card, Method, Stage
from pellucid.networks import Residual, initialise
from pellucid.objectives import Objective
from pellucid.restorers import Enhancer, Restorer
from pellucid.training import Adam

_STEPS = 2000  # more gain nothing

CARD = Card(
    title="ZS-N2N (Zero-Shot Noise2Noise)",
    needs="image",
    assumes="noise that is independent from pixel to pixel, with zero mean; detail that survives at half the size",
    independent=True,
    stabilise=True,
    gives="image",
    equation="min_θ ½ Σ_{i≠j} ‖F_θ(D_i y) − D_j y‖² + ½ Σ_i ‖F_θ(D_i y) − D_i F_θ(y)‖², F_θ(y) = y − f_θ(y)",
    paper="Mansour, Heckel, CVPR 2023",
)


class Diagonals(Objective[Restorer]):
    """L = ½ Σ_{i≠j} ‖F(D₁y) − D₂y‖² + ½ Σ_i ‖F(D_i y) − D_i F(y)‖², mean over cells of 2 x 2 pixels.

    D₁ and D₂ are the means of the two diagonals of each cell: half-size images of one object, with independent noise
    (equations 6 to 8 of the paper).

    Notes
    -----
    A cell counts where all of its pixels have weight.
    """

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the residual and the consistency loss."""
        halves = diagonals(batch.y)
        answers = model(batch.with_y(halves.flatten(0, 1)), step.rng).float().view_as(halves)
        consistent = diagonals(model(batch, step.rng).float())
        weight = torch.ones_like(batch.y) if batch.weight is None else batch.weight.expand_as(batch.y).to(batch.y)
        counts = cells(weight).amin(-1)
        squares = {"residual": (answers - halves.flip(0)).square(), "consistency": (answers - consistent).square()}
        return {name: shared_mean((counts * s).sum() / 2, counts.sum()) for name, s in squares.items()}


def zs_n2n(
    example: Measurement,
    *,
    rng: torch.Generator,
    features: int = 48,
    patch: int = 64,
    batch: int = 4,
    rate: float = 2e-3,
) -> Method:
    """Learn from one image, in seconds: its two half-size images are a noisy pair of one object.

    L(θ) = ½ Σ_{i≠j} ‖F_θ(D_i y) − D_j y‖² + ½ Σ_i ‖F_θ(D_i y) − D_i F_θ(y)‖², F_θ(y) = y − f_θ(y): a network of two
    layers of 3 x 3 and one of 1 x 1 pixels (21,313 weights) predicts the noise. If the noise is independent from pixel
    to pixel, the first sum is Noise2Noise (survey eq. 8) up to the difference D₁x − D₂x of the noiseless halves; the
    second asks that what is learned at half the size holds at the full one.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised; the planes of a stack are restored one by one.
    rng
        Draws the first weights; on the CPU.
    features
        Of both hidden layers.
    patch, batch, rate
        Patch size, patches a step, learning rate.

    Returns
    -------
    Method
        Its restorer is one pass over the data as they are.

    Notes
    -----
    The paper steps through the whole image; patches of it, as they lie, give as much in a fraction of the time, and
    make the method fit for images of any size. The learning rate falls as a cosine, where the paper halves it every
    1,500 of its steps, and starts at twice that of the paper. f_θ starts at zero. The answer is not clipped.

    The halves have half the noise variance of the image that the network is at last applied to, so that a little
    noise remains. The network sees 5 x 5 pixels, too few where the noise is strong: on the middle of Confocal_FISH_2 of
    the FMD set it reaches 27.4 dB, trained on the truth itself 28.5, and non-local means 28.0.

    References
    ----------
    Mansour, Heckel, "Zero-shot Noise2Noise: efficient image denoising without any data", CVPR 2023.
    """
    channels, *space = example.y.shape[1:]
    model = Enhancer(Residual(_small(channels, features, len(space), rng)).to(example.y.device))
    stage = Stage(
        model=model,
        objective=Diagonals(),
        patch=[*[1] * (len(space) - 2), *[min(max(patch, 16), n) // 2 * 2 for n in space[-2:]]],
        batch=batch,
        adam=Adam(rate=rate),
        steps=_STEPS,
        symmetries="none",
    )
    return Method(model=model, restorer=model, stages=(stage,), card=CARD)


def _small(channels: int, features: int, dims: int, rng: torch.Generator) -> nn.Module:
    """Return f: it sees 5 x 5 pixels of a plane, and is zero."""
    conv: Callable[..., nn.Conv2d | nn.Conv3d] = nn.Conv2d if dims == 2 else nn.Conv3d
    size = (*[1] * (dims - 2), 3, 3)
    last = conv(features, channels, 1)
    network = nn.Sequential(
        conv(channels, features, size, padding="same"),
        nn.LeakyReLU(0.2, inplace=True),
        conv(features, features, size, padding="same"),
        nn.LeakyReLU(0.2, inplace=True),
        last,
    )
    initialise(network, rng)
    nn.init.zeros_(last.weight)
    layout = torch.channels_last if dims == 2 else torch.channels_last_3d
    return network.to(memory_format=layout)  # type: ignore[call-overload, no-any-return]
