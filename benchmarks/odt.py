"""Optical diffraction tomography: what the operator costs above its transforms, and how near the methods come.

`odt_speed`: forward and adjoint on a volume of 188³ with 90 views of a turning sample, complex64, one thread, beside
the calls that they contain: finufft with plans that are kept and the same settings, and the Fourier transforms of the
fields. They take turns; the least time counts. The memory is the peak with the operator made, an image (0.05 GiB) and
its fields (0.02 GiB), above that of the program.

`odt_cell`: refractive index of the FDTD cell of odt_fdtd3d (90 views, Rytov) in the middle 128³ voxels, which hold it
all, against the phantom: the root mean square error within the cell and everywhere, and the sum of n - n_m within the
cell over that of the phantom. ODTbrain's `backpropagate_3d` sees the same 90 views on one core, and is cut afterwards.

The pictures odt_fdtd3d.png (truth, fbp, gp, tv; cuts y-x, z-x and z-y) and odt_hl60.png (fbp, gp) are drawn into
`examples/pictures/`. Data: ODTbrain's examples, CC BY 4.0 and CC0, in the folder that PELLUCID_DATA names.

    PELLUCID_DATA=... python benchmarks/odt.py [--rounds 5]
"""

import argparse
import math
import os
import resource
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import finufft
import numpy as np
import torch

from measuring import record
from measuring.turns import fastest
from pellucid.methods import function
from pellucid.operators.diffraction import DiffractionTomography, Optics
from pellucid.report.picture import grey, png
from pellucid.workflows.scan import scan
from table import show

LIGHT = {"wavelength_nm": 650.0, "pixel_size_nm": 100.0, "medium_index": 1.333}
SETTINGS = {"fbp": {}, "gp": {"iterations": 20}, "tv": {"strength": 5e-4, "positive": True, "iterations": 40}}
MIDDLE = 128
PICTURES = Path(__file__).parents[1] / "examples" / "pictures"


def speed(rounds):
    """Yield a row for each direction and for both."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size, views, k = 188, 90, 2 * math.pi * 1.333 / 6.5
    angles = torch.linspace(0, 2 * math.pi, views + 1, dtype=torch.float64)[:-1]
    operator = DiffractionTomography.turning(angles, Optics(wavenumber=k), space=(size,) * 3)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1, size, size, size, dtype=torch.complex64, generator=rng)
    y = torch.randn(1, 1, views, size, size, dtype=torch.complex64, generator=rng)
    operator(x), operator.adjoint(y)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 2**20
    points = [axis.contiguous().numpy() for axis in operator.frequencies[0].float()]
    spectrum = np.ones(len(points[0]), np.complex64)
    options = {"upsampfac": 1.25, "showwarn": 0, "nthreads": 1}
    plans = {t: finufft.Plan(t, (size,) * 3, 1, 1e-6, 1 if t == 1 else -1, "complex64", **options) for t in (1, 2)}
    for plan in plans.values():
        plan.setpts(*points)
    seconds = fastest(
        {
            "forward": partial(operator, x),
            "adjoint": partial(operator.adjoint, y),
            "type 2": partial(plans[2].execute, x[0, 0].numpy()),
            "type 1": partial(plans[1].execute, spectrum),
            "fft": partial(torch.fft.ifft2, y),
        },
        rounds,
    )
    parts = {"forward": seconds["type 2"] + seconds["fft"], "adjoint": seconds["type 1"] + seconds["fft"]}
    ours = {name: seconds[name] for name in parts}
    ours["both"], parts["both"] = sum(ours.values()), sum(parts.values())
    for name, own in ours.items():
        yield {"direction": name, "ours": own, "parts": parts[name], "ratio": own / parts[name], "peak_gib": peak}


def solved(opened, method):
    """Return the refractive index and the seconds."""
    start = time.perf_counter()
    made = function(method, "reconstruct")(opened.measurement, rng=torch.Generator().manual_seed(0), **SETTINGS[method])
    with torch.no_grad():
        image = opened.image(made.restorer(opened.measurement)).data
    return image, time.perf_counter() - start


def theirs(path):
    """Return the refractive index that ODTbrain finds, and the seconds."""
    import odtbrain

    resolution, medium = LIGHT["wavelength_nm"] / LIGHT["pixel_size_nm"], LIGHT["medium_index"]
    with np.load(path, allow_pickle=False) as held:
        fields, angles = held["sino"].astype(np.complex128), held["angles_rad"]
    start = time.perf_counter()
    rytov = odtbrain.sinogram_as_rytov(fields)
    f = odtbrain.backpropagate_3d(rytov, angles, resolution, medium, num_cores=1, dtype=np.float32)
    return odtbrain.odt_to_ri(f, resolution, medium).real, time.perf_counter() - start


def middle(opened, angles):
    """Return the same scan for the middle of the volume."""
    before = opened.measurement.operator
    shape = {"space": (MIDDLE,) * 3, "detector": before.out_shape[2:]}
    operator = DiffractionTomography.turning(torch.from_numpy(angles), before.optics, **shape)
    return replace(opened, measurement=replace(opened.measurement, operator=operator))


def cell(path):
    """Measure the methods on the cell whose truth is known; return their images."""
    cut = (slice(30, 30 + MIDDLE),) * 3
    with np.load(path, allow_pickle=False) as held:
        truth, angles = held["phantom"][cut], held["angles_rad"]
    opened, medium = middle(scan(path, "odt", LIGHT), angles), LIGHT["medium_index"]
    inside = truth > medium + 1e-4
    images, rows = {"truth": truth}, []
    for method in ("odtbrain", *SETTINGS):
        found, seconds = theirs(path) if method == "odtbrain" else solved(opened, method)
        images[method] = found[cut] if method == "odtbrain" else found
        error = np.square(images[method] - truth)
        total = (images[method] - medium)[inside].sum() / (truth - medium)[inside].sum()
        errors = {"rms_cell": math.sqrt(error[inside].mean()), "rms_all": math.sqrt(error.mean())}
        settings = " ".join(f"{key}={value}" for key, value in SETTINGS.get(method, {}).items())
        rows.append({"method": method, "settings": settings} | errors | {"total": total, "seconds": seconds})
        print(rows[-1], flush=True)
    record.write("odt_cell", rows)
    return images


def draw(name, images, limits):
    """Draw one row of cuts for each image."""
    rows = []
    for image in images:
        z, y, x = (n // 2 for n in image.shape)
        rows.append(np.hstack([grey(image[z], limits), grey(image[:, y], limits), grey(image[:, :, x], limits)]))
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / name).write_bytes(png(np.vstack(rows)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(__doc__)
    torch.set_num_threads(1)
    record.write("odt_speed", list(speed(rounds)))
    show("odt_speed")
    root = Path(os.environ["PELLUCID_DATA"])
    living = scan(root / "odt_hl60" / "hl60_qpi.h5", "odt", {})
    draw("odt_hl60.png", [solved(living, method)[0] for method in ("fbp", "gp")], (1.33, 1.37))
    found = cell(root / "odt_fdtd3d" / "fdtd3d.npz")
    draw("odt_fdtd3d.png", [found[name] for name in ("truth", *SETTINGS)], (1.325, 1.39))
    show("odt_cell")


if __name__ == "__main__":
    main()
