"""Does the estimated risk put methods in the right order? All pairs of methods on recordings with a truth.

Every image is the middle 256 x 256 pixels of a recording whose noise is nearly independent from pixel to pixel:
confocal and two-photon frames _1 of the Fluorescence Microscopy Denoising set, one frame of the calcium repeats, the
bacteria, the low exposures of GigaDB 100888 (truth: a mean of many frames or a long exposure, fitted to the recording
by a line) and Set12 01 to 04 with Gaussian noise of 25, unclipped, seed 0.

Methods: those of Pellucid, briefly trained, and fixed filters from too weak to much too strong (Gaussian of a width in
pixels; total variation of a strength in standard deviations of the noise; the recording mixed in). The risk is
Pellucid's, on 5 % of the pixels, which were never a training target: plain, and weighed as Pellucid does, by one over
the variance of a pixel's noise. The error is the mean squared error of all pixels, plain and weighed alike.

A pair counts where its errors differ by more than 0.2 dB; it is ordered right where the smaller risk has the smaller
error. A row is written as soon as it is measured, and rows that exist are skipped. The variable PELLUCID_DATA names the
data's folder.

    python benchmarks/risk_ranking.py [METHOD ...] [--development]
"""

import argparse
import itertools
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from skimage.restoration import denoise_tv_chambolle

from measuring import record
from paired import recordings
from pellucid._math.seeds import generator, mix
from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.data.stack import Stack
from pellucid.methods import Method
from pellucid.methods.calibration import each
from pellucid.operators import Identity
from pellucid.restoration import restore
from pellucid.restorers import Recorded, Regularised
from pellucid.trust import held_out_risk, stein_risk
from pellucid.workflows.bench import Bench
from pellucid.workflows.learn import Job, learn
from pellucid.workflows.options import Options
from table import show

SMALL = {"features": 8, "flips": False}
TRAINED = {  # steps and settings
    "non_local_means": (None, {}),
    "total_variation": (None, {}),
    "noise2void": (100, SMALL),
    "noise2self": (100, SMALL),
    "neighbor2neighbor": (100, {"features": 8}),
    "zs_n2n": (200, {}),
}
FIXED = {f"gaussian {s}": lambda x, sd, s=s: ndimage.gaussian_filter(x, s) for s in (0.5, 1.0, 1.5, 2.5, 4.0)}
FIXED |= {
    f"tv {s}": lambda x, sd, s=s: denoise_tv_chambolle(x, weight=s * sd, eps=0.0, max_num_iter=50)
    for s in (0.3, 0.6, 1.0, 2.0, 4.0)
}
FIXED |= {f"mixed {s}": lambda x, sd, s=s: s * x + (1 - s) * ndimage.gaussian_filter(x, 1.5) for s in (0.3, 0.6)}
LEAST = 0.2  # dB


def fixed(name, bench):
    """Return a fixed filter as a restorer, and its units."""
    units = bench.units(True)
    sd = float(units.noise.variance(units(bench.shots[0])).mean().sqrt())

    def answer(given, sd):
        return each(lambda x: FIXED[name](x, sd).astype(np.float32, copy=False), given.y)

    return Method(model=Regularised(answer, sd), restorer=Regularised(answer, sd), card=None), units


def trained(name, image):
    """Return a method of Pellucid, fitted, and its units."""
    steps, settings = TRAINED[name]
    job = Job(options=Options(method=name, settings=settings, steps=steps, device="cpu"), deadline=None)
    channel = learn([image], [], 2, job)[0][0]
    return channel.method, channel.standardisation


def measure(name, noisy, truth):
    """Return one row."""
    image = Image(data=noisy.astype(np.float32), axes="YX")
    bench = Bench.of(Stack((image,), 0, 2), None, torch.device("cpu"), mix(0, 0))
    start = time.perf_counter()
    method, units = fixed(name, bench) if name in FIXED else trained(name, image)
    data = Measurement(y=bench.shots[0], operator=Identity(), noise=bench.diagnosis.transfer.noise)
    square = (restore(data, Recorded(method.restorer, units)).image[0, 0].double().numpy() - truth) ** 2
    places, row = torch.cat(bench.places, -1), {}
    for kind, weight in (("plain", torch.ones_like(bench.weight)), ("weighed", bench.weight)):
        rng, weighed = generator("cpu", 0, 3), replace(data, weight=weight)
        if method.prior is None:
            risk = stein_risk(method.restorer, weighed, places, units, rng=rng)
        else:
            risk = held_out_risk(method.prior, method.split, weighed, places, units, rng=rng)
        row |= {f"{kind}_risk": risk.mean, f"{kind}_se": risk.se, f"{kind}_noise": risk.noise_variance}
        row[f"{kind}_error"] = float(np.average(square, weights=weight[0, 0].numpy()))
    return row | {"seconds": time.perf_counter() - start}


def counts(rows):
    """Return how many pairs are ordered right, by kind of risk and error and by data."""
    found = {}
    for a, b in itertools.combinations(rows, 2):
        if a["image"] != b["image"]:
            continue
        for risk, error in (("plain", "plain"), ("weighed", "weighed"), ("weighed", "plain")):
            apart = 10 * np.log10(float(a[f"{error}_error"]) / float(b[f"{error}_error"]))
            if abs(apart) > LEAST:
                right = (float(a[f"{risk}_risk"]) > float(b[f"{risk}_risk"])) == (apart > 0)
                near = ("all, below 1 dB",) if abs(apart) < 1 else ()
                for group in (a["image"].split()[0], "all", *near):
                    found.setdefault((risk, error, group), []).append(right)
    return [
        {"risk": risk, "error": error, "data": group, "pairs": len(right), "right": sum(right)}
        | {"part": f"{np.mean(right):.1%}"}
        for (risk, error, group), right in sorted(found.items())
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", help=f"all unless given: {', '.join([*FIXED, *TRAINED])}")
    parser.add_argument("--development", action="store_true", help="the images of development")
    options = parser.parse_args()
    print(__doc__)
    table = "risk_ranking_development" if options.development else "risk_ranking"
    done = {(row["image"], row["method"]) for row in record.read(table)}
    images = list(recordings(Path(os.environ["PELLUCID_DATA"]), development=options.development))
    for name, (title, noisy, truth) in itertools.product(options.methods or [*FIXED, *TRAINED], images):
        if (title, name) not in done:
            row = {"image": title, "method": name} | measure(name, noisy, truth)
            print(f"{name:18} {title:24} risk {row['plain_risk']:9.3f} error {row['plain_error']:9.3f}", flush=True)
            record.append(table, row)
    record.write(f"{table}_counts", counts(record.read(table)))
    show(f"{table}_counts")


if __name__ == "__main__":
    main()
