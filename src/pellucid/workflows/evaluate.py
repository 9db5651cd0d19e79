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
from pellucid.metrics import psnr, ssim
from pellucid.noise import Diagnosis, diagnose
from pellucid.trust import Risk, Verdict, covered, detectable, judge, second_shot_risk
from pellucid.trust.removed import Removed, removed
from pellucid.trust.resolution import ONE_SHOT, TWO_SHOTS, one_shot, two_shots
from pellucid.trust.verdict import UNCERTAINTY
from pellucid.workflows.known import known_risk, known_spread, relies_on_independence
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
    removed
        What the residual tells.
    numbers
        Metrics against the truth and against the second recording, by name.
    notes
        What the numbers mean, one sentence or two each.
    """

    name: str
    verdict: Verdict
    risk: Risk | None
    removed: Removed
    numbers: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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
            "notes": list(self.notes),
            **self.removed.as_dict(),
            **self.numbers,
        }

    def __str__(self) -> str:
        verdict = self.verdict
        lines = [f"{f'{self.name}: ' * bool(self.name)}{verdict.level.upper()}. {verdict.sentence}"]
        lines += [f"  - {reason}" for reason in (*verdict.reasons, *verdict.warnings)]
        lines += [f"  {name} = {value:.4g}" for name, value in self.numbers.items()]
        lines += ["  What the numbers mean:", *(f"  - {text}" for text in self.notes)]
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
    spread: str | Path | None = None,
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
    spread
        The standard deviation that is claimed for each pixel; its intervals are checked against the truth and against
        the second recording, where these are given.

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
    for role, path in (
        ("noisy", noisy),
        ("truth", truth),
        ("second", second_shot),
        ("spread", spread),
    ):
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
    transfer, correlation = seen.transfer, seen.correlation
    risk, independent = known_risk(source, number), relies_on_independence(source, number)
    if "second" in planes:
        risk = second_shot_risk(restored, noisy, planes["second"])
    found = removed(noisy, restored, transfer)
    numbers, told = _resolution(planes, seen, images["noisy"].provenance)
    numbers |= _coverage(planes, seen)
    if "truth" in planes:
        numbers |= _against(planes["truth"], restored, noisy, eight_bit)
    claimed = known_spread(source, number)
    meant = () if risk is None else (risk.meaning(independent=not (independent and correlation.correlated)),)
    verdict = judge(
        noisy,
        restored,
        transfer=transfer,
        correlation=correlation,
        risk=risk,
        independent=independent,
        limits=detectable(noisy, restored, transfer=transfer, correlation=correlation),
    )
    if claimed is not None or any(key.startswith("coverage") for key in numbers):
        verdict = replace(verdict, not_checked=tuple(text for text in verdict.not_checked if text != UNCERTAINTY))
    return Judged(
        name=name,
        verdict=replace(verdict, warnings=_brightness(noisy, planes.get("second"))),
        risk=risk,
        removed=found,
        numbers=numbers,
        notes=(*meant, *found.sentences, told, *(() if claimed is None else (claimed.sentence,))),
    )


def _resolution(
    planes: Mapping[str, Array], seen: Diagnosis, provenance: Mapping[str, Any]
) -> tuple[dict[str, float], str]:
    """Return the finest detail in pixels, from two recordings or from one, and what that means or why there is none."""
    if "second" in planes:
        return two_shots(planes["restored"], planes["noisy"], planes["second"]), TWO_SHOTS
    try:
        pixels = one_shot(planes["noisy"], transfer=seen.transfer, correlation=seen.correlation, provenance=provenance)
    except InputError as refused:
        return {}, str(refused)
    return {"frc_pixels_noisy_alone": pixels}, ONE_SHOT


def _coverage(planes: Mapping[str, Array], seen: Diagnosis) -> dict[str, float]:
    """Return how much of the truth, or of a second recording, lies within the 90 % intervals of a spread."""
    if "spread" not in planes:
        return {}
    claimed, image = planes["spread"] ** 2, planes["restored"]
    own: dict[str, float | Array] = {"truth": 0.0, "second": seen.transfer.variance_at(image)}
    return {
        f"coverage_{role}": covered(image - planes[role], claimed + noise)
        for role, noise in own.items()
        if role in planes
    }


def _planes(image: Image, channel: int) -> Array:
    """Return planes, or a sample of blocks of them, (n, row, column); of one shape always the same."""
    if image.dtype.kind not in "iuf":
        raise InputError(f"{image.source} holds {image.dtype} entries, and real images are judged.")
    stack = Stack((image,), channel, 2)
    return stack.sample(np.random.default_rng(0), pixels=_SAMPLE).astype(np.float64)


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


def _brightness(noisy: Array, second: Array | None) -> tuple[str, ...]:
    """Warn of a second recording of another brightness: its difference would count as error."""
    if second is None:
        return ()
    change = float((second.mean() - noisy.mean()) / max(abs(noisy.mean()), noisy.std()))
    if abs(change) < _BRIGHTNESS:
        return ()
    which = "brighter" if change > 0 else "darker"
    return (f"The second recording is {abs(change):.1%} {which}, which counts as error here.",)
