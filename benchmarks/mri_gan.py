"""MRI-GAN: does a critic of other scans teach a reconstruction as much as hidden samples do?

Random brains of 32 x 32 pixels with a smooth phase, 224 to train on and 32 to be judged; 4 birdcage coils; a third of
the lines, other ones for each, 6 in the centre among them; complex white noise of standard deviation 0.03, which
`mri_gan` knows. All networks are the preset `lite`; SSDU has as many seconds of a core as MRI-GAN, which is four times
as many steps. `mri_gan_data` has the data term, of weight 1. `start` is the network before it is trained; CG-SENSE has
the strength that is best on the truth of 12 training slices, 30 iterations. PSNR of magnitudes in dB, of each slice
with the maximum of its truth as the range, mean over the slices. Fixed steps, running mean of the weights, nothing is
validated. Single thread; rows that exist are skipped.

    python benchmarks/mri_gan.py [--steps 600] [--seed 0]
"""

import argparse
import time

import torch

from measuring import record
from pellucid import methods
from pellucid._math import seeds
from pellucid.data.measurement import Measurement
from pellucid.data.scans import Scans
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import random_lines
from pellucid.noise import Gaussian
from pellucid.operators.mri import Sense
from pellucid.training import Plan, fit
from ssdu import STRENGTHS, psnr, sense
from table import show

SIZE, TRAINED, SLICES, COILS, TUNED, NOISE = 32, 224, 256, 4, 12, 0.03


def scan(truth, first):
    """Return what is recorded of slices, with random lines and noise of their own."""
    numbers, maps = range(first, first + len(truth)), birdcage_coils(COILS, (SIZE, SIZE))
    masks = [random_lines((SIZE, SIZE), 3, 6, seeds.generator("cpu", 1, n)) for n in numbers]
    operator = Sense(maps, torch.cat(masks))
    noise = [torch.randn(COILS, SIZE, SIZE, dtype=truth.dtype, generator=seeds.generator("cpu", 2, n)) for n in numbers]
    y = operator(truth) + NOISE * operator.mask * torch.stack(noise)
    return Measurement(y=y, operator=operator, noise=Gaussian(NOISE))


def measure(name, steps, seed, truth):
    """Return the images of the test slices, and seconds of a core."""
    train, test = scan(truth[:TRAINED], 0), scan(truth[TRAINED:], TRAINED)
    if name == "cg-sense":
        some = Measurement(y=train.y[:TUNED], operator=train.operator[:TUNED])
        strength = max(STRENGTHS, key=lambda s: psnr(sense(some, s), truth[:TUNED]))
        return sense(test, strength), 0.0
    kind = "ssdu" if name == "ssdu" else "mri_gan"
    term = {"data": 1.0} if name == "mri_gan_data" else {}
    made = methods.function(kind, "reconstruct")(train, rng=seeds.generator("cpu", seed), preset="lite", **term)
    (stage,), began = made.stages, time.process_time()
    if name != "start":
        optimisers = {"model": stage.adam} | ({"critic": stage.critic} if stage.critic else {})
        plan = Plan(steps=steps, seed=seed, optimisers=optimisers)
        fit(stage.model, stage.objective, (stage.source or Scans)([train]), plan)
    with torch.no_grad():
        return made.restorer(test), time.process_time() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=None, help="as mri_gan")
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    truth = torch.cat([random_brain(SIZE, seeds.generator("cpu", 3, n), details=6) for n in range(SLICES)])
    runs = {"cg-sense": 0, "start": 0, "mri_gan": chosen.steps, "mri_gan_data": chosen.steps, "ssdu": 4 * chosen.steps}
    for name, steps in runs.items():
        known = {"method": name, "seed": chosen.seed, "steps": steps}
        rows = record.read("mri_gan")
        if (chosen.only and name not in chosen.only) or any(
            all(row[key] == str(value) for key, value in known.items()) for row in rows
        ):
            continue
        found, seconds = measure(name, steps, chosen.seed, truth)
        row = known | {"psnr": psnr(found, truth[TRAINED:]), "seconds": seconds}
        print(row, flush=True)
        record.append("mri_gan", row)
    show("mri_gan")


if __name__ == "__main__":
    main()
