"""From a calibration recording to signals and what was recorded of them: what a noise model is learned from."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from pellucid.errors import InputError
from pellucid.noise import PhotonTransfer, photon_transfer_pairs

_WINDOW = 15  # pixels a side of the window whose mean is the signal of a smooth field
_BLOCK = 8  # pixels a side of the blocks in which noise nearly averages out, and changes of the scene do not
_CHANGE = 0.08  # of the variance of the noise: what may be left of it in such blocks
_OUTSIDE = 0.02  # part of the image that may lie beyond the intensities of a calibration
_GAIN = 3.0  # factor between the variances of a calibration and of the image, beyond which the gain was another


def noise_pairs(frames: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Return signals and recorded values, from recordings of a scene at rest or from one of a smooth field.

    Parameters
    ----------
    frames
        Shape (frame, row, column). Several: all of one scene that does not change, of any kind. One: of a field
        without structure, such as a field diaphragm out of focus.
    name
        What to call them in a sentence.

    Returns
    -------
    signal, observed
        Of one shape (frame, row, column); as many pairs as there are pixels, but for those at the border of a field.

    Raises
    ------
    InputError
        Where the frames are all alike, a frame differs from the others, or a field is not smooth.

    Notes
    -----
    What differs between frames, or between a field and its local mean, must be noise: its means over blocks of 8 x 8
    pixels may have at most 8 % of its variance, where those of white noise have 1.6 %. Lamps flicker: the mean of each
    frame is brought to that of all first.
    """
    if bool((frames == frames[:1]).all()) and (len(frames) > 1 or bool((frames == frames[0, 0, 0]).all())):
        raise InputError(
            f"{name} shows no noise: all its values are the same; give the calibration as it was recorded."
        )
    if min(frames.shape[-2:]) < 2 * _WINDOW:
        raise InputError(
            f"{name} has frames of {frames.shape[-2]} x {frames.shape[-1]} pixels; give {2 * _WINDOW} a side."
        )
    steady = frames - frames.mean((1, 2), keepdim=True) + frames.mean()
    signal, observed = of_repeats(steady) if len(frames) > 1 else of_field(frames)
    change = _slow_part(observed - signal)
    worst = int(change.argmax())
    if change[worst] > _CHANGE:
        what = (
            f"frame {worst} differs from the others by more than noise: record a scene that neither moves nor bleaches"
            if len(frames) > 1
            else "it is one frame with structure in it: record a smooth field, or many frames of a scene at rest"
        )
        raise InputError(f"{name} cannot calibrate the noise, for {what}.")
    return signal, observed


def of_repeats(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of all recordings of one scene, shape (frame, ...), and each of them.

    Notes
    -----
    Given the mean of n recordings, each has that mean on average, whatever their noise; but its variance is less by
    a factor 1 - 1 / n. So differences from the mean are enlarged by sqrt(n / (n - 1)). The mean of the other frames
    would be independent of a recording, and be biased: where it is low by chance, the recording is higher.
    """
    mean = frames.mean(0, keepdim=True)
    return mean.expand_as(frames), mean + _enlarge(len(frames)) * (frames - mean)


def of_field(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean over a window around each pixel, and the pixel, where the window is full.

    The window holds the pixel itself, which is corrected as in `of_repeats`.
    """
    edge = _WINDOW // 2
    mean = F.avg_pool2d(frames.unsqueeze(1), _WINDOW, 1).squeeze(1)
    return mean, mean + _enlarge(_WINDOW**2) * (frames[:, edge:-edge, edge:-edge] - mean)


def check_calibration(pairs: tuple[Tensor, Tensor], name: str, y: Tensor, transfer: PhotonTransfer) -> None:
    """Check that a calibration was made for an image: at its intensities and with its gain.

    Parameters
    ----------
    pairs
        Signals and recorded values.
    name
        What to call the calibration in a sentence.
    y
        The image, shape (batch, channel, *space), in the same units.
    transfer
        The noise of the image, as far as it tells by itself.

    Raises
    ------
    InputError
        Where more than 2 % of the image lie beyond the intensities of the calibration by more than the noise, or
        where its noise has a third or the threefold of the variance in the image.
    """
    signal, observed = (part.flatten().double().cpu().numpy() for part in pairs)
    low, high = (float(end) for end in np.quantile(signal, (0.001, 0.999)))
    image = F.avg_pool2d(y.flatten(0, -3).unsqueeze(1), 5).double().cpu().numpy()
    margin = np.sqrt(transfer.variance_at(np.array([low, high])))
    outside = float(np.mean((image < low - margin[0]) | (image > high + margin[1])))
    if outside > _OUTSIDE:
        raise InputError(
            f"{name} tells of the noise at intensities from {low:.4g} to {high:.4g}, but {outside:.0%} of the image "
            f"lie outside ({image.min():.4g} to {image.max():.4g}); calibrate with the camera settings, the bit "
            "depth and the brightness of the image."
        )
    inside = np.clip(image, low, high)
    own = photon_transfer_pairs(signal, observed).variance_at(inside)
    ratio = float(np.median(own / transfer.variance_at(inside)))
    if not 1 / _GAIN < ratio < _GAIN:
        raise InputError(
            f"{name} was recorded with another gain: at the same intensities its noise has {ratio:.2g} times the "
            "variance of that in the image; calibrate with the camera settings of the image."
        )


def _enlarge(count: int) -> float:
    return float((count / (count - 1)) ** 0.5)


def _slow_part(noise: Tensor) -> Tensor:
    """Return the part of the mean square of each frame that is left in the means of its blocks."""
    means = F.avg_pool2d(noise.unsqueeze(1), _BLOCK).squeeze(1)
    return means.square().mean((1, 2)) / noise.square().mean((1, 2))
