"""CryoGAN and Multi-CryoGAN: densities from particles in unknown poses, and what their scores are worth.

`cryogan`: a chiral helix of eight Gaussian blobs without symmetry in a box of 20³; 4096 exact projections of it, from
uniformly random sides, without contrast transfer functions or shifts, under white noise: `--snr` is the variance of the
images over that of the noise. CryoGAN starts from a volume of zeros and is told the distribution of poses and the
noise, nothing else. `--steps` on one thread; the averaged weights are scored. `seconds` are those of the processor.

A score is after the best turn, shift and hand (`metrics.aligned`); a mirrored map counts, as it has the same images.
The truth is turned to the map, not the map, as its blobs are known. `correlation` is over all voxels; `detail` is where
the Fourier shell correlation with the truth falls below one half, between two of ten shells along a straight line, as a
fraction of the frequency of Nyquist. The controls are scored alike, but that the wrong hand may not be mirrored.
`poses known` is the direct inversion of the same images with their poses, in the same ball and not negative: what a
method that finds no poses cannot hope to pass.

With `--recorded`, a particle of the group D2 in a box of 32³, its 4096 images seen through transfer functions (300 kV,
4 angstrom a pixel, foci from 1 to 2 micrometres) and displaced by 1 pixel, at 0 dB; the foci are known as a list, which
image has which is not, and the group is.

`multi_cryogan`: the helix in two states, its thin end twisted or not, 2048 images of each at 5 dB. Seven volumes are
drawn, for codes from -1.5 to 1.5; scored is the one next to each state, against that state and against the other.

    python benchmarks/cryogan.py [--snr 0] [--steps 5000] [--states 3000] [--recorded 2500]
"""

import argparse
import math
import time
from dataclasses import replace

import torch

from measuring import record
from pellucid._math.point_groups import point_group
from pellucid._math.rotations import from_euler, uniform_rotations
from pellucid._math.turn import mirrored
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.simulate.proteins import Protein
from pellucid.data.simulate.proteins import particles as simulated
from pellucid.methods.generate.cryogan import cryogan
from pellucid.methods.generate.multi_cryogan import multi_cryogan
from pellucid.metrics import aligned, fsc
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.operators.cryo import CentralSlices, PosePrior
from pellucid.restorers.volume import Ball
from pellucid.training import Plan, fit
from table import show

SIZE, IMAGES = 20, 4096


def helix(blobs=8):
    """Return a turn and a tenth of a helix, its mass falling and its width growing along it."""
    along = torch.linspace(0, 1, blobs)
    angle, mass = 2.2 * math.pi * along, 1.4 - 0.9 * along
    centres = torch.stack((7 * along, 3.2 * angle.sin(), 3.2 * angle.cos()), 1)
    return Protein(centres - (mass[:, None] * centres).sum(0) / mass.sum(), 1.2 + 0.4 * along, mass)


def states():
    """Return the helix, and the same with its last five blobs turned by 150 degrees about its axis."""
    straight = helix()
    turn = from_euler(torch.tensor([math.radians(150.0), 0.0, 0.0]))
    return straight, straight.turned(torch.arange(8) >= 3, turn, torch.zeros(3))


def particles(proteins, snr, rng):
    """Return images in units of their noise, as many of each protein, and their poses."""
    rotations = uniform_rotations(IMAGES, rng)
    shares = zip(proteins, rotations.chunk(len(proteins)), strict=True)
    clean = torch.cat([p.projections(SIZE, r[:, None])[:, :, 0] for p, share in shares for r in share.split(256)])
    noise = Gaussian(1.0)
    y = noise.sample(clean * 10 ** (snr / 20) / clean.std(), rng)
    return Measurement(y=y, operator=Identity(), noise=noise), rotations


def trained(made, data, steps):
    """Train, and return the seconds of a processor that it took."""
    source, start = Patches(data=data, patch=data.y.shape[2:], batch=16, symmetries="none"), time.process_time()
    fit(made.model, made.objective, source, Plan(steps=steps, optimisers=made.optimisers, averaging=0.998))
    return time.process_time() - start


def crossing(curve):
    """Return where a curve over equal steps of frequency first falls below one half, as a part of the last."""
    below = curve < 0.5
    if not below.any() or below[0]:
        return float(not below.any())
    k = int(below.argmax())
    return float(k + (curve[k - 1] - 0.5) / (curve[k - 1] - curve[k])) / len(curve)


@torch.no_grad()
def score(volume, protein, hands=(False, True)):
    """Return how far a map is the truth."""
    size = volume.shape[-1]
    found = aligned(volume, protein.volume(size), torch.Generator().manual_seed(0), hands=hands)
    truth = replace(protein, centres=(protein.centres - found.shift) @ found.rotation).volume(size)
    seen = mirrored(volume) if found.mirrored else volume
    value = float(torch.corrcoef(torch.stack((seen.flatten(), truth.flatten())))[0, 1])
    detail = crossing(fsc(seen[0, 0], truth[0, 0])[1])
    return {"correlation": value, "detail": detail, "hand": "mirrored" if found.mirrored else "same"}


def controls(protein):
    """Yield maps that are known beforehand."""
    rotation, both = uniform_rotations(1, torch.Generator().manual_seed(1))[0], (False, True)
    other = replace(protein, centres=protein.centres @ rotation.mT)
    yield "truth, turned", other.volume(SIZE), both
    yield "wrong hand", mirrored(other.volume(SIZE)), (False,)
    for blur in (1.0, 1.5, 2.0):
        wider = replace(other, widths=torch.hypot(other.widths, torch.tensor(blur)))
        yield f"truth, blurred by {blur} voxels", wider.volume(SIZE), both
    for width in (2.0, 3.0, 4.0):
        ball = Protein(torch.zeros(1, 3), torch.tensor([width]), torch.ones(1))
        yield f"Gaussian ball of {width} voxels", ball.volume(SIZE), both


def one(protein, snr, steps):
    """Yield the rows of a density that does not change."""
    data, rotations = particles([protein], snr, torch.Generator().manual_seed(0))
    inverse = CentralSlices(rotations[None], size=SIZE, padding=3.0).backproject(data.y.movedim(0, 1)[None])
    yield {"map": f"poses known, {snr:g} dB"} | score(Ball(SIZE)(inverse), protein) | {"seconds": 0.0}
    made = cryogan(SIZE, PosePrior(SIZE, padding=3.0), rng=torch.Generator().manual_seed(0))
    seconds = trained(made, data, steps)
    yield {"map": f"CryoGAN, {snr:g} dB, {steps} steps"} | score(made.model(), protein) | {"seconds": seconds}


def four():
    """Return a particle of the group D2: four copies of a chiral part of five blobs."""
    part = 0.8 * helix().centres[:5] + torch.tensor([4.0, 3.0, 5.0])
    centres = torch.einsum("gij,bj->gbi", point_group("D2").float(), part).flatten(0, 1)
    return Protein(centres, torch.linspace(1.4, 1.8, 5).repeat(4), torch.linspace(1.3, 0.8, 5).repeat(4))


def recorded(steps):
    """Yield the rows of a symmetric particle as a microscope records it."""
    protein, kind = four(), "32³, D2, CTF, shifts"
    given = simulated(protein, 32, IMAGES, torch.Generator().manual_seed(0), snr=1.0)
    data = Measurement(y=given.y[0, 0][:, None] / given.noise.sigma, operator=Identity(), noise=Gaussian(1.0))
    inverse = Ball(32)(given.operator.backproject(given.y))
    yield {"map": f"poses known, {kind}"} | score(inverse, protein) | {"seconds": 0.0}
    for width in (5.0, 7.0):
        ball = Protein(torch.zeros(1, 3), torch.tensor([width]), torch.ones(1))
        yield {"map": f"Gaussian ball of {width} voxels, {kind}"} | score(ball.volume(32), protein) | {"seconds": 0.0}
    prior = PosePrior(32, shift=1.0, transfers=given.operator.transfer[0], padding=2.0)
    made = cryogan(32, prior, rng=torch.Generator().manual_seed(0), symmetry=point_group("D2").float())
    seconds = trained(made, data, steps)
    yield {"map": f"CryoGAN, {kind}, {steps} steps"} | score(made.model(), protein) | {"seconds": seconds}


def two(steps):
    """Yield the rows of a density in two states."""
    both = states()
    data, _ = particles(both, 5.0, torch.Generator().manual_seed(0))
    made = multi_cryogan(SIZE, PosePrior(SIZE, padding=2.0), rng=torch.Generator().manual_seed(0))
    seconds = trained(made, data, steps)
    with torch.no_grad():
        drawn = made.model.network(torch.linspace(-1.5, 1.5, 7)[:, None])[:, None]
    for name, state, other in (("straight", *both), ("twisted", *reversed(both))):
        scores = [score(volume, state) for volume in drawn]
        best = max(range(len(drawn)), key=lambda k: scores[k]["correlation"])
        wrong, control = score(drawn[best], other), score(other.volume(SIZE), state)
        yield {
            "state": name,
            "correlation": scores[best]["correlation"],
            "detail": scores[best]["detail"],
            "with_other": wrong["correlation"],
            "between": control["correlation"],
            "steps": steps,
            "seconds": seconds,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snr", type=float, nargs="*", default=[0.0], help="in decibel")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--states", type=int, default=0, help="steps of Multi-CryoGAN; none where 0")
    parser.add_argument("--recorded", type=int, default=0, help="steps on 32³ with CTF and shifts; none where 0")
    args = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    protein, done = helix(), {row["map"] for row in record.read("cryogan")}
    for name, volume, hands in controls(protein):
        if name not in done:
            record.append("cryogan", {"map": name} | score(volume, protein, hands) | {"seconds": 0.0})
    runs = {f"CryoGAN, {snr:g} dB, {args.steps} steps": one(protein, snr, args.steps) for snr in args.snr}
    if args.recorded:
        runs[f"CryoGAN, 32³, D2, CTF, shifts, {args.recorded} steps"] = recorded(args.recorded)
    for name, rows in runs.items():
        for row in rows if name not in done else ():
            if row["map"] not in done:
                record.append("cryogan", row)
    show("cryogan")
    if args.states and not record.read("multi_cryogan"):
        record.write("multi_cryogan", list(two(args.states)))
    show("multi_cryogan")


if __name__ == "__main__":
    main()
