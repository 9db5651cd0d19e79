"""Noise2Self beside BM3D on real frames of GFP-GOWT1 nuclei: one command draws the panel.

Frame 0 of the Cell Tracking Challenge sequence (Fluo-N2DH-GOWT1, 8 bit, a crop of 511 x 511 pixels), as recorded. Both
methods see the variance-stabilised frame, with the noise that Pellucid reads from it: BM3D (package bm3d, standard
profile, sigma 1) and Noise2Self (trained on this frame alone). There is no truth. Both are judged by Stein's risk on
the same pixels, 5 % of them, which were never a target of the training: E(F - y)² + 2 s² dF_i/dy_i = error + noise
variance, so that the difference of two risks is that of the errors. The panel shows the square roots of recording, BM3D
and Noise2Self with one window, and below them what was removed. The licence of the frames does not allow to publish it:
it goes to benchmarks/local, which Git ignores. The variable PELLUCID_DATA names the data's folder.

    PELLUCID_DATA=... python benchmarks/fig3.py [--frame 0] [--budget 120s]
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import bm3d
import numpy as np
import torch

import pellucid as pl
from measuring import record
from pellucid._math.seeds import mix
from pellucid.data.measurement import Measurement
from pellucid.data.stack import Stack
from pellucid.operators import Identity
from pellucid.report.picture import DIVERGING, colour, grey, png, symmetric, window
from pellucid.restorers import Recorded, Restorer
from pellucid.workflows.bench import Bench
from table import show

LOCAL = Path(__file__).parent / "local"
CROP = np.s_[96:352, 96:352]


class BlockMatching(Restorer):
    """BM3D of noise of known strength."""

    whole = True

    def __init__(self, sigma):
        super().__init__()
        self.sigma = sigma

    def forward(self, given, rng=None):
        """Return the image; the constants of BM3D are made for values from 0 to 1."""
        y = given.y[0, 0].double().cpu().numpy()
        low, span = y.min(), np.ptp(y)
        image = bm3d.bm3d((y - low) / span, sigma_psd=self.sigma / span) * span + low
        return torch.from_numpy(image).to(given.y)[None, None]


def restored(frame, budget, device):
    """Return the images and the rows of both methods."""
    start = time.perf_counter()
    result = pl.denoise(frame, method="noise2self", budget=budget, device=device)
    seconds = {"Noise2Self": time.perf_counter() - start}
    bench = Bench.of(Stack((frame,), 0, 2), None, result.model.device, mix(0, 0))  # the same pixels as in training
    channel = result.model.channels[0]
    units = channel.standardisation
    matching = BlockMatching(1 / units.scale)
    start = time.perf_counter()
    y = torch.from_numpy(np.asarray(frame.data, np.float32))[None, None].to(result.model.device)
    other = pl.restore(Measurement(y=y, operator=Identity()), Recorded(matching, units)).image
    seconds["BM3D"] = time.perf_counter() - start
    plain = replace(channel.method, prior=None, split=None)
    methods = {"BM3D": replace(plain, model=matching, restorer=matching), "Noise2Self": plain}
    rows = []
    for name, method in methods.items():
        risk = bench.risks(method, units)[1]
        found = {"risk": risk.mean, "se": risk.se, "error": risk.error, "noise": risk.noise_variance}
        rows.append({"method": name} | found | {"seconds": seconds[name]})
    return {"BM3D": other[0, 0].cpu().numpy(), "Noise2Self": result.image}, rows


def panel(noisy, images):
    """Return the panel as a PNG: what was recorded and restored above what was removed."""
    planes = [noisy[CROP], *(image[CROP] for image in images.values())]
    roots = [np.sqrt(plane.clip(min=0)) for plane in planes]
    limits = window(*roots)
    top = [np.repeat(grey(root, limits)[..., None], 3, -1) for root in roots]
    removed = [planes[0] - plane for plane in planes[1:]]
    limits = symmetric(np.concatenate(removed))
    below = [np.full_like(top[0], 255), *(colour(plane, limits, DIVERGING) for plane in removed)]
    framed = [
        np.hstack([np.pad(p, ((2, 2), (2, 2), (0, 0)), constant_values=255) for p in line]) for line in (top, below)
    ]
    return png(np.kron(np.vstack(framed), np.ones((2, 2, 1), np.uint8)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frame", type=int, default=0)
    parser.add_argument("--budget", default="120s", help="of the training")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    print(__doc__)
    path = Path(os.environ["PELLUCID_DATA"], "fluo_timelapse_gowt1", "gowt1_TYX.tif")
    movie = pl.open(path, axes="TYX")
    frame = pl.Image(data=np.asarray(movie.data[chosen.frame]), axes="YX")
    images, rows = restored(frame, chosen.budget, chosen.device)
    LOCAL.mkdir(exist_ok=True)
    (LOCAL / "fig3.png").write_bytes(panel(np.asarray(frame.data, np.float32), images))
    record.write("fig3", rows)
    show("fig3")
    print(f"Recording, BM3D, Noise2Self; below, what was removed: {LOCAL / 'fig3.png'}")


if __name__ == "__main__":
    main()
