"""Three learned reconstructions, each in the case that it is made for, beside what it must beat.

noisy: robust SSDU beside SSDU; noise of a tenth of the brightest pixel in each sample, other two fifths of k-space
from slice to slice, four coils. pairs: Noise2Noise between two radial scans of ten spokes of the golden angle beside
CG-SENSE, which is given both, as the network is in the end; four coils. spirals: the same between two sets of three
interleaves of two turns, each set turned at random. fixed: equivariant imaging beside measurement
consistency and SSDU; every slice lacks the same two thirds of the lines, two coils, little noise.

Sixteen simulated heads to train on, eight to test, 32 x 32; the lite preset for a fixed number of steps. PSNR is that
of the complex image against its brightest pixel. CG-SENSE has the strength that is best in hindsight, for each seed.
Rows that are there are not run again.

    python benchmarks/learned_variants.py [--steps 300] [--seeds 3]
"""

import argparse
import time
from statistics import mean

import torch

from measuring import record
from pellucid import methods
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.prepare.density import density_compensation
from pellucid.data.scans import Scans
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import gaussian_points, random_lines
from pellucid.data.simulate.trajectories import spiral
from pellucid.methods.reconstruct.noise2noise import Together
from pellucid.operators.mri import CoilMaps, Sense
from pellucid.operators.nufft import NonUniformFourier
from pellucid.operators.trajectories import GOLDEN_ANGLE, radial_trajectory
from pellucid.training import Plan, fit
from table import show

NAME, SIZE, SPACE = "learned_variants", 32, (32, 32)
STRENGTHS = [10 ** (k / 4) for k in range(-14, 2)]
RUNS = {
    "noisy": ("cg", "ssdu", "robust_ssdu"),
    "pairs": ("cg", "noise2noise"),
    "spirals": ("cg", "noise2noise"),
    "fixed": ("cg", "measurement_consistency", "ssdu", "equivariant_imaging"),
}


def recorded(x, operator, sigma, rng):
    y = operator(x)
    noise = sigma * torch.randn(y.shape, dtype=y.dtype, generator=rng)
    return Measurement(y=y + (noise if operator.acquired is None else noise * operator.acquired), operator=operator)


def noisy(x, rng):
    mask = torch.cat([gaussian_points(SPACE, 2.5, 6, rng) for _ in x])
    return recorded(x, Sense(birdcage_coils(4, SPACE), mask), 0.1, rng)


def fixed(x, rng):
    mask = random_lines(SPACE, 3, 6, torch.Generator().manual_seed(0))
    return recorded(x, Sense(birdcage_coils(2, SPACE), mask), 0.02, rng)


def shot(x, points, rng):
    density = density_compensation(points, SPACE)
    fourier = NonUniformFourier(points, space=SPACE, eps=1e-4, density=density)
    return recorded(x, fourier @ CoilMaps(birdcage_coils(4, SPACE)), 0.05, rng)


def pairs(x, rng, spokes=10):
    shots = []
    for _ in range(2):
        turns = (1000 * torch.rand(len(x), generator=rng)).floor()
        angles = GOLDEN_ANGLE * (turns[:, None] + torch.arange(spokes))
        shots.append(shot(x, torch.cat([radial_trajectory(2 * SIZE, row, centre=SIZE) for row in angles]), rng))
    return Repeated.of(tuple(shots))


def spirals(x, rng, interleaves=3, samples=160):
    shots = []
    for _ in range(2):
        turn = 2 * torch.pi * torch.rand(len(x), generator=rng, dtype=torch.float64)
        cos, sin = turn.cos(), turn.sin()
        rotation = torch.stack((cos, -sin, sin, cos), -1).view(-1, 2, 2)
        shots.append(shot(x, rotation @ spiral(interleaves, samples, turns=2.0), rng))
    return Repeated.of(tuple(shots))


CASES = {"noisy": noisy, "pairs": pairs, "spirals": spirals, "fixed": fixed}


def scanned(case, seed, count, part):
    """Return heads and what was recorded of them."""
    rng = torch.Generator().manual_seed(1000 * seed + 100 * part)
    x = torch.cat([random_brain(SIZE, rng) for _ in range(count)])
    return x, CASES[case](x, rng)


def psnr(image, x):
    error = (image - x).abs().square().mean((1, 2, 3))
    return float((10 * torch.log10(x.abs().amax((1, 2, 3)) ** 2 / error)).mean())


def sense(scan, x):
    """Return the PSNR of CG-SENSE of all that was recorded, with its best strength."""
    if isinstance(scan, Repeated):
        together = Together([shot.operator for shot in scan.shots])
        scan = Measurement(y=torch.cat([shot.y for shot in scan.shots], 1), operator=together)
    rng = torch.Generator()
    cg = methods.function("cg", "reconstruct")
    return max(psnr(cg(scan, rng=rng, strength=s).restorer(scan), x) for s in STRENGTHS)


def run(case, method, seed, steps):
    x, test = scanned(case, seed, 8, 1)
    start = time.monotonic()
    if method == "cg":
        return {"psnr": sense(test, x), "seconds": time.monotonic() - start}
    _, scans = scanned(case, seed, 16, 0)
    made = methods.function(method, "reconstruct")(scans, rng=torch.Generator().manual_seed(seed), preset="lite")
    (stage,) = made.stages
    source = (stage.source or Scans)([scans])
    fit(stage.model, stage.objective, source, Plan(steps=steps, seed=seed, optimisers={"model": stage.adam}))
    with torch.no_grad():
        return {"psnr": psnr(made.restorer(test), x), "seconds": time.monotonic() - start}


def summary(rows):
    """Return a row for each case and method: the mean over seeds, and the least gain over the first of the case."""
    value = {(row["case"], row["method"], row["seed"]): float(row["psnr"]) for row in rows}
    for case, names in RUNS.items():
        for name in names:
            seeds = [seed for c, n, seed in value if (c, n) == (case, name) and (case, names[0], seed) in value]
            if seeds:
                gains = [value[case, name, seed] - value[case, names[0], seed] for seed in seeds]
                found = f"{mean(value[case, name, seed] for seed in seeds):.2f}"
                told = {"case": case, "method": name, "psnr": found, "above_sense": f"{mean(gains):+.2f}"}
                yield told | {"least": f"{min(gains):+.2f}", "seeds": len(seeds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    for seed in range(1, given.seeds + 1):
        for case, names in RUNS.items():
            for name in names:
                key = {"case": case, "method": name, "seed": str(seed), "steps": str(given.steps)}
                if not any(key.items() <= row.items() for row in record.read(NAME)):
                    record.append(NAME, key | run(case, name, seed, given.steps))
    rows = [row for row in record.read(NAME) if row["steps"] == str(given.steps)]
    record.write(f"{NAME}_summary", summary(rows))
    show(f"{NAME}_summary")


if __name__ == "__main__":
    main()
