"""Draw images from a posterior, region by region: every draw is one image, without seams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from pellucid._math.halo import halo
from pellucid._math.placed import Placed
from pellucid._math.regions import Region
from pellucid._math.seeds import mix
from pellucid.data.io import Writer
from pellucid.data.measurement import Measurement
from pellucid.data.stack import Item, Stack
from pellucid.errors import InputError
from pellucid.methods import card, names
from pellucid.operators import Identity
from pellucid.restorers import Recorded, Restorer
from pellucid.restorers.mean_shift import mode
from pellucid.restorers.variational import Variational
from pellucid.tiling import apply_tiled, plan
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
        How many, two or more.
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
        space, dims = stack.space(item), stack.dims
        seed = mix(self.seed, stack.channel, stack.items.index(item))

        def read(region: Region) -> Tensor:
            where = np.meshgrid(*(np.arange(s.start, s.stop, dtype=np.float32) for s in region), indexing="ij")
            return torch.from_numpy(np.concatenate([stack.given(item, region), where]))

        def drawn(given: Tensor, draws: int = self.draws) -> Tensor:
            return posterior(restorer, given, seed, draws, likeliest="map" in self.writers)

        def write(region: Region, maps: Tensor) -> None:
            place, answers = stack.index(item, region), [stack.answer(part.numpy(), item) for part in maps]
            writer[place], self.writers["spread"][place], *rest = answers[self.draws :]
            self.writers["draws"][(slice(None), *place)] = np.stack(answers[: self.draws])
            if rest:
                self.writers["map"][place] = rest[0]
            if item == preview.item:
                preview.keep(region, stack.shown(maps[self.draws : self.draws + 2]))

        precision, stride = applying_precision(self.device), restorer.stride(dims)
        like = read((slice(0, 1),) * dims).to(self.device)
        with torch.no_grad(), torch.autocast(self.device.type, precision, enabled=precision is not None):
            if restorer not in _halos:
                _halos[restorer] = halo(lambda given: drawn(given, 2), stride, like=like)
            cut = plan(space, stride, _halos[restorer], self.device)
            apply_tiled(drawn, read, write, cut, device=self.device, on_progress=progress, cancel=self.cancel)


def posterior(restorer: Recorded, given: Tensor, seed: int, draws: int, *, likeliest: bool = False) -> Tensor:
    """Return draws, their mean and spread, and maybe their mode, in recorded units.

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
        Whether to add the mode.

    Returns
    -------
    Tensor
        Shape (1, draws + 2 or 3, channel, *space).
    """
    units, sampler, dims = restorer.standardisation, restorer.restorer, given.ndim - 2
    assert isinstance(sampler, Variational)
    data, where = given[:, :-dims], given[0, -dims:].nan_to_num().long()
    places = [where[axis].movedim(axis, 0).flatten(1)[:, 0] for axis in range(dims)]
    inside = Measurement(y=units(data), operator=Identity(), noise=units.noise)
    inner = torch.cat([sampler.draw(inside, Placed(mix(seed, k), places)) for k in range(draws)]).float()
    outer = units.inverse(inner)
    maps = [*outer, outer.mean(0), outer.std(0)]
    return torch.stack([*maps, units.inverse(mode(inner))] if likeliest else maps).unsqueeze(0)
