"""Single-particle cryo-electron microscopy: how fast and how exact projections are, and how good reconstructions.

`cryo_speed`: 100 views of a blob protein in a box of 64³, single precision, one thread. torch-fourier-slice projects
without contrast transfer functions or shifts; ours has both. They take turns; the least time counts. `with gradient`
is the projection, the sum of its squares and the gradient in the volume. The error is that of the plain projections,
root mean square, relative to the analytic ones. torch-fourier-slice samples slices twice as finely and cuts the middle
out, which halves its error: with a padding of 3, ours has the same.

`cryo_particles`: 500 particles of a blob protein, 32 x 32 pixels of 4 angstrom, with contrast transfer functions and
shifts, signal to noise 0.3 in variance; density against the exact one, and the detail at which the Fourier shell
correlation falls to one half.

`cryo_toy_hand`: the noise-free images of cryoem_toy_hand with the poses that come with them: what the density leaves
unexplained of the images, and its correlation with hand-vol.mrc. Neither is a truth. The images are exact projections,
since their sums agree to 4e-7; but their poses are estimates, on the grid of a search, which with no reading of the
matrices explain how the second moments of the images vary (0.29 of it is left); and hand-vol.mrc shows no hand.

    PELLUCID_DATA=... python benchmarks/cryo.py [--rounds 10]
"""

import argparse
import os
import time
from pathlib import Path

import torch
from torch_fourier_slice import project_3d_to_2d

from measuring import record
from measuring.turns import fastest
from pellucid._math.rotations import uniform_rotations
from pellucid.data import io
from pellucid.data.simulate.proteins import particles, protein
from pellucid.methods import function
from pellucid.metrics import fsc, resolution
from pellucid.operators.cryo import CentralSlices
from pellucid.operators.ctf import ctf
from pellucid.workflows.scan import scan
from table import show

SIZE, VIEWS = 64, 100
METHODS = ("adjoint", "fbp", "cg")


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


def with_gradient(project, x):
    """Return a call that projects and differentiates."""

    def call():
        leaf = x.clone().requires_grad_()
        project(leaf).square().sum().backward()

    return call


def speed(rounds):
    """Yield a row for each projector."""
    rng = torch.Generator().manual_seed(0)
    blobs, rotations = protein(SIZE, rng), uniform_rotations(VIEWS, rng)
    x, exact = blobs.volume(SIZE), blobs.projections(SIZE, rotations[None])[0, 0]
    shifts = torch.randn(1, VIEWS, 2, generator=rng)
    transfer = ctf(SIZE, pixel_size_angstrom=2.0, defocus_um=1 + torch.rand(1, VIEWS, generator=rng))
    inverse = rotations.mT.contiguous()

    def theirs(x):
        return project_3d_to_2d(x[0, 0], inverse, pad_factor=2.0, zyx_matrices=True)

    projectors, errors = {"torch-fourier-slice, padding 2, no CTF": theirs}, [relative(theirs(x), exact)]
    for padding in (2.0, 3.0):
        made = CentralSlices(rotations[None], size=SIZE, shifts=shifts, transfer=transfer, padding=padding)
        projectors[f"ours, padding {padding:.0f}, with CTF and shifts"] = made
        errors.append(relative(CentralSlices(rotations[None], size=SIZE, padding=padding)(x)[0, 0], exact))
    calls = {(name, False): lambda p=project: p(x) for name, project in projectors.items()}
    calls |= {(name, True): with_gradient(project, x) for name, project in projectors.items()}
    seconds = fastest(calls, rounds)
    first = next(iter(projectors))
    for name, error in zip(projectors, errors, strict=True):
        plain, gradient = seconds[name, False], seconds[name, True]
        row = {"projector": name, "rate": VIEWS / plain, "ratio": seconds[first, False] / plain}
        yield row | {
            "gradient_rate": VIEWS / gradient,
            "gradient_ratio": seconds[first, True] / gradient,
            "error": error,
        }


def solved(given, method):
    """Return the density and the seconds."""
    start = time.perf_counter()
    made = function(method, "reconstruct")(given, rng=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return made.restorer(given), time.perf_counter() - start


def correlation(a, b):
    return float(torch.corrcoef(torch.stack((a.flatten(), b.flatten())))[0, 1])


def detail(a, b, pixel):
    """Return where the Fourier shell correlation of two densities falls to one half."""
    return pixel * resolution(*fsc(a[0, 0], b[0, 0]), threshold=0.5)


def simulated():
    """Yield a row for each method, with the truth."""
    blobs = protein(32, torch.Generator().manual_seed(0))
    truth = blobs.volume(32)
    given = particles(blobs, 32, 500, torch.Generator().manual_seed(1), snr=0.3)
    for method in METHODS:
        x, seconds = solved(given, method)
        quality = {"correlation": correlation(x, truth), "angstrom": detail(x, truth, 4.0)}
        yield {"method": method} | quality | {"seconds": seconds}


def hand(folder):
    """Yield a row for each method."""
    given = scan(folder / "hand.mrcs", "cryo", {"poses": folder / "hand_pose.npz"}).measurement
    volume = torch.from_numpy(io.read(folder / "hand-vol.mrc").data[...].copy())
    for method in METHODS[1:]:
        x, seconds = solved(given, method)
        facts = {"unexplained": relative(given.operator(x), given.y), "correlation": correlation(x, volume)}
        yield {"method": method} | facts | {"seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    print(__doc__)
    torch.set_num_threads(1)
    record.write("cryo_speed", list(speed(rounds)))
    show("cryo_speed")
    record.write("cryo_particles", list(simulated()))
    show("cryo_particles")
    record.write("cryo_toy_hand", list(hand(Path(os.environ["PELLUCID_DATA"]) / "cryoem_toy_hand")))
    show("cryo_toy_hand")


if __name__ == "__main__":
    main()
