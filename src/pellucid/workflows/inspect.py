"""What a file holds, what noise it has, and which method suits it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.image import Image
from pellucid.data.io import check, read
from pellucid.data.stack import Stack, channels_of
from pellucid.errors import InputError
from pellucid.noise import Diagnosis, diagnose
from pellucid.noise.levels import Levels

_GENERATED = "generated: a network made up a part of this image, as is noted in the file; it is no recording"
_SAMPLE = 2**22  # pixels that are diagnosed; of larger images, a random part


@dataclass(frozen=True, kw_only=True)
class ChannelFacts:
    """The noise of one channel.

    Parameters
    ----------
    name
        Of the channel; empty where there is only one.
    diagnosis
        Strength and correlation of the noise, or None where it could not be diagnosed.
    note
        Why not, or what to do: in one sentence.
    """

    name: str
    diagnosis: Diagnosis | None
    note: str

    def as_dict(self) -> dict[str, Any]:
        """Return everything in terms of JSON."""
        facts: dict[str, Any] = {"channel": self.name, "noise": None, "blind_spot_valid": None, "advice": self.note}
        if self.diagnosis is None:
            return facts
        t, c = self.diagnosis.transfer, self.diagnosis.correlation
        noise = {"model": t.model, "gain": t.gain, "offset": t.offset, "sigma": t.noise.sigma.item()}
        return facts | {
            "noise": noise
            | {"lag1_y": c.lag1_y, "lag1_x": c.lag1_x, "mask": c.mask().astype(int).tolist()}
            | {"stripes_y": c.stripes_y, "stripes_x": c.stripes_x, "pattern": str(c)},
            "blind_spot_valid": not c.correlated,
        }

    def __str__(self) -> str:
        title = f"{self.name or 'noise'}:"
        if self.diagnosis is None:
            return f"{title} {self.note}"
        t, c = self.diagnosis.transfer, self.diagnosis.correlation
        variance = f"standard deviation {t.floor**0.5:.4g}"
        if t.model != "gaussian":
            variance = f"variance {t.gain:.4g} (z - {t.offset:.4g}) + {t.sigma**2:.4g} at intensity z"
        lags = f"{c} (neighbours: {c.lag1_y:.2f} along Y, {c.lag1_x:.2f} along X)"
        valid = "not valid with single pixels" if c.correlated else "valid"
        return f"{title} {t.model}, {variance}\n  {lags}; blind-spot methods are {valid}\n  {self.note}"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a file holds."""

    image: Image
    channels: tuple[ChannelFacts, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything in terms of JSON."""
        image = self.image
        return {
            "file": str(image.source),
            "format": image.format,
            "axes": image.axes,
            "shape": list(image.shape),
            "dtype": str(image.dtype),
            "pixel_size": dict(image.scale),
            "units": dict(image.units),
            "channel_names": list(image.channel_names),
            "generated": bool(image.provenance.get("generated")),
            "channels": [channel.as_dict() for channel in self.channels],
        }

    def __str__(self) -> str:
        image = self.image
        sizes = ", ".join(
            f"{axis} {size:.4g} {image.units.get(axis, '')}".rstrip() for axis, size in image.scale.items()
        )
        return "\n".join(
            [
                f"file: {image.source} ({image.format})",
                *([_GENERATED] if image.provenance.get("generated") else []),
                f"axes: {image.axes} {image.shape}, {image.dtype}; --axes changes the reading",
                f"pixel size: {sizes or 'the file does not say'}",
                *([f"channels: {', '.join(image.channel_names)}"] if image.channel_names else []),
                *map(str, self.channels),
            ]
        )


def inspect(path: str | Path, *, axes: str | None = None, channel: str | int | None = None) -> Facts:
    """Say what a file holds, and diagnose its noise.

    Parameters
    ----------
    path, axes, channel
        As in `pellucid.open`.

    Raises
    ------
    InputError
        Where the file cannot be read. An image that cannot be diagnosed is described, with the reason.

    Examples
    --------
    >>> import tempfile
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "spots.npy")
    ...     np.save(file, 4.0 * rng.poisson(np.linspace(2, 30, 256), (256, 256)))
    ...     facts = inspect(file).as_dict()
    >>> facts["axes"], facts["channels"][0]["noise"]["model"], facts["channels"][0]["blind_spot_valid"]
    ('YX', 'poisson-gaussian', True)
    """
    image = read(path, axes=axes, channel=channel)
    count = channels_of([image])
    names = image.channel_names or tuple(f"channel {k}" for k in range(count))
    try:
        check(image)
    except InputError as error:
        return Facts(image=image, channels=(ChannelFacts(name="", diagnosis=None, note=f"Not diagnosed: {error}"),))
    return Facts(image=image, channels=tuple(_channel(image, k, names[k] if count > 1 else "") for k in range(count)))


def _channel(image: Image, number: int, name: str) -> ChannelFacts:
    """Diagnose one channel, on a sample of it where it is large."""
    try:
        sample = Stack((image,), number, 2).sample(np.random.default_rng(0), pixels=_SAMPLE).astype(np.float64)
        diagnosis = diagnose(sample)
    except InputError as error:
        return ChannelFacts(name=name, diagnosis=None, note=f"Not diagnosed: {error}")
    warnings = Levels.of(sample).warnings(diagnosis.transfer.variance)
    return ChannelFacts(name=name, diagnosis=diagnosis, note=" ".join([_advice(diagnosis), *warnings]))


def _advice(diagnosis: Diagnosis) -> str:
    if diagnosis.correlation.correlated:
        return (
            "Noise of neighbouring pixels is correlated: `pellucid denoise` reads how from the image, but cannot tell "
            "how large the error is; a second recording with --pairs can, and --method structn2v hides what is "
            "correlated together."
        )
    return "Noise is independent enough from pixel to pixel: `pellucid denoise` with --method auto suits it."
