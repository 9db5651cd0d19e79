"""SENSE on real scans of eight coils.

Phantom: fully sampled lines of an 8-channel scan, 64 x 64, of which every second or fourth is kept, alone and with the
16 at the centre. The error is that within the object to the least-squares image of all samples with the same maps:
those of the scan, or of ESPIRiT from what is left. Strengths are chosen on held-out samples.

Brain: one slice, 230 x 180, 12.4 % of the samples in a Poisson disc (sigpy's MRI tutorial, BSD-3-Clause), is drawn as
the adjoint, conjugate gradients and wavelets give it, to examples/pictures/mri_brain.png.

    PELLUCID_DATA=... python benchmarks/mri_real.py
"""

import os
from pathlib import Path

import h5py
import numpy as np
import torch

from measuring import record
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.calibration import acquired
from pellucid.data.prepare.coils import coil_maps
from pellucid.data.simulate.sampling import regular_lines
from pellucid.methods.reconstruct.cg import cg
from pellucid.methods.reconstruct.tv import tv
from pellucid.methods.reconstruct.wavelet import wavelet
from pellucid.operators.mri import Sense
from pellucid.report.picture import png
from pellucid.solvers import conjugate_gradient
from table import show

DATA = Path(os.environ.get("PELLUCID_DATA", ""))
PICTURE = Path(__file__).parents[1] / "examples" / "pictures" / "mri_brain.png"


def reconstructed(method, measurement):
    return method(measurement, rng=torch.Generator().manual_seed(0)).restorer(measurement)


def phantom():
    with h5py.File(DATA / "mri_ksp_phantom8ch" / "phantom8ch.h5") as file:
        y, given = (torch.from_numpy(file[name][:])[None] for name in ("ycart", "smap"))
        inside = torch.from_numpy(file["mask_obj"][:])[None, None] > 0
    for step, centre in ((2, 0), (4, 0), (2, 16), (4, 16)):
        mask = regular_lines((64, 64), step, centre)
        for name, maps in (("of the scan", given), ("ESPIRiT", coil_maps(y * mask) if centre else None)):
            if maps is None:
                continue
            whole, measurement = Sense(maps), Measurement(y=y * mask, operator=Sense(maps, mask))
            truth = conjugate_gradient(whole.normal, whole.adjoint(y), iterations=50, tolerance=1e-6) * inside
            row = {"step": step, "centre": centre, "part": float(mask.float().mean()), "maps": name}
            for method in (cg, tv, wavelet):
                off = (reconstructed(method, measurement) - truth) * inside
                row[method.__name__] = float(torch.linalg.vector_norm(off) / torch.linalg.vector_norm(truth))
            yield row


def brain():
    y = torch.from_numpy(np.load(DATA / "mri_ksp_brain8ch" / "cartesian_ksp.npy"))[None]
    measurement = Measurement(y=y, operator=Sense(coil_maps(y), acquired(y)))
    images = [measurement.operator.adjoint(y), *(reconstructed(method, measurement) for method in (cg, wavelet))]
    panels = [image.abs()[0, 0] / image.abs().quantile(0.998) for image in images]
    grey = (torch.cat(panels, 1).clamp(0, 1) * 255).to(torch.uint8).numpy()
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(png(grey))
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    print(__doc__)
    torch.set_num_threads(1)
    record.write("mri_sense", phantom())
    show("mri_sense")
    brain()
