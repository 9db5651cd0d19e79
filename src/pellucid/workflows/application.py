"""Apply a model to images, region by region."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._math.regions import Region, relative, view
from pellucid.data.image import Image
from pellucid.data.io import Writer, to_dtype
from pellucid.data.measurement import Measurement
from pellucid.data.series import stack_of
from pellucid.data.stack import Item, Stack
from pellucid.errors import InputError
from pellucid.operators import Identity
from pellucid.restoration import restore_tiled
from pellucid.restorers import Restorer
from pellucid.workflows.events import Event, Pace, Watch, silent
from pellucid.workflows.model import Model
from pellucid.workflows.options import applying_precision

_PREVIEW = 1024  # pixels along an axis that the report shows
_TRIAL = 128  # pixels along an axis of the tile that is timed


@dataclass
class Preview:
    """The part of one plane that the report shows, collected while the image is restored."""

    item: Item
    region: Region
    noisy: NDArray[np.float32]
    restored: NDArray[np.float32]
    spread: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, stack: Stack, number: int) -> Preview:
        """Return the middle of the middle plane of an image."""
        items = [item for item in stack.items if item.image == number]
        item = items[len(items) // 2]
        *planes, rows, columns = stack.space(item)
        middle = [slice(n // 2, n // 2 + 1) for n in planes]
        sides = [slice((n - min(n, _PREVIEW)) // 2, (n + min(n, _PREVIEW)) // 2) for n in (rows, columns)]
        region = (*middle, *sides)
        noisy = stack.shown(stack.given(item, region)[None]).reshape(sides[0].stop - sides[0].start, -1)
        return cls(item, region, noisy, np.zeros_like(noisy))

    def keep(self, region: Region, maps: Tensor) -> None:
        """Copy what lies in the preview out of maps, (1 or 2, *region)."""
        pairs = zip(self.region, region, strict=True)
        both = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in pairs)
        if any(s.stop <= s.start for s in both):
            return
        part = view(maps, relative(both, region)).numpy()
        part = part.reshape(len(part), *part.shape[-2:])
        place = relative(both, self.region)[-2:]
        self.restored[place] = part[0]
        if len(part) > 1:
            self.spread = np.zeros_like(self.noisy) if self.spread is None else self.spread
            self.spread[place] = part[1]


@dataclass(frozen=True, kw_only=True)
class Application:
    """A model and how it is applied.

    Parameters
    ----------
    model
        One restorer a channel.
    device
        Where it computes.
    watch, cancel
        Told of progress; asked whether to stop.
    """

    model: Model
    device: torch.device
    watch: Watch = silent
    cancel: Callable[[], bool] = lambda: False

    def run(self, image: Image, pair: Image | None, writer: Writer, dtype: np.dtype[Any]) -> list[Preview]:
        """Restore every channel of an image into `writer`, and return what the report shows of each.

        Raises
        ------
        InputError
            Where the model was made for other channels or dimensions.
        """
        _fits(self.model, image, pair)
        stacks = [
            stack_of([image], number, self.model.dims, channel.method.card.needs)
            for number, channel in enumerate(self.model.channels)
        ]
        total = sum(stack.pixels for stack in stacks)
        done, pace, previews = 0, Pace(), []
        for channel, stack in zip(self.model.channels, stacks, strict=True):
            needs = channel.method.card.needs
            second = replace(stack, images=(pair,)) if pair is not None and needs == "repeats" else None
            restorer = channel.restorer
            if done == 0 and not restorer.whole:
                seconds = total * self._time(restorer, stack.depth(0) if second is None else 2)
                self.watch(Event("apply", f"Applying {channel.facts.method}: about {seconds:.0f} s.", 0.0, seconds))
            preview = Preview.of(stack, 0)
            for item in stack.items:

                def progress(part: int, whole: int, before: int = done) -> None:
                    share = (before + part) / total
                    self.watch(Event("apply", "Applying the model.", share, pace.left(share)))

                self._item(restorer, stack, second, item, writer, dtype, preview, progress)
                done += math.prod(stack.space(item))
            previews.append(preview)
        return previews

    def _item(
        self,
        restorer: Restorer,
        stack: Stack,
        second: Stack | None,
        item: Item,
        writer: Writer,
        dtype: np.dtype[Any],
        preview: Preview,
        progress: Callable[[int, int], None],
    ) -> None:
        """Restore one plane or volume."""

        def read(region: Region) -> Tensor:
            shots = [s.given(item, region) for s in (stack, second) if s is not None]
            return torch.from_numpy(np.concatenate(shots))

        def write(region: Region, maps: Tensor) -> None:
            writer[stack.index(item, region)] = to_dtype(stack.answer(maps[0].numpy(), item), dtype)
            if item == preview.item:
                preview.keep(region, stack.shown(maps))

        precision = applying_precision(self.device)
        with torch.autocast(self.device.type, precision, enabled=precision is not None):
            restore_tiled(
                restorer, read, write, stack.space(item), device=self.device, on_progress=progress, cancel=self.cancel
            )

    def _time(self, restorer: Restorer, shots: int) -> float:
        """Return the seconds a pixel, from one tile."""
        side = [_TRIAL] * self.model.dims if self.model.dims == 2 else [16, _TRIAL // 2, _TRIAL // 2]
        tile = Measurement(y=torch.zeros(1, shots, *side, device=self.device), operator=Identity())
        with torch.no_grad():
            restorer.estimate(tile)
            _wait(self.device)
            start = time.monotonic()
            restorer.estimate(tile)
            _wait(self.device)
        return 1.2 * (time.monotonic() - start) / math.prod(side)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _fits(model: Model, image: Image, pair: Image | None) -> None:
    if pair is not None and (pair.shape, pair.axes) != (image.shape, image.axes):
        raise InputError(
            f"Pairs must match, but the image is {image.axes} {image.shape} and its pair {pair.axes} {pair.shape}."
        )
    count = image.size("C")
    if count != len(model.channels):
        raise InputError(
            f"The model was made for {len(model.channels)} channel(s), but the image has {count}; choose one with "
            "--channel, or train a model on such images."
        )
    for number, channel in enumerate(model.channels):
        depth, needs = stack_of([image], number, model.dims, channel.method.card.needs).depth(0), channel.facts.volumes
        if depth != needs:
            raise InputError(f"The model was made for a series of {needs} volumes, but the image has {depth}.")
    if model.dims == 3 and "Z" not in image.axes:
        raise InputError("The model was made for stacks with a Z axis, and the image has none; train one on planes.")
