"""Do 90 % intervals hold 90 % of the pixels? Against hidden pixels and the truth, as claimed and as calibrated.

Images and truth are those of `paired.py`. The spread is that of the posterior mean of a pixel. It is calibrated on half
of 5 % of the pixels; `hidden` is the part of the other half within mu ± 1.645 sqrt(v + s²), `truth` the part of all
pixels whose truth lies within x_hat ± 1.645 spread. Only Set12 has an exact truth: in the others a mean of many frames,
which has noise of its own and may have moved, counts as truth. A row is written as soon as it is measured, and rows
that exist are skipped. The variable PELLUCID_DATA names the data's folder.

    python benchmarks/coverage.py [METHOD ...]
"""

import argparse
import itertools
import os
from pathlib import Path

import numpy as np
import torch

from measuring import record
from paired import recordings
from pellucid._math.seeds import generator, mix
from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.data.stack import Stack
from pellucid.operators import Identity
from pellucid.restoration import restore
from pellucid.restorers import Recorded
from pellucid.trust import calibrate, calibrated, covered
from pellucid.workflows.bench import Bench
from pellucid.workflows.learn import Job, learn
from pellucid.workflows.options import Options
from table import show

METHODS = {"non_local_means": None, "total_variation": None, "noise2self": 150}  # steps of training


def measure(name, noisy, truth):
    """Return one row."""
    image = Image(data=noisy.astype(np.float32), axes="YX")
    bench = Bench.of(Stack((image,), 0, 2), None, torch.device("cpu"), mix(0, 0))
    channel = learn([image], [], 2, Job(options=Options(method=name, steps=METHODS[name], device="cpu"), deadline=None))
    method, units = channel[0][0].method, channel[0][0].standardisation
    data = Measurement(y=bench.shots[0], operator=Identity(), noise=bench.diagnosis.transfer.noise)
    found = calibrate(method.prior, method.split, data, bench.places, units, rng=generator("cpu", 0, 3))
    answer = restore(data, Recorded(method.restorer, units))
    restored, spread = (part[0, 0].double().numpy() for part in (answer.image, answer.spread))
    difference = restored - truth
    scaled = calibrated(spread, bench.diagnosis.transfer.variance_at(restored), found.applied)
    return {
        "factor": found.factor,
        "low": found.low,
        "high": found.high,
        "hidden_before": found.before,
        "hidden": found.after,
        "truth_before": covered(difference, spread**2),
        "truth": covered(difference, scaled**2),
    }


def means(rows):
    """Return the means by method and data."""
    found = {}
    for row in rows:
        found.setdefault((row["method"], row["image"].split()[0]), []).append(row)
    parts = ("hidden_before", "hidden", "truth_before", "truth")
    return [
        {"method": method, "data": data, "images": len(here)}
        | {part: f"{np.mean([float(row[part]) for row in here]):.1%}" for part in parts}
        for (method, data), here in sorted(found.items())
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", default=list(METHODS), help=f"all unless given: {', '.join(METHODS)}")
    options = parser.parse_args()
    print(__doc__)
    done = {(row["image"], row["method"]) for row in record.read("coverage")}
    images = list(recordings(Path(os.environ["PELLUCID_DATA"]), development=False))
    for name, (title, noisy, truth) in itertools.product(options.methods, images):
        if (title, name) not in done:
            record.append("coverage", {"image": title, "method": name} | measure(name, noisy, truth))
            print(title, name, flush=True)
    record.write("coverage_means", means(record.read("coverage")))
    show("coverage_means")


if __name__ == "__main__":
    main()
