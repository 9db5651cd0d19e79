"""Quality on real data: the twelve configurations of the Fluorescence Microscopy Denoising set.

Each raw 8-bit frame of 512 x 512 pixels is restored alone; the truth is the mean of 50 frames of the same field. PSNR
is 10 log10(255² / mean squared error) of the result as it comes, neither rounded nor clipped. Settings:

    raw        the frame itself
    nlm_fixed  non-local means (scikit-image, patch 5, distance 6, h = 0.8 σ) of the stabilised frame
    bm3d       BM3D (package bm3d, standard profile) of the stabilised frame
    auto30     pellucid.denoise(frame, budget="30s")
    auto60     pellucid.denoise(frame, budget="60s")
    auto600    pellucid.denoise(frame, budget="10m")
    gpu60      pellucid.denoise(frame, budget="60s", device="cuda")

The stabilised frame is Pellucid's generalised Anscombe transform of the noise that Pellucid reads from the frame; its
noise has σ = 1, and its inverse is the unbiased one; neither is told that the noise of wide-field images is correlated
between pixels. Images _1 are for reporting; 2 and 3, whose rows are kept apart,
are for development. A row is written as soon as it is measured, and rows that exist are skipped; delete them to measure
again. Seconds are wall-clock, of learning and restoring. The variable PELLUCID_DATA names the data's folder.

    python benchmarks/fmd.py [SETTING ...] [--images 1]
    python benchmarks/fmd.py --method noise2self --set features=32 --budget 120s --images 2
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from skimage.restoration import denoise_nl_means

import pellucid as pl
from measuring import record
from pellucid.metrics import psnr
from pellucid.noise import Stabiliser, diagnose
from table import show

KINDS = [f"Confocal_{kind}" for kind in ("BPAE_B", "BPAE_G", "BPAE_R", "FISH", "MICE")]
KINDS += [f"TwoPhoton_{kind}" for kind in ("BPAE_B", "BPAE_G", "BPAE_R", "MICE")]
KINDS += [f"WideField_{kind}" for kind in ("BPAE_B", "BPAE_G", "BPAE_R")]


def stabilised(denoise):
    """Return a restorer that applies `denoise` to the frame at noise of strength one."""

    def restore(frame):
        f = Stabiliser(diagnose(frame.astype(np.float64)).transfer.noise).double()
        image = denoise(f(torch.from_numpy(frame).double()).numpy())
        return f.inverse(torch.from_numpy(image)).numpy(), {}

    return restore


def fixed_non_local_means(image):
    return denoise_nl_means(image, patch_size=5, patch_distance=6, h=0.8, sigma=1.0, fast_mode=True)


def block_matching(image):
    """Return BM3D's answer; its constants are made for values from 0 to 1."""
    import bm3d  # not needed by the other settings

    low, span = image.min(), np.ptp(image)
    return bm3d.bm3d((image - low) / span, sigma_psd=1 / span) * span + low


def pellucid(**options):
    """Return a restorer that is the workflow."""

    def restore(frame):
        result = pl.denoise(frame, **options)
        return result.image, {key: result.summary[key] for key in ("method", "steps", "risk", "verdict")}

    return restore


SETTINGS = {
    "raw": lambda frame: (frame, {}),
    "nlm_fixed": stabilised(fixed_non_local_means),
    "bm3d": stabilised(block_matching),
    "auto30": pellucid(budget="30s"),
    "auto60": pellucid(budget="60s"),
    "auto600": pellucid(budget="10m"),
    "gpu60": pellucid(budget="60s", device="cuda"),
}


def measure(folder, image, restore):
    """Return one row."""
    frame, truth = (np.asarray(pl.open(folder / part / f"{image}.png").data) for part in ("raw", "gt"))
    start = time.perf_counter()
    restored, facts = restore(frame)
    seconds = time.perf_counter() - start
    facts = dict.fromkeys(("method", "steps", "risk", "verdict"), "") | facts
    return {"image": image, "psnr": psnr(restored, truth, 255.0), "seconds": seconds} | facts


def settings(chosen):
    """Return the chosen settings: those named, or the method that was described, or all."""
    if not chosen.method:
        return {name: SETTINGS[name] for name in chosen.setting or SETTINGS}
    values = dict(pair.split("=", 1) for pair in chosen.set)
    name = " ".join([chosen.method, *chosen.set, chosen.budget])
    return {name: pellucid(method=chosen.method, settings=values, budget=chosen.budget)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting", nargs="*", metavar="SETTING", help=f"all unless given: {', '.join(SETTINGS)}")
    parser.add_argument("--images", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("--method", help="measure this method of Pellucid instead")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of that method")
    parser.add_argument("--budget", default="60s", help="of that method")
    chosen = parser.parse_args()
    if unknown := set(chosen.setting) - set(SETTINGS):
        parser.error(f"unknown settings: {', '.join(unknown)}")
    if "PELLUCID_DATA" not in os.environ:
        parser.error("set PELLUCID_DATA to the folder of real data sets")
    print(__doc__)
    table = "fmd" if chosen.images == 1 and not chosen.method else "fmd_development"
    folder = Path(os.environ["PELLUCID_DATA"], "fluo_fmd")
    done = {(row["image"], row["setting"]) for row in record.read(table)}
    for name, restore in settings(chosen).items():
        for image in (f"{kind}_{chosen.images}" for kind in KINDS):
            if (image, name) not in done:
                row = {"setting": name} | measure(folder, image, restore)
                print(f"{image:20} {name:12} {row['psnr']:.3f} dB {row['seconds']:8.1f} s", flush=True)
                record.append(table, row)
    show(table)


if __name__ == "__main__":
    main()
