"""Ten noisy frames of one two-photon scene, and its clean image: self-supervised methods beside the supervised one.

Methods learn from columns 0 to 191 of all ten frames of 490 x 320 pixels, and are tested on columns 192 to 319 of the
same frames, one frame at a time. Noise2Noise pairs each frame with the next; the supervised method has the clean image
in place of it, and the same network and steps. PSNR is 10 log10(255² / mean squared error) of a x̂ + b, with a and b
fitted to the clean columns for each frame (the recording is 0.94 times the clean image plus 12), neither rounded nor
clipped; the table shows its mean, least and largest over the frames. The seed is 0. `auto` chooses by the risk on
hidden pixels of the training columns. Methods that this version lacks are left out. A row is written as soon as it is
measured, and rows that exist are skipped; delete them to measure again. The variable PELLUCID_DATA names the data's
folder. The licence of the data is not clear: for research use.

    PELLUCID_DATA=... python benchmarks/calcium.py [METHOD ...] [--steps 1000] [--device auto]
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from skimage.io import imread

import pellucid as pl
from measuring import record
from pellucid.metrics import psnr
from table import show

METHODS = ("raw", "noise2void", "noise2self", "pn2v", "auto", "noise2noise", "supervised")
COLUMNS = 192


def pairs(method, frames, clean):
    """Return what a method is trained with beside the frames."""
    needs = "image" if method == "auto" else pl.methods.card(method).needs
    given = {"repeats": np.roll(frames, -1, axis=0), "truth": np.broadcast_to(clean, frames.shape).copy()}.get(needs)
    return None if given is None else pl.Image(data=given, axes="TYX")


def measure(method, frames, clean, steps, device):
    """Return one row."""
    learned, tested = frames[..., :COLUMNS], frames[..., COLUMNS:]
    restored, took, chosen, done = tested, 0.0, method, 0
    if method != "raw":
        second = pairs(method, learned, clean[:, :COLUMNS])
        image = pl.Image(data=learned, axes="TYX")
        result = pl.denoise(image, method=method, pairs=second, steps=steps, device=device)
        restored = pl.apply(result.model, pl.Image(data=tested, axes="TYX"), device=device).image
        facts = result.summary
        took = sum(candidate["seconds"] for candidate in facts["candidates"])
        chosen, done = facts["method"], facts["steps"]
    found = [psnr(frame, clean[:, COLUMNS:], 255.0, affine=True) for frame in restored]
    error = {"psnr": np.mean(found), "least": min(found), "largest": max(found)}
    return {"method": method, "chosen": chosen} | error | {"steps": done, "seconds": took}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", nargs="*", help=f"all unless given: {', '.join(METHODS)}")
    parser.add_argument("--steps", type=int, default=1000, help="of every training")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    print(__doc__)
    folder = Path(os.environ["PELLUCID_DATA"], "fluo_repeats_calcium")
    frames, clean = (imread(folder / f"{name}.tif").astype(np.float32) for name in ("noisy_10repeats_TYX", "gt"))
    machine = None
    if pl.Options(device=chosen.device).place().type == "cuda":
        machine = torch.cuda.get_device_name()
    done = {row["method"] for row in record.read("calcium")}
    for method in chosen.method or METHODS:
        if method not in done and method in ("raw", "auto", *pl.methods.names()):
            row = measure(method, frames, clean, chosen.steps, chosen.device)
            print(f"{method:12} {row['psnr']:.2f} dB, {row['seconds']:.0f} s", flush=True)
            record.append("calcium", row, machine)
    show("calcium")


if __name__ == "__main__":
    main()
