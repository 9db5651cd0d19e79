"""Memory and time of restoring a large image: `pellucid apply` from OME-Zarr to OME-Zarr.

A small Noise2Void model (8 features, depth 2) restores images of 16-bit Poisson counts, written block by block. Peak
memory is the largest resident size of the process, sampled every 5 ms, report and pyramid included; from it is taken
that of a process that imports the same modules and does nothing. Time is wall-clock; nanoseconds a pixel are without
the seconds of that import.

    python benchmarks/memory.py [--sizes 2048 4096 8192 16384] [--device cpu] [--folder FOLDER]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

import pellucid as pl
from measuring import record
from pellucid.data.io import create
from table import show

BLOCK = 1024
APPLY = """
import json, sys
from pellucid.cli import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted(sys.modules)))
"""
IMPORT = """
import contextlib, importlib, json, sys
for name in json.load(sys.stdin):
    with contextlib.suppress(Exception):
        importlib.import_module(name)
"""


def counts(rows, columns, rng):
    """Return photon counts of a pattern of spots, at these rows and columns of an endless plane."""
    spots = np.sin(rows / 9)[:, None] * np.sin(columns / 7)
    return rng.poisson(20 + 15 * spots).astype(np.uint16)


def make_image(path, side):
    """Write an image of counts, a block at a time."""
    rng = np.random.default_rng(side)
    like = pl.Image(data=np.broadcast_to(np.uint16(0), (side, side)), axes="YX")
    with create(path, like, (side, side), np.uint16) as writer:
        for top in range(0, side, BLOCK):
            for left in range(0, side, BLOCK):
                rows, columns = (np.arange(start, min(start + BLOCK, side)) for start in (top, left))
                writer[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = counts(rows, columns, rng)
    return path


def make_model(path):
    """Train a small model on a piece of the same pattern."""
    image = counts(np.arange(256), np.arange(256), np.random.default_rng(0))
    return pl.denoise(image, method="noise2void", steps=100, settings={"features": 8, "depth": 2}).model.save(path)


def measured(command, text=""):
    """Run Python; return its standard output, its seconds and its largest resident size in GiB."""
    start, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as told:
        given.write(text)
        given.seek(0)
        process = psutil.Popen([sys.executable, "-c", *command], stdin=given, stdout=told, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.005)
        seconds = time.perf_counter() - start
        told.seek(0)
        if process.returncode not in (0, 3):
            raise RuntimeError(f"The command ended with exit code {process.returncode}: {told.read()[-500:]}")
        return told.read(), seconds, peak / 2**30


def measure(folder, side, model, device):
    """Return the row of one size."""
    image, output = make_image(folder / f"{side}.ome.zarr", side), folder / f"{side}_restored.ome.zarr"
    command = [APPLY, "apply", str(model), str(image), "-o", str(output), "--device", device, "--overwrite"]
    told, seconds, peak = measured(command)
    _, import_seconds, bare = measured([IMPORT], told.splitlines()[-1])
    return {
        "side": side,
        "seconds": seconds,
        "import_seconds": import_seconds,
        "ns_per_pixel": (seconds - import_seconds) / side**2 * 1e9,
        "peak_gib": peak,
        "import_gib": bare,
        "above_gib": peak - bare,
        "modules": len(json.loads(told.splitlines()[-1])),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2048, 4096, 8192, 16384])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path, help="where the images are written; 3 GiB for the largest")
    chosen = parser.parse_args()
    print(__doc__)
    rows = []
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        model = make_model(Path(name, "small.pellucid"))
        for side in chosen.sizes:
            with tempfile.TemporaryDirectory(dir=name) as folder:
                rows.append(measure(Path(folder), side, model, chosen.device))
    record.write("memory", rows)
    show("memory")


if __name__ == "__main__":
    main()
