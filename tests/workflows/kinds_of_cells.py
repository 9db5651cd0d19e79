"""Two folders of cells: bright ones on dark ground in 16 bits, dark ones on bright ground in 8 bits."""

from pathlib import Path

import numpy as np
import tifffile


def cells(seed: int, shape: tuple[int, int] = (24, 28)) -> np.ndarray:
    """Return where content is, about a quarter of the area."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((-(-shape[0] // 4), -(-shape[1] // 4))) < 0.25
    return np.kron(coarse, np.ones((4, 4)))[: shape[0], : shape[1]]


def folders(place: Path, count: int = 8) -> tuple[Path, Path]:
    """Write both folders: files of one name show the same cells."""
    first, second = place / "bright", place / "dark"
    rng = np.random.default_rng(9)
    for folder in (first, second):
        folder.mkdir()
    for number in range(count):
        content = cells(number)
        noise = rng.normal(0, 40, content.shape)
        tifffile.imwrite(first / f"{number}.tif", (500 + 1000 * content + noise).astype(np.uint16))
        tifffile.imwrite(second / f"{number}.tif", (200 - 150 * content).astype(np.uint8))
    return first, second
