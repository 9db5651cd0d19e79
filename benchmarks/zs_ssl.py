"""Zero-shot self-supervision beside classical methods, on samples of a real brain scan that no step saw.

Brain: 8 coils, 230 x 180, 12.4 % of the samples in a Poisson disc (sigpy's MRI tutorial). Of the acquired samples a
random 20 %, all outside the 24 x 24 centre, are taken away; every method gets the others, and maps by ESPIRiT from
the centre. e is |M(F S x - y)| / |M y| over what was taken away, with M its mask. Strengths are chosen on a tenth of
what is given, and the network stops by a fifth of it.

Floor: part of e is noise of these samples, which nothing predicts. Its strength is the mean energy of the acquired
samples in the corners of k-space, farther from the centre than the ends of its axes, that are given: they hold some
signal too, so it is an upper bound. The excess is e² - floor², also with the floor taken as zero.

Phantom: the scan of 8 channels, 64 x 64, sampled in full; every fourth line and the 16 at the centre are kept. The
error is that within the object to the least-squares image of all samples, as in mri_real.py; zs_ssl also with
classical images that have converged further.

Seed 0 was used for development, and is not reported.

    PELLUCID_DATA=... python benchmarks/zs_ssl.py [--seeds 3]
"""

import argparse
import os
import time
from pathlib import Path

import h5py
import numpy as np
import torch

from measuring import record
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.calibration import acquired
from pellucid.data.prepare.coils import coil_maps
from pellucid.data.sampling import RandomSampling
from pellucid.data.scans import Scans
from pellucid.data.simulate.sampling import regular_lines
from pellucid.data.source import Fixed
from pellucid.methods.reconstruct.cg import cg
from pellucid.methods.reconstruct.tv import tv
from pellucid.methods.reconstruct.wavelet import wavelet
from pellucid.methods.reconstruct.zs_ssl import zs_ssl
from pellucid.objectives import HeldOut, normalised_l1_l2
from pellucid.operators.mri import Sense
from pellucid.solvers import conjugate_gradient
from pellucid.training import Plan, Validation, fit
from table import show

DATA = Path(os.environ.get("PELLUCID_DATA", ""))
CLASSICAL = {"cg": cg, "tv": tv, "wavelet": wavelet}


def trained(given, seed=0, steps=None, watch=None, **settings):
    """Return the restorer of zs_ssl, and how its fit went."""
    method = zs_ssl(given, rng=torch.Generator().manual_seed(seed), preset="lite", **settings)
    (stage,) = method.stages
    rng = torch.Generator().manual_seed(0)
    validation = Validation(
        objective=HeldOut(method.split, normalised_l1_l2),
        source=Fixed(given),
        interval=stage.interval,
        patience=stage.patience,
    )
    plan = Plan(steps=steps or stage.steps, seed=seed, optimisers={"model": stage.adam})
    source = Scans([method.split(given, rng)[0]])
    history = fit(stage.model, stage.objective, source, plan, validation=validation, watch=watch)
    return method.restorer, history


def brain(seed):
    """Return what is given of the brain, what is taken away, and the floor."""
    y = torch.from_numpy(np.load(DATA / "mri_ksp_brain8ch" / "cartesian_ksp.npy"))[None]
    whole = Measurement(y=y, operator=Sense(coil_maps(y), acquired(y)))
    split = RandomSampling(0.2, centre=24, masks=1, seed=seed)
    given, held = split(whole, torch.Generator().manual_seed(0))
    middle = [(torch.arange(n) - n // 2) / (n // 2) for n in y.shape[2:]]
    corners = given.operator.acquired & (torch.hypot(middle[0][:, None], middle[1][None]) > 1)
    noise, energy = (y.abs().square().mean(1, keepdim=True)[mask > 0].mean() for mask in (corners, held.weight))
    return given, held, float((noise / energy).sqrt())


def error(image, held):
    """Return e."""
    off, whole = (torch.linalg.vector_norm(held.weight * part) for part in (held.operator(image) - held.y, held.y))
    return float(off / whole)


def predictions(seed, method):
    """Return the row of one method, for one random choice of what is taken away."""
    given, held, floor = brain(seed)
    start, best = time.process_time(), 0
    if method == "zs_ssl":
        restorer, history = trained(given, seed)
        best = history.best
    else:
        restorer = CLASSICAL[method](given, rng=torch.Generator().manual_seed(seed)).restorer
    with torch.no_grad():
        image = restorer(given)
        seconds = time.process_time() - start
        row = {"seed": seed, "method": method, "error": error(image, held), "floor": floor, "step": best}
        yield row | {"cpu_seconds": seconds}
        if method == "zs_ssl":
            mean = torch.stack([classical(given) for classical in restorer.classical]).mean(0)
            yield row | {"method": "mean", "error": error(mean, held), "step": 0, "cpu_seconds": 0.0}


def summary(rows):
    """Return errors by method and the ratio of excesses, one row a seed."""
    for seed in sorted({row["seed"] for row in rows}):
        errors = {row["method"]: float(row["error"]) for row in rows if row["seed"] == seed}
        if not {"zs_ssl", *CLASSICAL} <= errors.keys():
            continue
        found = {name: errors[name] for name in (*CLASSICAL, "mean", "zs_ssl")}
        floor = next(float(row["floor"]) for row in rows if row["seed"] == seed)
        best = min(found[name] for name in CLASSICAL)
        ratios = {f"ratio{k}": (found["zs_ssl"] ** 2 - f**2) / (best**2 - f**2) for k, f in (("", floor), ("_zero", 0))}
        yield {"seed": seed, "floor": floor} | found | ratios


def phantom():
    """Return the row of the phantom: errors to the image of all samples."""
    with h5py.File(DATA / "mri_ksp_phantom8ch" / "phantom8ch.h5") as file:
        y, maps = (torch.from_numpy(file[name][:])[None] for name in ("ycart", "smap"))
        inside = torch.from_numpy(file["mask_obj"][:])[None, None] > 0
    mask = regular_lines((64, 64), 4, 16)
    whole, given = Sense(maps), Measurement(y=y * mask, operator=Sense(maps, mask))
    truth = conjugate_gradient(whole.normal, whole.adjoint(y), iterations=50, tolerance=1e-6) * inside
    images = {
        name: method(given, rng=torch.Generator().manual_seed(0)).restorer(given) for name, method in CLASSICAL.items()
    }
    for name, tolerance in (("zs_ssl", 1e-3), ("zs_ssl_1e4", 1e-4)):
        restorer, _ = trained(given, tolerance=tolerance)
        with torch.no_grad():
            images[name] = restorer(given)
    size = torch.linalg.vector_norm(truth)
    yield {n: float(torch.linalg.vector_norm((x - truth) * inside) / size) for n, x in images.items()}


if __name__ == "__main__":
    print(__doc__)
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    torch.set_num_threads(1)
    for seed in range(1, parser.parse_args().seeds + 1):
        for method in ("zs_ssl", *CLASSICAL):
            done = {(row["seed"], row["method"]) for row in record.read("zs_ssl_brain")}
            for row in predictions(seed, method) if (str(seed), method) not in done else ():
                record.append("zs_ssl_brain", row)
    record.write("zs_ssl_summary", summary(record.read("zs_ssl_brain")))
    show("zs_ssl_summary")
    if not record.read("zs_ssl_phantom"):
        record.write("zs_ssl_phantom", phantom())
    show("zs_ssl_phantom")
