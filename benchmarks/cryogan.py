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

With `--noise`, the helix at 0 dB under noise that is nine parts blurred by a pixel, one part white; CryoGAN takes it as
white, or draws it from 1024 patches without particles, or has it made white by a filter found on these. With `--fine`,
the helix in a box of 32³ at 0 dB, from zeros or from a map of 16³ first.

`multi_cryogan`: the helix in two states, its thin end twisted or not, 2048 images of each at 5 dB. Seven volumes are
drawn, for codes from -1.5 to 1.5; scored is the one next to each state, against that state and against the other. A
state is found where the first is larger, by up to 0.128; the mean of both states correlates with each by 0.95 or more,
and so the first alone says little.

    python benchmarks/cryogan.py [--snr 0] [--steps 5000] [--seed 0] [--states 2500] [--recorded 2500] [--noise 1000]
        [--fine 400] [--padding 2]
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
from pellucid.data.prepare.particles import filtered, fourier_cropped, whitening
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


def projections(proteins, rng, size=SIZE):
    """Return images without noise, of variance one, as many of each protein, and their poses."""
    rotations = uniform_rotations(IMAGES, rng)
    shares = zip(proteins, rotations.chunk(len(proteins)), strict=True)
    clean = torch.cat([p.projections(size, r[:, None])[:, :, 0] for p, share in shares for r in share.split(256)])
    return clean / clean.std(), rotations


def white(y):
    """Return images whose noise is white, of variance one."""
    return Measurement(y=y, operator=Identity(), noise=Gaussian(1.0))


def particles(proteins, snr, rng):
    """Return images in units of their noise, and their poses."""
    clean, rotations = projections(proteins, rng)
    return white(Gaussian(1.0).sample(clean * 10 ** (snr / 20), rng)), rotations


def coloured(count, rng):
    """Return noise of variance one, nine parts of it behind a blur of one pixel, one part white."""
    k = torch.hypot(torch.fft.fftfreq(SIZE)[:, None], torch.fft.rfftfreq(SIZE))
    behind = filtered(torch.randn(count, 1, SIZE, SIZE, generator=rng), torch.exp(-2 * (math.pi * k) ** 2))
    return 0.9**0.5 * behind / behind.std() + 0.1**0.5 * torch.randn(behind.shape, generator=rng)


def trained(made, data, steps, *, seed=0, batch=16):
    """Train, and return the seconds of a processor that it took."""
    source, start = Patches(data=data, patch=data.y.shape[2:], batch=batch, symmetries="none"), time.process_time()
    plan = Plan(steps=steps, seed=seed, optimisers=made.optimisers, averaging=made.averaging)
    fit(made.model, made.objective, source, plan)
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


def known(protein, snr):
    """Yield the row of poses that are known."""
    data, rotations = particles([protein], snr, torch.Generator().manual_seed(0))
    inverse = CentralSlices(rotations[None], size=SIZE, padding=3.0).backproject(data.y.movedim(0, 1)[None])
    yield score(Ball(SIZE)(inverse), protein) | {"seconds": 0.0}


def one(protein, snr, steps, seed=0, padding=2.0, **settings):
    """Yield the row of a density that does not change."""
    data, _ = particles([protein], snr, torch.Generator().manual_seed(seed))
    made = cryogan(SIZE, PosePrior(SIZE, padding=padding), rng=torch.Generator().manual_seed(seed), **settings)
    seconds = trained(made, data, steps, seed=seed)
    yield score(made.model(), protein) | {"seconds": seconds}


def wide(protein, steps, coarse):
    """Yield the row of the helix on 32 x 32 pixels, of which some steps are spent at half as many before."""
    large = replace(protein, centres=1.6 * protein.centres, widths=1.6 * protein.widths)
    clean, _ = projections([large], torch.Generator().manual_seed(0), 32)
    y = Gaussian(1.0).sample(clean, torch.Generator().manual_seed(1))
    seconds, first = 0.0, None
    for size, count in ((16, coarse), (32, steps)) if coarse else ((32, steps),):
        made = cryogan(size, PosePrior(size), rng=torch.Generator().manual_seed(0), first=first)
        seconds += trained(made, white(fourier_cropped(y, size) * (size / 32)), count)
        first = made.model().detach()
    yield score(first, large) | {"seconds": seconds}


def tinted(protein, told, steps, padding):
    """Yield the row of images under coloured noise, of which 1024 patches are there."""
    rng = torch.Generator().manual_seed(0)
    clean, _ = projections([protein], rng)
    y, patches = clean + coloured(len(clean), rng), coloured(1024, rng)
    filter_ = whitening(patches[:, 0], torch.ones(SIZE, SIZE, dtype=torch.bool))
    transfers = filter_[None] if told == "made white" else None
    made = cryogan(
        SIZE,
        PosePrior(SIZE, padding=padding, transfers=transfers),
        rng=torch.Generator().manual_seed(0),
        background=patches if told == "its patches" else None,
    )
    seconds = trained(made, white(y if transfers is None else filtered(y, filter_)), steps)
    yield score(made.model(), protein) | {"seconds": seconds}


def four(scale=1.0):
    """Return a particle of the group D2: four copies of a chiral part of five blobs."""
    part = scale * (0.8 * helix().centres[:5] + torch.tensor([4.0, 3.0, 5.0]))
    centres = torch.einsum("gij,bj->gbi", point_group("D2").float(), part).flatten(0, 1)
    return Protein(centres, scale * torch.linspace(1.4, 1.8, 5).repeat(4), torch.linspace(1.3, 0.8, 5).repeat(4))


def recorded(steps, seed, twice):
    """Measure a symmetric particle as a microscope records it."""
    protein, kind = four(), "32³, D2, CTF, shifts"
    given = simulated(protein, 32, IMAGES, torch.Generator().manual_seed(seed), snr=1.0)

    def inverted():
        yield score(Ball(32)(given.operator.backproject(given.y)), protein) | {"seconds": 0.0}

    def ball(width):
        density = Protein(torch.zeros(1, 3), torch.tensor([width]), torch.ones(1))
        yield score(density.volume(32), protein) | {"seconds": 0.0}

    def found():
        prior = PosePrior(32, shift=1.0, transfers=given.operator.transfer[0])
        made = cryogan(32, prior, rng=torch.Generator().manual_seed(seed), symmetry=point_group("D2").float())
        seconds = trained(made, white(given.y[0, 0][:, None] / given.noise.sigma), steps, seed=seed)
        yield score(made.model(), protein) | {"seconds": seconds}

    appended("cryogan", f"poses known, {kind}", inverted())
    for width in (5.0, 7.0):
        appended("cryogan", f"Gaussian ball of {width} voxels, {kind}", ball(width))
    appended("cryogan", f"CryoGAN, {kind}, {steps} steps{twice}", found())


def nearest(drawn):
    """Yield, of volumes, the score of the one next to each state, and of the same with the other state."""
    both = states()
    for name, state, other in (("straight", *both), ("twisted", *reversed(both))):
        found, volume = max(((score(v, state), v) for v in drawn), key=lambda pair: pair[0]["correlation"])
        values = {"correlation": found["correlation"], "with_other": score(volume, other)["correlation"]}
        yield {"state": name} | values | {"detail": found["detail"]}


def moving(steps, seed):
    """Yield the rows of a density in two states."""
    data, _ = particles(states(), 5.0, torch.Generator().manual_seed(seed))
    made = multi_cryogan(SIZE, PosePrior(SIZE), rng=torch.Generator().manual_seed(seed))
    seconds = trained(made, data, steps, seed=seed, batch=32)
    with torch.no_grad():
        drawn = made.model.network(torch.linspace(-1.5, 1.5, 7)[:, None])[:, None]
    for row in nearest(drawn):
        yield row | {"seconds": seconds}


def appended(name, key, rows):
    """Add the rows under a key, unless they are there."""
    if key not in {row["map"] for row in record.read(name)}:
        for row in list(rows):
            record.append(name, {"map": key} | row)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snr", type=float, nargs="*", default=[0.0], help="in decibel")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="of images and critic")
    parser.add_argument("--states", type=int, default=0, help="steps of Multi-CryoGAN; none where 0")
    parser.add_argument("--recorded", type=int, default=0, help="steps on 32³ with CTF and shifts; none where 0")
    parser.add_argument("--noise", type=int, default=0, help="steps under coloured noise; none where 0")
    parser.add_argument(
        "--fine", type=int, default=0, help="steps on 32³ with and without coarse to fine; none where 0"
    )
    parser.add_argument("--padding", type=float, default=2.0, help="of projections in 20³ of one map")
    args = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    protein, twice = helix(), f", seed {args.seed}" if args.seed else ""
    exact = f", padding {args.padding:g}" if args.padding != 2 else ""
    for name, volume, hands in controls(protein):
        appended("cryogan", name, (score(volume, protein, hands) | {"seconds": 0.0} for _ in range(1)))
    for snr in args.snr:
        appended("cryogan", f"poses known, {snr:g} dB", known(protein, snr))
        name = f"CryoGAN, {snr:g} dB, {args.steps} steps{twice}{exact}"
        appended("cryogan", name, one(protein, snr, args.steps, args.seed, args.padding))
    if args.recorded:
        recorded(args.recorded, args.seed, twice)
    for told in ("taken for white", "its patches", "made white") if args.noise else ():
        name = f"CryoGAN, coloured noise, {told}, {args.noise} steps{exact}"
        appended("cryogan", name, tinted(protein, told, args.noise, args.padding))
    if args.fine:
        less, before = 4 * args.fine // 5, args.fine // 2
        appended("cryogan", f"CryoGAN, 32³, {args.fine} steps", wide(protein, args.fine, 0))
        appended("cryogan", f"CryoGAN, 32³, {before} steps at 16³, {less} steps", wide(protein, less, before))
    show("cryogan")
    if args.states:
        both = [state.volume(SIZE) for state in states()]
        for name, drawn in ("the states", both), ("the mean of both", [sum(both) / 2]):
            appended("multi_cryogan", name, ({**row, "seconds": 0.0} for row in nearest(drawn)))
        name = f"Multi-CryoGAN, {args.states} steps{twice}"
        appended("multi_cryogan", name, moving(args.states, args.seed))
    show("multi_cryogan")


if __name__ == "__main__":
    main()
