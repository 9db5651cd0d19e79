"""Learned reconstruction of simulated multi-coil MRI: SSDU and its kin, what they must beat, and what bounds them.

Slices: 64 random brains of 128 x 128, with texture and a smooth phase; 48 of them train, the 16 others are judged.
8 birdcage coils, or one coil that sees all alike. Random lines, denser near the centre, at an acceleration of 4 (12
lines of the centre among them) or 8 (8 lines), other ones for each slice; `fixed` has the same for all. Complex white
noise of standard deviation 0.03, where the brain is near 0.6. Networks: preset `lite`, 300 steps of one slice each, at
the learning rate of the method, seeds of the weights and of the order of slices as in the table; the running mean of
the weights is judged, nothing is validated. Every method may use all acquired samples of the 48 slices, `supervised`
all samples. CG-SENSE: 30 iterations, the strength that is best on the truth of 12 training slices. PSNR of magnitudes
in dB, of each slice with the maximum of its truth as the range, mean over the slices. A row is written as soon as it is
measured, and rows that exist are skipped; delete them to measure again.

    python benchmarks/ssdu.py [--steps 300] [--device cpu]
"""

import argparse
import itertools
import time
from dataclasses import dataclass
from statistics import mean

import torch

from measuring import record
from pellucid import methods
from pellucid._math import seeds
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.scans import Scans
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import random_lines
from pellucid.methods.reconstruct.learned import doubts
from pellucid.operators.mri import Sense
from pellucid.solvers import conjugate_gradient
from pellucid.training import Plan, fit
from table import show

SIZE, SLICES, TRAINED, TUNED, NOISE = 128, 64, 48, 12, 0.03
CENTRE = {4: 12, 8: 8}
KEYS = ("acceleration", "sampling", "coils", "method")
STRENGTHS = [10 ** (k / 4 - 3) for k in range(9)]


@dataclass(frozen=True)
class Case:
    """How slices are sampled."""

    acceleration: int
    sampling: str = "varied"
    coils: int = 8

    def scan(self, truth, rows):
        """Return what is recorded of some slices, and a full recording with the same noise."""
        maps = birdcage_coils(self.coils, (SIZE, SIZE)).to(truth.device)
        kspace = Sense(maps)(truth[rows])
        masks, noise = [], []
        for number in rows:
            of_mask = seeds.generator("cpu", 1, self.acceleration, 0 if self.sampling == "fixed" else number)
            masks.append(random_lines((SIZE, SIZE), self.acceleration, CENTRE[self.acceleration], of_mask))
            of_noise = seeds.generator("cpu", 2, number)
            noise.append(NOISE * torch.randn(kspace.shape[1:], dtype=kspace.dtype, generator=of_noise))
        mask, y = torch.cat(masks).to(truth.device), kspace + torch.stack(noise).to(truth.device)
        return Measurement(y=y * mask, operator=Sense(maps, mask)), Measurement(y=y, operator=Sense(maps))


def runs():
    """Yield (case, name of the row, method, settings, seed): the most important first."""
    found = {
        "ssdu": ("ssdu", {}),
        "multi-mask ssdu": ("multi_mask_ssdu", {}),
        "supervised": ("supervised_unrolled", {}),
        "k-weighted ssdu": ("weighted_ssdu", {}),
        "measurement consistency": ("measurement_consistency", {}),
        "multi-mask ssdu, fresh masks": ("multi_mask_ssdu", {"fresh": True}),
    }
    plain = ("zero-filled", "cg-sense")
    blind, all_seeds = ("ssdu",), ("ssdu", "multi-mask ssdu", "supervised", "k-weighted ssdu")
    for cases, names, count in (
        ((Case(8), Case(4)), (*plain, *found), 1),
        ((Case(4, "fixed", 1), Case(4, "fixed")), (*plain, *blind), 1),
        ((Case(4, "varied", 1),), (*plain, *blind, "k-weighted ssdu"), 1),
        ((Case(8), Case(4)), all_seeds, 3),
    ):
        for seed, name, case in itertools.product(range(count), names, cases):
            yield case, name, *found.get(name, (name, {})), seed


def psnr(found, truth):
    """Return the mean of the slices, in dB."""
    found, truth = found.abs(), truth.abs()
    error = (found - truth).square().flatten(1).mean(1)
    return float((20 * truth.flatten(1).amax(1).log10() - 10 * error.log10()).mean())


def sense(scan, strength):
    """Return the image of CG-SENSE."""
    normal = scan.operator.normal
    return conjugate_gradient(lambda x: normal(x) + strength * x, scan.operator.adjoint(scan.y), iterations=30)


def learned(train, full, test, method, settings, seed, steps):
    """Return the images of test slices, seconds a step, and a warning if there is one."""
    made = methods.function(method, "reconstruct")(train, rng=seeds.generator("cpu", seed), preset="lite", **settings)
    (stage,) = made.stages
    recording = Repeated.of((train, full)) if made.card.needs == "truth" else train
    plan = Plan(steps=steps, seed=seed, optimisers={"model": stage.adam})
    history = fit(stage.model, stage.objective, (stage.source or Scans)([recording]), plan)
    with torch.no_grad():
        return made.restorer(test), history.seconds / steps, doubts([recording])


def measure(case, method, settings, seed, steps, truth):
    """Return the facts of a row."""
    (train, full), (test, _) = (case.scan(truth, rows) for rows in (range(TRAINED), range(TRAINED, SLICES)))
    clean, seconds, warned = truth[TRAINED:], 0.0, ()
    if method == "zero-filled":
        found = test.operator.adjoint(test.y)
    elif method == "cg-sense":
        some = Measurement(y=train.y[:TUNED], operator=train.operator[torch.arange(TUNED)])
        strength = max(STRENGTHS, key=lambda s: psnr(sense(some, s), truth[:TUNED]))
        found = sense(test, strength)
    else:
        found, seconds, warned = learned(train, full, test, method, settings, seed, steps)
    return {"psnr": psnr(found, clean), "seconds_per_step": seconds, "warned": "yes" if warned else "no"}


def summary(rows):
    """Return the mean over seeds, and how far it lies above CG-SENSE and below supervision."""
    found = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in KEYS), []).append(float(row["psnr"]))
    for key, values in found.items():
        facts = {"psnr": mean(values), "spread": max(values) - min(values), "seeds": len(values)}
        for column, name in (("above_sense", "cg-sense"), ("above_supervised", "supervised")):
            other = found.get((*key[:-1], name))
            facts[column] = f"{mean(values) - mean(other):+.2f}" if other else ""
        yield dict(zip(KEYS, key, strict=True)) | facts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    print(__doc__)
    truth = torch.cat([random_brain(SIZE, seeds.generator("cpu", 3, n)) for n in range(SLICES)]).to(chosen.device)
    machine = torch.cuda.get_device_name() if truth.is_cuda else None
    for case, name, method, settings, seed in runs():
        known = {"acceleration": case.acceleration, "sampling": case.sampling, "coils": case.coils, "method": name}
        known |= {"seed": seed, "steps": 0 if method in ("zero-filled", "cg-sense") else chosen.steps}
        if any(all(row[key] == str(value) for key, value in known.items()) for row in record.read("ssdu")):
            continue
        start = time.perf_counter()
        row = known | measure(case, method, settings, seed, chosen.steps, truth)
        print(*row.values(), f"{time.perf_counter() - start:.0f} s", flush=True)
        record.append("ssdu", row, machine)
    record.write("ssdu_summary", summary(record.read("ssdu")), machine)
    show("ssdu_summary")


if __name__ == "__main__":
    main()
