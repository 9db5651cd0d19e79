"""Recordings with a truth beside them, whose noise is nearly independent from pixel to pixel, as crops of 256 x 256.

The truth is a mean of many frames, fitted to the recording by a line (gains differ by up to 20 %), or the image that
noise was added to.
"""

from pathlib import Path

import numpy as np

import pellucid as pl

SIDE = 256
FMD = [f"Confocal_{kind}" for kind in ("BPAE_B", "BPAE_G", "BPAE_R", "FISH", "MICE")]
FMD += [f"TwoPhoton_{kind}" for kind in ("BPAE_B", "BPAE_G", "BPAE_R", "MICE")]
GIGADB = ("actin-20x-noise1", "actin-60x-noise1", "mito-20x-noise1", "nucleus")
SIGMA = 25.0


def recordings(folder: Path, *, development: bool):
    """Yield (name, noisy, truth) in float64: images on which limits may be chosen, or those for reporting."""
    for number in (2, 3) if development else (1,):
        for kind in FMD:
            raw, truth = (_read(folder / "fluo_fmd" / part / f"{kind}_{number}.png") for part in ("raw", "gt"))
            yield f"fmd {kind}_{number}", raw, _fitted(truth, raw)
    calcium, frame = folder / "fluo_repeats_calcium", int(development)
    noisy = _read(calcium / "noisy_10repeats_TYX.tif", axes="TYX")[frame]
    yield f"calcium {frame}", noisy, _fitted(_read(calcium / "gt.tif"), noisy)
    if not development:
        bacteria = folder / "fluo_bacteria"
        noisy = _read(bacteria / "noisy.tif")
        yield "bacteria", noisy, _fitted(_read(bacteria / "avg_target.tif"), noisy)
        for kind in GIGADB:
            low, high = (_read(folder / "fluo_gigadb" / f"{kind}_{part}.png") for part in ("low", "high"))
            yield f"gigadb {kind}", low, _fitted(high, low)
    for number in range(5, 9) if development else range(1, 5):
        truth = _read(folder / "natural_set12" / f"{number:02}.png")
        yield f"set12 {number:02}", np.random.default_rng(0).normal(truth, SIGMA), truth


def _fitted(truth, noisy):
    slope, offset = np.polyfit(truth.ravel(), noisy.ravel(), 1)
    return slope * truth + offset


def _read(path, axes=None):
    """Return the middle of each plane of a file."""
    data = np.asarray(pl.open(path, axes=axes).data, dtype=np.float64)
    top, left = ((n - SIDE) // 2 for n in data.shape[-2:])
    return data[..., top : top + SIDE, left : left + SIDE]
