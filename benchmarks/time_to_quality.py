"""How good every method is after how many seconds, on one image: Confocal_FISH_2 of the FMD set (for development).

Each method is given the raw 8-bit frame of 512 x 512 pixels and budgets of 5, 10, 20, 40 and 80 seconds, each a
training of its own, whose learning rate falls to zero when the budget ends. Seconds are wall-clock: diagnosis, learning
and restoring. PSNR is 10 log10(255² / mean squared error) against the mean of 50 frames, of the result as it comes.
Methods that are not trained have one row; those that need repeats or the truth take no part. A row is written as soon
as it is measured, and rows that exist are skipped; delete them to measure again. All rows are drawn in one plot,
results/time_to_quality.svg. The variable PELLUCID_DATA names the data's folder.

    PELLUCID_DATA=... python benchmarks/time_to_quality.py [METHOD ...] [--budgets 5,10,20,40,80] [--device auto]
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch

import pellucid as pl
from measuring import record
from pellucid.metrics import psnr
from pellucid.report.chart import Series, chart
from table import show

IMAGE = "Confocal_FISH_2"
COLOURS = ("#1d5f9e", "#b4560f", "#22704a", "#7a3d8f", "#ab2a20", "#5b646e", "#0f8b8d", "#c28e0e")
DASHES = ("", "6 3", "2 3", "8 3 2 3")  # a second and third round of colours are told apart by these


def measure(frame, truth, method, budget, device):
    """Return one row."""
    start = time.perf_counter()
    result = pl.denoise(frame, method=method, budget=budget, device=device)
    seconds = time.perf_counter() - start
    facts = {"steps": result.summary["steps"], "risk": result.summary["risk"], "verdict": result.summary["verdict"]}
    return {"method": method, "budget": budget, "seconds": seconds, "psnr": psnr(result.image, truth, 255.0)} | facts


def drawn(rows):
    """Return the curves as an SVG file of its own: PSNR over the logarithm of the seconds, with a legend."""
    names = sorted({row["method"] for row in rows})
    series, styles, legend = [], [], []
    for k, name in enumerate(names):
        own = [row for row in rows if row["method"] == name]
        x, y = (np.array([float(row[key]) for row in own]) for key in ("seconds", "psnr"))
        series.append(Series(np.log10(x), y, "line" if len(own) > 1 else "dots"))
        look = f"stroke:{COLOURS[k % len(COLOURS)]};stroke-dasharray:{DASHES[k // len(COLOURS)] or 'none'}"
        styles.append(f".s{k}{{{look}}}")
        at = 250 + 15 * (k // 3), 52 + 120 * (k % 3)
        legend.append(f'<path class="line s{k}" d="M{at[1]} {at[0]}h18"/>')
        legend.append(f'<text x="{at[1] + 24}" y="{at[0] + 4}">{name}</text>')
    height = 290 + 15 * (len(names) // 3)
    svg = chart(series, "log₁₀ seconds", "PSNR, dB").replace("0 0 420 270", f"0 0 420 {height}")
    style = (
        "text{font:11px sans-serif;fill:#5b646e}.title{fill:#1b1f24}path{fill:none}.grid{stroke:#dfe2e4}"
        ".axis,.tick{stroke:#5b646e}.line{stroke-width:1.8}.dots{stroke-width:6;stroke-linecap:round}" + "".join(styles)
    )
    head, rest = svg.split(">", 1)
    head = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')
    ground = f'<rect width="420" height="{height}" fill="#fff"/>'
    return f"{head}><style>{style}</style>{ground}{rest[: -len('</svg>')]}{''.join(legend)}</svg>\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", nargs="*", help="all that need one image only, and auto, unless given")
    parser.add_argument("--budgets", default="5,10,20,40,80", help="seconds")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    print(__doc__)
    folder = Path(os.environ["PELLUCID_DATA"], "fluo_fmd")
    frame, truth = (np.asarray(pl.open(folder / part / f"{IMAGE}.png").data) for part in ("raw", "gt"))
    cuda = pl.Options(device=chosen.device).place().type == "cuda"
    machine, name = (torch.cuda.get_device_name(), "time_to_quality_gpu") if cuda else (None, "time_to_quality")
    able = ["auto", *(n for n in pl.methods.names() if pl.methods.card(n).needs == "image")]
    for method in chosen.method or able:
        for budget in map(float, chosen.budgets.split(",")):
            own = [row for row in record.read(name) if row["method"] == method]
            untrained = method != "auto" and any(row["steps"] == "0" for row in own)
            if untrained or any(float(row["budget"]) == budget for row in own):
                continue
            row = measure(frame, truth, method, budget, chosen.device)
            print(f"{method:20} {row['seconds']:6.1f} s {row['psnr']:.2f} dB", flush=True)
            record.append(name, row, machine)
    show(name)
    (record.RESULTS / f"{name}.svg").write_text(drawn(record.read(name)), "utf-8")


if __name__ == "__main__":
    main()
