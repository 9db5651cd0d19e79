"""What the blind-spot methods share: a U-Net made for the data at hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.networks import Residual, UNet, initialise
from pellucid.restorers import Enhancer

FEW_PLANES = 16  # a stack with fewer is not pooled along its planes
_DEEPEST, _WIDEST = 4, 2048  # times a U-Net pools; features at its coarsest level


def enhancer(
    example: Measurement,
    rng: torch.Generator,
    *,
    features: int,
    depth: int,
    variance: bool,
    original: bool = False,
) -> Enhancer:
    """Return a `unet` that predicts a mean, and with `variance` a variance beside it."""
    moments = 2 if variance else 1
    return Enhancer(unet(example, rng, features=features, depth=depth, outputs=moments, original=original), moments)


def unet(
    example: Measurement,
    rng: torch.Generator,
    *,
    features: int,
    depth: int,
    outputs: int,
    original: bool = False,
) -> torch.nn.Module:
    """Return a U-Net on the device of the example, its weights drawn from `rng`.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space).
    rng
        A generator on the CPU.
    features, depth
        Of the U-Net; a shallow stack is not pooled along its planes.
    outputs
        Numbers predicted for each channel.
    original
        The network of Noise2Void (max pooling, top skip, residual) in place of that of N2V2.

    Raises
    ------
    InputError
        Where the network would be larger than any that denoises well.
    """
    if depth > _DEEPEST or features << depth > _WIDEST:
        raise InputError(
            f"A U-Net of depth {depth} with {features} features is too large: choose a depth up to {_DEEPEST}, and "
            f"features up to {_WIDEST >> min(depth, _DEEPEST)} there."
        )
    _, channels, *space = example.y.shape
    network: torch.nn.Module = UNet(
        (channels, outputs * channels),
        dims=len(space),
        features=features,
        depth=depth,
        blur_pool=not original,
        top_skip=original,
        pool=pooling(space),
    )
    initialise(network, rng)
    if original:
        network = Residual(network)
    layout = torch.channels_last if len(space) == 2 else torch.channels_last_3d
    network = network.to(memory_format=layout)  # type: ignore[call-overload]
    return network.to(example.y.device)


def pooling(space: Sequence[int]) -> list[int]:
    """Return the factor by which each axis is pooled at a level: 1 along the planes of a shallow stack."""
    return [1 if len(space) == 3 and axis == 0 and n < FEW_PLANES else 2 for axis, n in enumerate(space)]


def patch_size(example: Measurement, patch: int, depth: int) -> Sequence[int]:
    """Return `patch` along each axis, at least what the U-Net needs, cut down to the image and to its multiples.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need.
    """
    space = example.y.shape[2:]
    step = 2**depth
    sizes = []
    for axis, n in enumerate(space):
        planes = len(space) == 3 and axis == 0
        unit = 1 if planes and n < FEW_PLANES else step
        side = max(patch // 4, 16) if planes else max(patch, 4 * step)
        sizes.append(min(side, n) // unit * unit)
    if min(sizes[-2:]) < 4 * step:
        raise InputError(
            f"The image is {' x '.join(map(str, space))} pixels, smaller than the {4 * step} x {4 * step} that a "
            f"network of depth {depth} needs; use --method non_local_means or --set depth=1."
        )
    return sizes
