"""Noise2Inverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.patches import Patches
from pellucid.data.sampling import RandomSampling
from pellucid.data.source import Source, Step
from pellucid.data.splits import EachSet, InOrder, Split
from pellucid.data.views import Interleaved
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import patch_size, unet
from pellucid.methods.reconstruct.sirt import sirt
from pellucid.networks import Residual, UNet
from pellucid.objectives import HeldOut, squared
from pellucid.operators import Identity
from pellucid.restorers import Enhancer, Units
from pellucid.restorers.backprojected import Backprojected, PartsAverage, as_channels, unit
from pellucid.restorers.least_squares import linear
from pellucid.training import Adam

CARD = Card(
    title="Noise2Inverse",
    needs="measurements",
    assumes="noise of zero mean, independent from view to view; views that each see the whole object, many of them",
    independent=False,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ Σ_j ‖F_θ(mean of x̃_i, i ≠ j) − x̃_j‖², x̃_j = R_j y_j from part j of the views",
    paper="Hendriksen, Pelt, Batenburg, IEEE TCI 6 (2020)",
)
_ALIKE = 0.25  # how much the parts and the whole may differ in strength
_SEEN = 0.9  # of the rays through a pixel that most see


@dataclass(frozen=True)
class Turns:
    """Draws from one source after the other."""

    sources: Sequence[Source]

    def draw(self, step: Step) -> Measurement:
        """Return the batch of this step."""
        return self.sources[step.index % len(self.sources)].draw(step)


def noise2inverse(
    example: Measurement,
    *,
    rng: torch.Generator,
    parts: int = 4,
    strategy: Literal["X:1", "1:X"] = "X:1",
    inner: Literal["fbp", "sirt"] = "fbp",
    iterations: int = 20,
    full: bool = False,
    features: int = 32,
    depth: int = 3,
    patch: int = 64,
    batch: int = 16,
    rate: float = 1e-3,
) -> Method:
    """Learn to predict what some views reconstruct to from what the others do.

    The views are divided into K interleaved parts y_j, and each is reconstructed by itself, x̃_j = R_j y_j = x*_j + ε_j,
    with x*_j what it would be without noise. With R_j linear, ε_j has zero mean and is independent of all other x̃_i, so
    that for any F, with i ≠ j,

        E‖F(x̃_i) − x̃_j‖² = E‖F(x̃_i) − x*_j‖² + E‖ε_j‖²:

    as in Noise2Noise (survey eq. 8-10) the minimiser is that of the supervised risk. Noise that a reconstruction
    spreads over the whole image, where blind spots are of no use, is independent between parts. The image is the mean
    of the answers to the K inputs.

    Parameters
    ----------
    example
        Line integrals, (slice, 1, angle, detector), or tilted views of a volume, (1, 1, view, row, column); or frames
        of one object, each recorded whole by any linear instrument, as `Repeated` shots.
    rng
        Draws the first weights; on the CPU.
    parts, strategy
        K, where there are no frames. ``X:1``: the mean of K − 1 parts predicts the other. ``1:X``: a part predicts the
        mean of the others.
    inner, iterations
        R: the back-projection of the operator, which is filtered in tomography, or so many iterations of SIRT.
    full
        Answer to the reconstruction from all views: less noise than the network was trained on, one pass, not K.
    features, depth
        Of the U-Net.
    patch, batch, rate
        Patch size, patches a step, learning rate.

    Returns
    -------
    Method
        Its stage is trained on pairs of patches of reconstructions, which are computed once.

    Raises
    ------
    InputError
        Where views do not see the whole object, there are too few, or they are empty or no numbers.

    Notes
    -----
    The sub-reconstructions are images, measured by the identity: the objective of denoising on them compares in image
    space. Each pair is in the unit of its input, so that nothing of the target reaches the network. Pixels that some
    view does not see are no target. R must be linear, which conjugate gradients and R with constraints are not quite.

    What all parts share is kept, not removed: rings, the bias of −log where few photons are left, blur of the
    detector that ties views together, and the missing wedge of a tilt series, which x*_j has as well. Streaks of too
    few views differ between the parts and are no noise: they are predictable from the angles, and part of the target.

    Parts of Cartesian k-space are no such parts: x*_j is the aliased image of its own samples, which differs from part
    to part by more than noise, and the identity then leads F to x*_j and not to x: SSDU compares in k-space instead.
    Frames and repeated scans are parts for any instrument and any linear R, if each is complete or all lack the same:
    x*_j is then the same for all j, and this is Noise2Noise behind R.

    The network of the paper is a mixed-scale dense one, trained on whole slices.

    References
    ----------
    Hendriksen, Pelt, Batenburg, "Noise2Inverse: self-supervised deep convolutional denoising for tomography", IEEE
    Transactions on Computational Imaging 6, 2020.
    """
    split = Interleaved(parts, strategy)
    image = _whole(split, example)
    first = sirt(example, rng=rng, iterations=iterations).restorer if inner == "sirt" else None
    network = _network(image, rng, features, depth)
    model = Backprojected(network, first)
    restorer = model if full else PartsAverage(model, split)

    def source(scans: Sequence[Measurement]) -> Source:
        data = [_pairs(model, split, scan) for scan in scans]
        return Turns([_patches(pairs, patch_size(pairs, patch, depth), batch) for pairs in data])

    stage = Stage(
        model=Enhancer(network),
        objective=HeldOut(InOrder(), squared),
        patch=patch_size(image, patch, depth),
        batch=batch,
        adam=Adam(rate=rate),
        source=source,
    )
    held: Split = RandomSampling(0.1, whole=example.y.ndim - 3, masks=1)
    if isinstance(example, Repeated):
        held = EachSet(RandomSampling(0.1, masks=1))
    return Method(model=model, restorer=restorer, prior=restorer, split=held, stages=(stage,), card=CARD)


def _network(image: Measurement, rng: torch.Generator, features: int, depth: int) -> UNet:
    """Return a U-Net with its finest skip whose first answer is zero: to add to an input that is noise is no start."""
    residual = unet(image, rng, features=features, depth=depth, outputs=1, original=True)
    assert isinstance(residual, Residual)
    network = residual.network
    assert isinstance(network, UNet)
    torch.nn.init.zeros_(network.last.weight)
    return network


def _whole(split: Interleaved, example: Measurement) -> Measurement:
    """Return the reconstruction of the strongest entry, once the parts of its views are known to show one object."""
    if isinstance(example, Repeated):
        Units.of(example.shots[0])
        return _image(example.shots[0])
    row = int(example.y.abs().flatten(1).sum(1).argmax())
    one = Measurement(y=example.y[row : row + 1], operator=example.operator[row : row + 1])
    Units.of(one)  # refuses what is empty or no number
    whole = _image(one)
    mean = torch.stack([_image(part).y for part in split.divide(one)]).mean(0)
    strength = float((mean * whole.y).sum() / whole.y.square().sum())
    if not abs(strength - 1) < _ALIKE:
        raise InputError(
            "Noise2Inverse needs views that each see the whole object, as in tomography, but what "
            f"{type(example.operator).__name__} reconstructs from every {split.parts}th is {strength:.2g} times as "
            "strong as from all: use --method ssdu, which compares measurements."
        )
    return whole


def _image(scan: Measurement) -> Measurement:
    return Measurement(y=as_channels(scan.operator.backproject(scan.y)), operator=Identity())


@torch.no_grad()
def _pairs(model: Backprojected, split: Interleaved, scan: Measurement) -> Repeated:
    """Return the K pairs of images of every entry of a scan, in the unit of their input."""
    pairs = split.pairs([model.start(part) for part in split.divide(scan)])
    given, held = (torch.cat([as_channels(pair[k] / unit(pair[0])) for pair in pairs]) for k in (0, 1))
    seen = _seen(scan).expand(len(held), 1, *held.shape[2:])
    shots = tuple(Measurement(y=y, operator=Identity(), weight=seen) for y in (given, held))
    return Repeated.of(shots)


def _seen(scan: Measurement) -> Tensor:
    """Return the pixels that all views see, bool, (1, 1, *space): all of them where each frame is whole."""
    if isinstance(scan, Repeated):
        return torch.ones((), dtype=torch.bool, device=scan.y.device)
    rays = linear(scan)[:1].adjoint(torch.ones_like(scan.y[:1])).abs()
    return rays > _SEEN * rays.amax()


def _patches(pairs: Repeated, patch: Sequence[int], count: int) -> Patches:
    flat = len(patch) == 2 and patch[0] == patch[1]
    return Patches(data=pairs, patch=patch, batch=count, symmetries="all" if flat else "mirrors")
