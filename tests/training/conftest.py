"""A small fit: Noise2Void of a few blobs with a tiny U-Net, from scratch at every call."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.source import Fixed
from pellucid.data.splits import BlindSpot
from pellucid.networks import UNet, initialise
from pellucid.objectives import HeldOut
from pellucid.operators import Identity
from pellucid.restorers import Enhancer
from pellucid.training import History, Validation, fit


@dataclass
class Trial:
    """A model that knows how it was fitted."""

    model: Enhancer
    history: History

    @property
    def weights(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.model.parameters()])

    @property
    def curve(self) -> list[dict[str, float]]:
        """The rows without the clock."""
        return [{name: value for name, value in row.items() if name != "seconds"} for row in self.history.rows]


@pytest.fixture
def noisy(phantom_2d) -> Measurement:
    rng = torch.Generator().manual_seed(1)
    y = (phantom_2d + 0.2 * torch.randn(phantom_2d.shape, generator=rng) - 0.3) / 0.4
    return Measurement(y=y, operator=Identity())


@pytest.fixture
def validation(noisy) -> Validation:
    return Validation(objective=HeldOut(BlindSpot(0.05)), source=Fixed(noisy), interval=10)


@pytest.fixture
def small() -> Callable[[], Enhancer]:
    def build() -> Enhancer:
        return Enhancer(initialise(UNet((1, 1), features=4, depth=1), torch.Generator().manual_seed(2)))

    return build


@pytest.fixture
def trial(small, noisy) -> Callable[..., Trial]:
    """Return a function that fits a new model, with the arguments of `fit` after the objective."""

    def run(plan, *, objective=None, **options) -> Trial:
        model = small()
        source = Patches(data=noisy, patch=(16, 16), batch=2)
        return Trial(model, fit(model, objective or HeldOut(BlindSpot(0.05)), source, plan, **options))

    return run


@pytest.fixture
def after() -> Callable[[int], Callable[[], bool]]:
    """Return a function that says when to stop: after a number of steps."""

    def steps(count: int) -> Callable[[], bool]:
        asked = iter(range(count))
        return lambda: next(asked, None) is None

    return steps
