import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pellucid.cli import main


@dataclass(frozen=True)
class Ran:
    """How a call of the command ended."""

    code: int
    out: str
    err: str

    @property
    def facts(self):
        """The JSON object on the last line."""
        return json.loads(self.out.splitlines()[-1])


Command = Callable[..., Ran]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Return a caller of the command within this process."""

    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ran(left.value.code or 0, out, err)

    return run


@pytest.fixture(scope="session")
def nuclei() -> np.ndarray:
    """Return two frames of blobs as a camera with gain 2 and offset 100 records them, (2, 64, 64)."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:64, :64]
    centres = rng.uniform(0, 64, (12, 2))
    blobs = sum(np.exp(-((row - r) ** 2 + (column - c) ** 2) / 40) for r, c in centres)
    photons = rng.poisson(5 + 40 * blobs, (2, 64, 64))
    return (100 + 2 * photons + rng.normal(0, 2, photons.shape)).round().astype(np.uint16)


@pytest.fixture
def noisy(tmp_path: Path, nuclei: np.ndarray) -> Path:
    """Return a noisy image in a folder of its own."""
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, nuclei[0])
    return path


@pytest.fixture
def second(tmp_path: Path, nuclei: np.ndarray) -> Path:
    """Return another recording of the same object."""
    path = tmp_path / "again.tif"
    tifffile.imwrite(path, nuclei[1])
    return path
