"""The verdict on good restorations and on planted faults: how often green, amber and red.

Frames of the Fluorescence Microscopy Denoising set are restored by methods of Pellucid and then spoiled. The
limits of the verdict were chosen on images 2 and 3; images 1 are for reporting. Confocal and two-photon noise is nearly
independent from pixel to pixel; that of the wide-field frames is not. The environment variable PELLUCID_DATA names the
data's folder. Sizes are in pixels, or in standard deviations of the noise where they say sd.

    python benchmarks/trust.py [METHOD ...] [--images 1]
"""

import argparse
import os
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.io import imread

import pellucid as pl
from measuring import record
from pellucid.noise import diagnose
from pellucid.trust import LEVELS, judge

METHODS = ("non_local_means", "total_variation")
SPOTS = 10


def faults(noisy, image, sd, rng):
    """Yield (name, spoiled image); sd is the noise's standard deviation at each pixel."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    grain = ndimage.gaussian_filter(rng.standard_normal(image.shape), 1)
    wave = np.sqrt(2) * np.sin(0.69 * rows + 0.44 * columns)
    places = rng.integers(20, min(image.shape) - 20, (SPOTS, 2))
    yield "as restored", image
    for size in (1, 1.5, 2, 3, 5):
        yield f"smoothed, Gaussian of {size}", ndimage.gaussian_filter(image, size)
    for share in (0.3, 0.5, 0.7, 0.9):
        yield f"{share:.0%} of the recording mixed in", (1 - share) * image + share * noisy
    for far in (0.5, 1, 2, 3):
        yield f"shifted by {far}", ndimage.shift(image, (far, 0), order=1, mode="nearest")
    for size in (0.2, 0.3, 0.5, 1):
        yield f"grain of width 1 added, {size} sd", image + size * sd * grain / grain.std()
        yield f"wave of length 8 added, {size} sd", image + size * sd * wave
    for change in (0.05, -0.05, 0.1, -0.1):
        yield f"gain {change:+.0%}", image * (1 + change)
    for share in (0.05, 0.01):
        yield f"brightest {share:.0%} clipped", np.minimum(image, np.quantile(image, 1 - share))
    for width in (1.5, 3.5):
        shape = sum(np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / (2 * width**2)) for r, c in places)
        for size in (1, 2, 3, 4, 6):
            yield f"{SPOTS} spots of width {width} added, {size} sd", image + size * sd * shape


def levels(path, method):
    """Return the level of the verdict by fault."""
    frame = imread(path)
    image = pl.denoise(frame, method=method).image.astype(np.float64)
    seen = diagnose(frame.astype(np.float64))
    sd = np.sqrt(ndimage.uniform_filter(seen.transfer.variance_at(image), 5))
    noise = {"transfer": seen.transfer, "correlation": seen.correlation}
    spoiled = faults(frame, image, sd, np.random.default_rng(0))
    return {name: judge(frame, one, **noise, risk=None).level for name, one in spoiled}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=METHODS)
    parser.add_argument("--images", type=int, default=1, choices=(1, 2, 3))
    options = parser.parse_args()
    found = Counter()
    for path in sorted(Path(os.environ["PELLUCID_DATA"], "fluo_fmd", "raw").glob(f"*_{options.images}.png")):
        kind = "wide-field" if path.name.startswith("WideField") else "confocal, two-photon"
        for method in options.methods:
            for fault, level in levels(path, method).items():
                found[kind, fault, level] += 1
            print(path.stem, method, flush=True)
    cases = dict.fromkeys((kind, fault) for kind, fault, _ in found)
    rows = [{"noise": k, "fault": f, **{level: found[k, f, level] for level in LEVELS}} for k, f in cases]
    record.write(f"trust_{options.images}", rows)
    for row in rows:
        print(" | ".join(str(row[key]) for key in ("noise", "fault", *LEVELS)))


if __name__ == "__main__":
    main()
