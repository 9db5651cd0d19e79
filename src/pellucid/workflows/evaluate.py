"""Judge a restored file: by its residual always, by an error estimate, a second recording or the truth where given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.image import Image
from pellucid.data.io import check, read
from pellucid.data.stack import Stack, channels_of
from pellucid.errors import InputError
from pellucid.methods import card, names
from pellucid.metrics import frc, psnr, resolution, ssim
from pellucid.noise import diagnose
from pellucid.trust import Risk, Verdict, judge, second_shot_risk
from pellucid.workflows.model import Model

Array = NDArray[np.float64]

_SAMPLE = 2**21  # pixels that are judged; of larger images, a random part
_BRIGHTNESS = 0.02  # difference of two recordings that is worth a warning


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was found about one channel.

    Parameters
    ----------
    name
        Of the channel; empty where there is only one.
    verdict
        From the residual and the risk.
    risk
        The estimated error, or None where nothing tells it.
    numbers
        Metrics against the truth and against the second recording, by name.
    """

    name: str
    verdict: Verdict
    risk: Risk | None
    numbers: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return everything in terms of JSON."""
        risk = self.risk
        return {
            "channel": self.name,
            "verdict": self.verdict.level,
            "sentence": self.verdict.sentence,
            "reasons": list(self.verdict.reasons),
            "not_checked": list(self.verdict.not_checked),
            "warnings": list(self.verdict.warnings),
            "risk": risk.mean if risk else None,
            "risk_se": risk.se if risk else None,
            "noise_variance": risk.noise_variance if risk else None,
            **self.numbers,
        }

    def __str__(self) -> str:
        verdict = self.verdict
        lines = [f"{f'{self.name}: ' * bool(self.name)}{verdict.level.upper()}. {verdict.sentence}"]
        lines += [f"  - {reason}" for reason in (*verdict.reasons, *verdict.warnings)]
        lines += [f"  {name} = {value:.4g}" for name, value in self.numbers.items()]
        return "\n".join([*lines, "  Not checked:", *(f"  - {text}" for text in verdict.not_checked)])


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was found about a restored file, channel by channel."""

    channels: tuple[Judged, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all channels."""
        return max((channel.verdict for channel in self.channels), key=lambda verdict: verdict.severity)

    def as_dict(self) -> dict[str, Any]:
        """Return the worst verdict, and everything by channel, in terms of JSON."""
        worst = self.verdict
        channels = [channel.as_dict() for channel in self.channels]
        return {"verdict": worst.level, "sentence": worst.sentence, "channels": channels}

    def __str__(self) -> str:
        return "\n".join(map(str, self.channels))


def evaluate(
    restored: str | Path,
    noisy: str | Path,
    *,
    model: str | Path | None = None,
    truth: str | Path | None = None,
    second_shot: str | Path | None = None,
) -> Evaluation:
    """Judge a restored file against the recorded one.

    Parameters
    ----------
    restored, noisy
        Files of one shape.
    model
        The model that made the image; its held-out risk is that of the data it was trained on. Without it, the risk
        that Pellucid noted in the restored file is taken, if there is one.
    truth
        A clean reference.
    second_shot
        Another recording of the same object at the same brightness, which the image was not made from. The risk is then
        that of the image itself.

    Raises
    ------
    InputError
        Where a file cannot be read, or shapes do not match.

    Notes
    -----
    Every plane is judged by itself. Above two million pixels a random part is judged, the same of every file.
    """
    images = {"restored": read(restored)}
    axes = images["restored"].axes
    for role, path in (("noisy", noisy), ("truth", truth), ("second", second_shot)):
        if path is not None:
            images[role] = _matching(Path(path), axes, images["restored"])
    check(images["noisy"])
    source = images["restored"].provenance if model is None else Model.load(model).provenance
    count = channels_of([images["restored"]])
    titles = images["restored"].channel_names if count > 1 else ("",)
    titles = titles or tuple(f"Channel {k}" for k in range(count))
    eight_bit = images["noisy"].dtype == np.uint8
    return Evaluation(channels=tuple(_channel(images, k, titles[k], source, eight_bit) for k in range(count)))


def _matching(path: Path, axes: str, like: Image) -> Image:
    """Read a file that belongs to another, with its axes where the file does not say."""
    try:
        image = read(path)
    except InputError:
        image = read(path, axes=axes)
    if image.shape != like.shape or image.axes != like.axes:
        raise InputError(
            f"{path.name} is {image.axes} {image.shape}, but the restored image is {like.axes} {like.shape}: give the "
            "files that belong together."
        )
    return image


def _channel(images: Mapping[str, Image], number: int, name: str, source: Mapping[str, Any], eight_bit: bool) -> Judged:
    """Judge one channel."""
    planes = {role: _planes(image, number) for role, image in images.items()}
    noisy, restored = planes["noisy"], planes["restored"]
    seen = diagnose(noisy)
    risk = known_risk(source, number)
    numbers: dict[str, float] = {}
    warnings: tuple[str, ...] = ()
    if "second" in planes:
        risk = second_shot_risk(restored, noisy, planes["second"])
        numbers |= _agreement(restored, noisy, planes["second"])
        warnings = _brightness(noisy, planes["second"])
    if "truth" in planes:
        numbers |= _against(planes["truth"], restored, noisy, eight_bit)
    verdict = judge(
        noisy,
        restored,
        transfer=seen.transfer,
        correlation=seen.correlation,
        risk=risk,
        independent=_independent(source, number),
    )
    return Judged(name=name, verdict=replace(verdict, warnings=warnings), risk=risk, numbers=numbers)


def _planes(image: Image, channel: int) -> Array:
    """Return planes, or a sample of blocks of them, (n, row, column); of one shape always the same."""
    if image.dtype.kind not in "iuf":
        raise InputError(f"{image.source} holds {image.dtype} entries, and real images are judged.")
    stack = Stack((image,), channel, 2)
    return stack.sample(np.random.default_rng(0), pixels=_SAMPLE).astype(np.float64)


def known_risk(provenance: Mapping[str, Any], channel: int) -> Risk | None:
    """Return the held-out risk that a file or a model was given when it was made, or None.

    Examples
    --------
    >>> known_risk({"risk": [4.0], "risk_se": [0.1], "noise_variance": [3.0]}, 0).error
    1.0
    >>> known_risk({"software": "another"}, 0) is None
    True
    """
    mean, se, noise = (_entry(provenance, key, channel) for key in ("risk", "risk_se", "noise_variance"))
    known = all(isinstance(value, int | float) and np.isfinite(value) for value in (mean, se, noise))
    return Risk(mean=mean, se=se, noise_variance=noise) if known else None


def _independent(provenance: Mapping[str, Any], channel: int) -> bool:
    """Whether the method relies on independent noise; taken for granted where the method is unknown."""
    method = _entry(provenance, "method", channel)
    return card(method).independent if method in names() else True


def _entry(provenance: Mapping[str, Any], key: str, channel: int) -> Any:
    entries = provenance.get(key)
    return entries[channel] if isinstance(entries, list | tuple) and channel < len(entries) else None


def _against(truth: Array, restored: Array, noisy: Array, eight_bit: bool) -> dict[str, float]:
    """Return the metrics against the truth, with those of the recorded image beside them."""
    span = float(np.ptp(truth))
    if span == 0:
        raise InputError("The truth is constant, and no image can be compared with it: give the clean reference.")
    ranges = {"": span} | ({"_255": 255.0} if eight_bit else {})
    numbers: dict[str, float] = {}
    for suffix, image in (("", restored), ("_noisy", noisy)):
        numbers |= {f"psnr{name}{suffix}": psnr(image, truth, value) for name, value in ranges.items()}
        numbers[f"psnr_affine{suffix}"] = psnr(image, truth, span, affine=True)
        numbers[f"ssim{suffix}"] = float(np.mean([ssim(a, b, span) for a, b in zip(image, truth, strict=True)]))
    return numbers


def _agreement(restored: Array, noisy: Array, second: Array) -> dict[str, float]:
    """Return the finest detail, in pixels, in which an image agrees with the second recording (threshold 1/7)."""
    numbers = {}
    for name, image in (("frc_pixels", restored), ("frc_pixels_noisy", noisy)):
        curves = [frc(a, b) for a, b in zip(image, second, strict=True)]
        numbers[name] = resolution(curves[0][0], np.mean([curve for _, curve in curves], axis=0))
    return numbers


def _brightness(noisy: Array, second: Array) -> tuple[str, ...]:
    """Warn of a second recording of another brightness: its difference would count as error."""
    change = float((second.mean() - noisy.mean()) / max(abs(noisy.mean()), noisy.std()))
    if abs(change) < _BRIGHTNESS:
        return ()
    which = "brighter" if change > 0 else "darker"
    return (f"The second recording is {abs(change):.1%} {which}, which counts as error here.",)
