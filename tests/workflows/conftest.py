"""Recordings of blobs as a camera makes them, and small trainings on them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.workflows.learn import Job
from pellucid.workflows.options import Options

FEW = {"features": 4, "patch": 32, "batch": 2}


def blobs(side: int = 64, seed: int = 0) -> np.ndarray:
    """Return the noiseless photons of some blobs, (side, side)."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:side, :side]
    centres = rng.uniform(0, side, (side * side // 340, 2))
    return 5 + 40 * sum(np.exp(-((row - r) ** 2 + (column - c) ** 2) / 40) for r, c in centres)


def recorded(photons: np.ndarray, seed: int) -> np.ndarray:
    """Return a recording at gain 2 and offset 100."""
    rng = np.random.default_rng(seed)
    return (100 + 2 * rng.poisson(photons) + rng.normal(0, 2, photons.shape)).astype(np.float32)


@pytest.fixture
def frame() -> Image:
    """Return one noisy plane."""
    return Image(data=recorded(blobs(), 1), axes="YX")


@pytest.fixture
def again() -> Image:
    """Return another recording of the same plane."""
    return Image(data=recorded(blobs(), 2), axes="YX")


@pytest.fixture
def truth() -> np.ndarray:
    """Return what both show, in recorded units."""
    return 100 + 2 * blobs()


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Return a maker of jobs: the fields of `Options`, and those of `Job`."""

    def make(method: str, *, steps: int | None = 3, settings=None, **fields) -> Job:
        trained = method in ("noise2noise", "noise2void", "noise2self")
        given = FEW | (settings or {}) if trained else settings or {}
        chosen = Options(method=method, steps=steps, settings=given, seed=fields.pop("seed", 0))
        return Job(options=chosen, deadline=fields.pop("deadline", None), **fields)

    return make
