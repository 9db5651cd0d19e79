"""OT-cycleGAN on shared stacks, learned from simulated volumes: `bars` and `bead` of `deconvolution.py`.

Clean volumes are simulated, 24 of them, of the size of the stack: for the bars, which are known to be hollow and to
have been resampled to 25 %, 3 to 10 hollow bars along rows or columns on a grid four times as fine, 8 to 20 of its
voxels wide and deep and 64 to 176 long, walls of 1 to 4, anywhere and of any brightness from 0.25 to 1, resampled to
25 % linearly; for the bead, one hollow ball with a diameter from 5 to 16 voxels and a wall of 1 to 3. One recording
trains: the stack itself. Rows `not mirrored` have the same weights, without the mean over mirror images. Scores are
those of `deconvolution.py`, of the last weights: nothing chooses by the truth. Seconds are those of the processor, one
thread. A row is written as soon as it is measured, and rows that exist are skipped.

    PELLUCID_DATA=... python benchmarks/ot_cyclegan_stacks.py [--steps 200] [--seed 0] [--only bars] [--forward 0.1]
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from deconvolution import numbers, psnr, shell
from measuring import record
from pellucid._math import seeds
from pellucid.methods.reconstruct.ot_cyclegan import ot_cyclegan
from pellucid.training import Plan, fit
from pellucid.workflows.modalities.deconvolution import deconvolution
from table import show

VOLUMES, FINER = 24, 4


def whole(low, high, rng):
    """Return a whole number from `low` to `high`."""
    return int(torch.randint(low, high + 1, (), generator=rng))


def hollow_bars(shape, rng):
    """Return a volume of hollow bars, made on a finer grid."""
    fine = [FINER * n for n in shape]
    volume = torch.zeros(fine)
    for _ in range(whole(3, 10, rng)):
        width, depth, wall = whole(8, 20, rng), whole(8, 20, rng), whole(1, 4, rng)
        length, bright = whole(64, 176, rng), 0.25 + 0.75 * float(torch.rand((), generator=rng))
        size = (depth, width, length) if whole(0, 1, rng) else (depth, length, width)
        bar = torch.full(size, bright)
        bar[tuple(slice(wall, k - wall) if k < length else slice(None) for k in size)] = 0
        place = [whole(0, n - k, rng) for n, k in zip(fine, size, strict=True)]
        part = volume[tuple(slice(c, c + k) for c, k in zip(place, size, strict=True))]
        torch.maximum(part, bar, out=part)
    return interpolate(volume[None, None], scale_factor=1 / FINER, mode="trilinear")[0, 0]


def hollow_ball(shape, rng):
    """Return a volume with a hollow ball, not far from its middle."""
    radius, wall = 2.5 + 5.5 * float(torch.rand((), generator=rng)), 1 + 2 * float(torch.rand((), generator=rng))
    centre = [n / 2 + 8 * float(torch.rand((), generator=rng)) - 4 for n in shape]
    place = torch.meshgrid(*(torch.arange(n) - c for n, c in zip(shape, centre, strict=True)), indexing="ij")
    distance = torch.stack(place).square().sum(0).sqrt()
    return (radius + 0.5 - distance).clamp(0, 1) * (distance - radius + wall + 0.5).clamp(0, 1)


def learned(folder, kind, steps, seed, *, critic, forward):
    """Return the images of a stack, and seconds; without the critic the cycle alone is minimised."""
    scan = deconvolution(folder / "data.tif", psf=folder / "kernel.tif", axes="ZYX")
    rng = seeds.generator("cpu", 4 + seed)
    shape = tuple(scan.measurement.y.shape[2:])
    clean = torch.stack([kind(shape, rng) for _ in range(VOLUMES)])[:, None]
    made = ot_cyclegan(scan.measurement, rng=seeds.generator("cpu", seed), clean=[clean], forward=forward)
    (stage,) = made.stages
    stage.objective.images = stage.objective.images if critic else None
    start = time.process_time()
    fit(
        stage.model,
        stage.objective,
        stage.source([scan.measurement]),
        Plan(steps=steps, seed=seed, optimisers={"model": stage.adam} | ({"critic": stage.critic} if critic else {})),
        watch=lambda row: print({key: f"{value:.4g}" for key, value in row.items()}, flush=True),
    )
    seconds = time.process_time() - start
    with torch.no_grad():
        found = {"": made.restorer(scan.measurement), ", not mirrored": stage.model(scan.measurement)}
    return {name: np.asarray(scan.image(x).data, np.float64) for name, x in found.items()}, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the volumes and the weights")
    parser.add_argument("--only", choices=["bars", "bead"])
    parser.add_argument("--forward", type=float, default=1.0, help="μ / λ")
    options = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    data = Path(os.environ["PELLUCID_DATA"])
    cases = (("bars", hollow_bars, True), ("bars", hollow_bars, False), ("bead", hollow_ball, True))
    for stack, kind, critic in cases:
        method = "OT-cycleGAN" if critic else "cycle only"
        method += "" if options.forward == 1 else f", μ = λ / {1 / options.forward:g}"
        run = {"stack": stack, "method": method, "seed": options.seed, "steps": options.steps}
        known = [{key: row[key] for key in run} for row in record.read("ot_cyclegan_stacks")]
        if options.only not in (None, stack) or {key: str(value) for key, value in run.items()} in known:
            continue
        folder = data / f"deconv3d_{stack}"
        found, seconds = learned(folder, kind, options.steps, options.seed, critic=critic, forward=options.forward)
        for name, image in found.items():
            facts = {"psnr": f"{psnr(image, numbers(folder / 'actual.tif')):.2f}"} if stack == "bars" else {"psnr": ""}
            facts |= shell(image) if stack == "bead" else dict.fromkeys(("along", "across", "hollow"), np.nan)
            record.append("ot_cyclegan_stacks", run | {"method": method + name} | facts | {"seconds": seconds})
        show("ot_cyclegan_stacks")


if __name__ == "__main__":
    main()
