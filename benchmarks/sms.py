"""Slices that were excited at once: how well they are separated.

Simulation (sms_leakage): planes of a turned Shepp-Logan phantom with a texture, 96 x 96, sixteen coils in two rings,
CAIPI shifts of a field of view over the number of slices, noise of 0.003 a sample, calibration with 32 x 32 noisy
samples of each slice alone. Slice-GRAPPA and split-slice GRAPPA have kernels of 5 x 5, and fill left-out lines in the
same step; least squares has 50 iterations of conjugate gradients with ESPIRiT maps. `error` is the root mean square
error of the magnitude over that of the truth; `leakage` is what slices that are dark hold when one alone is bright,
summed over all such choices, over the truth.

Real data (sms_radial): a phantom of bricks, radial, 29 spokes a shot, 16 coils compressed to 8, two slices in two
shots with Hadamard phase cycling, turned against each other. Each slice is compared with its own single-band scan
of 29 spokes, reconstructed alone: correlation of the magnitudes with the same slice and with the other one, and the
residual over the data. 12 iterations of conjugate gradients. The delays are those published with the data. The licence
of the data is not clear, so no picture of it is kept; `--picture FILE` draws one.

    PELLUCID_DATA=... python benchmarks/sms.py [--picture FILE]
"""

import argparse
import os
import time
from pathlib import Path

import imagecodecs
import numpy as np
import torch

from measuring import record
from pellucid._math.fft import fft, ifft
from pellucid.data.prepare.coils import espirit
from pellucid.data.prepare.slice_grappa import slice_grappa
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.ellipses import shepp_logan
from pellucid.operators.sms import SimultaneousMultiSlice, caipi_phases
from pellucid.solvers import conjugate_gradient
from pellucid.workflows.modalities.sms import sms
from table import show

SIZE, COILS, NOISE = 96, 16, 0.003
SCAN = "mri_sms_radial/Supporting_Figure_S1_kMB{}_SP29.cfl"
DELAYS = "-0.614225,-0.651670,-0.000881"
VARIANTS = {  # what is told of the scan: settings of the modality
    "maps of the scan itself": {"turned": True, "delays": DELAYS},
    "maps of the single-band scans": {"turned": True, "delays": DELAYS, "alone": True},
    "without the turn": {"delays": DELAYS},
    "without gradient delays": {"turned": True},
}


def simulated(slices, step, rng):
    """Return the planes, the noiseless instrument, the measured batch, and calibration data; see the protocol."""
    head = shepp_logan().image(SIZE)[0, 0].float()
    planes = torch.stack([head.rot90(k) if k % 2 == 0 else head.rot90(k).flip(0) for k in range(slices)])
    texture = torch.nn.functional.avg_pool2d(torch.randn(slices, SIZE, SIZE, generator=rng), 5, 1, 2)
    x = (planes * (1 + texture))[None].to(torch.complex64)
    maps = birdcage_coils(COILS, (2 * slices + 3, SIZE, SIZE), rings=2)[0, :, 2 : 2 * slices + 2 : 2].movedim(1, 0)[
        None
    ]
    shifts = torch.arange(slices, dtype=torch.float64) / slices
    mask = (torch.arange(SIZE) % step == 0)[None, None, :, None]
    instrument = SimultaneousMultiSlice(maps, phases=caipi_phases(shifts, SIZE), mask=mask)
    alone = torch.eye(slices).to(x.dtype)[:, :, None, None] * x
    y, single = instrument(x), fft(x[0, :, None] * maps[0], 2)
    y, single = (v + NOISE * torch.randn(v.shape, dtype=v.dtype, generator=rng) for v in (y, single))
    part = slice(SIZE // 2 - 16, SIZE // 2 + 16)
    return x, shifts, mask, torch.cat([mask * y, instrument(alone)]), single[..., part, part]


def leakage(slices, step):
    """Yield a row for each way to separate the slices."""
    x, shifts, mask, batch, centre = simulated(slices, step, torch.Generator().manual_seed(0))
    maps = torch.cat([espirit(part[None], (SIZE, SIZE)) for part in centre])[None]
    sense = SimultaneousMultiSlice(maps, phases=caipi_phases(shifts, SIZE), mask=mask)
    ways = {
        "slice-GRAPPA": lambda y: (ifft(slice_grappa(y, centre, shifts=shifts, split=False), 2) * maps.conj()).sum(2),
        "split-slice GRAPPA": lambda y: (ifft(slice_grappa(y, centre, shifts=shifts), 2) * maps.conj()).sum(2),
        "least squares": lambda y: conjugate_gradient(
            lambda x: sense.normal(x) + 1e-3 * x, sense.adjoint(y), iterations=50, tolerance=1e-4
        ),
    }
    for name, separate in ways.items():
        start = time.perf_counter()
        image, *ones = separate(batch).abs()
        seconds = time.perf_counter() - start
        stray = sum(one[[k for k in range(slices) if k != z]].square().sum() for z, one in enumerate(ones))
        error, leak = float((image - x[0].abs()).norm() / x.norm()), float(stray.sqrt() / x.norm())
        yield {"slices": slices, "step": step, "way": name, "error": error, "leakage": leak, "seconds": seconds}


def solved(scan):
    """Return the image, and the residual over the data."""
    operator, y = scan.measurement.operator, scan.measurement.y
    x = conjugate_gradient(operator.normal, operator.adjoint(y), iterations=12)
    return scan.image(x).data, float((operator(x) - y).norm() / y.norm())


def radial(folder):
    """Return a row for each variant, and the images of the first one beside the single-band ones."""
    common = {"trajectory": "radial", "virtual_coils": 8}
    names = [folder / SCAN.format(part) for part in ("1_top", "1_bottom")]
    alone = [solved(sms(name, multiband=1, single_band=str(name), delays=DELAYS, **common))[0][0] for name in names]
    rows, kept = [], None
    for name, settings in VARIANTS.items():
        given = {key: value for key, value in settings.items() if key != "alone"} | common
        references = ",".join(map(str, names)) if "alone" in settings else None
        image, residual = solved(
            sms(folder / SCAN.format("2_turn"), encoding="hadamard", single_band=references, **given)
        )
        kept = image if kept is None else kept
        match = [[float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for b in alone] for a in image]
        rows.append({"told": name, "residual": residual, "top": match[0][0], "bottom": match[1][1]})
        rows[-1] |= {"top_with_bottom": match[0][1], "bottom_with_top": match[1][0]}
    return rows, [kept[0], alone[0], kept[1], alone[1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, help="multiband and single-band slices side by side, as PNG")
    chosen = parser.parse_args()
    if "PELLUCID_DATA" not in os.environ:
        parser.error("set PELLUCID_DATA to the folder of real data sets")
    print(__doc__)
    torch.set_num_threads(1)
    record.write("sms_leakage", [row for slices in (3, 5) for step in (1, 2) for row in leakage(slices, step)])
    show("sms_leakage")
    rows, images = radial(Path(os.environ["PELLUCID_DATA"]))
    record.write("sms_radial", rows)
    show("sms_radial")
    if chosen.picture is not None:
        grey = np.concatenate([np.clip(image / np.percentile(image, 99.7), 0, 1) for image in images], 1)
        chosen.picture.write_bytes(imagecodecs.png_encode((255 * grey).astype(np.uint8)))


if __name__ == "__main__":
    main()
