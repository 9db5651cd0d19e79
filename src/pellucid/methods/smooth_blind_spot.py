"""Smooth blind spot: a blind-spot network that looks through the microscope."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid.data.fill import Donut
from pellucid.data.measurement import Measurement
from pellucid.data.splits import Grid
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives import HeldOut, gaussian
from pellucid.operators import Blur
from pellucid.restorers import Enhancer, Flips, PosteriorMean, Restorer, SplitAverage
from pellucid.restorers.base import Moments
from pellucid.training import Adam

CARD = Card(
    title="Smooth blind spot",
    needs="image",
    assumes="a Gaussian point-spread function of known width; noise that is independent from pixel to pixel",
    independent=True,
    stabilise=False,
    gives="image; with output=denoised also spread",
    equation="min_θ Σ_J −log N(y_J; (H F_θ(1_{Jᶜ} y))_J, v_J + s²), H a Gaussian blur",
    paper="Goncharova, Honigmann, Jug, Krull, ECCV Workshops 2020",
)
_WIDEST, _REACH = 1.5, 4  # pixels: of a blur that is summed directly, and how far its kernel reaches


def smooth_blind_spot(
    example: Measurement,
    *,
    rng: torch.Generator,
    width: float = 1.0,
    output: Literal["denoised", "sharp"] = "denoised",
    grid: int = 4,
    features: int = 16,
    depth: int = 2,
    patch: int = 96,
    batch: int = 6,
    rate: float = 1e-3,
    flips: bool = True,
) -> Method:
    """Predict a sharp image, and compare it with hidden pixels after the point-spread function.

    min_θ Σ_J ‖(H F_θ(1_{Jᶜ} y + 1_J κ(y)))_J − y_J‖², H the blur of the microscope: what is restored, H F, is as smooth
    as light allows, for any θ; and as in Noise2Self E(H F − y)_J² = E(H F − H x)_J² + E(y − H x)_J² (survey eq. 14 with
    H), since the network saw nothing of y_J.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the first weights; on the CPU.
    width
        Standard deviation of the point-spread function in pixels, in the plane: about 0.225 λ / NA over the pixel size
        in a wide-field microscope. It must be known: too wide a one removes detail, too narrow a one keeps noise.
    output
        ``denoised``: H F, every pixel from the pass in which it was hidden, joined with the seen pixel. ``sharp``: F
        itself in one pass, a deconvolution; the risk is that of H F all the same.
    grid
        Distance of the pixels that are hidden together.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        The denoised image has a spread, the sharp one none: what H removes, no data can tell.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need, or the noise is not known.

    Notes
    -----
    The data are not variance-stabilised, since H is linear in the intensity; a variance v is learned beside the mean,
    with the loss of Laine et al. 2019, so that bright pixels do not count more. The paper compares random pixels by
    squares; it also asks the sharp image to be positive, which needs to know the offset of the camera, and is left out.
    Beyond the edges the sharp image goes on as its mirror image.

    References
    ----------
    Goncharova, Honigmann, Jug, Krull, "Improving blind spot denoising for microscopy", ECCV Workshops 2020.
    Laine, Karras, Lehtinen, Aila, "High-quality self-supervised deep image denoising", NeurIPS 2019.
    Zhang, Zerubia, Olivo-Marin, "Gaussian approximations of fluorescence microscope point-spread function models",
    Applied Optics 46, 2007, for the width.
    """
    sharp = enhancer(example, rng, features=features, depth=depth, variance=True)
    model = _Blurred(sharp, width, example.y.ndim - 2).to(example.y.device)
    split = Grid(grid, Donut())
    restorer: Restorer = PosteriorMean(SplitAverage(model, split)) if output == "denoised" else sharp
    if flips:
        restorer = Flips(restorer)
    return Method(
        model=model,
        prior=Flips(model) if flips else model,
        restorer=restorer if output == "denoised" else _Image(restorer),
        split=split,
        stages=(
            Stage(
                model=model,
                objective=HeldOut(split, gaussian),
                patch=patch_size(example, patch, depth),
                batch=batch,
                adam=Adam(rate=rate),
            ),
        ),
        card=CARD,
    )


class _Blurred(Moments):
    """The mean of a model, seen through a Gaussian blur in the plane; its variance as it is.

    Wide blurs are several narrow ones in a row: the squares of their widths add up.
    """

    def __init__(self, model: Enhancer, width: float, dims: int) -> None:
        super().__init__()
        self.model = model
        self.times = math.ceil((width / _WIDEST) ** 2)
        ramp = torch.arange(-_REACH, _REACH + 1)
        kernel = torch.exp(-(ramp**2) * self.times / (2 * width**2))
        shapes = ([1] * (dims - 2) + [-1, 1], [1] * (dims - 2) + [1, -1])
        self.blurs = nn.ModuleList(Blur((kernel / kernel.sum()).view(1, 1, *s), "reflect") for s in shapes)

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the blurred mean and the variance around it, (batch, 2, channel, *space)."""
        mean, variance = self.model.explain(given, rng).unbind(1)
        for blur in [*self.blurs] * self.times:
            mean = blur(mean)
        return torch.stack([mean, variance], 1)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the model."""
        return self.model.stride(dims)


class _Image(Restorer):
    """The image of a restorer, without its spread."""

    def __init__(self, model: Restorer) -> None:
        super().__init__()
        self.model = model

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image."""
        image: Tensor = self.model(given, rng)
        return image

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the model."""
        return self.model.stride(dims)
