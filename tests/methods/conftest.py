"""Small noisy data with their truth, and methods fitted to them through the one loop."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from pellucid import methods
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.patches import Patches
from pellucid.methods import Method
from pellucid.noise import Gaussian, NoiseModel
from pellucid.operators import Identity
from pellucid.training import Adam, Plan, fit

SMALL = {"features": 8, "patch": 32, "batch": 4, "fraction": 0.02, "flips": False}  # of what is trained


@dataclass
class Scene:
    """A truth of zero mean and unit variance, and recordings of it."""

    x: Tensor
    noise: NoiseModel

    def record(self, seed: int) -> Measurement:
        rng = torch.Generator().manual_seed(seed)
        return Measurement(y=self.noise.sample(self.x, rng), operator=Identity(), noise=self.noise)

    def repeats(self, *seeds: int) -> Repeated:
        shots = tuple(self.record(seed) for seed in seeds)
        return Repeated(y=shots[0].y, operator=Identity(), noise=self.noise, shots=shots)

    def of(self, name: str) -> "Scene":
        """Return as many images as a method is fitted to."""
        return Scene(self.x[:1], self.noise) if name == "deep_image_prior" else self

    def suited(self, name: str) -> Measurement:
        """Return what a method needs for its training."""
        needs = methods.card(name).needs
        if needs == "truth":
            clean = Measurement(y=self.x, operator=Identity(), noise=self.noise)
            return Repeated.of((self.record(1), clean))
        return self.repeats(1, 2) if needs == "repeats" else self.record(1)

    def error(self, image: Tensor) -> float:
        """Return the true mean squared error."""
        return float((image.detach() - self.x).square().mean())


@pytest.fixture
def scene(phantom_2d) -> Scene:
    return standard(torch.cat([phantom_2d, phantom_2d.flip(-1), phantom_2d.mT]))


@pytest.fixture
def volume(phantom_3d) -> Scene:
    return standard(torch.cat([phantom_3d, phantom_3d.flip(-1)])[..., 2:10, 8:24, 8:24], sigma=1.0)


def standard(x: Tensor, sigma: float = 0.5) -> Scene:
    return Scene((x - x.mean()) / x.std(), Gaussian(sigma))


@pytest.fixture
def built() -> Callable[..., Method]:
    """Return a function that builds a small version of a method."""

    def build(name: str, data: Measurement, **given) -> Method:
        known = methods.settings(name)
        small = {key: value for key, value in SMALL.items() if key in known and "rate" in known}
        return methods.build(name, data, rng=torch.Generator().manual_seed(0), **small | given)

    return build


@pytest.fixture
def trained(built) -> Callable[..., Method]:
    """Return a function that builds a small version of a method and fits its stages."""

    def train(name: str, data: Measurement, steps: int, **given) -> Method:
        method = built(name, data, **given)
        for stage in method.stages:
            if stage.start is not None:
                stage.start(data)
            source = Patches(data=data, patch=stage.patch, batch=stage.batch, symmetries=stage.symmetries)
            plan = Plan(steps=steps, optimisers={"model": Adam(rate=4e-3, warm_up=10)})
            fit(stage.model, stage.objective, source, plan)
        return method

    return train
