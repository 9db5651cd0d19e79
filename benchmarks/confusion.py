"""The verdict on good results and on planted faults: a confusion table.

Every image is the middle 256 x 256 pixels of a recording whose noise is nearly independent from pixel to pixel. Good
results are the truth and what methods of Pellucid make of the recording. Each restored image is then spoiled, at stated
sizes:

    texture    grain of 1 pixel's width is added everywhere, as a prior would; sd: its standard deviation
    smoothed   blurred by a Gaussian; px: its width
    noise      a part of what was removed is put back; sd: the standard deviation of that noise
    shifted    moved along the rows; px: how far

1 sd is the standard deviation of the noise at each pixel. The column rms says how far the fault changes the image, in
sd. Images: the confocal and two-photon frames of the Fluorescence Microscopy Denoising set (truth: the mean of 50
frames, fitted to the recording by a line), one frame of the calcium repeats (fitted likewise) and four images of Set12
with Gaussian noise of 25, unclipped, seed 0. The limits of the verdict were chosen on development images: FMD _2 and
_3, calcium frame 1, Set12 05 to 08. The others are reported: FMD _1, calcium frame 0, Set12 01 to 04. A row is written
as soon as it is measured, and rows that exist are skipped. The variable PELLUCID_DATA names the data's folder.

    python benchmarks/confusion.py [METHOD ...] [--development]
"""

import argparse
import os
from pathlib import Path

import numpy as np
from scipy import ndimage

import pellucid as pl
from measuring import record
from paired import recordings
from pellucid.noise import diagnose
from pellucid.trust import LEVELS, judge
from table import show

METHODS = {"non_local_means": None, "total_variation": None, "noise2self": 300}  # steps of training


def spoiled(noisy, image, sd):
    """Yield (fault, size, spoiled image)."""
    rng = np.random.default_rng(0)
    grain = ndimage.gaussian_filter(rng.standard_normal(image.shape), 1)
    for size in (0.25, 0.5, 1.0):
        yield "texture", f"{size} sd", image + size * sd * grain / grain.std()
    for size in (2, 3, 5):
        yield "smoothed", f"{size} px", ndimage.gaussian_filter(image, size)
    for size in (0.5, 0.7, 0.9):
        yield "noise", f"{size} sd", image + size * (noisy - image)
    for size in (1, 2, 4):
        yield "shifted", f"{size} px", np.roll(image, size, 0)


def results(noisy, truth, transfer):
    """Yield (what made it, function that returns the rows' parts): the truth and each method."""
    yield "truth", lambda: [("none", "", truth)]
    for name, steps in METHODS.items():

        def made(name=name, steps=steps):
            image = pl.denoise(noisy.astype(np.float32), method=name, steps=steps).image.astype(np.float64)
            sd = np.sqrt(ndimage.uniform_filter(transfer.variance_at(image), 5))
            return [("none", "", image), *spoiled(noisy, image, sd)]

        yield name, made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=list(METHODS), help=f"all unless given: {', '.join(METHODS)}")
    parser.add_argument("--development", action="store_true", help="the images on which limits may be chosen")
    options = parser.parse_args()
    print(__doc__)
    name = "confusion_development" if options.development else "confusion"
    done = {(row["image"], row["made_by"]) for row in record.read(name)}
    for title, noisy, truth in recordings(Path(os.environ["PELLUCID_DATA"]), development=options.development):
        seen = diagnose(noisy)
        noise = {"transfer": seen.transfer, "correlation": seen.correlation}
        for maker, made in results(noisy, truth, seen.transfer):
            if (title, maker) in done or (maker != "truth" and maker not in options.methods):
                continue
            images = made()
            sd = np.sqrt(seen.transfer.variance_at(images[0][2]))
            for fault, size, image in images:
                level = judge(noisy, image, **noise, risk=None).level
                rms = float(np.sqrt(np.mean(((image - images[0][2]) / sd) ** 2)))
                row = {"image": title, "made_by": maker, "fault": fault, "size": size, "rms": rms, "level": level}
                record.append(name, row)
            print(title, maker, flush=True)
    record.write(f"{name}_counts", counts(record.read(name)))
    show(f"{name}_counts")


def counts(rows):
    """Return how often each level was given, by fault and size, and by what made the good results."""
    found = {}
    for row in rows:
        good = row["fault"] == "none"
        kind = ("none: " + ("truth" if row["made_by"] == "truth" else "a method")) if good else row["fault"]
        found.setdefault((kind, row["size"]), []).append(row)
    return [
        {"fault": fault, "size": size, "rms": f"{np.median([float(row['rms']) for row in here]):.2f}"}
        | {level: sum(row["level"] == level for row in here) for level in LEVELS}
        for (fault, size), here in sorted(found.items())
    ]


if __name__ == "__main__":
    main()
