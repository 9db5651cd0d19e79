"""StructN2V: blind spots in the shape of the noise."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pellucid.data.fill import Mean, Median, Uniform
from pellucid.data.measurement import Measurement
from pellucid.data.shaped import Hole, ShapedGrid
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import enhancer, patch_size
from pellucid.noise import autocorrelation
from pellucid.objectives import HeldOut, gaussian
from pellucid.restorers import Flips, PosteriorMean, Restorer, SplitAverage
from pellucid.training import Adam

CARD = Card(
    title="Structured Noise2Void (StructN2V)",
    needs="image",
    assumes="zero-mean noise, independent of all outside a shape, which is read from its autocorrelation",
    independent=False,
    stabilise=True,
    gives="image, spread",
    equation="min_θ Σ_i d(F_θ(y with the shape around i replaced)_i, y_i), i on a grid",
    paper="Broaddus, Krull, Weigert, Schmidt, Myers, ISBI 2020; variance: Laine et al., NeurIPS 2019",
)
_MEASURED = 2**22  # pixels that the shape is read from
_FILLS: dict[str, type[Mean] | type[Median] | type[Uniform]] = {"mean": Mean, "median": Median, "random": Uniform}


def structn2v(
    example: Measurement,
    *,
    rng: torch.Generator,
    shape: Literal["auto", "row", "column", "cross", "square"] = "auto",
    length: int = 9,
    inference: Literal["posterior", "blind", "single"] = "posterior",
    replacement: Literal["mean", "median", "random"] = "mean",
    radius: int = 5,
    width: int = 4,
    features: int = 16,
    depth: int = 2,
    patch: int = 96,
    batch: int = 6,
    rate: float = 1e-3,
    flips: bool = False,
) -> Method:
    """Learn to predict a pixel from what lies outside the reach of its noise, from noisy images alone.

    min_θ Σ_i d(F_θ(y with S+i replaced)_i, y_i), S the shape. If the noise of a pixel is independent of all pixels
    outside S around it, then E(F_i - y_i)² = E(F_i - x_i)² + E(y_i - x_i)² (survey eq. 14 with J = S), so F_i tends
    to E[x_i | y outside S+i]: noise that is correlated within S goes, which a single blind pixel would keep.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the first weights; on the CPU.
    shape
        What is hidden together, in the plane: pixels of a row, a column, both, or a square. ``auto``: the shifts at
        which the measured noise is correlated, and their mirror images; one pixel where it is not.
    length
        Of the row, the column, the cross or the square; an odd number up to 33.
    inference
        ``blind``: every pixel from a pass in which it and its shape were hidden. ``posterior``: the seen pixel joins
        this prediction through its Gaussian posterior. ``single``: one pass over the data as they are, as published;
        far quicker, and no longer blind.
    replacement, radius
        What stands in for a hidden pixel: mean, median or one of the visible pixels in a window of this radius.
    width
        Distance from one shape to the next.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.
    flips
        Average the answers over the four mirror images.

    Returns
    -------
    Method
        Its spread is the standard deviation of the posterior, or what is predicted beside the mean.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need, the length is even or too long, or the noise is not known.

    Notes
    -----
    The loss is d(μ, v; y) = -log N(y; μ, v + s²) at the centres of the shapes only; no window that a replacement is
    taken from holds any hidden pixel. The shape is part of the model, so that a saved one keeps it. Patches exchange
    rows and columns only where the shape does not change with it; all shapes are symmetric under mirrors.

    With x ~ N(μ, v) given what lies outside S, and y = x + n with n ~ N(0, s²) independent of that, joining the seen
    pixel is Bayes' rule for correlated noise too: n_i is independent of all that μ_i was made from. It uses one of the
    pixels of S only, and it trusts s²: where that is too small, v holds noise, and too much of the pixel comes back.

    References
    ----------
    Broaddus, Krull, Weigert, Schmidt, Myers, "Removing structured noise with self-supervised blind-spot networks",
    ISBI 2020.
    Laine, Karras, Lehtinen, Aila, "High-quality self-supervised deep image denoising", NeurIPS 2019.
    """
    model = enhancer(example, rng, features=features, depth=depth, variance=True)
    model.hole = hole = Hole(_measured(example) if shape == "auto" else _named(shape, length)).to(example.y.device)
    split = ShapedGrid(width, _FILLS[replacement](radius), hole)
    restorer: Restorer = model if inference == "single" else SplitAverage(model, split)
    if inference == "posterior":
        restorer = PosteriorMean(restorer)
    return Method(
        model=model,
        prior=Flips(model, turns=False) if flips else model,
        restorer=Flips(restorer, turns=False) if flips else restorer,
        split=split,
        stages=(
            Stage(
                model=model,
                objective=HeldOut(split, gaussian),
                patch=patch_size(example, patch, depth),
                batch=batch,
                adam=Adam(rate=rate),
                symmetries="all" if hole.isotropic else "mirrors",
            ),
        ),
        card=CARD,
    )


def _named(shape: Literal["row", "column", "cross", "square"], length: int) -> Tensor:
    """Return the mask of a named shape."""
    line = torch.ones(length, dtype=torch.bool)
    centre = torch.arange(length) == length // 2
    masks = {
        "row": line[None],
        "column": line[:, None],
        "cross": centre | centre[:, None],
        "square": line & line[:, None],
    }
    return masks[shape]


def _measured(example: Measurement) -> Tensor:
    """Return the shifts at which the noise of planes is correlated, and their mirror images."""
    noise, y = example.noise, example.y
    if noise is None:
        raise InputError("The shape of the noise is measured against its strength, which is not known; name a shape.")
    count = max(1, _MEASURED // y.shape[-2:].numel())
    planes = y.flatten(0, -3)[:count].double().cpu().numpy()
    if planes.min() == planes.max():
        return torch.ones(1, 1, dtype=torch.bool)
    seen = autocorrelation(planes, lambda z: noise.variance(torch.from_numpy(z).to(y)).double().cpu().numpy())
    mask = seen.mask()
    return torch.from_numpy(mask | mask[::-1] | mask[:, ::-1])
