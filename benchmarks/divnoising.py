"""DivNoising beside Noise2Void on real images, and its draws against the truth of simulated ones.

Real: 256 x 256 crops of the confocal and two-photon images of the Fluorescence Microscopy Denoising set, truth fitted
by a line (`paired.py`); images _1 are for reporting, 2 and 3 for development, whose rows are kept apart. The noise is
Pellucid's own reading of the frame. Steps are fixed: 200 of DivNoising with its 32 draws, 300 of Noise2Void; the
processor's seconds hold all that `denoise` does, and other work on the machine makes them longer. Simulated:
y = 4 Poisson(x / 4) + N(0, 5²) of Set12 images (01 to 04 for reporting); `within` is the part of the pixels whose truth
lies within x_hat ± 1.645 spread of 128 draws, without calibration, `kl` what the codes tell of a pixel, in nats, and
the rest the PSNR of the mean of as many draws, and of their mode.
Single thread. Rows that exist are skipped. The variable PELLUCID_DATA names the data's folder.

    python benchmarks/divnoising.py [--development] [--set NAME=VALUE ...]
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch

import pellucid as pl
from measuring import record
from paired import recordings
from pellucid._math.seeds import generator
from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.metrics import psnr
from pellucid.operators import Identity
from pellucid.trust import covered
from pellucid.workflows.learn import Job, learn
from pellucid.workflows.options import Options
from pellucid.workflows.sampling import posterior
from table import show

STEPS = {"divnoising": 200, "noise2void": 300}
DRAWS = (2, 4, 8, 32, 128)


def real(method, settings, noisy, truth):
    """Return what is measured of a recording."""
    start = time.process_time()
    options = {"method": method, "steps": STEPS[method], "settings": settings, "device": "cpu"}
    restored = pl.denoise(noisy.astype(np.float32), **options).image
    return {"psnr": psnr(restored, truth, 255.0), "seconds": time.process_time() - start, "steps": STEPS[method]}


def simulated(settings, truth):
    """Return what is measured of the draws for a simulated recording."""
    rng = np.random.default_rng(0)
    image = Image(data=(4 * rng.poisson(truth / 4) + rng.normal(0, 5, truth.shape)).astype(np.float32), axes="YX")
    options = Options(method="divnoising", steps=STEPS["divnoising"], settings=settings, device="cpu")
    lesson = learn([image], [], 2, Job(options=options, deadline=None))[0][0]
    where = np.stack(np.meshgrid(*map(np.arange, truth.shape), indexing="ij"))
    given = torch.from_numpy(np.concatenate([image.data[None], where.astype(np.float32)])).unsqueeze(0)
    with torch.no_grad():
        maps = posterior(lesson.restorer, given, 0, max(DRAWS), likeliest=True)[0, :, 0].double().numpy()
        _, divergences = lesson.method.model.drawn(
            Measurement(y=lesson.standardisation(given[:, :1]), operator=Identity()), generator("cpu", 0)
        )
    *draws, mean, spread, likeliest = maps
    told = sum(float(divergence.sum()) for divergence in divergences) / truth.size
    row = {"within": covered(mean - truth, spread**2), "kl": told, "mode": psnr(likeliest, truth, 255.0)}
    return row | {f"draws_{n}": psnr(np.mean(draws[:n], 0), truth, 255.0) for n in DRAWS}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of DivNoising")
    parser.add_argument("--only", default="", help="images whose name contains this")
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    settings = dict(pair.split("=", 1) for pair in chosen.set)
    ending = "_development" if chosen.development else ""
    for name, noisy, truth in recordings(Path(os.environ["PELLUCID_DATA"]), development=chosen.development):
        kind, _, title = name.partition(" ")
        title = " ".join([title, *chosen.set])
        table = {"fmd": "divnoising_fmd", "set12": "divnoising_draws"}.get(kind, "") + ending
        done = {(row["image"], row.get("setting")) for row in record.read(table)}
        for method in STEPS if kind == "fmd" else (None,) * (kind == "set12"):
            if chosen.only in name and (title, method) not in done:
                start = {"image": title} | ({"setting": method} if method else {})
                given = settings if method == "divnoising" else {}
                row = start | (real(method, given, noisy, truth) if method else simulated(settings, truth))
                print(row, flush=True)
                record.append(table, row)
    for table in ("divnoising_fmd", "divnoising_draws"):
        show(table + ending)


if __name__ == "__main__":
    main()
