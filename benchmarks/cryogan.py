"""CryoGAN: a density from particles in unknown poses, and what its scores are worth.

A chiral helix of eight Gaussian blobs without symmetry in a box of 20³; 4096 exact projections of it, from uniformly
random sides, without contrast transfer functions or shifts, under white noise: `--snr` is the variance of the images
over that of the noise. CryoGAN starts from a volume of zeros and is told the distribution of poses and the noise,
nothing else; its projections have a padding of 2, and an error of 2 % here. `--steps` on one thread; the averaged
weights are scored. `seconds` are those of the processor.

A score is the best over both hands and all rotations: 1500 at random, then from the best two random steps of shrinking
width. A mirrored map counts: it has the same images. The truth is rotated, not the map, as its blobs are known.
`correlation` is over all voxels; `shell` is the last, of ten, up to which the Fourier shell correlation with the truth
is at least one half, as a fraction of the frequency of Nyquist. The controls are scored alike, but that the wrong hand
may not be mirrored.

    python benchmarks/cryogan.py [--snr 0] [--steps 2500]
"""

import argparse
import math
import time
from dataclasses import replace

import torch

from measuring import record
from pellucid._math.rotations import uniform_rotations
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.simulate.proteins import Protein
from pellucid.methods.generate.cryogan import cryogan
from pellucid.metrics import fsc
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.operators.cryo import PosePrior
from pellucid._math.turn import turned
from pellucid.training import Plan, fit
from table import show

SIZE, IMAGES = 20, 4096


def helix(blobs=8):
    """Return a turn and a tenth of a helix, its mass falling and its width growing along it."""
    along = torch.linspace(0, 1, blobs)
    angle, mass = 2.2 * math.pi * along, 1.4 - 0.9 * along
    centres = torch.stack((7 * along, 3.2 * angle.sin(), 3.2 * angle.cos()), 1)
    return Protein(centres - (mass[:, None] * centres).sum(0) / mass.sum(), 1.2 + 0.4 * along, mass)


def particles(protein, snr, rng):
    """Return images in units of their noise."""
    clean = torch.cat(
        [protein.projections(SIZE, r[:, None])[:, :, 0] for r in uniform_rotations(IMAGES, rng).split(256)]
    )
    noise = Gaussian(1.0)
    return Measurement(y=noise.sample(clean * 10 ** (snr / 20) / clean.std(), rng), operator=Identity(), noise=noise)


def correlations(volumes, truth):
    """Return the correlation of each with the truth."""
    a, b = volumes.flatten(1), truth.flatten()
    a, b = a - a.mean(1, keepdim=True), b - b.mean()
    return (a @ b) / (a.norm(dim=1) * b.norm())


def mirrored(volume):
    """Return the other hand: the volume flipped about its centre, SIZE // 2."""
    return volume.flip(2).roll(1, 2)


def near(rotation, width, rng, count=50):
    """Return rotations about one, by angles of that standard deviation about each axis."""
    axes = width * torch.randn(count, 1, 3, generator=rng).expand(-1, 3, -1)
    return torch.linalg.matrix_exp(torch.linalg.cross(torch.eye(3).expand(count, 3, 3), axes, dim=-1)) @ rotation


def aligned(volume, protein, rng):
    """Return the highest correlation over rotations, and the rotated truth."""
    truth, rotations = protein.volume(SIZE), uniform_rotations(1500, rng)
    values = torch.cat([correlations(turned(volume, r), truth) for r in rotations.split(250)])
    found = []
    for start in values.topk(2).indices:
        best, value = rotations[start], values[start]
        for width in (0.2, 0.1, 0.05, 0.025, 0.012):
            tried = near(best, width, rng)
            of_tried = correlations(turned(volume, tried), truth)
            if of_tried.max() > value:
                best, value = tried[of_tried.argmax()], of_tried.max()
        found.append((float(value), best))
    rotation = max(found, key=lambda pair: pair[0])[1]
    turned_truth = replace(protein, centres=protein.centres @ rotation).volume(SIZE)
    return float(correlations(volume, turned_truth)), turned_truth


@torch.no_grad()
def score(volume, protein, hands=(False, True)):
    """Return how far a map is the truth."""
    rng = torch.Generator().manual_seed(0)
    candidates = []
    for hand in hands:
        seen = mirrored(volume) if hand else volume
        candidates.append((*aligned(seen, protein, rng), seen, hand))
    value, truth, seen, hand = max(candidates, key=lambda found: found[0])
    low = fsc(seen[0, 0], truth[0, 0])[1] < 0.5
    shells = int(low.argmax()) if low.any() else len(low)
    return {"correlation": value, "shell": shells / len(low), "hand": "mirrored" if hand else "same"}


def controls(protein):
    """Yield maps that are known beforehand."""
    rotation = uniform_rotations(1, torch.Generator().manual_seed(1))[0]
    other = replace(protein, centres=protein.centres @ rotation.mT)
    both = (False, True)
    yield "truth, rotated", other.volume(SIZE), both
    yield "wrong hand", mirrored(other.volume(SIZE)), (False,)
    for blur in (1.0, 1.5, 2.0):
        yield (
            f"truth, blurred by {blur} voxels",
            replace(other, widths=torch.hypot(other.widths, torch.tensor(blur))).volume(SIZE),
            both,
        )
    for width in (2.0, 3.0, 4.0):
        ball = Protein(torch.zeros(1, 3), torch.tensor([width]), torch.ones(1))
        yield f"Gaussian ball of {width} voxels", ball.volume(SIZE), both


def learned(protein, snr, steps):
    """Return the map, and the seconds of a processor that it took."""
    rng = torch.Generator().manual_seed(0)
    data = particles(protein, snr, rng)
    made = cryogan(SIZE, PosePrior(SIZE, padding=2.0), rng=rng)
    source = Patches(data=data, patch=(SIZE, SIZE), batch=16, symmetries="none")
    start = time.process_time()
    fit(made.model, made.objective, source, Plan(steps=steps, optimisers=made.optimisers))
    with torch.no_grad():
        return made.model(), time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snr", type=float, nargs="*", default=[0.0], help="in decibel")
    parser.add_argument("--steps", type=int, default=2500)
    args = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    protein, done = helix(), {row["map"] for row in record.read("cryogan")}
    for snr in args.snr:
        name = f"CryoGAN, {snr:g} dB, {args.steps} steps"
        if name not in done:
            volume, seconds = learned(protein, snr, args.steps)
            record.append("cryogan", {"map": name} | score(volume, protein) | {"seconds": seconds})
    for name, volume, hands in controls(protein):
        if name not in done:
            record.append("cryogan", {"map": name} | score(volume, protein, hands) | {"seconds": 0.0})
    show("cryogan")


if __name__ == "__main__":
    main()
