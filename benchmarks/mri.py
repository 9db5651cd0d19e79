"""Multi-coil MRI beside the same by hand and by sigpy, on one thread.

Normal operator: 8 coils, 256 x 256, single precision, an acceleration of 4 by a Poisson disc; `by hand` are the maps,
FFT, mask, inverse FFT and conjugate maps in PyTorch, without a shift. They take turns; the least time counts.

Coil maps: ESPIRiT from the 24 x 24 centre, the part of the images of the coils that the maps do not explain,
||(I - S S*) m|| / ||m||, for simulated birdcage coils with noise, and for the real phantom where PELLUCID_DATA has it.
Smooth edges keep more of the border of an object, so both were also cropped at the same eigenvalue.

Total variation (anisotropic): 8 coils, the Shepp-Logan phantom, 256 x 256, an acceleration of 4, noise of 0.5 % of the
brightest pixel. Ours is FISTA until the relative change of an iteration is 1e-4, the estimate of the norm included;
sigpy runs its primal-dual solver, and its ADMM, until the objective is as small, for 60 times as long at most.

    python benchmarks/mri.py [--rounds 15]
"""

import argparse
import os
import time
import warnings
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import torch

from measuring import record
from measuring.turns import fastest
from pellucid._math.fft import ifft
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.calibration import calibration_data
from pellucid.data.prepare.coils import espirit
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.ellipses import shepp_logan
from pellucid.data.simulate.sampling import poisson_disc
from pellucid.operators.mri import Sense
from pellucid.restorers import LeastSquares, Units
from pellucid.solvers import fista
from pellucid.solvers.total_variation import TotalVariation
from table import show

with warnings.catch_warnings(action="ignore"):
    import sigpy
    import sigpy.mri.app

SPACE, COILS = (256, 256), 8


def scan():
    """Return the maps, the mask and the noisy k-space of the phantom."""
    rng = torch.Generator().manual_seed(0)
    image = shepp_logan().image(SPACE[0]).to(torch.complex64)
    maps, mask = birdcage_coils(COILS, SPACE), poisson_disc(SPACE, 4, 24, rng)
    kspace = Sense(maps)(image)
    return maps, mask, kspace + 0.005 * torch.randn(kspace.shape, dtype=kspace.dtype, generator=rng)


def by_hand(x, maps, mask):
    y = torch.fft.fft2(maps * x, norm="ortho") * mask
    return (maps.conj() * torch.fft.ifft2(y, norm="ortho")).sum(1, keepdim=True)


def normal_operator(rounds):
    maps, mask, kspace = scan()
    operator = Sense(maps, mask)
    x = operator.adjoint(kspace)
    seconds = fastest({"ours": partial(operator.normal, x), "by hand": partial(by_hand, x, maps, mask.float())}, rounds)
    ours, hand = seconds["ours"], seconds["by hand"]
    return {"image": "8 coils, 256 x 256", "ours_ms": 1e3 * ours, "hand_ms": 1e3 * hand, "ratio": ours / hand}


def unexplained(kspace, maps):
    images = ifft(kspace, 2)
    rest = images - maps * (maps.conj() * images).sum(1, keepdim=True)
    return float(torch.linalg.vector_norm(rest) / torch.linalg.vector_norm(images))


def coil_maps(name, kspace):
    space = tuple(kspace.shape[2:])

    def theirs(crop):
        app = sigpy.mri.app.EspiritCalib(kspace[0].numpy(), crop=crop, show_pbar=False)
        return torch.from_numpy(app.run())[None]

    def ours(**how):
        return espirit(calibration_data(kspace), space, **how)

    seconds = fastest({"ours": ours, "sigpy": partial(theirs, 0.95)}, 3)
    row = {"data": name, "ours": unexplained(kspace, ours()), "sigpy": unexplained(kspace, theirs(0.95))}
    row |= {"ours_at_95": unexplained(kspace, ours(crop=0.95)), "sigpy_at_85": unexplained(kspace, theirs(0.85))}
    return row | {"ours_s": seconds["ours"], "sigpy_s": seconds["sigpy"]}


def objective(x, operator, kspace, strength):
    data = torch.linalg.vector_norm(operator(x) - kspace).double().square() / 2
    return float(data + strength * TotalVariation(isotropic=False).value(x).double().sum())


def ours(measurement, strength):
    start = time.perf_counter()
    units = Units.of(measurement)
    problem = LeastSquares(measurement, units)
    back, prox = problem.back(), TotalVariation(isotropic=False).warm(10)
    scaled = strength / float(units.smoothness * units.image)
    x = fista(
        lambda x: problem.normal(x) - back,
        lambda v, step: prox(v, scaled * step),
        back,
        torch.ones(()),
        iterations=500,
        tolerance=1e-4,
    )
    return x * units.image, time.perf_counter() - start


def theirs(solver, measurement, maps, strength, goal, most):
    """Return the seconds that sigpy takes to an objective as small as `goal`, and the least it has reached."""
    start, away, best = time.perf_counter(), 0.0, float("inf")
    y = measurement.y[0].numpy()
    app = sigpy.mri.app.TotalVariationRecon(
        y, maps[0].numpy(), strength, solver=solver, max_iter=10**6, show_pbar=False
    )
    while time.perf_counter() - start - away < most:
        app.alg.update()
        pause = time.perf_counter()
        value = objective(
            torch.from_numpy(np.asarray(app.x))[None, None], measurement.operator, measurement.y, strength
        )
        best = min(best, value)
        away += time.perf_counter() - pause
        if best <= goal:
            break
    return time.perf_counter() - start - away, best


def total_variation():
    maps, mask, kspace = scan()
    measurement = Measurement(y=kspace * mask, operator=Sense(maps, mask))
    strength = 0.002 * float(measurement.operator.adjoint(measurement.y).abs().max())
    (x, seconds), (_, again) = (ours(measurement, strength) for _ in range(2))
    seconds = min(seconds, again)
    goal = objective(x, measurement.operator, measurement.y, strength)
    for solver in ("PrimalDualHybridGradient", "ADMM"):
        taken, best = theirs(solver, measurement, maps, strength, goal, 60 * seconds)
        reached = {"objective": goal, "sigpy_objective": best, "reached": "yes" if best <= goal else "no"}
        yield {"sigpy_solver": solver, "ours_s": seconds, "sigpy_s": taken, "ratio": seconds / taken} | reached


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(__doc__)
    torch.set_num_threads(1)
    record.write("mri_normal", [normal_operator(rounds)])
    show("mri_normal")
    rows = [coil_maps("simulated", scan()[2])]
    phantom = Path(os.environ.get("PELLUCID_DATA", "")) / "mri_ksp_phantom8ch" / "phantom8ch.h5"
    if phantom.is_file():
        with h5py.File(phantom) as file:
            rows.append(coil_maps("phantom", torch.from_numpy(file["ycart"][:])[None]))
    record.write("mri_coil_maps", rows)
    show("mri_coil_maps")
    record.write("mri_tv", list(total_variation()))
    show("mri_tv")


if __name__ == "__main__":
    main()
