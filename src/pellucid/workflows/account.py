"""What the report says of a reconstruction: cuts of it, the data, and what it leaves of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.report.evidence import Learning, Pictures, Values
from pellucid.report.reconstruction import Account, Strengths
from pellucid.restoration import Restoration
from pellucid.training import History
from pellucid.trust.consistency import Consistency
from pellucid.workflows.scan import Scan


def account_of(
    opened: Scan,
    measurement: Measurement,
    restoration: Restoration,
    pair: tuple[Image, Image],
    found: Consistency,
    choice: Any,
    provenance: Mapping[str, Any],
) -> Account:
    """Gather the account; `pair` are the first image and the reconstruction as they would be written."""
    measured, left = (data_plane(part) for part in (measurement.y, restoration.residual))
    return Account(
        title=str(provenance["modality"]),
        method=str(provenance["method"]),
        quantity=opened.quantity,
        level=found.level,
        sentence=found.sentence,
        cuts=cuts(*pair),
        measured=measured,
        left=left,
        strengths=None if choice is None else Strengths(rule=choice.rule, tried=choice.tried, chosen=choice.strength),
        notes=opened.notes,
        provenance=provenance,
    )


def learning_of(histories: Sequence[History]) -> Learning | None:
    """Return the course of the last stage of a training, or None where nothing was trained."""
    if not histories or not histories[-1].rows:
        return None
    rows = histories[-1].rows
    skipped = ("step", "seconds", "progress", "validation")
    loss = [sum((value for name, value in row.items() if name not in skipped), 0.0) for row in rows]
    at, held = (np.array([row.get(name, np.nan) for row in rows]) for name in ("step", "validation"))
    return Learning(at=at, loss=np.array(loss), held_at=at, held=held)


def first_image(measurement: Measurement, restoration: Restoration) -> Tensor:
    """Return the back-projection, scaled so that it explains the data as well as it can."""
    with torch.no_grad():
        first = measurement.operator.backproject(measurement.y)
        explained = measurement.operator(first)
        power = explained.abs().square().sum()
        scale = (measurement.y * explained.conj()).real.sum() / power if power > 0 else torch.ones(())
    return first * scale if first.shape == restoration.image.shape else torch.zeros_like(restoration.image)


def cuts(first: Image, image: Image) -> dict[str, Pictures]:
    """Return cuts of each channel through the middle: one of a plane, three of a volume."""
    found = {}
    for channel in range(image.size("C")):
        before, after = (_volume(part, channel) for part in (first, image))
        label = f"{image.channel_names[channel]}, " if channel < len(image.channel_names) else ""
        middle = [n // 2 for n in after.shape]
        places: dict[str, tuple[int | slice, ...]] = {"x-y": (middle[0], slice(None), slice(None))}
        if after.shape[0] > 1:
            places |= {"x-z": (slice(None), middle[1], slice(None)), "y-z": (slice(None), slice(None), middle[2])}
        for name, cut in places.items():
            found[label + name] = Pictures(
                noisy=before[cut],
                restored=after[cut],
                plane=label + name,
                pixel_size=image.scale.get("X") if name != "y-z" else None,
                unit=image.units.get("X", "").replace("micrometer", "µm"),
            )
    return found


def _volume(image: Image, channel: int) -> Values:
    """Return a channel, in the middle of time and samples, as (plane, row, column)."""
    where = {"C": channel} | {axis: image.size(axis) // 2 for axis in "ST"}
    part = np.asarray(image.data)[tuple(where.get(axis, slice(None)) for axis in image.axes)]
    return np.asarray(part, np.float64).reshape(-1, *part.shape[-2:])


def data_plane(y: Tensor) -> Values:
    """Return the middle plane of measured data, in decibels where they are complex."""
    plane = y[len(y) // 2].detach().cpu()
    while plane.ndim > 2:
        plane = plane[len(plane) // 2]
    values = plane.abs().double().numpy() if plane.is_complex() else plane.double().numpy()
    if not plane.is_complex():
        return np.asarray(values)
    return np.asarray(20 * np.log10(np.maximum(values, 1e-6 * float(y.abs().max()) + 1e-300)))
