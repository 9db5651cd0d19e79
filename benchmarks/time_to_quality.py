"""How good every method is after how many seconds, on one image: Confocal_FISH_2 of the FMD set (for development).

Each method is given the raw 8-bit frame of 512 x 512 pixels and 60, 250 and 1000 steps, each a training of its own,
whose learning rate falls to zero at its end. Seconds are those of one processor core at work, so that other work on the
machine does not count: diagnosis, learning, restoring, and what the report needs (risk, verdict). PSNR is
10 log10(255² / mean squared error) against the mean of 50 frames, of the result as it comes. Methods that are not
trained have one row; those that need repeats or the truth take no part. A training that would take longer than --limit,
by the one before it, is left out. A row is written as soon as it is measured, and rows that exist are skipped; delete
them to measure again. All rows are drawn in one plot, results/time_to_quality.svg. The variable PELLUCID_DATA names the
data's folder.

    PELLUCID_DATA=... python benchmarks/time_to_quality.py [METHOD ...] [--steps 60,250,1000] [--limit 900]
"""

import argparse
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

import pellucid as pl
from measuring import record
from pellucid.metrics import psnr
from pellucid.report.chart import Series, chart
from table import show

NAME, IMAGE = "time_to_quality", "Confocal_FISH_2"
COLOURS = ("#1d5f9e", "#b4560f", "#22704a", "#7a3d8f", "#ab2a20", "#5b646e", "#0f8b8d", "#c28e0e")
DASHES = ("", "6 3", "2 3", "8 3 2 3")  # a second and third round of colours are told apart by these


def measure(frame, truth, method, steps):
    """Return one row."""
    start = time.process_time()
    result = pl.denoise(frame, method=method, steps=steps, device="cpu")
    seconds = time.process_time() - start
    facts = {"taken": result.summary["steps"], "risk": result.summary["risk"], "verdict": result.summary["verdict"]}
    return {"method": method, "steps": steps, "seconds": seconds, "psnr": psnr(result.image, truth, 255.0)} | facts


def due(rows, steps, limit):
    """Whether a training of so many steps, after those of the same method, is still to be done and short enough."""
    if any(int(row["steps"]) == steps or int(row["taken"]) < int(row["steps"]) for row in rows):
        return False
    return not rows or float(rows[-1]["seconds"]) * steps / int(rows[-1]["steps"]) < limit


def drawn(rows):
    """Return the curves as an SVG file of its own: PSNR over the logarithm of the seconds, with a legend."""
    counts = Counter(row["method"] for row in rows)
    names = sorted(counts, key=lambda name: (counts[name] > 1, name))  # dots first: no dash tells them apart
    series, styles, legend = [], [], []
    for k, name in enumerate(names):
        own = [row for row in rows if row["method"] == name]
        x, y = (np.array([float(row[key]) for row in own]) for key in ("seconds", "psnr"))
        series.append(Series(np.log10(x), y, "line" if len(own) > 1 else "dots"))
        look = f"stroke:{COLOURS[k % len(COLOURS)]};stroke-dasharray:{DASHES[k // len(COLOURS)] or 'none'}"
        styles.append(f".s{k}{{{look}}}")
        at = 290 + 15 * (k // 2), 52 + 180 * (k % 2)
        legend.append(f'<path class="line s{k}" d="M{at[1]} {at[0]}h18"/>')
        legend.append(f'<text x="{at[1] + 24}" y="{at[0] + 4}">{name}</text>')
    height = 300 + 15 * ((len(names) - 1) // 2)
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
    parser.add_argument("--steps", default="60,250,1000", help="upwards")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds of one training")
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    folder = Path(os.environ["PELLUCID_DATA"], "fluo_fmd")
    frame, truth = (np.asarray(pl.open(folder / part / f"{IMAGE}.png").data) for part in ("raw", "gt"))
    able = ["auto", *(n for n in pl.methods.names() if pl.methods.card(n).needs == "image")]
    for method in chosen.method or able:
        for steps in map(int, chosen.steps.split(",")):
            if due([row for row in record.read(NAME) if row["method"] == method], steps, chosen.limit):
                row = measure(frame, truth, method, steps)
                print(f"{method:20} {row['seconds']:6.1f} s {row['psnr']:.2f} dB", flush=True)
                record.append(NAME, row)
    show(NAME)
    (record.RESULTS / f"{NAME}.svg").write_text(drawn(record.read(NAME)), "utf-8")


if __name__ == "__main__":
    main()
