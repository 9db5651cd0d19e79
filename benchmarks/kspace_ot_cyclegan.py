"""OT-cycleGAN for accelerated MRI: scans beside full images of other brains, against what needs none.

Scans, masks, noise and network are those of `ssdu.py` at an acceleration of 4 with 8 coils, and so are the 16 slices
that are judged; its supervision is the bound. Clean images: 48 further random brains,
which nobody scans, without noise. `cycle only`: the weight of the critic is zero, which is supervision by simulated
scans of those brains, and data consistency. TV and CG-SENSE: the strength that is best on the truth of 4 training
slices. Seconds are those of the processor, one thread. A row is written as soon as it is measured, and rows that exist
are skipped.

    python benchmarks/kspace_ot_cyclegan.py [--steps 100]
"""

import argparse
import time

import torch

from measuring import record
from pellucid._math import seeds
from pellucid.data.measurement import Measurement
from pellucid.data.scans import Scans
from pellucid.data.simulate.brains import random_brain
from pellucid.methods import function
from pellucid.methods.reconstruct.kspace_ot_cyclegan import kspace_ot_cyclegan
from pellucid.noise import Gaussian
from pellucid.training import Plan, fit
from ssdu import NOISE, SIZE, SLICES, TRAINED, Case, psnr, sense
from table import show

RUNS = {"OT-cycleGAN": 0.1, "zero-filled": None, "CG-SENSE": None, "SSDU": None, "cycle only": 0.0, "TV": None}
FEW = 4  # training slices by which strengths are chosen
STRENGTHS = {"TV": (3e-4, 1e-3, 3e-3), "CG-SENSE": (0.003, 0.01, 0.03, 0.1)}


def brains(first, count):
    return torch.cat([random_brain(SIZE, seeds.generator("cpu", 3, first + n)) for n in range(count)])


def part(scan, rows):
    return Measurement(y=scan.y[rows], operator=scan.operator[rows], noise=scan.noise)


def classical(name, train, test, truth):
    """Return the images of test slices, with the strength that is best on the truth of a few others."""
    if name == "zero-filled":
        return test.operator.adjoint(test.y)

    def solve(scan, strength):
        if name == "CG-SENSE":
            return sense(scan, strength)
        rng = torch.Generator().manual_seed(0)
        return function("tv", "reconstruct")(scan, rng=rng, strength=strength).restorer(scan)

    some = part(train, torch.arange(FEW))
    best = max(STRENGTHS[name], key=lambda strength: psnr(solve(some, strength), truth[:FEW]))
    return solve(test, best)


def learned(name, train, test, steps):
    """Return the images of test slices, and seconds of a training."""
    rng = seeds.generator("cpu", 0)
    if name == "SSDU":
        made = function("ssdu", "reconstruct")(train, rng=rng, preset="lite")
    else:
        made = kspace_ot_cyclegan(
            train, rng=rng, clean=[brains(SLICES, TRAINED)], preset="lite", adversarial=RUNS[name]
        )
    (stage,) = made.stages
    source = (stage.source or Scans)([train])
    optimisers = {"model": stage.adam} | ({} if stage.critic is None else {"critic": stage.critic})
    start = time.process_time()
    fit(stage.model, stage.objective, source, Plan(steps=steps, seed=0, optimisers=optimisers))
    seconds = time.process_time() - start
    with torch.no_grad():
        return made.restorer(test), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    truth = brains(0, SLICES)
    (train, _), (test, _) = (Case(4).scan(truth, rows) for rows in (range(TRAINED), range(TRAINED, SLICES)))
    train, test = (Measurement(y=s.y, operator=s.operator, noise=Gaussian(NOISE)) for s in (train, test))
    for name in RUNS:
        if name in {row["method"] for row in record.read("kspace_ot_cyclegan")}:
            continue
        teaches = RUNS[name] is not None or name == "SSDU"
        start = time.process_time()
        if teaches:
            found, seconds = learned(name, train, test, options.steps)
        else:
            found = classical(name, train, test, truth)
            seconds = time.process_time() - start
        row = {"method": name, "psnr": psnr(found, truth[TRAINED:]), "steps": options.steps if teaches else ""}
        record.append("kspace_ot_cyclegan", row | {"seconds": seconds})
        show("kspace_ot_cyclegan")


if __name__ == "__main__":
    main()
