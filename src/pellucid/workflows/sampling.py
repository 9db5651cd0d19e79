"""Draw images from a posterior, region by region: every draw is one image, without seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from pellucid._math.halo import halo
from pellucid._math.placed import Placed
from pellucid._math.regions import Region, view
from pellucid._math.seeds import mix
from pellucid.data.io import Writer
from pellucid.data.measurement import Measurement
from pellucid.data.stack import Item, Stack
from pellucid.errors import InputError
from pellucid.methods import card, names
from pellucid.operators import Identity
from pellucid.restorers import Recorded, Restorer
from pellucid.restorers.base import mean_and_spread
from pellucid.restorers.mean_shift import mode
from pellucid.restorers.variational import Variational
from pellucid.tiling import Cancelled, apply_tiled, plan
from pellucid.workflows.application import Application, Preview
from pellucid.workflows.options import applying_precision

_halos: WeakKeyDictionary[Restorer, tuple[int, ...] | None] = WeakKeyDictionary()  # of a run: it makes its restorers


def able() -> str:
    """Return the names of the methods whose posterior can be drawn from."""
    return ", ".join(name for name in names() if "draws" in card(name).gives)


@dataclass(frozen=True, kw_only=True)
class Sampling(Application):
    """A model whose posterior is drawn from; what `run` writes is the mean of the draws.

    The random numbers behind a draw are a function of its number and of the place in the image (`Placed`), and the
    draw one of them and of the data around. So tiles fit together, and each draw is what the whole image at once would
    give.

    Parameters
    ----------
    draws
        How many, two or more. Each is written as it comes.
    seed
        Of the draws.
    writers
        Take the ``draws``, along a first axis of their own, the ``spread`` and, where it is wanted, the ``map``.
    """

    draws: int
    seed: int
    writers: Mapping[str, Writer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the model can be drawn from."""
        for channel in self.model.channels:
            if not isinstance(channel.method.restorer, Variational):
                raise InputError(f"{channel.facts.method} has no posterior to draw from; these methods have: {able()}.")

    def _time(self, restorer: Restorer, shots: int) -> float:
        """Return the seconds a pixel, by those of as many draws as a restored image has."""
        assert isinstance(restorer, Recorded)
        assert isinstance(restorer.restorer, Variational)
        return super()._time(restorer, shots) * self.draws / restorer.restorer.draws

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
        """Draw one plane or volume."""
        assert isinstance(restorer, Recorded)
        seed = mix(self.seed, stack.channel, stack.items.index(item))
        read, tiles = partial(_placed, stack, item), list[tuple[Region, Region]]()  # the last one is being computed

        def keep(number: int, draw: Tensor) -> None:
            if self.cancel():
                raise Cancelled
            region, inside = tiles[-1]
            part = stack.answer(view(draw[0], inside).cpu().numpy(), item)
            self.writers["draws"][(number, *stack.index(item, region))] = part

        def write(region: Region, maps: Tensor) -> None:
            place, answers = stack.index(item, region), [stack.answer(part.numpy(), item) for part in maps]
            writer[place], self.writers["spread"][place], *likeliest = answers
            for answer in likeliest:
                self.writers["map"][place] = answer
            if item == preview.item:
                preview.keep(region, stack.shown(maps[:2]))

        drawn = partial(posterior, restorer, seed=seed, likeliest="map" in self.writers)
        precision, stride = applying_precision(self.device), restorer.stride(stack.dims)
        with torch.no_grad(), torch.autocast(self.device.type, precision, enabled=precision is not None):
            if restorer not in _halos:
                like = read((slice(0, 1),) * stack.dims).to(self.device)
                _halos[restorer] = halo(partial(drawn, draws=2), stride, like=like)
            cut = plan(stack.space(item), stride, _halos[restorer], self.device)
            how: dict[str, Any] = {"device": self.device, "on_progress": progress, "cancel": self.cancel}
            drawn = partial(drawn, draws=self.draws, keep=keep)
            apply_tiled(drawn, read, write, cut, begin=lambda *tile: tiles.append(tile), **how)


def _placed(stack: Stack, item: Item, region: Region) -> Tensor:
    """Return the data of a region, and then the place of each pixel along each axis, (channel + axes, *region)."""
    where = np.meshgrid(*(np.arange(s.start, s.stop, dtype=np.float32) for s in region), indexing="ij")
    return torch.from_numpy(np.concatenate([stack.given(item, region), where]))


def posterior(
    restorer: Recorded,
    given: Tensor,
    *,
    seed: int,
    draws: int,
    likeliest: bool = False,
    keep: Callable[[int, Tensor], None] = lambda number, draw: None,
) -> Tensor:
    """Return mean and standard deviation of draws, and maybe their mode, in recorded units.

    Parameters
    ----------
    restorer
        A `Variational`, in recorded units.
    given
        The data, and then the place of each pixel along each axis, shape (1, channel + axes, *space).
    seed
        The k-th draw follows from it, from k and from the places.
    draws
        How many.
    likeliest
        Whether to add the mode: only then are all draws in memory at once.
    keep
        Takes the number of each draw and the draw, (1, channel, *space).

    Returns
    -------
    Tensor
        Shape (1, 2 or 3, channel, *space).
    """
    units, sampler, dims = restorer.standardisation, restorer.restorer, given.ndim - 2
    assert isinstance(sampler, Variational)
    data, where = given[:, :-dims], given[0, -dims:].nan_to_num().long()
    places = [where[axis].movedim(axis, 0).flatten(1)[:, 0] for axis in range(dims)]
    draw = sampler.posterior(Measurement(y=units(data), operator=Identity(), noise=units.noise))
    kept: list[Tensor] = []

    def drawn() -> Iterator[Tensor]:
        for number in range(draws):
            inner = draw(Placed(mix(seed, number), places)).float()
            if likeliest:
                kept.append(inner)
            outer = units.inverse(inner)
            keep(number, outer)
            yield outer

    maps = mean_and_spread(drawn())
    return torch.stack([*maps, units.inverse(mode(torch.cat(kept)))[None]] if likeliest else maps, 1)
