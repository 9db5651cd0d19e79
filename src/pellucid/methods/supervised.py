"""Supervised training: an upper bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.splits import InOrder
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.objectives import HeldOut, absolute, squared
from pellucid.restorers import Flips
from pellucid.training import Adam

CARD = Card(
    title="Supervised (an upper bound)",
    needs="truth",
    assumes="a clean image of the same object, which nobody has: only to see what the best possible method could reach",
    independent=False,
    stabilise=False,
    gives="image",
    equation="min_θ Σ_n L(x_n, F_θ(y_n)), x the clean image; L the squared or the absolute difference",
    paper="Zhang et al., IEEE TIP 26 (2017); survey eq. 6-7 (Akçakaya et al., IEEE SPM 39, 2022)",
)


@dataclass(frozen=True)
class Truth(InOrder):
    """Supervised training: the recording is given, and its clean image, the second of the two, is held."""

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return both parts of a `Repeated` batch."""
        if not isinstance(batch, Repeated) or len(batch.shots) != 2:
            raise InputError("Supervised training needs the clean image of each recording; give it with --pairs.")
        given, clean = super().__call__(batch, rng)
        return given, replace(clean, noise=None)


def supervised(
    example: Measurement,
    *,
    rng: torch.Generator,
    loss: Literal["l2", "l1"] = "l2",
    features: int = 32,
    depth: int = 2,
    patch: int = 64,
    batch: int = 16,
    rate: float = 1e-3,
    flips: bool = False,
) -> Method:
    """Learn from clean images: what self-supervised methods are measured against.

    min_θ E L(x, F_θ(y)) (survey eq. 6), in its empirical form (eq. 7).

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised; training has the clean image as the second recording.
    rng
        Draws the first weights; on the CPU.
    loss
        ``l2`` tends to the mean of x given y, ``l1`` to the median.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the eight symmetries of the plane.

    Returns
    -------
    Method
        Its restorer is one pass over the data as they are.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need.

    Notes
    -----
    Where the image it is trained on is also the one it restores, as in benchmarks of single images, it has seen the
    answer: a bound from above, not a method. Pixels on which methods are judged are no target here either.

    The network may see the pixel that it restores: a U-Net with its finest skip, that predicts what to change.

    Other distances are the library's: `Perceptual` compares the features that a given network finds.

    References
    ----------
    Zhang, Zuo, Chen, Meng, Zhang, "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising",
    IEEE Transactions on Image Processing 26, 2017.
    Akçakaya, Yaman, Chung, Ye, "Unsupervised deep learning methods for biological image reconstruction and
    enhancement", IEEE Signal Processing Magazine 39, 2022.
    """
    model = enhancer(example, rng, features=features, depth=depth, variance=False, original=True)
    stage = Stage(
        model=model,
        objective=HeldOut(Truth(), {"l2": squared, "l1": absolute}[loss]),
        patch=patch_size(example, patch, depth),
        batch=batch,
        adam=Adam(rate=rate),
    )
    return Method(model=model, restorer=Flips(model) if flips else model, stages=(stage,), card=CARD)
