"""What CryoGAN's symmetry, mask, positivity and padding are worth.

The particle of the group D2 of `cryogan.py`, in a box of 20³, at 0 dB without contrast transfer functions or shifts;
4096 images from all sides. The first run is told the group, that the density is zero outside of 0.85 half edges, and
that it is nowhere negative; the next are told one of these less; then one projects with a padding of 3 in place of 2.
All else is the same: images, first weights of the critic, steps. `helix` is the other particle of `cryogan.py`, whose
blobs are wider: 1.2 to 1.6 voxels in place of 0.9 to 1.1. Scores are those of `cryogan.py`.

`cryogan_padding`: 256 projections of the helix from random sides, as wide a part of a larger box, against the analytic
ones, root mean square; and the least time, of five, that a processor takes for 16 of them with their gradient.

    python benchmarks/cryogan_parts.py [--steps 1000] [--seed 0]
"""

import argparse
import time
from dataclasses import replace

import torch

from cryogan import appended, four, helix, one
from measuring import record
from pellucid._math.point_groups import point_group
from pellucid._math.rotations import uniform_rotations
from pellucid.operators.cryo import CentralSlices
from table import show

EVERYWHERE = 2.0  # half edges: a ball that holds the box
GROUP = {"symmetry": point_group("D2").float()}
RUNS = {  # name: the particle, and what is told of it
    "all": (four(0.625), GROUP),
    "no group": (four(0.625), {}),
    "no mask": (four(0.625), GROUP | {"radius": EVERYWHERE}),
    "any sign": (four(0.625), GROUP | {"positive": False}),
    "all, padding 3": (four(0.625), GROUP | {"padding": 3.0}),
    "helix": (helix(), {}),
    "helix, any sign": (helix(), {"positive": False}),
}


def projected(size, padding):
    """Return the row of projections with a padding."""
    scale = size / 20
    protein = replace(helix(), centres=scale * helix().centres, widths=scale * helix().widths)
    rotations, x = uniform_rotations(256, torch.Generator().manual_seed(0)), protein.volume(size)
    exact = torch.cat([protein.projections(size, part[None])[0, 0] for part in rotations.split(64)])
    error = (CentralSlices(rotations[None], size=size, padding=padding)(x)[0, 0] - exact).norm() / exact.norm()
    some, seconds = CentralSlices(rotations[:16, None], size=size, padding=padding), []
    for _ in range(5):
        leaf, start = x.clone().requires_grad_(), time.process_time()
        some(leaf).square().sum().backward()
        seconds.append(time.process_time() - start)
    return {"size": f"{size}³", "padding": padding, "error": float(error), "milliseconds": 1e3 * min(seconds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of images and critic")
    args = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    if not record.read("cryogan_padding"):
        record.write("cryogan_padding", [projected(size, p) for size in (20, 32, 64) for p in (1.5, 2.0, 2.5, 3.0)])
    show("cryogan_padding")
    for told, (protein, settings) in RUNS.items():
        name = f"{told}, {args.steps} steps" + f", seed {args.seed}" * bool(args.seed)
        appended("cryogan_parts", name, one(protein, 0.0, args.steps, args.seed, **settings))
    show("cryogan_parts")


if __name__ == "__main__":
    main()
