"""Trained on BSD400, tested on Set12: Gaussian noise of sigma 25, as published tables have it.

Clean images hold 0 to 255. The noise has sigma 25 and is drawn once for each image (seed 0 for training, 1 for the
second draw that Noise2Noise needs, 1001 to 1012 for the tests): no training sees a fresh draw. Nothing is clipped or
rounded, neither noisy nor restored. PSNR is 10 log10(255² / mean squared error) over whole images. All methods have the
same budget and learning rate and, where they take one, the same U-Net, which no truth selects or stops: its weights are
the running mean at the end.

    bm3d                  package bm3d, standard profile, told sigma; a reference that is not trained
    noise2void            a pass over the image as it is
    noise2self            every pixel from the pass in which it was hidden, as in its paper
    noise2self posterior  the same with a variance, and the seen pixel through its Gaussian posterior
    others                as `pellucid methods` describes them

Presets: `lite` for two cores (40 training images, the seven tests of 256 x 256, 16 features, 400 steps of 16 x 64²);
`full` for a GPU (all 400 and all 12, 64 features, depth 3, batches of 64, --seconds a method). A method's rows are
written as soon as they are measured, and rows that exist are skipped; delete them to measure again. Settings of methods
that this version lacks are left out. The variable PELLUCID_DATA names the data's folder.

    PELLUCID_DATA=... python benchmarks/set12.py [SETTING ...] [--preset full] [--seconds 100] [--device cuda]

Published (Kim, Ye, NeurIPS 2021, table 2): BM3D 29.96, N2V 27.56, N2S 29.16, SURE 29.13, Noise2Score 30.13, N2N 30.33,
supervised 30.36.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from skimage.io import imread

from measuring import record
from measuring.training import trained
from pellucid import restore
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.prepare import Standardisation
from pellucid.methods import card, names
from pellucid.metrics import psnr
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restorers import Recorded
from pellucid.workflows.options import Options
from table import show

SIGMA = 25.0
SETTINGS = {
    "noise2void": ("noise2void", {}),
    "noise2self": ("noise2self", {"inference": "j_invariant", "flips": False}),
    "noise2self posterior": ("noise2self", {"inference": "posterior", "flips": False}),
    "noise2same": ("noise2same", {}),
    "neighbor2neighbor": ("neighbor2neighbor", {}),
    "sure": ("sure", {}),
    "recorrupted2recorrupted": ("recorrupted2recorrupted", {}),
    "noise2score": ("noise2score", {}),
    "noise2noise": ("noise2noise", {}),
    "supervised": ("supervised", {}),
}
PRESETS = {  # training images, largest test image, budget and network
    "lite": (40, 256, {"steps": 400, "features": 16, "depth": 2, "patch": 64, "batch": 16, "rate": 2e-3}),
    "full": (400, 512, {"seconds": 100.0, "features": 64, "depth": 3, "patch": 64, "batch": 64, "rate": 1e-3}),
}


def noisy(clean, seed):
    """Return `clean`, (image, 1, row, column), with its frozen noise; drawn on the CPU, so the same everywhere."""
    return clean + SIGMA * torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))


def images(folder, count=None):
    """Return the name and the clean values of each image."""
    paths = sorted(folder.glob("*.png"))[:count]
    return {path.stem: torch.from_numpy(imread(path).astype(np.float32))[None, None] for path in paths}


class Data:
    """The training set in the units of the networks, and the tests."""

    def __init__(self, folder, count, largest, device):
        clean = torch.cat(list(images(folder / "natural_bsd400_train", count).values()))
        first, second = noisy(clean, 0), noisy(clean, 1)
        self.device = device
        self.units = Standardisation.of(first, Gaussian(SIGMA), stabilise=False).to(device)
        self.first, self.second, self.clean = (self._measurement(y) for y in (first, second, clean))
        tests = images(folder / "natural_set12")
        self.tests = {name: clean for name, clean in tests.items() if clean.shape[-1] <= largest}

    def _measurement(self, y):
        return Measurement(y=self.units(y.to(self.device)), operator=Identity(), noise=self.units.noise)

    def suited(self, name):
        """Return what a method needs for its training."""
        other = {"repeats": self.second, "truth": self.clean}.get(card(name).needs)
        return self.first if other is None else Repeated.of((self.first, other))

    def restored(self, restorer):
        """Yield the name, the truth and the answer of each test image, in recorded units."""
        recorded = Recorded(restorer, self.units)
        for name, clean in self.tests.items():
            given = Measurement(y=noisy(clean, 1000 + int(name)).to(self.device), operator=Identity())
            yield name, clean, restore(given, recorded, rng=torch.Generator(self.device).manual_seed(0)).image.cpu()


def block_matching(data):
    """Yield the answers of BM3D."""
    import bm3d

    for name, clean in data.tests.items():
        image = bm3d.bm3d(noisy(clean, 1000 + int(name))[0, 0].double().numpy() / 255, sigma_psd=SIGMA / 255) * 255
        yield name, clean, torch.from_numpy(image)[None, None]


def rows(setting, data, how):
    """Yield a row for each test image."""
    start = time.perf_counter()
    if setting == "bm3d":
        steps, answers = 0, block_matching(data)
    else:
        name, given = SETTINGS[setting]
        method, steps = trained(name, data.suited(name), **how | given)
        answers = data.restored(method.restorer)
    seconds = time.perf_counter() - start
    for image, clean, answer in answers:
        error = {"psnr": psnr(answer, clean, 255.0)}
        yield {"image": image, "setting": setting} | error | {"seconds": seconds, "steps": steps}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting", nargs="*", help=f"all unless given: bm3d, {', '.join(SETTINGS)}")
    parser.add_argument("--preset", choices=PRESETS, default="lite")
    parser.add_argument("--seconds", type=float, help="of each training, in place of the preset's budget")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    if unknown := set(chosen.setting) - {"bm3d", *SETTINGS}:
        parser.error(f"unknown settings: {', '.join(unknown)}")
    print(__doc__)
    count, largest, how = PRESETS[chosen.preset]
    if chosen.seconds:
        how = {key: value for key, value in how.items() if key != "steps"} | {"seconds": chosen.seconds}
    device = Options(device=chosen.device).place()
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    data = Data(Path(os.environ["PELLUCID_DATA"]), count, largest, device)
    table = f"set12_{chosen.preset}"
    done = {row["setting"] for row in record.read(table)}
    for setting in chosen.setting or ["bm3d", *SETTINGS]:
        if setting in done or (setting != "bm3d" and SETTINGS[setting][0] not in names()):
            continue
        found = list(rows(setting, data, how))
        for row in found:
            record.append(table, row, machine)
        print(f"{setting:24} {np.mean([row['psnr'] for row in found]):.2f} dB", flush=True)
    show(table)


if __name__ == "__main__":
    main()
