"""Measured rows: one CSV file a benchmark in `results/`, each row with what it was measured on."""

import csv
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parents[1]
RESULTS = HERE / "results"
ORIGIN = ("machine", "torch", "commit")


def write(name, rows, machine=None, folder=RESULTS):
    """Replace the rows of a benchmark."""
    (folder / f"{name}.csv").unlink(missing_ok=True)
    for row in rows:
        append(name, row, machine, folder)


def append(name, row, machine=None, folder=RESULTS):
    """Add one row: dict, number or text by column."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    row = row | dict(zip(ORIGIN, (machine or processor(), version("torch"), commit()), strict=True))
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})


def read(name, folder=RESULTS):
    """Return the rows of a benchmark, all values as text; none where it has not run."""
    path = folder / f"{name}.csv"
    return list(csv.DictReader(path.open(newline=""))) if path.exists() else []


def processor():
    """Return the name of the processor and how many of its cores this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{(names or [platform.processor()])[0]}, {cores} cores"


def commit():
    """Return the commit of the sources, with a plus where they were changed since; a copy without Git has none."""

    def git(*words):
        return subprocess.run(["git", *words], cwd=HERE.parent, capture_output=True, text=True, check=True).stdout

    try:
        return git("rev-parse", "--short", "HEAD").strip() + "+" * bool(git("status", "--porcelain", "--", "src"))
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("PELLUCID_COMMIT", "unknown")
